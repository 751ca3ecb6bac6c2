//! Pages embedded in the binary, and their content security policy.

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;

use hyper::body::Bytes;
use rocket::Request;
use rocket::http::uri::{Origin, Reference};
use rocket::http::{ContentType, Header, Status};
use rocket::request::{FromRequest, Outcome};
use rocket::response::content::RawJson;
use rocket::response::{self, Redirect, Responder, Response};
use rust_embed::{Embed, EmbeddedFile};

use crate::guard::LocalDeveloper;
use crate::listener::SharedBody;
use crate::reloadable::Reloadable;
use crate::wire::console as shape;

/// Permissions of a page: its own scripts, requests to its own server, and content that it has drawn. Media from
/// another browser needs no permission.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// File of a page.
pub(super) struct File {
    content_type: ContentType,
    file: EmbeddedFile,
}

impl File {
    /// Returns the file `path` of `Files`.
    pub fn named<Files: Embed>(path: &str) -> Option<Self> {
        let end = Path::new(path).extension()?.to_str()?;
        Some(Self {
            content_type: ContentType::from_extension(end)?,
            file: Files::get(path)?,
        })
    }
}

impl<'r> Responder<'r, 'static> for File {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        let bytes = match self.file.data {
            Cow::Borrowed(bytes) => Bytes::from_static(bytes),
            // A debug build reads the file.
            Cow::Owned(bytes) => Bytes::from(bytes),
        };
        let body = (self.content_type, SharedBody(bytes));
        Response::build_from(body.respond_to(request)?)
            .header(Header::new(
                "Content-Security-Policy",
                CONTENT_SECURITY_POLICY,
            ))
            .header(Header::new("Referrer-Policy", "no-referrer"))
            // The next version of the server has other files.
            .header(Header::new("Cache-Control", "no-cache"))
            .ok()
    }
}

/// Page that a setting enables.
pub(super) trait Page: Send + Sync + 'static {
    /// Whether the setting is on.
    fn is_served(&self) -> bool;
}

/// Guard: a request for the page `P` while it is enabled.
pub(super) struct Served<P>(pub Arc<P>);

#[rocket::async_trait]
impl<'r, P: Page> FromRequest<'r> for Served<P> {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        match request.rocket().state::<Reloadable<P>>() {
            Some(page) if page.get().is_served() => Outcome::Success(Self(page.get())),
            _ => Outcome::Forward(Status::NotFound),
        }
    }
}

/// Returns the first file of the page whose address, seen from below it, is `own`. Its links are relative, so that it
/// works below any path of a proxy. With a slash at the end of its own address they would not resolve.
pub(super) fn index<Files: Embed>(
    uri: &Origin<'_>,
    own: Reference<'static>,
) -> Result<Option<File>, Box<Redirect>> {
    if uri.path().ends_with('/') {
        return Err(Box::new(Redirect::to(own)));
    }
    Ok(File::named::<Files>("index.html"))
}

/// Returns the configuration of a page that offers more to a developer.
pub(super) fn page_configuration(developer: Option<&LocalDeveloper>) -> RawJson<String> {
    RawJson(shape::page_configuration(
        "Configuration retrieved successfully",
        developer.is_some(),
    ))
}
