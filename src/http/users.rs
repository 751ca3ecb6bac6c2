//! `/api/v1/users/status` (contract section 5).

use rocket::http::Status;
use rocket::response::content::RawJson;
use rocket::{Route, State, get, routes};

use crate::gate::{Problem, SignedIn};
use crate::service::{Presence, Service};
use crate::user::UserId;
use crate::wire::{ErrorType, presence as shape};

use super::Answer;

pub(super) fn routes() -> Vec<Route> {
    routes![online, status]
}

/// Everybody who is connected.
#[get("/status/online")]
fn online(_user: SignedIn, service: &State<Service>) -> RawJson<String> {
    let online = service.online();
    let users = online.iter().map(|one| (&one.user, one.sessions));
    RawJson(shape::users("Online users retrieved successfully", users))
}

/// Whether a user is connected.
#[get("/status/<id>", rank = 2)]
fn status(_user: SignedIn, id: &str, service: &State<Service>) -> Answer {
    let Presence { user, sessions } = service.presence(user_id(id)?)?;
    Ok(RawJson(shape::user(
        "User status retrieved successfully",
        &user,
        sessions,
    )))
}

/// The user id in a path; what can be no id is nobody's.
fn user_id(text: &str) -> Result<UserId, Problem> {
    UserId::parse(text)
        .ok_or_else(|| Problem::new(Status::NotFound, ErrorType::UserNotFound, "User not found"))
}
