//! `/api/v1/calls`.

use serde_json::{Value, json};
use utoipa::openapi::path::{HttpMethod, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Type};
use utoipa::openapi::{RefOr, Required};

use crate::call::{Action, Call, CallError, CallId, Status};
use crate::docs::refusal::Refusal;
use crate::docs::{example, schemas};
use crate::service::Error;
use crate::wire::answer::{self, Shown};
use crate::wire::{request, value};

use super::{Description, Example, Route, body, call_id, success};

use std::time::Duration;

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

fn initiate() -> Route {
    const MESSAGE: &str = "Call initiated successfully";
    let request = json!({
        "calleeId": example::callee().as_str(),
        "callType": "VIDEO",
        "channelId": example::channel().as_str(),
    });
    let shown = |call: &Call| example::value(&answer::call(MESSAGE, call, Shown::Asked));
    Description {
        tag: TAG,
        id: "initiateCall",
        summary: "Initiate a call",
        description: "Calls another user. The callee's devices get `call_invitation`; a callee who is not connected \
            gets it on connecting, as long as the call rings. A call that is not answered within the setting \
            `ring_timeout` (60 s) is MISSED.\n\n\
            A user is in one live call at a time, as caller or callee. A call refused with `user_busy` is kept as \
            a REJECTED call, so that both see it in their histories.\n\n\
            Limited to the setting `initiate_rate` per user (10 a minute).",
        parameters: vec![idempotency_key()],
        body: Some(body::<request::Initiate>(
            Required::True,
            [Example("video", "A video call.", request)],
        )),
        success: ("201", success(
            "The call. RINGING where the callee has a connected session, else INITIATING.",
            MESSAGE,
            schemas::named(Shown::Asked.schema().0),
            [
                Example("ringing", "The callee is connected.", shown(&example::ringing())),
                Example("initiating", "The callee is not connected.", shown(&example::initiating())),
            ],
        )),
        refusals: initiate_refusals(),
    }
    .for_users(HttpMethod::Post, "/api/v1/calls/initiate")
}

fn initiate_refusals() -> Vec<Refusal> {
    let wrong = |body: &Value| {
        request::initiate(body.to_string().as_bytes()).expect_err("the example is a wrong body")
    };
    let age = Duration::from_secs(5);
    let busy_with = CallId::from_uuid(uuid::Uuid::from_u128(
        0x018d_0cab_b0b8_7abc_8def_0123_4567_89ab,
    ));
    vec![
        Refusal::malformed(),
        Refusal::new(
            "missing_field",
            "A field is missing.",
            wrong(&json!({ "callType": "VIDEO", "channelId": "agora-channel-789" })),
        ),
        Refusal::new(
            "wrong_field",
            "A field has a wrong value.",
            wrong(
                &json!({ "calleeId": "user-456", "callType": "FAX", "channelId": "agora-channel-789" }),
            ),
        ),
        Refusal::new(
            "own_number",
            "The caller calls themselves.",
            Error::OwnNumber,
        ),
        Refusal::new(
            "key_reused",
            "The `Idempotency-Key` came with another body within the last 24 hours.",
            Error::KeyReused,
        ),
        Refusal::body_too_large(),
        Refusal::new(
            "user_not_found",
            "There is no such callee.",
            Error::UserNotFound(example::nobody()),
        ),
        Refusal::new(
            "not_contacts",
            "With the setting `call_policy = \"contacts\"`: the two are not in each other's contacts.",
            Error::Refused(CallError::NotContacts),
        ),
        Refusal::new(
            "caller_busy",
            "The caller is in a live call; the message names it, its status and its age.",
            Error::CallerBusy {
                call: busy_with,
                status: Status::Ringing,
                age,
            },
        ),
        Refusal::new(
            "user_busy",
            "The callee is in a live call.",
            Error::UserBusy(example::callee()),
        ),
    ]
}

fn ringing() -> Route {
    const MESSAGE: &str = "Call is ringing";
    let shown = |call: &Call| example::value(&answer::call(MESSAGE, call, Shown::Asked));
    Description {
        tag: TAG,
        id: "ringCall",
        summary: "Say that a call rings",
        description: "A device of the callee, which a push has woken and whose socket is not up yet, says that it \
            rings: an INITIATING call is RINGING from here on; one that is RINGING already stays as it is.",
        parameters: vec![call_id()],
        body: Some(body::<request::Nothing>(Required::False, [empty()])),
        success: ("200", success(
            "The call, RINGING.",
            MESSAGE,
            schemas::named(Shown::Asked.schema().0),
            [Example("rings", "It rings.", shown(&example::ringing()))],
        )),
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
        ],
    }
    .for_users(HttpMethod::Post, "/api/v1/calls/{callId}/ringing")
}

