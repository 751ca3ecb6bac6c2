//! Request bodies: bytes up to a limit, in no content coding.

use std::ops::Deref;

use rocket::data::{Data, FromData, Outcome, ToByteUnit as _};
use rocket::http::{ContentType, Status};
use rocket::request::Request;
use rocket::tokio::io::AsyncReadExt as _;

use crate::guard::ApiError;

/// Longest body (contract section 2), in KiB.
const LIMIT_KIB: u64 = 16;

/// Longest body of a batch, in KiB: 10,000 users with long names and pictures.
const BATCH_LIMIT_KIB: u64 = 8 * 1024;

/// Longest body of an event, in KiB: its content and 1,000 users.
const EVENT_LIMIT_KIB: u64 = 512;

/// Body of at most `KIB` KiB: that of a batch, if it is not given.
pub struct LargeBody<const KIB: u64 = BATCH_LIMIT_KIB>(Vec<u8>);

/// Body of an event.
pub type EventBody = LargeBody<EVENT_LIMIT_KIB>;

impl<const KIB: u64> Deref for LargeBody<KIB> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

#[rocket::async_trait]
impl<'r, const KIB: u64> FromData<'r> for LargeBody<KIB> {
    type Error = ();

    async fn from_data(request: &'r Request<'_>, data: Data<'r>) -> Outcome<'r, Self> {
        let too_large = ApiError::too_large(match KIB {
            BATCH_LIMIT_KIB => "body: expected at most 8 MiB",
            _ => "body: expected at most 512 KiB",
        });
        outcome(request, read(request, data, KIB, too_large).await).map(Self)
    }
}

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
        let too_large = ApiError::of_status(Status::PayloadTooLarge);
        outcome(request, read(request, data, LIMIT_KIB, too_large).await).map(Self)
    }
}

/// Reads at most `limit_kib` of a body; `too_large` answers a longer one.
async fn read(
    request: &Request<'_>,
    data: Data<'_>,
    limit_kib: u64,
    too_large: ApiError,
) -> Result<Vec<u8>, ApiError> {
    let limit = limit_kib.kibibytes();
    // Most bodies fit. Rocket's `into_bytes` would take 8 KiB and fill them with zeros.
    let mut bytes = Vec::with_capacity(512);
    // One byte more than the limit shows that there is more.
    match data.open(limit + 1).read_to_end(&mut bytes).await {
        Ok(read) if read <= limit => checked(request, bytes),
        Ok(_) => Err(too_large),
        // The client aborted; no one reads the response.
        Err(_) => Err(ApiError::invalid("body: the request ended before it")),
    }
}

/// Returns a body, or rejects `request`.
fn outcome<'r>(
    request: &'r Request<'_>,
    body: Result<Vec<u8>, ApiError>,
) -> Outcome<'r, Vec<u8>, ()> {
    match body {
        Ok(bytes) => Outcome::Success(bytes),
        Err(error) => {
            let status = error.status();
            request.local_cache(|| Some(error));
            Outcome::Error((status, ()))
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
    // `curl -d` declares a form without `-H 'Content-Type: …'`. JSON is read whatever it is declared as.
    if request.content_type().is_some_and(is_form) && !is_object(&bytes) {
        return Err(ApiError::invalid(
            "Content-Type: expected application/json, got a form",
        ));
    }
    Ok(bytes)
}

/// Returns whether `body` starts as a JSON object does, after a byte order mark and blanks.
fn is_object(body: &[u8]) -> bool {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    body.trim_ascii_start().starts_with(b"{")
}

fn is_form(content_type: &ContentType) -> bool {
    content_type.is_form() || content_type.is_form_data()
}
