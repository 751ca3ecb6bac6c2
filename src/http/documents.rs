//! API documents, the page that shows them (contract section 5), and the client for web pages. Anyone may read them:
//! they contain nothing that the sources do not.

use std::path::PathBuf;
use std::sync::OnceLock;

use hyper::body::Bytes;
use rocket::http::uri::Origin;
use rocket::response::Redirect;
use rocket::response::content::RawJson;
use rocket::{Route, State, get, routes};
use rust_embed::Embed;

use crate::docs;
use crate::guard::LocalDeveloper;
use crate::listener::SharedBody;

use super::page::{File, index, page_configuration};

/// Files of the page.
#[derive(Embed)]
#[folder = "web/docs"]
struct Files;

/// The TypeScript client as one ES module, which `npm run build` in `clients/typescript` writes.
#[derive(Embed)]
#[folder = "web/client"]
struct Client;

/// OpenAPI document, generated at its first request. That takes milliseconds, and megabytes of memory that a server
/// without readers saves.
#[derive(Default)]
pub(super) struct OpenApi(OnceLock<Bytes>);

pub(super) fn routes() -> Vec<Route> {
    routes![openapi, asyncapi]
}

pub(super) fn page_routes() -> Vec<Route> {
    routes![page, file, configuration, client]
}

/// Returns the OpenAPI document.
#[get("/openapi.json")]
fn openapi(document: &State<OpenApi>) -> RawJson<SharedBody> {
    let document = document.0.get_or_init(|| docs::openapi().into());
    RawJson(SharedBody(document.clone()))
}

/// Returns the AsyncAPI document.
#[get("/asyncapi.json")]
fn asyncapi() -> RawJson<SharedBody> {
    RawJson(SharedBody(Bytes::from_static(docs::ASYNCAPI.as_bytes())))
}

/// Returns the page.
#[get("/docs")]
fn page(uri: &Origin<'_>) -> Result<Option<File>, Box<Redirect>> {
    index::<Files>(uri, rocket::uri!("../docs"))
}

/// Returns a file of the page.
#[get("/docs/<path..>", rank = 20)]
fn file(path: PathBuf) -> Option<File> {
    File::named::<Files>(path.to_str()?)
}

/// Returns the configuration of the page.
#[get("/docs/configuration")]
fn configuration(developer: Option<LocalDeveloper>) -> RawJson<String> {
    page_configuration(developer.as_ref())
}

/// Returns the client for web pages. A page of another origin needs that origin in `allowed_origins`, as for every
/// request.
#[get("/client.js")]
fn client() -> Option<File> {
    File::named::<Client>("client.js")
}
