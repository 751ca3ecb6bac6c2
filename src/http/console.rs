//! `/console`: the page with which two people call each other in the browser, out of the binary, and what only it
//! asks for.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rocket::http::uri::Origin;
use rocket::http::{ContentType, Header};
use rocket::response::content::RawJson;
use rocket::response::{self, Redirect, Responder, Response};
use rocket::{Request, Route, State, get, post, routes};
use rust_embed::{Embed, EmbeddedFile};
use secrecy::ExposeSecret as _;

use crate::gate::{Developer, Gate};
use crate::service::Service;
use crate::settings::{Settings, World};
use crate::user::SessionId;
use crate::wire::console;

use super::Answer;
use super::body::Body;

/// What the page may do: run its own modules, ask its own server, show what it has drawn. Media that flows from
/// another browser needs no permission.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// How many people are offered to be.
const PEOPLE: usize = 50;

/// The page's files.
#[derive(Embed)]
#[folder = "web/console"]
struct Files;

/// What the page has to know.
pub(super) struct Console {
    world: World,
    ring_timeout: Duration,
}

impl Console {
    pub fn new(settings: &Settings) -> Self {
        Self {
            world: settings.world,
            ring_timeout: settings.ring_timeout,
        }
    }
}

/// The page's routes; in the development world, and only there, also those that let everybody be anybody.
pub(super) fn routes(settings: &Settings) -> Vec<Route> {
    let mut served = Vec::new();
    if settings.console {
        served.extend(routes![page, file, configuration]);
        match settings.world {
            World::Development => served.extend(routes![people, token]),
            World::Deployed => {}
        }
    }
    served
}

/// The page. Its links are relative, so that it works below any path of a proxy; with a slash at its own end they
/// would miss.
#[get("/console")]
fn page(uri: &Origin<'_>) -> Result<Option<File>, Box<Redirect>> {
    if uri.path().ends_with('/') {
        return Err(Box::new(Redirect::to(rocket::uri!("../console"))));
    }
    Ok(File::named("index.html"))
}

/// What it consists of.
#[get("/console/<path..>", rank = 20)]
fn file(path: PathBuf) -> Option<File> {
    File::named(path.to_str()?)
}

/// What it has to know of the server.
#[get("/console/configuration")]
fn configuration(console: &State<Console>) -> RawJson<String> {
    let is_development = console.world == World::Development;
    RawJson(console::configuration(
        "Configuration retrieved successfully",
        is_development,
        console.ring_timeout,
    ))
}

/// Who one can be, in the development world.
#[get("/console/dev/users")]
fn people(developer: Developer, service: &State<Service>) -> Answer {
    let _ = developer;
    let people = service.people(PEOPLE)?;
    Ok(RawJson(console::people(
        "Users retrieved successfully",
        &people,
    )))
}

/// A token of anybody's, in the development world.
#[post("/console/dev/token", data = "<body>")]
fn token(developer: Developer, body: Body, gate: &State<Gate>, service: &State<Service>) -> Answer {
    let wish = console::token_wish(&body)?;
    service.require_person(&wish.user)?;
    let session = wish
        .session
        .unwrap_or_else(|| SessionId::new(&uuid::Uuid::new_v4().to_string()));
    let expires_at = service.clock().now().plus(wish.ttl);
    let token = gate.token_for(&developer, &wish.user, &session, wish.ttl)?;
    Ok(RawJson(console::token(
        "Token made successfully",
        token.expose_secret(),
        &session,
        expires_at,
    )))
}

/// A file of the page, from inside the binary.
struct File {
    content_type: ContentType,
    file: EmbeddedFile,
}

impl File {
    fn named(path: &str) -> Option<Self> {
        let end = Path::new(path).extension()?.to_str()?;
        Some(Self {
            content_type: ContentType::from_extension(end)?,
            file: Files::get(path)?,
        })
    }
}

impl<'r> Responder<'r, 'static> for File {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        let body = (self.content_type, self.file.data.into_owned());
        Response::build_from(body.respond_to(request)?)
            .header(Header::new(
                "Content-Security-Policy",
                CONTENT_SECURITY_POLICY,
            ))
            .header(Header::new("Referrer-Policy", "no-referrer"))
            // The next version of the server brings its own.
            .header(Header::new("Cache-Control", "no-cache"))
            .ok()
    }
}
