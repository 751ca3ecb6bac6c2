//! The documents of the interface, and the page that shows them (contract section 5). Everybody may read them:
//! they say nothing that the sources do not.

use std::path::PathBuf;
use std::sync::OnceLock;

use rocket::http::uri::Origin;
use rocket::response::Redirect;
use rocket::response::content::RawJson;
use rocket::{Route, State, get, routes};
use rust_embed::Embed;

use crate::docs;

use super::page::File;

/// The page's files.
#[derive(Embed)]
#[folder = "web/docs"]
struct Files;

/// Both documents, each made once, when somebody asks for it: that takes milliseconds, and megabytes of memory
/// that a server at work has no other use for.
#[derive(Default)]
pub(super) struct Documents {
    openapi: OnceLock<String>,
    asyncapi: OnceLock<String>,
}

pub(super) fn routes() -> Vec<Route> {
    routes![openapi, asyncapi]
}

pub(super) fn page_routes() -> Vec<Route> {
    routes![page, file]
}

/// REST.
#[get("/openapi.json")]
fn openapi(documents: &State<Documents>) -> RawJson<&str> {
    RawJson(documents.openapi.get_or_init(docs::openapi))
}

/// The socket.
#[get("/asyncapi.json")]
fn asyncapi(documents: &State<Documents>) -> RawJson<&str> {
    RawJson(documents.asyncapi.get_or_init(docs::asyncapi))
}

/// The page. Its links are relative, so that it works below any path of a proxy; with a slash at its own end
/// they would miss.
#[get("/docs")]
fn page(uri: &Origin<'_>) -> Result<Option<File>, Box<Redirect>> {
    if uri.path().ends_with('/') {
        return Err(Box::new(Redirect::to(rocket::uri!("../docs"))));
    }
    Ok(File::named::<Files>("index.html"))
}

/// What it consists of.
#[get("/docs/<path..>", rank = 20)]
fn file(path: PathBuf) -> Option<File> {
    File::named::<Files>(path.to_str()?)
}
