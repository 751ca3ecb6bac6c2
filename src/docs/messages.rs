//! The socket's messages, one function each: who says it, when, and what it carries.

use serde_json::{Value, json};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};

use crate::call::notice::Invitation;
use crate::call::{
    Action, Actor, Audience, CallError, CallType, Event, NetworkQuality, Notice, RejectReason,
    Signal, Signalled, Status,
};
use crate::clock::Timestamp;
use crate::service::Error;
use crate::wire::{ErrorType, event, message, value};

use super::{example, schemas};

use std::time::Duration;

/// A message.
pub(super) struct Message {
    /// Its name among the messages.
    pub key: &'static str,
    /// What it is for.
    pub summary: &'static str,
    /// When it is said, to whom, and what comes of it.
    pub description: &'static str,
    /// Who says it.
    pub speaker: Speaker,
    /// What it carries: the schema of its `data` or its `payload`.
    pub carries: RefOr<Schema>,
    /// Whole messages; all are of one type.
    pub examples: Vec<Example>,
}

/// Who says a message.
pub(super) enum Speaker {
    /// The client; the server answers with one of these messages, or with none.
    Client {
        /// The keys of the answers.
        answers: &'static [&'static str],
    },
    /// The server.
    Server,
}

/// An example: what it is called, what it shows, and the message.
pub(super) struct Example(pub &'static str, pub &'static str, pub Value);

impl Message {
    /// The `type` of the message.
    pub fn r#type(&self) -> &str {
        self.examples
            .first()
            .and_then(|Example(_, _, message)| message["type"].as_str())
            .expect("every message has an example, and every example a type")
    }

    /// The fields of the message, in their order.
    pub fn fields(&self) -> Vec<&'static str> {
        let Some(Example(_, _, Value::Object(message))) = self.examples.first() else {
            return Vec::new();
        };
        let all = ["type", "payload", "data", "timestamp"].into_iter();
        all.filter(|field| message.contains_key(*field)).collect()
    }
}

/// What a browser says first to set up media.
const OFFER: &str = r#"{"description":{"type":"offer","sdp":"v=0\r\n"}}"#;

