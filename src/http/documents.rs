//! The documents of the interface, and the page that shows them (contract section 5). Everybody may read them:
//! they say nothing that the sources do not.

use rocket::http::uri::Origin;
use rocket::http::{ContentType, Header};
use rocket::response::content::RawJson;
use rocket::response::{self, Redirect, Responder, Response};
use rocket::{Request, Route, State, get, routes};

use crate::docs;

/// What the page may do: run our scripts, read our documents, and nothing else.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Both documents, made once.
pub(super) struct Documents {
    openapi: String,
    asyncapi: String,
}

impl Documents {
    pub fn new() -> Self {
        Self {
            openapi: docs::openapi(),
            asyncapi: docs::asyncapi(),
        }
    }
}

pub(super) fn routes() -> Vec<Route> {
    routes![openapi, asyncapi]
}

pub(super) fn page_routes() -> Vec<Route> {
    routes![page, style, icon, script, dom, schema]
}

/// REST.
#[get("/openapi.json")]
fn openapi(documents: &State<Documents>) -> RawJson<&str> {
    RawJson(&documents.openapi)
}

/// The socket.
#[get("/asyncapi.json")]
fn asyncapi(documents: &State<Documents>) -> RawJson<&str> {
    RawJson(&documents.asyncapi)
}

/// The page. Its links are relative, so that it works below any path of a proxy; with a slash at its own end
/// they would miss.
#[get("/docs")]
fn page(uri: &Origin<'_>) -> Result<File, Box<Redirect>> {
    if uri.path().ends_with('/') {
        return Err(Box::new(Redirect::to(rocket::uri!("../docs"))));
    }
    Ok(File(
        ContentType::HTML,
        include_str!("../../web/docs/index.html"),
    ))
}

#[get("/docs/style.css")]
const fn style() -> File {
    File(ContentType::CSS, include_str!("../../web/docs/style.css"))
}

#[get("/docs/icon.svg")]
const fn icon() -> File {
    File(ContentType::SVG, include_str!("../../web/docs/icon.svg"))
}

#[get("/docs/page.js")]
const fn script() -> File {
    File(
        ContentType::JavaScript,
        include_str!("../../web/docs/page.js"),
    )
}

#[get("/docs/dom.js")]
const fn dom() -> File {
    File(
        ContentType::JavaScript,
        include_str!("../../web/docs/dom.js"),
    )
}

#[get("/docs/schema.js")]
const fn schema() -> File {
    File(
        ContentType::JavaScript,
        include_str!("../../web/docs/schema.js"),
    )
}

/// A file of the page, from inside the binary.
struct File(ContentType, &'static str);

impl<'r> Responder<'r, 'static> for File {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        let Self(content_type, text) = self;
        Response::build_from((content_type, text).respond_to(request)?)
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
