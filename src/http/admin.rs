//! `/admin`: the status page for administrators, embedded in the binary. It shows what the server API returns for the
//! API key that is typed into it; in dev mode it makes a key.

use std::path::PathBuf;
use std::time::Duration;

use rocket::http::uri::Origin;
use rocket::response::Redirect;
use rocket::response::content::RawJson;
use rocket::{Route, State, get, post, routes};
use rust_embed::Embed;
use secrecy::ExposeSecret as _;

use crate::api_key::Scopes;
use crate::guard::LocalDeveloper;
use crate::service::Service;
use crate::settings::Settings;
use crate::wire::console as shape;

use super::Answer;
use super::console;
use super::page::{File, Page, Served, index, page_configuration};

/// Validity of a key that is made in dev mode.
const KEY_TTL: Duration = Duration::from_hours(12);

/// Files of the page; it shares others with the console.
#[derive(Embed)]
#[folder = "web/admin"]
struct Files;

/// Configuration of the page.
pub(super) struct AdminPage {
    is_served: bool,
}

impl AdminPage {
    pub const fn new(settings: &Settings) -> Self {
        Self {
            is_served: settings.admin_page,
        }
    }
}

impl Page for AdminPage {
    fn is_served(&self) -> bool {
        self.is_served
    }
}

/// Mounts the routes; they exist while the setting `admin_page` is on.
pub(super) fn routes() -> Vec<Route> {
    routes![page, file, configuration, make_key]
}

/// Returns the page.
#[get("/admin")]
fn page(_served: Served<AdminPage>, uri: &Origin<'_>) -> Result<Option<File>, Box<Redirect>> {
    index::<Files>(uri, rocket::uri!("../admin"))
}

/// Returns a file of the page, its own or one of the console.
#[get("/admin/<path..>", rank = 20)]
fn file(_served: Served<AdminPage>, path: PathBuf) -> Option<File> {
    let path = path.to_str()?;
    File::named::<Files>(path).or_else(|| File::named::<console::Files>(path))
}

/// Returns the configuration of the page.
#[get("/admin/configuration")]
fn configuration(_served: Served<AdminPage>, developer: Option<LocalDeveloper>) -> RawJson<String> {
    page_configuration(developer.as_ref())
}

/// Makes an API key, in dev mode.
#[post("/admin/dev/key")]
async fn make_key(
    _served: Served<AdminPage>,
    developer: LocalDeveloper,
    service: &State<Service>,
) -> Answer {
    let _ = developer;
    let key = service
        .server_api()
        .make_key("admin-page-", Scopes::ALL, KEY_TTL)
        .await?;
    Ok(RawJson(shape::key(
        "API key made successfully",
        key.expose_secret(),
    )))
}
