//! How a call begins.

use std::time::Duration;

use serde_json::{Value, json};
use utoipa::openapi::Required;
use utoipa::openapi::path::{HttpMethod, Parameter};

use crate::call::{Call, CallError, CallId, Status};
use crate::docs::refusal::Refusal;
use crate::docs::{example, schemas};
use crate::service::Error;
use crate::wire::request;
use crate::wire::response::{self, CallView};

use super::super::{Description, Example, Route, body, created};
use super::TAG;

pub(super) fn initiate() -> Route {
    const MESSAGE: &str = "Call initiated successfully";
    let request = json!({
        "calleeId": example::callee().as_str(),
        "callType": "VIDEO",
        "channelId": example::channel().as_str(),
    });
    let shown = |call: &Call| example::value(&response::call(MESSAGE, call, CallView::Asked));
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
        success: created(
            "The call. RINGING where the callee has a connected session, else INITIATING.",
            MESSAGE,
            schemas::named(CallView::Asked.schema().0),
            [
                Example("ringing", "The callee is connected.", shown(&example::ringing())),
                Example("initiating", "The callee is not connected.", shown(&example::initiating())),
            ],
        ),
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
        Refusal::content_encoding(),
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

fn idempotency_key() -> Parameter {
    super::super::idempotency_key(
        "7f1c2b9e-call",
        "Makes repeating safe: the same key of the same user within 24 hours gives the same call, and nobody \
         is rung twice. A new key for every new call.",
    )
}
