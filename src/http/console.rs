//! `/console`: the page with which two people call each other in the browser, embedded in the binary, and its API.

use std::path::PathBuf;
use std::time::Duration;

use rocket::http::uri::Origin;
use rocket::response::Redirect;
use rocket::response::content::RawJson;
use rocket::{Route, State, get, post, routes};
use rust_embed::Embed;
use secrecy::ExposeSecret as _;

use crate::call::Principal;
use crate::guard::{Access, LocalDeveloper, SignedIn};
use crate::service::Service;
use crate::settings::{Mode, Settings};
use crate::user::SessionId;
use crate::wire::console;

use super::Answer;
use super::body::Body;
use super::page::{File, Page, Served, index};

/// Maximum number of test users offered for sign-in.
const PEOPLE: usize = 50;

/// Files of the page.
#[derive(Embed)]
#[folder = "web/console"]
pub(super) struct Files;

/// Configuration of the page.
pub(super) struct Console {
    is_served: bool,
    mode: Mode,
    ring_timeout: Duration,
}

impl Console {
    pub fn new(settings: &Settings) -> Self {
        Self {
            is_served: settings.console,
            mode: settings.mode,
            ring_timeout: settings.ring_timeout,
        }
    }
}

impl Page for Console {
    fn is_served(&self) -> bool {
        self.is_served
    }
}

/// Mounts the routes; they exist while the setting `console` is on.
pub(super) fn routes() -> Vec<Route> {
    routes![page, file, configuration, node, people, token]
}

/// Returns the page.
#[get("/console")]
fn page(_served: Served<Console>, uri: &Origin<'_>) -> Result<Option<File>, Box<Redirect>> {
    index::<Files>(uri, rocket::uri!("../console"))
}

/// Returns a file of the page.
#[get("/console/<path..>", rank = 20)]
fn file(_served: Served<Console>, path: PathBuf) -> Option<File> {
    File::named::<Files>(path.to_str()?)
}

/// Returns the configuration of the page.
#[get("/console/configuration")]
fn configuration(served: Served<Console>, service: &State<Service>) -> RawJson<String> {
    let console = served.0;
    let is_development = console.mode == Mode::Development;
    RawJson(console::configuration(
        "Configuration retrieved successfully",
        is_development,
        console.ring_timeout,
        service.nodes().is_node(),
    ))
}

/// Returns the node that the session is connected to, whichever node responds.
#[get("/console/node")]
fn node(_served: Served<Console>, user: SignedIn, service: &State<Service>) -> Answer {
    let Principal { user, session, .. } = user.principal();
    let name = service.nodes().node_of_session(&user, &session)?;
    Ok(RawJson(console::node(
        "Node retrieved successfully",
        name.as_deref(),
    )))
}

/// Lists the test users, in dev mode.
#[get("/console/dev/users")]
fn people(_served: Served<Console>, developer: LocalDeveloper, service: &State<Service>) -> Answer {
    let _ = developer;
    let people = service.users().people(PEOPLE)?;
    Ok(RawJson(console::people(
        "Users retrieved successfully",
        &people,
    )))
}

/// Returns a token for any user, in dev mode.
#[post("/console/dev/token", data = "<body>")]
fn token(
    _served: Served<Console>,
    developer: LocalDeveloper,
    body: Body,
    access: &State<Access>,
    service: &State<Service>,
) -> Answer {
    let request = console::token_request(&body)?;
    service.users().require_person(&request.user)?;
    let session = request
        .session
        .unwrap_or_else(|| SessionId::new(&uuid::Uuid::new_v4().to_string()));
    let expires_at = service.clock().wall().plus(request.ttl);
    let token = access.token_for(&developer, &request.user, &session, request.ttl)?;
    Ok(RawJson(console::token(
        "Token made successfully",
        token.expose_secret(),
        &session,
        expires_at,
    )))
}
