//! `/api/v1/users/status` (contract section 5) and `/api/v1/users/me/availability`.

use rocket::response::content::RawJson;
use rocket::{Route, State, get, put, routes};

use crate::guard::{ApiError, Lookup, SignedIn};
use crate::service::{Presence, Service};
use crate::user::UserId;
use crate::wire::{ErrorType, availability, presence as shape};

use super::Answer;
use super::body::Body;

pub(super) fn routes() -> Vec<Route> {
    routes![online, status, show_availability, set_availability]
}

/// Lists the connected users.
#[get("/status/online")]
fn online(viewer: SignedIn, service: &State<Service>) -> Answer {
    let online = service.sessions().online(viewer.user())?;
    let users = online.iter().map(|one| (&one.user, one.sessions));
    Ok(RawJson(shape::users(
        "Online users retrieved successfully",
        users,
    )))
}

/// Returns whether a user is connected.
#[get("/status/<id>", rank = 2)]
fn status(viewer: Lookup, id: &str, service: &State<Service>) -> Answer {
    let id = user_id(id)?;
    let presence = service.sessions().presence(viewer.user.user(), id);
    let Presence { user, sessions } = viewer.rated(presence)?;
    Ok(RawJson(shape::user(
        "User status retrieved successfully",
        &user,
        sessions,
    )))
}

/// Returns whether calls ring for this user.
#[get("/me/availability")]
fn show_availability(user: SignedIn, service: &State<Service>) -> Answer {
    let availability = service.users().availability(user.user())?;
    Ok(RawJson(availability::shown(
        "Availability retrieved successfully",
        availability,
    )))
}

/// Sets whether calls ring for this user.
#[put("/me/availability", data = "<body>")]
async fn set_availability(user: SignedIn, body: Body, service: &State<Service>) -> Answer {
    let wanted = availability::read(&body)?;
    let set = service
        .users()
        .set_availability(user.user().clone(), wanted)
        .await?;
    Ok(RawJson(availability::shown(
        "Availability updated successfully",
        set,
    )))
}

/// Parses the user id of a path; text that is not a valid id is the id of no user.
pub(super) fn user_id(text: &str) -> Result<UserId, ApiError> {
    UserId::parse(text).ok_or_else(|| ErrorType::UserNotFound.into())
}
