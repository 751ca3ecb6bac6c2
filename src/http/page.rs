//! Pages embedded in the binary, and their content security policy.

use std::path::Path;

use rocket::Request;
use rocket::http::{ContentType, Header};
use rocket::response::{self, Responder, Response};
use rust_embed::{Embed, EmbeddedFile};

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
        let body = (self.content_type, self.file.data.into_owned());
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
