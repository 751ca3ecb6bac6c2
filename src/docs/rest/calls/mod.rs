//! `/api/v1/calls`: how a call begins, what becomes of it, and what is asked of it.

mod change;
mod initiate;

use utoipa::openapi::RefOr;
use utoipa::openapi::path::HttpMethod;
use utoipa::openapi::schema::OneOfBuilder;

use crate::call::Call;
use crate::docs::refusal::Refusal;
use crate::docs::{example, schemas};
use crate::wire::response::{self, CallView};
use crate::wire::value;

use change::{accept, end, reject, ringing, set_status};
use initiate::initiate;

use super::{Description, Example, Route, call_id, success};

const TAG: &str = "Calls";

pub(super) fn routes() -> Vec<Route> {
    vec![
        initiate(),
        ringing(),
        accept(),
        reject(),
        end(),
        set_status(),
        active(),
        details(),
    ]
}

fn active() -> Route {
    const MESSAGE: &str = "Active call retrieved successfully";
    let shown = |call: Option<&Call>| example::value(&response::call_or_null(MESSAGE, call));
    let call_or_null = OneOfBuilder::new()
        .item(schemas::named(CallView::Whole.schema().0))
        .item(value::nothing());
    Description {
        tag: TAG,
        id: "getActiveCall",
        summary: "Get one's live call",
        description: "The call that the user is in, as caller or callee, if any: what a client asks after it was \
            disconnected or restarted.",
        parameters: Vec::new(),
        body: None,
        success: success(
            "The live call, or null.",
            MESSAGE,
            RefOr::from(call_or_null),
            [
                Example("active", "The user is in a call.", shown(Some(&example::active()))),
                Example("none", "The user is in no call.", shown(None)),
            ],
        ),
        refusals: Vec::new(),
    }
    .for_users(HttpMethod::Get, "/api/v1/calls/active")
}

fn details() -> Route {
    const MESSAGE: &str = "Call details retrieved successfully";
    let shown = |call: &Call| example::value(&response::call(MESSAGE, call, CallView::Whole));
    Description {
        tag: TAG,
        id: "getCall",
        summary: "Get a call",
        description: "A call, live or final, for its participants. What has no value yet is null.",
        parameters: vec![call_id()],
        body: None,
        success: success(
            "The call.",
            MESSAGE,
            schemas::named(CallView::Whole.schema().0),
            [
                Example("ringing", "Not answered yet.", shown(&example::ringing())),
                Example("ended", "Over.", shown(&example::ended())),
            ],
        ),
        refusals: vec![Refusal::not_a_participant(), Refusal::call_not_found()],
    }
    .for_users(HttpMethod::Get, "/api/v1/calls/{callId}")
}
