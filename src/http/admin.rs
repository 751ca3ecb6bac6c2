//! `/admin`: the status page for administrators, embedded in the binary. It shows what the server API returns for the
//! API key that is typed into it; in dev mode it makes a key.

use std::path::PathBuf;
use std::time::Duration;

use rocket::http::Status;
use rocket::http::uri::Origin;
use rocket::request::{FromRequest, Outcome, Request};
use rocket::response::Redirect;
use rocket::response::content::RawJson;
use rocket::{Route, State, get, post, routes};
use rust_embed::Embed;
use secrecy::ExposeSecret as _;

use crate::api_key::Scopes;
use crate::guard::LocalDeveloper;
use crate::reloadable::Reloadable;
use crate::service::Service;
use crate::settings::Settings;
use crate::wire::console as shape;

use super::Answer;
use super::console;
use super::page::File;

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

/// Mounts the routes; they exist while the setting `admin_page` is on.
pub(super) fn routes() -> Vec<Route> {
    routes![page, file, configuration, make_key]
}

/// Guard: a request for the page while it is enabled.
struct Served;

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Served {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        match request.rocket().state::<Reloadable<AdminPage>>() {
            Some(page) if page.get().is_served => Outcome::Success(Self),
            _ => Outcome::Forward(Status::NotFound),
        }
    }
}

/// Returns the page. Its links are relative, so that it works below any path of a proxy. With a slash at the end of its
/// own address they would not resolve.
#[get("/admin")]
fn page(_served: Served, uri: &Origin<'_>) -> Result<Option<File>, Box<Redirect>> {
    if uri.path().ends_with('/') {
        return Err(Box::new(Redirect::to(rocket::uri!("../admin"))));
    }
    Ok(File::named::<Files>("index.html"))
}

/// Returns a file of the page, its own or one of the console.
#[get("/admin/<path..>", rank = 20)]
fn file(_served: Served, path: PathBuf) -> Option<File> {
    let path = path.to_str()?;
    File::named::<Files>(path).or_else(|| File::named::<console::Files>(path))
}

/// Returns the configuration of the page.
#[get("/admin/configuration")]
fn configuration(_served: Served, developer: Option<LocalDeveloper>) -> RawJson<String> {
    RawJson(shape::page_configuration(
        "Configuration retrieved successfully",
        developer.is_some(),
    ))
}

/// Makes an API key, in dev mode.
#[post("/admin/dev/key")]
async fn make_key(_served: Served, developer: LocalDeveloper, service: &State<Service>) -> Answer {
    let _ = developer;
    let name = format!("admin-page-{}", uuid::Uuid::new_v4().simple());
    let key = service
        .server_api()
        .make_key(name, Scopes::ALL, KEY_TTL)
        .await?;
    Ok(RawJson(shape::key(
        "API key made successfully",
        key.expose_secret(),
    )))
}