fn accept() -> Route {
    const MESSAGE: &str = "Call accepted successfully";
    let shown = |call: &Call| example::value(&answer::call(MESSAGE, call, Shown::Started));
    Description {
        tag: TAG,
        id: "acceptCall",
        summary: "Accept a call",
        description: "The callee takes an INITIATING or RINGING call. The caller, and the callee's other devices, \
            get `call_accepted`. The socket's `call.accept` does the same.",
        parameters: vec![call_id()],
        body: Some(body::<request::Nothing>(Required::False, [empty()])),
        success: ("200", success(
            "The call, CONNECTING from now.",
            MESSAGE,
            schemas::named(Shown::Started.schema().0),
            [Example("connecting", "Accepted.", shown(&example::connecting()))],
        )),
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
        ],
    }
    .for_users(HttpMethod::Post, "/api/v1/calls/{callId}/accept")
}

fn reject() -> Route {
    const MESSAGE: &str = "Call rejected successfully";
    let shown = |call: &Call| example::value(&answer::call(MESSAGE, call, Shown::Asked));
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
        success: ("200", success(
            "The call, REJECTED from now.",
            MESSAGE,
            schemas::named(Shown::Asked.schema().0),
            [Example("rejected", "Rejected.", shown(&example::rejected()))],
        )),
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
        ],
    }
    .for_users(HttpMethod::Post, "/api/v1/calls/{callId}/reject")
}

fn end() -> Route {
    const MESSAGE: &str = "Call ended successfully";
    let shown = |call: &Call| example::value(&answer::call(MESSAGE, call, Shown::Ended));
    let wrong = request::end(br#"{"durationSeconds":-1}"#).expect_err("a negative duration");
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
        success: ("200", success(
            "The call, ENDED from now.",
            MESSAGE,
            schemas::named(Shown::Ended.schema().0),
            [
                Example("ended", "They have talked.", shown(&example::ended())),
                Example("given_up", "It was never accepted.", shown(&example::given_up())),
            ],
        )),
        refusals: vec![
            Refusal::malformed(),
            Refusal::new("wrong_field", "The duration is no number from 0 to 2147483647.", wrong),
            Refusal::invalid_status("The call is over already.", Action::End, Status::Ended),
            Refusal::not_a_participant(),
            Refusal::call_not_found(),
            Refusal::body_too_large(),
        ],
    }
    .for_users(HttpMethod::Post, "/api/v1/calls/{callId}/end")
}

fn set_status() -> Route {
    const MESSAGE: &str = "Call status updated successfully";
    let shown = |call: &Call| example::value(&answer::call(MESSAGE, call, Shown::Started));
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
        success: ("200", success(
            "The call in its new status.",
            MESSAGE,
            schemas::named(Shown::Started.schema().0),
            [
                Example("active", "Media flows.", shown(&example::active())),
                Example("connecting", "Accepted.", shown(&example::connecting())),
                Example("ended", "Ended.", shown(&example::ended())),
            ],
        )),
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
        ],
    }
    .for_users(HttpMethod::Patch, "/api/v1/calls/{callId}/status")
}

fn active() -> Route {
    const MESSAGE: &str = "Active call retrieved successfully";
    let shown = |call: Option<&Call>| example::value(&answer::call_or_null(MESSAGE, call));
    let call_or_null = OneOfBuilder::new()
        .item(schemas::named(Shown::Whole.schema().0))
        .item(value::nothing());
    Description {
        tag: TAG,
        id: "getActiveCall",
        summary: "Get one's live call",
        description: "The call that the user is in, as caller or callee, if any: what a client asks after it was \
            disconnected or restarted.",
        parameters: Vec::new(),
        body: None,
        success: ("200", success(
            "The live call, or null.",
            MESSAGE,
            RefOr::from(call_or_null),
            [
                Example("active", "The user is in a call.", shown(Some(&example::active()))),
                Example("none", "The user is in no call.", shown(None)),
            ],
        )),
        refusals: Vec::new(),
    }
    .for_users(HttpMethod::Get, "/api/v1/calls/active")
}

fn details() -> Route {
    const MESSAGE: &str = "Call details retrieved successfully";
    let shown = |call: &Call| example::value(&answer::call(MESSAGE, call, Shown::Whole));
    Description {
        tag: TAG,
        id: "getCall",
        summary: "Get a call",
        description: "A call, live or final, for its participants. What has no value yet is null.",
        parameters: vec![call_id()],
        body: None,
        success: (
            "200",
            success(
                "The call.",
                MESSAGE,
                schemas::named(Shown::Whole.schema().0),
                [
                    Example("ringing", "Not answered yet.", shown(&example::ringing())),
                    Example("ended", "Over.", shown(&example::ended())),
                ],
            ),
        ),
        refusals: vec![Refusal::not_a_participant(), Refusal::call_not_found()],
    }
    .for_users(HttpMethod::Get, "/api/v1/calls/{callId}")
}

fn empty() -> Example {
    Example(
        "empty",
        "An empty object. The body may also be missing.",
        json!({}),
    )
}

fn idempotency_key() -> Parameter {
    let key = ObjectBuilder::new()
        .schema_type(Type::String)
        .min_length(Some(1))
        .max_length(Some(64))
        .pattern(Some("^[!-~]+$"));
    ParameterBuilder::new()
        .name("Idempotency-Key")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .schema(Some(key))
        .example(Some(Value::from("7f1c2b9e-call")))
        .description(Some(
            "Makes repeating safe: the same key of the same user within 24 hours gives the same call, and nobody \
             is rung twice. A new key for every new call.",
        ))
        .build()
}
