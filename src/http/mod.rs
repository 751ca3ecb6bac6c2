//! REST interface: short routes, catchers with the same envelope, and the headers of every response.

mod access_log;
mod admin;
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
mod server_api;
mod users;

use rocket::fairing::AdHoc;
use rocket::response::content::RawJson;

use crate::agora::Agora;
use crate::ice::IceServers;
use crate::metrics::Metrics;
use crate::reloadable::Reloadable;
use crate::settings::Settings;

use access_log::AccessLog;
use admin::AdminPage;
use console::Console;
use cors::Cors;
use documents::OpenApi;

/// Response in the envelope.
type Answer = Result<RawJson<String>, crate::guard::ApiError>;

/// Settings of the routes. Cheap to clone.
#[derive(Clone)]
pub struct RouteSettings {
    ice_servers: Reloadable<IceServers>,
    agora: Reloadable<Option<Agora>>,
    console: Reloadable<Console>,
    admin: Reloadable<AdminPage>,
}

impl RouteSettings {
    /// Returns the state for `settings`.
    #[must_use]
    pub fn new(settings: &Settings) -> Self {
        Self {
            ice_servers: Reloadable::new(IceServers::new(settings)),
            agora: Reloadable::new(Agora::from_settings(settings)),
            console: Reloadable::new(Console::new(settings)),
            admin: Reloadable::new(AdminPage::new(settings)),
        }
    }

    /// Puts new `settings` in force.
    pub fn reload(&self, settings: &Settings) {
        self.ice_servers.replace(IceServers::new(settings));
        self.agora.replace(Agora::from_settings(settings));
        self.console.replace(Console::new(settings));
        self.admin.replace(AdminPage::new(settings));
    }
}

/// Mounts the REST interface, whose requests are counted in `metrics`.
#[must_use]
pub fn stage(settings: RouteSettings, metrics: Metrics) -> AdHoc {
    AdHoc::on_ignite("REST", |rocket| async {
        rocket
            .manage(settings.ice_servers)
            .manage(settings.agora)
            .manage(settings.console)
            .manage(settings.admin)
            .attach(AccessLog::new(metrics))
            .attach(Cors)
            .manage(OpenApi::default())
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
            .mount("/api/server/v1", server_api::routes())
            .mount("/", console::routes())
            .mount("/", admin::routes())
            .mount("/", health::routes())
            .mount("/", metrics::routes())
            .register("/", catchers::catchers())
    })
}
