//! The envelope for whatever no route answered.

use rocket::http::Status;
use rocket::{Catcher, Request, catch};

use crate::guard::ApiError;

pub(super) fn catchers() -> Vec<Catcher> {
    rocket::catchers![any]
}

/// Why a guard refused the request, or else what the status means.
#[catch(default)]
fn any(status: Status, request: &Request<'_>) -> ApiError {
    ApiError::behind(request, status)
}
