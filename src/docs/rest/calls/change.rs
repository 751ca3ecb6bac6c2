//! What participants do with a call.

use serde_json::json;
use utoipa::openapi::Required;
use utoipa::openapi::path::HttpMethod;
use utoipa::openapi::schema::AnyOfBuilder;

use crate::call::{Action, Call, CallError, Status};
use crate::docs::refusal::Refusal;
use crate::docs::{example, schemas};
use crate::service::Error;
use crate::wire::request;
use crate::wire::response::{self, CallView};

use super::super::{Description, Example, Route, body, call_id, empty_body, success};
use super::TAG;

pub(super) fn ringing() -> Route {
    const MESSAGE: &str = "Call is ringing";
    let shown = |call: &Call| example::value(&response::call(MESSAGE, call, CallView::Asked));
    Description {
        tag: TAG,
        id: "ringCall",
        summary: "Say that a call rings",
        description: "A device of the callee, which a push has woken and whose socket is not up yet, says that it \
            rings: an INITIATING call is RINGING from here on; one that is RINGING already stays as it is.",
        parameters: vec![call_id()],
        body: Some(empty_body()),
        success: success(
            "The call, RINGING.",
            MESSAGE,
            schemas::named(CallView::Asked.schema().0),
            [Example("rings", "It rings.", shown(&example::ringing()))],
        ),
        refusals: vec![
            Refusal::malformed(),
            Refusal::invalid_status(
                "The call is no longer waiting for an answer.",
                Action::Ring,
                Status::Connecting,
            ),
            Refusal::not_the_callee(),
            Refusal::call_not_found(),
            Refusal::body_too_large(),
        Refusal::content_encoding(),
        ],
    }
    .for_users(HttpMethod::Post, "/api/v1/calls/{callId}/ringing")
}

pub(super) fn accept() -> Route {
    const MESSAGE: &str = "Call accepted successfully";
    let shown = |call: &Call| example::value(&response::call(MESSAGE, call, CallView::Started));
    Description {
        tag: TAG,
        id: "acceptCall",
        summary: "Accept a call",
        description: "The callee takes an INITIATING or RINGING call. The caller, and the callee's other devices, \
            get `call_accepted`. The socket's `call.accept` does the same.",
        parameters: vec![call_id()],
        body: Some(empty_body()),
        success: success(
            "The call, CONNECTING from now.",
            MESSAGE,
            schemas::named(CallView::Started.schema().0),
            [Example("connecting", "Accepted.", shown(&example::connecting()))],
        ),
        refusals: vec![
            Refusal::malformed(),
            Refusal::invalid_status(
                "The call is no longer waiting for an answer.",
                Action::Accept,
                Status::Connecting,
            ),
            Refusal::not_the_callee(),
            Refusal::call_not_found(),
            Refusal::body_too_large(),
        Refusal::content_encoding(),
        ],
    }
    .for_users(HttpMethod::Post, "/api/v1/calls/{callId}/accept")
}

