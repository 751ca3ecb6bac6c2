//! What clients say, one function each.

use serde_json::{Value, json};
use utoipa::openapi::schema::{ObjectBuilder, Type};

use crate::wire::value;

use super::super::{example, schemas};
use super::{Example, Message, OFFER, Speaker};

/// The client's messages.
pub(super) fn all() -> Vec<Message> {
    vec![
        accept(),
        reject(),
        end(),
        quality(),
        signal(),
        heartbeat(),
        refresh(),
        app_message(),
    ]
}

fn accept() -> Message {
    Message {
        key: "callAccept",
        summary: "Accept a call",
        description: "The callee takes an INITIATING or RINGING call. The caller, and the callee's other sessions, \
            get `call_accepted`; this session gets nothing, or `call_error`.",
        speaker: Speaker::Client {
            answers: &["callError"],
        },
        carries: payload()
            .property("callId", schemas::of::<value::CallId>())
            .required("callId")
            .into(),
        examples: vec![Example(
            "accept",
            "Takes the call.",
            json!({ "type": "call.accept", "payload": { "callId": call_id() } }),
        )],
    }
}

fn reject() -> Message {
    Message {
        key: "callReject",
        summary: "Reject a call",
        description: "The callee refuses an INITIATING or RINGING call. The caller, and the callee's other sessions, \
            get `call_rejected`; this session gets nothing, or `call_error`.",
        speaker: Speaker::Client {
            answers: &["callError"],
        },
        carries: payload()
            .property("callId", schemas::of::<value::CallId>())
            .property("reason", schemas::of::<value::RejectReason>())
            .required("callId")
            .required("reason")
            .into(),
        examples: vec![Example(
            "busy",
            "The callee is busy.",
            json!({ "type": "call.reject", "payload": { "callId": call_id(), "reason": "busy" } }),
        )],
    }
}

fn end() -> Message {
    let duration = ObjectBuilder::new()
        .schema_type(utoipa::openapi::schema::SchemaType::from_iter([Type::Integer, Type::Null]))
        .minimum(Some(0))
        .maximum(Some(i32::MAX))
        .description(Some(
            "How long the call lasted, in whole seconds; where it is left out or null, the server counts from \
             `startTime`.",
        ));
    Message {
        key: "callEnd",
        summary: "End a call",
        description: "A participant hangs up, or gives up before an answer. The other participant, and the user's \
            other sessions, get `call_ended`; this session gets nothing, or `call_error`.",
        speaker: Speaker::Client {
            answers: &["callError"],
        },
        carries: payload()
            .property("callId", schemas::of::<value::CallId>())
            .property("durationSeconds", duration)
            .required("callId")
            .into(),
        examples: vec![
            Example(
                "duration",
                "The client has counted.",
                json!({
                    "type": "call.end",
                    "payload": { "callId": call_id(), "durationSeconds": example::DURATION_SECONDS },
                }),
            ),
            Example(
                "no_duration",
                "The server counts.",
                json!({ "type": "call.end", "payload": { "callId": call_id() } }),
            ),
        ],
    }
}

fn quality() -> Message {
    let payload = payload()
        .property("callId", schemas::of::<value::CallId>())
        .required("callId");
    Message {
        key: "callQuality",
        summary: "Report the quality of a call",
        description: "A participant of a CONNECTING or ACTIVE call says how well its network carries the call, every \
            few seconds. POOR and worse is told to the other participant with `call_quality_warning`; this session \
            gets nothing, or `call_error`.",
        speaker: Speaker::Client {
            answers: &["callError"],
        },
        carries: value::QualityReport::fields(payload).into(),
        examples: vec![
            Example(
                "measured",
                "With what was measured.",
                json!({
                    "type": "call.quality",
                    "payload": {
                        "callId": call_id(),
                        "networkQuality": "POOR",
                        "packetLossRate": 0.125,
                        "roundTripTime": 250,
                    },
                }),
            ),
            Example(
                "agora",
                "Agora's number for BAD.",
                json!({ "type": "call.quality", "payload": { "callId": call_id(), "networkQuality": 4 } }),
            ),
        ],
    }
}

fn signal() -> Message {
    Message {
        key: "callSignal",
        summary: "Tell the other participant something",
        description: "A participant of a CONNECTING or ACTIVE call says something to the other one, to set up media \
            between the two: it comes there as `call_signal`, in order, and is not kept. This session gets nothing, \
            or `call_error`.",
        speaker: Speaker::Client {
            answers: &["callError"],
        },
        carries: payload()
            .property("callId", schemas::of::<value::CallId>())
            .property("signal", schemas::of::<value::Signal>())
            .required("callId")
            .required("signal")
            .into(),
        examples: vec![Example(
            "offer",
            "A browser's offer.",
            json!({
                "type": "call.signal",
                "payload": { "callId": call_id(), "signal": serde_json::from_str::<Value>(OFFER).expect("JSON") },
            }),
        )],
    }
}

fn heartbeat() -> Message {
    Message {
        key: "heartbeat",
        summary: "Ask whether the connection stands",
        description: "Answered at once with `heartbeat.ack`. Pages cannot see the server's pings: those that want to \
            notice a dead connection send this when they have heard nothing for a while.",
        speaker: Speaker::Client {
            answers: &["heartbeatAck"],
        },
        carries: payload().into(),
        examples: vec![Example(
            "heartbeat",
            "Is anybody there?",
            json!({ "type": "heartbeat", "payload": {} }),
        )],
    }
}

fn refresh() -> Message {
    let token = ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some("A new token for the same user and session."));
    Message {
        key: "sessionRefresh",
        summary: "Go on with a new token",
        description: "A connection is closed with 4001 30 s after its token's `exp`, unless it says this before. A \
            token that will not do, or is of another user or session, is answered with `call_error` \
            (`unauthenticated`) and changes nothing.",
        speaker: Speaker::Client {
            answers: &["sessionRefreshed", "callError"],
        },
        carries: payload().property("token", token).required("token").into(),
        examples: vec![Example(
            "refresh",
            "A new token.",
            json!({ "type": "session.refresh", "payload": { "token": "<JWT_TOKEN>" } }),
        )],
    }
}

fn app_message() -> Message {
    Message {
        key: "appMessage",
        summary: "Send a message to your backend",
        description: "If the setting `app_messages` is on: your backend receives it as webhook `app.message`, with the user and the \
            session, in order for each user. The type begins with `app.`; type and payload are your own. This session \
            gets nothing, or `call_error`: `rate_limited` above `app_message_rate`, `not_configured` if no webhook \
            endpoint receives `app.message`. If the setting is off, the type is unknown: `parse_error`.",
        speaker: Speaker::Client {
            answers: &["callError"],
        },
        carries: schemas::of::<value::AppData>(),
        examples: vec![Example(
            "chat",
            "A message of a chat.",
            json!({ "type": "app.chat", "payload": { "to": "user-789", "text": "Hello" } }),
        )],
    }
}

fn payload() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Object)
}

fn call_id() -> String {
    example::call_id().to_string()
}
