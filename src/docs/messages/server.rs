//! What the server says, one function each.

use std::time::Duration;

use serde_json::Value;

use crate::call::notice::{Invitation, MissedCall};
use crate::call::{
    Action, Actor, AppEvent, AppMessage, Audience, CallError, CallType, Event, NetworkQuality,
    Notice, RejectReason, Signal, SignalEvent, Status,
};
use crate::clock::Timestamp;
use crate::service::Error;
use crate::wire::{ErrorType, event, message, value};

use super::super::{example, schemas};
use super::{Example, Message, OFFER, Speaker};

/// The server's messages.
pub(super) fn all() -> Vec<Message> {
    vec![
        invitation(),
        accepted(),
        rejected(),
        ended(),
        timed_out(),
        missed(),
        warning(),
        signalled(),
        sent_by_backend(),
        error(),
        heartbeat_ack(),
        refreshed(),
    ]
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
        description: "To the caller, and to the callee's other sessions, which stop ringing. Kept for 5 minutes until a \
            session of the caller confirms it.",
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
        description: "To the caller, and to the callee's other sessions, which stop ringing. Kept for 5 minutes until a \
            session of the caller confirms it.",
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
            session has been gone for the setting `disconnect_grace`. Kept for 5 minutes until a session \
            of the participant confirms it.",
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
            minutes until a session of the participant confirms it.",
        speaker: Speaker::Server,
        carries: schemas::of::<event::TimedOut>(),
        examples: vec![Example(
            "timeout",
            "After 60 seconds.",
            told(event, example::missed_at()),
        )],
    }
}

fn missed() -> Message {
    let event = Event::Missed(MissedCall {
        call: example::call_id(),
        caller: example::caller(),
        call_type: CallType::Video,
    });
    Message {
        key: "callMissed",
        summary: "A call was missed during another call",
        description: "To the callee's sessions when a call is refused with `user_busy`. The call is REJECTED with the \
            reason `busy`, and MISSED in the callee's history. Kept for 5 minutes until a session of the callee \
            confirms it.",
        speaker: Speaker::Server,
        carries: schemas::of::<event::Missed<'_>>(),
        examples: vec![Example(
            "busy",
            "A video call during another call.",
            told(event, example::asked_at()),
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
    let event = Event::Signal(SignalEvent {
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

fn sent_by_backend() -> Message {
    let message = AppMessage::new("app.chat", r#"{"from":"user-456","text":"Hello"}"#);
    let event = Event::App(AppEvent {
        message: message.expect("a type of the app"),
        kept_for: None,
    });
    Message {
        key: "appEvent",
        summary: "Your backend sends an event",
        description: "To each session of the users that the backend names, in order with the events of calls. The type begins with \
            `app.`; type and content are your own. Kept only if the backend says so, for 5 minutes at most, until a \
            session of the user confirms it. A kept event may come again on another connection: put an id of your own \
            into `data`.",
        speaker: Speaker::Server,
        carries: schemas::of::<value::AppData>(),
        examples: vec![Example(
            "chat",
            "A message of a chat.",
            told(event, example::asked_at()),
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
        message::parse(r#"{"type":"call.dance","payload":{}}"#, false).expect_err("no such type");
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

fn told(event: Event, at: Timestamp) -> Value {
    let audience = Audience::Participant(example::callee());
    example::value(&event::notice(&Notice {
        audience,
        event,
        at,
    }))
}
