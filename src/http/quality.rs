//! `/api/v1/calls/{callId}/quality` (contract section 5).

use rocket::response::content::RawJson;
use rocket::{Route, State, get, post, routes};

use crate::guard::SignedIn;
use crate::service::Service;
use crate::wire::{quality as shape, request, response};

use super::Answer;
use super::body::Body;
use super::calls::call_id;

pub(super) fn routes() -> Vec<Route> {
    routes![report, show]
}

/// Stores a participant's report on network quality.
#[post("/<id>/quality", data = "<body>")]
fn report(user: SignedIn, id: &str, body: Body, service: &State<Service>) -> Answer {
    let report = request::quality(&body)?;
    service
        .quality()
        .report(user.user(), call_id(id)?, &report)?;
    Ok(RawJson(response::nothing(
        "Call quality reported successfully",
    )))
}

/// Returns the reports of both participants, to a participant.
#[get("/<id>/quality")]
fn show(user: SignedIn, id: &str, service: &State<Service>) -> Answer {
    let (call, both) = service.quality().get(user.user(), call_id(id)?)?;
    Ok(RawJson(shape::quality(
        "Call quality retrieved successfully",
        &call,
        &both,
    )))
}
