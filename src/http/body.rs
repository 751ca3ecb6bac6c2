//! Request bodies: bytes up to a limit, in no content coding.

use std::ops::Deref;

use rocket::data::{Data, FromData, Outcome, ToByteUnit as _};
use rocket::http::{ContentType, Status};
use rocket::request::Request;

use crate::guard::ApiError;

/// Longest body (contract section 2), in KiB.
const LIMIT_KIB: u64 = 16;

/// Body of a request, empty if there is none. Its media type counts only for a form that is not empty: no route
/// takes forms, but HTTP libraries put a form's type on empty bodies.
pub struct Body(Vec<u8>);

impl Deref for Body {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

#[rocket::async_trait]
impl<'r> FromData<'r> for Body {
    type Error = ();

    async fn from_data(request: &'r Request<'_>, data: Data<'r>) -> Outcome<'r, Self> {
        let body = match data.open(LIMIT_KIB.kibibytes()).into_bytes().await {
            Ok(bytes) if bytes.is_complete() => checked(request, bytes.into_inner()),
            Ok(_) => Err(ApiError::of_status(Status::PayloadTooLarge)),
            // The client aborted; no one reads the response.
            Err(_) => Err(ApiError::invalid("body: the request ended before it")),
        };
        match body {
            Ok(bytes) => Outcome::Success(Self(bytes)),
            Err(error) => {
                let status = error.status();
                request.local_cache(|| Some(error));
                Outcome::Error((status, ()))
            }
        }
    }
}

/// Returns `bytes` if their media type is one that routes read. An empty body is accepted with any type.
fn checked(request: &Request<'_>, bytes: Vec<u8>) -> Result<Vec<u8>, ApiError> {
    if bytes.is_empty() {
        return Ok(bytes);
    }
    let coding = request.headers().get_one("Content-Encoding");
    if coding.is_some_and(|coding| !coding.trim().eq_ignore_ascii_case("identity")) {
        return Err(ApiError::of_status(Status::UnsupportedMediaType));
    }
    if request.content_type().is_some_and(is_form) {
        return Err(ApiError::invalid(
            "Content-Type: expected application/json, got a form",
        ));
    }
    Ok(bytes)
}

fn is_form(content_type: &ContentType) -> bool {
    content_type.is_form() || content_type.is_form_data()
}
