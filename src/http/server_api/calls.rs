//! Calls and statistics.

use rocket::http::uri::Origin;
use rocket::response::content::RawJson;
use rocket::{Route, State, get, post, routes};

use crate::api_key::Scope;
use crate::call::Call;
use crate::control;
use crate::guard::{Backend, RequestContext};
use crate::http::Answer;
use crate::http::body::Body;
use crate::http::calls::call_id;
use crate::http::history::parameters;
use crate::service::{
    CallCount, CallDetails, CallFilter, CallPage, Error, NewCall, Placed, Reply, Service,
};
use crate::wire::admin::CallRecords;
use crate::wire::server_api::calls::{self as shape, Count, Place};
use crate::wire::server_api::query::{Calls, Statistics};
use crate::wire::{ErrorType, request, response};

use super::{StatusAnswer, answered};

pub(super) fn routes() -> Vec<Route> {
    routes![list, show, end, place, statistics]
}

/// A page of calls.
#[get("/calls")]
fn list(backend: Backend, uri: &Origin<'_>, service: &State<Service>) -> Answer {
    backend.may(Scope::Calls)?;
    let asked = parameters(uri).calls()?;
    let limit = asked.limit;
    let CallPage { items, next } = service.server_api().calls(&filter(asked), limit)?;
    Ok(RawJson(shape::page(
        "Calls retrieved successfully",
        &items,
        next,
    )))
}

fn filter(asked: Calls) -> CallFilter {
    CallFilter {
        live: asked.live,
        user: asked.user,
        status: asked.status,
        call_type: asked.call_type,
        since: asked.since,
        before: asked.before,
    }
}

/// A call with all that is known of it.
#[get("/calls/<id>")]
fn show(backend: Backend, id: &str, service: &State<Service>) -> Answer {
    backend.may(Scope::Calls)?;
    let details = service.server_api().call(call_id(id)?)?;
    let CallDetails {
        call,
        timeline,
        quality,
        deliveries,
    } = details;
    let now = service.clock().now();
    let delivery: Vec<_> = deliveries
        .iter()
        .map(|one| control::delivered(one, now))
        .collect();
    let records = CallRecords {
        timeline: &timeline,
        quality: &quality,
        delivery: &delivery,
    };
    Ok(RawJson(shape::details(
        "Call retrieved successfully",
        &call,
        records,
    )))
}

/// Ends a call.
#[post("/calls/<id>/end", data = "<body>")]
async fn end(backend: Backend, id: &str, body: Body, service: &State<Service>) -> StatusAnswer {
    let requester = backend.may_once(Scope::Calls, &body)?;
    request::nothing(&body)?;
    let reply = |call: &Call| Reply {
        status: 200,
        body: shape::call("Call ended successfully", call),
    };
    let ended = service
        .server_api()
        .end_call(requester, call_id(id)?, reply)
        .await?;
    Ok(answered(ended))
}

/// Places a call in the name of a user.
#[post("/calls", data = "<body>")]
async fn place(
    backend: Backend,
    body: Body,
    request_context: &RequestContext,
    service: &State<Service>,
) -> StatusAnswer {
    let requester = backend.may_once(Scope::Calls, &body)?;
    let Place {
        caller,
        callee,
        call_type,
        channel,
    } = shape::read_place(&body)?;
    request_context.comes_from(&caller);
    let new = NewCall {
        callee,
        call_type,
        channel,
        idempotency_key: None,
    };
    let placed = service
        .server_api()
        .place_call(requester, caller, new, reply_to_place)
        .await?;
    Ok(answered(placed))
}

fn reply_to_place(placed: &Placed) -> Reply {
    match placed {
        Placed::Made(call) => Reply {
            status: 201,
            body: shape::call("Call placed successfully", call),
        },
        Placed::Busy(callee) => Reply {
            status: ErrorType::UserBusy.status(),
            body: response::failure(
                ErrorType::UserBusy,
                &Error::UserBusy(callee.clone()).to_string(),
            ),
        },
    }
}

/// The calls of a period, counted.
#[get("/statistics")]
fn statistics(backend: Backend, uri: &Origin<'_>, service: &State<Service>) -> Answer {
    backend.may(Scope::Calls)?;
    let Statistics { period, by_day } = parameters(uri).statistics(service.clock().now())?;
    let [from, to] = period;
    let counts = service.server_api().count_calls(from, to)?;
    let counts: Vec<Count> = counts.into_iter().map(count).collect();
    Ok(RawJson(shape::statistics(
        "Statistics retrieved successfully",
        period,
        by_day,
        &counts,
    )))
}

fn count(count: CallCount) -> Count {
    Count {
        day: count.day,
        call_type: count.call_type,
        status: count.status,
        calls: count.calls,
        answered: count.answered,
        seconds: count.seconds,
    }
}
