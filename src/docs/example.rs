//! The call that all examples are of: John Doe calls, in the words of the specification's own examples.

use std::time::Duration;

use serde_json::Value;
use uuid::Uuid;

use crate::call::{Actor, Call, CallId, CallType, ChannelId, RejectReason, State};
use crate::clock::Timestamp;
use crate::user::{Profile, UserId};

/// Ring duration.
const RING_TIMEOUT: Duration = Duration::from_mins(1);

/// Time from the request to the acceptance.
const ACCEPTED_AFTER: Duration = Duration::from_secs(15);

/// Duration of the call, in seconds.
pub(super) const DURATION_SECONDS: u32 = 125;

/// Time from the request to the rejection.
const REJECTED_AFTER: Duration = Duration::from_secs(5);

/// Caller.
pub(super) fn caller() -> Profile {
    Profile {
        id: user("user-789"),
        name: "John Doe".to_owned(),
        avatar: Some("https://example.com/avatar.jpg".to_owned()),
    }
}

/// Callee.
pub(super) fn callee() -> UserId {
    user("user-456")
}

/// Returns the call's id, made at its request.
pub(super) fn call_id() -> CallId {
    CallId::from_uuid(Uuid::from_u128(0x018d_0cab_c440_7abc_8def_0123_4567_89ab))
}

/// Returns the id of the next call, made when the first one ends.
pub(super) fn next_call_id() -> CallId {
    CallId::from_uuid(Uuid::from_u128(0x018d_0cad_e720_7abc_8def_0123_4567_89ab))
}

/// User without a call.
pub(super) fn stranger() -> UserId {
    user("user-123")
}

/// Id without a user.
pub(super) fn nobody() -> UserId {
    user("nobody")
}

/// Channel of its media.
pub(super) fn channel() -> ChannelId {
    ChannelId::parse("agora-channel-789").expect("letters, digits and hyphens")
}

/// Time of the request: 2024-01-15T10:30:00Z.
pub(super) const fn asked_at() -> Timestamp {
    Timestamp::from_millis(1_705_314_600_000)
}

/// Time of the acceptance.
pub(super) fn accepted_at() -> Timestamp {
    asked_at().plus(ACCEPTED_AFTER)
}

/// End of an accepted call.
pub(super) fn ended_at() -> Timestamp {
    accepted_at().plus(Duration::from_secs(DURATION_SECONDS.into()))
}

/// Time of the rejection or cancellation.
pub(super) fn rejected_at() -> Timestamp {
    asked_at().plus(REJECTED_AFTER)
}

/// Time of the ring timeout.
pub(super) fn missed_at() -> Timestamp {
    asked_at().plus(RING_TIMEOUT)
}

/// Call without a connected device of the callee.
pub(super) fn initiating() -> Call {
    call(
        State::Initiating {
            ring_until: missed_at(),
        },
        asked_at(),
    )
}

/// Ringing call.
pub(super) fn ringing() -> Call {
    call(
        State::Ringing {
            ring_until: missed_at(),
        },
        asked_at(),
    )
}

/// Accepted call.
pub(super) fn connecting() -> Call {
    let started_at = accepted_at();
    call(
        State::Connecting {
            started_at,
            max_duration_at: None,
        },
        started_at,
    )
}

/// Active call: media flows, which is reported at once.
pub(super) fn active() -> Call {
    let started_at = accepted_at();
    call(
        State::Active {
            started_at,
            max_duration_at: None,
        },
        started_at,
    )
}

/// Call ended by the caller after the conversation.
pub(super) fn ended() -> Call {
    let state = State::Ended {
        started_at: Some(accepted_at()),
        ended_at: ended_at(),
        duration_seconds: DURATION_SECONDS,
        ended_by: Actor::User(caller().id),
    };
    call(state, ended_at())
}

/// Call ended by the caller before it was accepted.
pub(super) fn given_up() -> Call {
    let state = State::Ended {
        started_at: None,
        ended_at: rejected_at(),
        duration_seconds: 0,
        ended_by: Actor::User(caller().id),
    };
    call(state, rejected_at())
}

/// Call ended by the team's backend while it rings.
pub(super) fn ended_by_the_system() -> Call {
    let state = State::Ended {
        started_at: None,
        ended_at: asked_at(),
        duration_seconds: 0,
        ended_by: Actor::System,
    };
    call(state, asked_at())
}

/// Call rejected by the callee.
pub(super) fn rejected() -> Call {
    let state = State::Rejected {
        reason: RejectReason::Busy,
        ended_at: rejected_at(),
    };
    call(state, rejected_at())
}

/// Missed call.
pub(super) fn missed() -> Call {
    let state = State::Missed {
        ended_at: missed_at(),
    };
    call(state, missed_at())
}

/// Returns `json` as a value for a document.
pub(super) fn value(json: &str) -> Value {
    serde_json::from_str(json).expect("examples are written by our own serializers")
}

fn call(state: State, updated_at: Timestamp) -> Call {
    Call {
        id: call_id(),
        caller: caller().id,
        callee: callee(),
        call_type: CallType::Video,
        channel: channel(),
        created_at: asked_at(),
        updated_at,
        state,
        suppressed: false,
    }
}

fn user(id: &str) -> UserId {
    UserId::parse(id).expect("letters, digits and a hyphen")
}
