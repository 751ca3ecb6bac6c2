//! Tests of contract section 3: fixtures.

mod effects;
mod sequences;
mod suppressed;
mod table;

use std::time::Duration;

use uuid::Uuid;

use super::transition::{self, CallRequest, CalleeAvailability, Limits, Target};
use super::{
    Actor, Call, CallError, CallId, CallType, ChannelId, Principal, RejectReason, Source, State,
    Status, Transition,
};
use crate::clock::Timestamp;
use crate::user::{Profile, SessionId, UserId};

const LIMITS: Limits = Limits {
    ring_timeout: Duration::from_mins(1),
    max_call_duration: Some(Duration::from_hours(4)),
};
const START: Timestamp = Timestamp::from_millis(1_705_314_600_000);

fn user(id: &str) -> UserId {
    UserId::parse(id).expect("a user id")
}

fn principal(id: &str) -> Principal {
    Principal {
        user: user(id),
        session: SessionId::new("phone"),
        via: Source::Socket,
    }
}

fn request() -> CallRequest {
    CallRequest {
        id: CallId::from_uuid(Uuid::from_u128(7)),
        caller: Profile {
            id: user("caller"),
            name: "Caller".to_owned(),
            avatar: None,
        },
        callee: user("callee"),
        call_type: CallType::Video,
        channel: ChannelId::parse("channel").expect("a channel"),
    }
}

fn call_in(status: Status) -> Call {
    let ring_until = START.plus(LIMITS.ring_timeout);
    let started_at = START.plus(Duration::from_secs(5));
    let max_duration_at = LIMITS.max_call_duration.map(|max| started_at.plus(max));
    let ended_at = START.plus(Duration::from_secs(9));
    let state = match status {
        Status::Initiating => State::Initiating { ring_until },
        Status::Ringing => State::Ringing { ring_until },
        Status::Connecting => State::Connecting {
            started_at,
            max_duration_at,
        },
        Status::Active => State::Active {
            started_at,
            max_duration_at,
        },
        Status::Ended => State::Ended {
            started_at: Some(started_at),
            ended_at,
            duration_seconds: 4,
            ended_by: Actor::System,
        },
        Status::Rejected => State::Rejected {
            reason: RejectReason::Declined,
            ended_at,
        },
        Status::Missed => State::Missed { ended_at },
    };
    let call = transition::initiate(
        request(),
        CalleeAvailability::Absent,
        Source::Rest,
        LIMITS,
        START,
    )
    .call;
    Call {
        state,
        updated_at: START.plus(Duration::from_secs(9)),
        ..call
    }
}

/// Action on a call.
#[derive(Clone, Copy, Debug)]
enum Verb {
    Accept,
    Reject,
    End,
    PatchConnecting,
    PatchActive,
    PatchEnded,
    Ring,
    SayItRings,
    Miss,
    Overrun,
    Lose,
    EndByAdmin,
}

fn apply(
    verb: Verb,
    call: &Call,
    who: &str,
    now: Timestamp,
) -> Result<Option<Transition>, CallError> {
    let principal = principal(who);
    let set = |target| transition::set_status(call, &principal, target, LIMITS, now);
    match verb {
        Verb::Accept => transition::accept(call, &principal, LIMITS, now).map(Some),
        Verb::Reject => transition::reject(call, &principal, RejectReason::Busy, now).map(Some),
        Verb::End => transition::end(call, &principal, None, now).map(Some),
        Verb::PatchConnecting => set(Target::Connecting),
        Verb::PatchActive => set(Target::Active),
        Verb::PatchEnded => set(Target::Ended),
        Verb::Ring => transition::ring(call, now).map(Some),
        Verb::SayItRings => transition::ring_by_callee(call, &principal, now),
        Verb::Miss => transition::ring_timeout(call, now).map(Some),
        Verb::Overrun => transition::duration_exceeded(call, now).map(Some),
        Verb::Lose => transition::participant_lost(call, &user(who), now).map(Some),
        Verb::EndByAdmin => transition::end_by_admin(call, Source::Admin, now).map(Some),
    }
}
