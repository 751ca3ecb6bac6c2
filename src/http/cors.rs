//! Cross-origin requests of browsers (contract section 6, `allowed_origins`; the Fetch standard).

use rocket::fairing::{Fairing, Info, Kind};
use rocket::http::{Header, Status};
use rocket::{Request, Response, Route, options, routes};

use std::path::PathBuf;

use crate::guard::{Access, Origin};

/// Seconds for which a browser may cache the response to a preflight: 2 hours, the maximum of browsers.
const REMEMBERED_S: &str = "7200";

pub(super) fn routes() -> Vec<Route> {
    routes![preflight]
}

/// Answers a preflight; [`Origin`] rejects pages that are not allowed.
#[options("/<_path..>")]
fn preflight(_path: PathBuf, origin: Origin) -> Status {
    let _ = origin;
    Status::NoContent
}

/// CORS headers: allow a page to read the response.
pub(super) struct Cors;

#[rocket::async_trait]
impl Fairing for Cors {
    fn info(&self) -> Info {
        Info {
            name: "CORS",
            kind: Kind::Response,
        }
    }

    async fn on_response<'r>(&self, request: &'r Request<'_>, response: &mut Response<'r>) {
        response.adjoin_header(Header::new("Vary", "Origin"));
        let Some(origin) = request.headers().get_one("Origin") else {
            return;
        };
        let access = request.rocket().state::<Access>();
        let host = request.headers().get_one("Host");
        if !access.is_some_and(|access| access.allows_origin(origin, host)) {
            return;
        }
        response.set_header(Header::new(
            "Access-Control-Allow-Origin",
            origin.to_owned(),
        ));
        response.set_header(Header::new(
            "Access-Control-Expose-Headers",
            "Retry-After, X-Request-Id",
        ));
        if request.method() == rocket::http::Method::Options {
            response.set_header(Header::new(
                "Access-Control-Allow-Methods",
                "GET, POST, PUT, PATCH, DELETE",
            ));
            let headers =
                "Authorization, Content-Type, Idempotency-Key, X-Request-Id, X-Session-Id";
            response.set_header(Header::new("Access-Control-Allow-Headers", headers));
            response.set_header(Header::new("Access-Control-Max-Age", REMEMBERED_S));
        }
    }
}
