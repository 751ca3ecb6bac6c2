//! The bytes of a request's body, within their limit.

use std::ops::Deref;

use rocket::data::{Data, FromData, Outcome, ToByteUnit as _};
use rocket::http::{ContentType, Status};
use rocket::request::Request;

use crate::guard::ApiError;

/// The longest body taken (contract section 2), in KiB.
const LIMIT_KIB: u64 = 16;

/// A body as it came. A missing one is empty; of which media type it says it is matters only where it is a
/// form's, which no call of this interface is.
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
        if request.content_type().is_some_and(is_form) {
            let problem = ApiError::invalid("Content-Type: expected application/json, got a form");
            return refuse(problem, request, Status::BadRequest);
        }
        match data.open(LIMIT_KIB.kibibytes()).into_bytes().await {
            Ok(bytes) if bytes.is_complete() => Outcome::Success(Self(bytes.into_inner())),
            Ok(_) => refuse(
                ApiError::of_status(Status::PayloadTooLarge),
                request,
                Status::PayloadTooLarge,
            ),
            // The client broke off in the middle; nobody will read the answer.
            Err(_) => refuse(
                ApiError::invalid("body: it could not be read whole"),
                request,
                Status::BadRequest,
            ),
        }
    }
}

fn is_form(content_type: &ContentType) -> bool {
    content_type.is_form() || content_type.is_form_data()
}

fn refuse<'r>(problem: ApiError, request: &'r Request<'_>, status: Status) -> Outcome<'r, Body> {
    request.local_cache(|| Some(problem));
    Outcome::Error((status, ()))
}
