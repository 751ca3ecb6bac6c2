//! `/api/v1/calls` (specification, "REST API Endpoints"; contract section 5).

use rocket::http::Status;
use rocket::request::{FromRequest, Outcome, Request};
use rocket::response::content::RawJson;
use rocket::{Route, State, get, patch, post, routes};

use crate::call::CallId;
use crate::guard::{ApiError, Caller, RequestContext, SignedIn, idempotency_key};
use crate::service::{Error, NewCall, Service};
use crate::wire::request;
use crate::wire::response::{self, CallView};

use super::Answer;
use super::body::Body;

pub(super) fn routes() -> Vec<Route> {
    routes![
        initiate, ringing, accept, reject, end, set_status, active, details
    ]
}

/// Initiates a call.
#[post("/initiate", data = "<body>")]
async fn initiate(
    caller: Caller,
    key: IdempotencyKey,
    body: Body,
    request_context: &RequestContext,
    service: &State<Service>,
) -> Result<(Status, RawJson<String>), ApiError> {
    let idempotency_key = idempotency_key(key.0)?;
    let request::Initiate {
        callee,
        call_type,
        channel,
    } = request::initiate(&body)?;
    let new = NewCall {
        callee,
        call_type,
        channel,
        idempotency_key,
    };
    let call = service.calls().initiate(caller.0.principal(), new).await?;
    request_context.is_about(call.id);
    let answer = response::call("Call initiated successfully", &call, CallView::Asked);
    Ok((Status::Created, RawJson(answer)))
}

/// Records that the call rings on the callee's device before that device is connected.
#[post("/<id>/ringing", data = "<body>")]
async fn ringing(user: SignedIn, id: &str, body: Body, service: &State<Service>) -> Answer {
    request::nothing(&body)?;
    let call = service
        .calls()
        .ringing(user.principal(), call_id(id)?)
        .await?;
    Ok(RawJson(response::call(
        "Call is ringing",
        &call,
        CallView::Asked,
    )))
}

/// Accepts a call.
#[post("/<id>/accept", data = "<body>")]
async fn accept(user: SignedIn, id: &str, body: Body, service: &State<Service>) -> Answer {
    request::nothing(&body)?;
    let call = service
        .calls()
        .accept(user.principal(), call_id(id)?)
        .await?;
    Ok(RawJson(response::call(
        "Call accepted successfully",
        &call,
        CallView::Started,
    )))
}

/// Rejects a call.
#[post("/<id>/reject", data = "<body>")]
async fn reject(user: SignedIn, id: &str, body: Body, service: &State<Service>) -> Answer {
    let request::Reject { reason } = request::reject(&body)?;
    let call = service
        .calls()
        .reject(user.principal(), call_id(id)?, reason)
        .await?;
    Ok(RawJson(response::call(
        "Call rejected successfully",
        &call,
        CallView::Asked,
    )))
}

/// Ends a call.
#[post("/<id>/end", data = "<body>")]
async fn end(user: SignedIn, id: &str, body: Body, service: &State<Service>) -> Answer {
    let request::End { duration_seconds } = request::end(&body)?;
    let call = service
        .calls()
        .end(user.principal(), call_id(id)?, duration_seconds)
        .await?;
    Ok(RawJson(response::call(
        "Call ended successfully",
        &call,
        CallView::Ended,
    )))
}

/// Sets the status of a call.
#[patch("/<id>/status", data = "<body>")]
async fn set_status(user: SignedIn, id: &str, body: Body, service: &State<Service>) -> Answer {
    let request::SetStatus { status } = request::status(&body)?;
    let call = service
        .calls()
        .set_status(user.principal(), call_id(id)?, status)
        .await?;
    Ok(RawJson(response::call(
        "Call status updated successfully",
        &call,
        CallView::of_patched(&call),
    )))
}

/// Returns the user's live call.
#[get("/active")]
fn active(user: SignedIn, service: &State<Service>) -> Answer {
    let call = service.calls().active(user.user())?;
    Ok(RawJson(response::call_or_null(
        "Active call retrieved successfully",
        call.as_ref(),
    )))
}

/// Returns a call to its participants.
#[get("/<id>", rank = 2)]
fn details(user: SignedIn, id: &str, service: &State<Service>) -> Answer {
    let call = service.calls().get(user.user(), call_id(id)?)?;
    Ok(RawJson(response::call(
        "Call details retrieved successfully",
        &call,
        CallView::Whole,
    )))
}

/// Parses the call id of a path; text that is not a UUID is the id of no call.
pub(super) fn call_id(text: &str) -> Result<CallId, Error> {
    CallId::parse(text).ok_or(Error::CallNotFound)
}

/// `Idempotency-Key` headers of a request.
struct IdempotencyKey(Vec<String>);

#[rocket::async_trait]
impl<'r> FromRequest<'r> for IdempotencyKey {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        let keys = request.headers().get("Idempotency-Key");
        Outcome::Success(Self(keys.map(str::to_owned).collect()))
    }
}
