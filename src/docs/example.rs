//! The call that all examples are of: John Doe calls, in the words of the specification's own examples.

use std::time::Duration;

use serde_json::Value;
use uuid::Uuid;

use crate::call::{Actor, Call, CallId, CallType, ChannelId, RejectReason, State};
use crate::clock::Timestamp;
use crate::user::{Profile, UserId};

/// How long it rings.
const RING_TIMEOUT: Duration = Duration::from_mins(1);

/// When it is accepted, from when it was asked for.
const ACCEPTED_AFTER: Duration = Duration::from_secs(15);

/// How long it lasts, in seconds.
pub(super) const DURATION_SECONDS: u32 = 125;

/// When it is rejected, from when it was asked for.
const REJECTED_AFTER: Duration = Duration::from_secs(5);

/// Who calls.
pub(super) fn caller() -> Profile {
    Profile {
        id: user("user-789"),
        name: "John Doe".to_owned(),
        avatar: Some("https://example.com/avatar.jpg".to_owned()),
    }
}

/// Who is called.
pub(super) fn callee() -> UserId {
    user("user-456")
}

/// The call's id, of the instant at which it is asked for.
pub(super) fn call_id() -> CallId {
    CallId::from_uuid(Uuid::from_u128(0x018d_0cab_c440_7abc_8def_0123_4567_89ab))
}

/// The id of the call that follows, of the instant at which the first one ends.
pub(super) fn next_call_id() -> CallId {
    CallId::from_uuid(Uuid::from_u128(0x018d_0cad_e720_7abc_8def_0123_4567_89ab))
}

/// A user who is in no call.
pub(super) fn stranger() -> UserId {
    user("user-123")
}

/// Somebody who is no user.
pub(super) fn nobody() -> UserId {
    user("nobody")
}

/// Where its media flows.
pub(super) fn channel() -> ChannelId {
    ChannelId::parse("agora-channel-789").expect("letters, digits and hyphens")
}

/// When it is asked for: 2024-01-15T10:30:00Z.
pub(super) const fn asked_at() -> Timestamp {
    Timestamp::from_millis(1_705_314_600_000)
}

/// When it is accepted.
pub(super) fn accepted_at() -> Timestamp {
    asked_at().plus(ACCEPTED_AFTER)
}

/// When it is over, where it was accepted.
pub(super) fn ended_at() -> Timestamp {
    accepted_at().plus(Duration::from_secs(DURATION_SECONDS.into()))
}

/// When it is rejected, or given up.
pub(super) fn rejected_at() -> Timestamp {
    asked_at().plus(REJECTED_AFTER)
}

/// When it has rung for too long.
pub(super) fn missed_at() -> Timestamp {
    asked_at().plus(RING_TIMEOUT)
}

/// While no device of the callee is connected.
pub(super) fn initiating() -> Call {
    call(
        State::Initiating {
            ring_until: missed_at(),
        },
        asked_at(),
    )
}

/// While it rings.
pub(super) fn ringing() -> Call {
    call(
        State::Ringing {
            ring_until: missed_at(),
        },
        asked_at(),
    )
}

/// Accepted.
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

/// While media flows, which is reported at once.
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

/// Ended by the caller after they have talked.
pub(super) fn ended() -> Call {
    let state = State::Ended {
        started_at: Some(accepted_at()),
        ended_at: ended_at(),
        duration_seconds: DURATION_SECONDS,
        ended_by: Actor::User(caller().id),
    };
    call(state, ended_at())
}

/// Ended by the caller before it was accepted.
pub(super) fn given_up() -> Call {
    let state = State::Ended {
        started_at: None,
        ended_at: rejected_at(),
        duration_seconds: 0,
        ended_by: Actor::User(caller().id),
    };
    call(state, rejected_at())
}

/// Ended by the team's backend while it rings.
pub(super) fn ended_by_the_system() -> Call {
    let state = State::Ended {
        started_at: None,
        ended_at: asked_at(),
        duration_seconds: 0,
        ended_by: Actor::System,
    };
    call(state, asked_at())
}

/// Rejected by the callee.
pub(super) fn rejected() -> Call {
    let state = State::Rejected {
        reason: RejectReason::Busy,
        ended_at: rejected_at(),
    };
    call(state, rejected_at())
}

/// Nobody answered it.
pub(super) fn missed() -> Call {
    let state = State::Missed {
        ended_at: missed_at(),
    };
    call(state, missed_at())
}

/// `json` as a value to be put into a document.
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