pub(super) fn reject() -> Route {
    const MESSAGE: &str = "Call rejected successfully";
    let shown = |call: &Call| example::value(&response::call(MESSAGE, call, CallView::Asked));
    let wrong = request::reject(br#"{"reason":"tired"}"#).expect_err("no such reason");
    Description {
        tag: TAG,
        id: "rejectCall",
        summary: "Reject a call",
        description: "The callee refuses an INITIATING or RINGING call. The caller, and the callee's other devices, \
            get `call_rejected`. The socket's `call.reject` does the same.",
        parameters: vec![call_id()],
        body: Some(body::<request::Reject>(
            Required::True,
            [Example("busy", "The callee is busy.", json!({ "reason": "busy" }))],
        )),
        success: success(
            "The call, REJECTED from now.",
            MESSAGE,
            schemas::named(CallView::Asked.schema().0),
            [Example("rejected", "Rejected.", shown(&example::rejected()))],
        ),
        refusals: vec![
            Refusal::malformed(),
            Refusal::new("wrong_field", "There is no such reason.", wrong),
            Refusal::invalid_status(
                "The call is no longer waiting for an answer.",
                Action::Reject,
                Status::Connecting,
            ),
            Refusal::not_the_callee(),
            Refusal::call_not_found(),
            Refusal::body_too_large(),
        Refusal::content_encoding(),
        ],
    }
    .for_users(HttpMethod::Post, "/api/v1/calls/{callId}/reject")
}

pub(super) fn end() -> Route {
    const MESSAGE: &str = "Call ended successfully";
    let shown = |call: &Call| example::value(&response::call(MESSAGE, call, CallView::Ended));
    Description {
        tag: TAG,
        id: "endCall",
        summary: "End a call",
        description: "A participant hangs up, or gives up before an answer. The other participant, and the user's \
            other devices, get `call_ended`. The socket's `call.end` does the same.",
        parameters: vec![call_id()],
        body: Some(body::<request::End>(
            Required::False,
            [
                Example(
                    "duration",
                    "The client has counted.",
                    json!({ "durationSeconds": example::DURATION_SECONDS }),
                ),
                Example("empty", "The server counts, from `startTime`. The body may also be missing.", json!({})),
            ],
        )),
        success: success(
            "The call, ENDED from now.",
            MESSAGE,
            schemas::named(CallView::Ended.schema().0),
            [
                Example("ended", "They have talked.", shown(&example::ended())),
                Example("given_up", "It was never accepted.", shown(&example::given_up())),
            ],
        ),
        refusals: vec![
            Refusal::malformed(),
            Refusal::invalid_status("The call is over already.", Action::End, Status::Ended),
            Refusal::not_a_participant(),
            Refusal::call_not_found(),
            Refusal::body_too_large(),
        Refusal::content_encoding(),
        ],
    }
    .for_users(HttpMethod::Post, "/api/v1/calls/{callId}/end")
}

pub(super) fn set_status() -> Route {
    const MESSAGE: &str = "Call status updated successfully";
    let shown =
        |call: &Call| example::value(&response::call(MESSAGE, call, CallView::of_patched(call)));
    let started_or_ended = AnyOfBuilder::new()
        .item(schemas::named(CallView::Started.schema().0))
        .item(schemas::named(CallView::Ended.schema().0));
    let wrong = request::status(br#"{"status":"MISSED"}"#).expect_err("no status to be set");
    let to = |status: Status| json!({ "status": status.as_str() });
    Description {
        tag: TAG,
        id: "setCallStatus",
        summary: "Set the status of a call",
        description: "CONNECTING accepts, as the callee; ACTIVE says that media flows; ENDED ends. Setting \
            CONNECTING or ACTIVE again changes nothing and succeeds: both clients report when media flows.",
        parameters: vec![call_id()],
        body: Some(body::<request::SetStatus>(
            Required::True,
            [
                Example("active", "Media flows.", to(Status::Active)),
                Example("connecting", "The callee accepts.", to(Status::Connecting)),
                Example("ended", "A participant ends the call.", to(Status::Ended)),
            ],
        )),
        success: success(
            "The call in its new status.",
            MESSAGE,
            started_or_ended.into(),
            [
                Example("active", "Media flows.", shown(&example::active())),
                Example("connecting", "Accepted.", shown(&example::connecting())),
                Example("ended", "Ended.", shown(&example::ended())),
            ],
        ),
        refusals: vec![
            Refusal::malformed(),
            Refusal::new("wrong_field", "Clients do not set this status.", wrong),
            Refusal::invalid_status(
                "The call cannot go from its status to this one.",
                Action::Activate,
                Status::Ringing,
            ),
            Refusal::not_a_participant(),
            Refusal::new(
                "not_the_callee",
                "The caller sets CONNECTING, which is the callee's.",
                Error::Refused(CallError::NotTheCallee),
            ),
            Refusal::call_not_found(),
            Refusal::body_too_large(),
        Refusal::content_encoding(),
        ],
    }
    .for_users(HttpMethod::Patch, "/api/v1/calls/{callId}/status")
}
