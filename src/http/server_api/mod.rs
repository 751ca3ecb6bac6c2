//! `/api/server/v1`: the API for the team's own backend, with an API key.

mod calls;
mod events;
mod sessions;
mod status;
mod users;
mod webhooks;

use rocket::Route;
use rocket::http::Status;
use rocket::response::content::RawJson;

use crate::guard::ApiError;
use crate::service::Reply;
use crate::user::UserId;
use crate::wire::ErrorType;

/// An answer with a status of its own.
type StatusAnswer = Result<(Status, RawJson<String>), ApiError>;

pub(super) fn routes() -> Vec<Route> {
    [
        users::routes(),
        sessions::routes(),
        events::routes(),
        calls::routes(),
        status::routes(),
        webhooks::routes(),
    ]
    .concat()
}

/// Returns the user id of a path; a text that cannot be an id is nobody's.
fn user_id(text: &str) -> Result<UserId, ApiError> {
    UserId::parse(text).ok_or_else(|| ErrorType::UserNotFound.into())
}

/// Returns the stored or new reply as an answer.
fn answered(reply: Reply) -> (Status, RawJson<String>) {
    (Status::new(reply.status), RawJson(reply.body))
}
