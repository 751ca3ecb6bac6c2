//! Error responses in the envelope, for requests that no route has answered.

use rocket::http::Status;
use rocket::{Catcher, Request, catch};

use crate::guard::ApiError;

pub(super) fn catchers() -> Vec<Catcher> {
    rocket::catchers![any]
}

/// Responds with the rejection of a guard, or else with what the status means.
#[catch(default)]
fn any(status: Status, request: &Request<'_>) -> ApiError {
    ApiError::behind(request, status)
}