/// All messages: the client's, then the server's.
pub(super) fn all() -> Vec<Message> {
    vec![
        accept(),
        reject(),
        end(),
        quality(),
        signal(),
        heartbeat(),
        refresh(),
        invitation(),
        accepted(),
        rejected(),
        ended(),
        timed_out(),
        warning(),
        signalled(),
        error(),
        heartbeat_ack(),
        refreshed(),
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

fn invitation() -> Message {
    let caller = example::caller();
    let invitation = Event::Invitation(Invitation {
        call: example::call_id(),
        channel: example::channel(),
        caller: caller.clone(),
        call_type: CallType::Video,
    });
    Message {
        key: "callInvitation",
        summary: "Somebody calls",
        description: "To the callee's sessions when a call is initiated, and to a session of the callee that connects \
            while the call rings; `timestamp` is always when the call was initiated.",
        speaker: Speaker::Server,
        carries: schemas::of::<event::Invitation<'_>>(),
        examples: vec![Example(
            "video",
            "A video call.",
            told(invitation, example::asked_at()),
        )],
    }
}

fn accepted() -> Message {
    let event = Event::Accepted {
        call: example::call_id(),
        accepted_by: example::callee(),
    };
    Message {
        key: "callAccepted",
        summary: "The call was accepted",
        description: "To the caller, and to the callee's other sessions, which stop ringing. Kept for 5 minutes for a \
            caller who is not connected.",
        speaker: Speaker::Server,
        carries: schemas::of::<event::Accepted<'_>>(),
        examples: vec![Example(
            "accepted",
            "The callee accepts.",
            told(event, example::accepted_at()),
        )],
    }
}

fn rejected() -> Message {
    let event = Event::Rejected {
        call: example::call_id(),
        rejected_by: example::callee(),
        reason: RejectReason::Busy,
    };
    Message {
        key: "callRejected",
        summary: "The call was rejected",
        description: "To the caller, and to the callee's other sessions, which stop ringing. Kept for 5 minutes for a \
            caller who is not connected.",
        speaker: Speaker::Server,
        carries: schemas::of::<event::Rejected<'_>>(),
        examples: vec![Example(
            "busy",
            "The callee is busy.",
            told(event, example::rejected_at()),
        )],
    }
}

fn ended() -> Message {
    let event = Event::Ended {
        call: example::call_id(),
        ended_by: Actor::User(example::caller().id),
        duration_seconds: example::DURATION_SECONDS,
    };
    let given_up = Event::Ended {
        call: example::call_id(),
        ended_by: Actor::User(example::caller().id),
        duration_seconds: 0,
    };
    Message {
        key: "callEnded",
        summary: "The call is over",
        description: "To the other participant, and to the user's other sessions. To both where the server ends the \
            call: `endedBy` is then `system`, after the setting `max_call_duration`, or the participant whose last \
            session has been gone for the setting `disconnect_grace`. Kept for 5 minutes for a participant who is \
            not connected.",
        speaker: Speaker::Server,
        carries: schemas::of::<event::Ended<'_>>(),
        examples: vec![
            Example(
                "ended",
                "After they have talked.",
                told(event, example::ended_at()),
            ),
            Example(
                "given_up",
                "The caller gives up before an answer.",
                told(given_up, example::rejected_at()),
            ),
        ],
    }
}

fn timed_out() -> Message {
    let event = Event::TimedOut {
        call: example::call_id(),
    };
    Message {
        key: "callTimeout",
        summary: "The call was not answered in time",
        description: "To both participants, after the setting `ring_timeout` (60 s). The call is MISSED. Kept for 5 \
            minutes for a participant who is not connected.",
        speaker: Speaker::Server,
        carries: schemas::of::<event::TimedOut>(),
        examples: vec![Example(
            "timeout",
            "After 60 seconds.",
            told(event, example::missed_at()),
        )],
    }
}

fn warning() -> Message {
    let event = Event::QualityWarning {
        call: example::call_id(),
        quality: NetworkQuality::Poor,
    };
    Message {
        key: "callQualityWarning",
        summary: "The other participant's network is bad",
        description: "To the other participant when somebody reports POOR or worse: when the level changes, and 10 s \
            after the last warning while it stays so. Not kept for whoever is not connected.",
        speaker: Speaker::Server,
        carries: schemas::of::<event::QualityWarning>(),
        examples: vec![Example(
            "poor",
            "It can be noticed.",
            told(event, example::accepted_at()),
        )],
    }
}

fn signalled() -> Message {
    let event = Event::Signal(Signalled {
        call: example::call_id(),
        from: example::caller().id,
        signal: Signal::of_json(OFFER).expect("it is short"),
    });
    Message {
        key: "callSignalled",
        summary: "The other participant says something",
        description: "To the session of the participant that initiated or accepted the call; where that one is not \
            connected, to all sessions of the participant. Not kept for whoever is not connected.",
        speaker: Speaker::Server,
        carries: schemas::of::<event::SignalShape<'_>>(),
        examples: vec![Example(
            "offer",
            "A browser's offer.",
            told(event, example::accepted_at()),
        )],
    }
}

fn error() -> Message {
    let call = example::call_id().to_string();
    let refused = |error_type, error: &Error| {
        example::value(&event::call_error(
            Some(&call),
            error_type,
            &error.to_string(),
        ))
    };
    let accepted_already = CallError::InvalidStatus {
        action: Action::Accept,
        status: Status::Connecting,
    };
    let not_understood =
        message::parse(r#"{"type":"call.dance","payload":{}}"#).expect_err("no such type");
    Message {
        key: "callError",
        summary: "A message was refused",
        description: "To the session whose message it was. The connection stays open. `callId` is the one that was \
            sent, or null.",
        speaker: Speaker::Server,
        carries: schemas::of::<event::CallError<'_>>(),
        examples: vec![
            Example(
                "call_not_found",
                "There is no such call, or its id is no UUID.",
                refused(ErrorType::CallNotFound, &Error::CallNotFound),
            ),
            Example(
                "unauthorized",
                "The action is the callee's, or a participant's.",
                refused(
                    ErrorType::Unauthorized,
                    &Error::Refused(CallError::NotTheCallee),
                ),
            ),
            Example(
                "invalid_status",
                "The call is in the wrong status.",
                refused(ErrorType::InvalidStatus, &Error::Refused(accepted_already)),
            ),
            Example(
                "parse_error",
                "The message is no JSON, of no known type, lacks a field or has a wrong one.",
                example::value(&event::call_error(
                    None,
                    ErrorType::ParseError,
                    &not_understood.message,
                )),
            ),
            Example(
                "unauthenticated",
                "The new token will not do.",
                example::value(&event::call_error(
                    None,
                    ErrorType::Unauthenticated,
                    "token: expected a valid token",
                )),
            ),
        ],
    }
}

fn heartbeat_ack() -> Message {
    let ack = event::heartbeat_ack(&example::callee(), example::asked_at());
    Message {
        key: "heartbeatAck",
        summary: "The connection stands",
        description: "The answer to `heartbeat`, with the server's time.",
        speaker: Speaker::Server,
        carries: schemas::of::<event::HeartbeatAck<'_>>(),
        examples: vec![Example("ack", "It does.", example::value(&ack))],
    }
}

fn refreshed() -> Message {
    let expires_at = example::asked_at().plus(Duration::from_hours(1));
    Message {
        key: "sessionRefreshed",
        summary: "The session goes on",
        description: "The answer to `session.refresh`: the connection is good until 30 s after `expiresAt`.",
        speaker: Speaker::Server,
        carries: schemas::of::<event::SessionRefreshed>(),
        examples: vec![Example(
            "refreshed",
            "The new token is good for an hour.",
            example::value(&event::session_refreshed(expires_at)),
        )],
    }
}

fn payload() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Object)
}

fn call_id() -> String {
    example::call_id().to_string()
}

fn told(event: Event, at: Timestamp) -> Value {
    let audience = Audience::Participant(example::callee());
    example::value(&event::notice(&Notice {
        audience,
        event,
        at,
    }))
}

/// The schemas that the messages refer to.
pub(super) fn referred() -> schemas::Schemas {
    schemas::Schemas::of_values()
        .with::<event::Invitation<'_>>()
        .with::<event::Accepted<'_>>()
        .with::<event::Rejected<'_>>()
        .with::<event::Ended<'_>>()
        .with::<event::TimedOut>()
        .with::<event::QualityWarning>()
        .with::<event::SignalShape<'_>>()
        .with::<value::Signal>()
        .with::<value::ReportedQuality>()
        .with::<event::CallError<'_>>()
        .with::<event::HeartbeatAck<'_>>()
        .with::<event::SessionRefreshed>()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A client's message with its payload changed by `change`, read as the socket reads it.
    fn read(message: &Value, change: impl FnOnce(&mut serde_json::Map<String, Value>)) -> bool {
        let mut changed = message.clone();
        change(changed["payload"].as_object_mut().expect("a payload"));
        message::parse(&changed.to_string()).is_ok()
    }

    #[test]
    fn what_clients_say_is_understood_and_what_is_required_may_not_be_left_out() {
        for said in all() {
            let Speaker::Client { .. } = said.speaker else {
                continue;
            };
            let RefOr::T(Schema::Object(carries)) = &said.carries else {
                panic!("{}: a payload of its own", said.key);
            };
            for Example(name, _, example) in &said.examples {
                assert!(read(example, |_| ()), "{} {name}", said.key);
                for field in example["payload"].as_object().expect("a payload").keys() {
                    assert!(
                        carries.properties.contains_key(field),
                        "{} {field}",
                        said.key
                    );
                    let optional = !carries.required.contains(field);
                    let understood = read(example, |payload| drop(payload.remove(field)));
                    assert_eq!(understood, optional, "{} without {field}", said.key);
                }
            }
        }
    }
}
