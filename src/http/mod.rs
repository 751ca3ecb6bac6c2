//! REST: routes of a few lines, catchers with the same envelope, and what goes with every answer.

mod access_log;
mod agora;
mod body;
mod calls;
mod catchers;
mod console;
mod cors;
mod documents;
mod health;
mod history;
mod ice;
mod lists;
mod metrics;
mod page;
mod quality;
mod users;

use rocket::fairing::AdHoc;
use rocket::response::content::RawJson;

use crate::ice::IceServers;
use crate::metrics::Metrics;
use crate::settings::Settings;

use access_log::AccessLog;
use console::Console;
use cors::Cors;
use documents::Documents;

/// An answer in the envelope.
type Answer = Result<RawJson<String>, crate::guard::ApiError>;

/// Mounts the REST interface that `settings` describe, whose requests are counted in `metrics`.
#[must_use]
pub fn stage(settings: &Settings, metrics: Metrics) -> AdHoc {
    let ice_servers = IceServers::new(settings);
    let (console, console_routes) = (Console::new(settings), console::routes(settings));
    AdHoc::on_ignite("REST", |rocket| async {
        rocket
            .manage(ice_servers)
            .manage(console)
            .attach(AccessLog { metrics })
            .attach(Cors)
            .manage(Documents::default())
            .mount("/api", cors::routes())
            .mount("/api", documents::routes())
            .mount("/", documents::page_routes())
            .mount("/api/v1/calls", calls::routes())
            .mount("/api/v1/calls", history::routes())
            .mount("/api/v1/calls", quality::routes())
            .mount("/api/v1/users", users::routes())
            .mount("/api/v1/users/blocks", lists::blocks())
            .mount("/api/v1/contacts", lists::contacts())
            .mount("/api/v1/agora", agora::routes())
            .mount("/api/v1", ice::routes())
            .mount("/", console_routes)
            .mount("/", health::routes())
            .mount("/", metrics::routes())
            .register("/", catchers::catchers())
    })
}
