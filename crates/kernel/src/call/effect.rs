//! Effect of a transition as data: the changed call, the timeline entry, the notices and the history entries.
//!
//! [`transition`](super::transition) creates it. That module defines which changes are allowed.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::user::{SessionDigest, SessionId, UserId};

use super::actor::{Actor, Cause, Principal, Source};
use super::error::{Action, CallError};
use super::history::{self, Entries};
use super::notice::{Audience, Event, Notice};
use super::state::{Call, State, Status};

/// Entry of a call's timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimelineEntry {
    /// Time of the change.
    pub at: Timestamp,
    /// Status after the change.
    pub status: Status,
    /// Who made the change.
    pub actor: Actor,
    /// Interface through which it was made.
    pub via: Source,
    /// Cause of the change.
    pub cause: Cause,
    /// The session that acted, if other sessions of its user are notified: after a crash of the server those are owed
    /// the event.
    pub session: Option<SessionDigest>,
}

/// Complete effect of a transition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transition {
    /// Status before the transition; none for a new call.
    pub from: Option<Status>,
    /// The call after the transition.
    pub call: Call,
    /// The timeline entry.
    pub entry: TimelineEntry,
    /// Notices to the participants, in order.
    pub notices: Vec<Notice>,
    /// History entries of the participants, if the call became final.
    pub history: Option<Entries>,
    /// The session with which the callee answered, if this is the answer.
    pub answered_with: Option<SessionId>,
}

/// Recipients of the notice about a change.
pub(super) enum Recipients<'a> {
    /// The other participant, and the other sessions of the user who acted.
    Others(&'a Principal),
    /// Both participants.
    Both,
    /// One participant.
    Only(&'a UserId),
}

impl Recipients<'_> {
    fn audiences(&self, call: &Call) -> Vec<Audience> {
        match self {
            Self::Others(principal) => vec![
                Audience::Participant(call.other(&principal.user).clone()),
                Audience::OtherSessions {
                    user: principal.user.clone(),
                    acted: principal.session.clone(),
                },
            ],
            Self::Both => vec![
                Audience::Participant(call.caller.clone()),
                Audience::Participant(call.callee.clone()),
            ],
            Self::Only(user) => vec![Audience::Participant((*user).clone())],
        }
    }
}

/// Actor, interface and cause of a timeline entry; the change itself determines the rest.
pub(super) struct Entry {
    actor: Actor,
    via: Source,
    cause: Cause,
}

pub(super) fn entry(principal: &Principal, cause: Cause) -> Entry {
    entry_by(Actor::User(principal.user.clone()), principal.via, cause)
}

pub(super) fn entry_by(actor: Actor, via: Source, cause: Cause) -> Entry {
    Entry { actor, via, cause }
}

/// Moves `call` to `state`. A timestamp before the last change of the call is replaced by that of the last change, so
/// that a timeline stays in order if the clock is set back.
pub(super) fn advance(
    call: &Call,
    state: State,
    entry: Entry,
    recipients: Option<(Recipients<'_>, Event)>,
    now: Timestamp,
) -> Transition {
    let at = now.max(call.updated_at);
    let from = Some(call.status());
    let call = Call {
        updated_at: at,
        state,
        ..call.clone()
    };
    let notices = recipients.map_or_else(Vec::new, |(recipients, event)| {
        let audiences = recipients.audiences(&call).into_iter();
        audiences
            .filter(|audience| call.has_participant(audience.user()))
            .map(|audience| Notice {
                audience,
                event: event.clone(),
                at,
            })
            .collect()
    });
    effect(from, call, entry, notices)
}

pub(super) fn effect(
    from: Option<Status>,
    call: Call,
    entry: Entry,
    notices: Vec<Notice>,
) -> Transition {
    Transition {
        from,
        entry: TimelineEntry {
            at: call.updated_at,
            status: call.status(),
            actor: entry.actor,
            via: entry.via,
            cause: entry.cause,
            session: None,
        },
        history: history::entries(&call, entry.cause),
        call,
        notices,
        answered_with: None,
    }
}

pub(super) fn finish(
    call: &Call,
    ended_by: Actor,
    measured_seconds: Option<u32>,
    entry: Entry,
    recipients: Recipients<'_>,
    now: Timestamp,
) -> Result<Transition, CallError> {
    let ended_at = now.max(call.updated_at);
    let (started_at, duration_seconds) = match call.state {
        State::Initiating { .. } | State::Ringing { .. } => (None, 0),
        State::Connecting { started_at, .. } | State::Active { started_at, .. } => (
            Some(started_at),
            duration(measured_seconds, ended_at.since(started_at)),
        ),
        State::Ended { .. } | State::Rejected { .. } | State::Missed { .. } => {
            return Err(CallError::invalid_status(Action::End, call.status()));
        }
    };
    let event = Event::Ended {
        call: call.id,
        ended_by: ended_by.clone(),
        duration_seconds,
    };
    let state = State::Ended {
        started_at,
        ended_at,
        duration_seconds,
        ended_by,
    };
    Ok(advance(call, state, entry, Some((recipients, event)), now))
}

/// Tolerance by which a client's duration may exceed the server's own: clocks drift, and clients start to count at
/// other moments.
const CLIENT_TOLERANCE_SECONDS: u32 = 60;

/// Returns the seconds that a client measured, or the server's own count if they are absent or impossible.
fn duration(measured_seconds: Option<u32>, counted: Duration) -> u32 {
    let counted = whole_seconds(counted);
    let longest = counted.saturating_add(CLIENT_TOLERANCE_SECONDS);
    measured_seconds
        .filter(|seconds| *seconds <= longest)
        .unwrap_or(counted)
}

/// Returns the whole seconds of `duration`, at most the largest integer of the protocol (2,147,483,647).
fn whole_seconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_secs())
        .unwrap_or(u32::MAX)
        .min(i32::MAX.unsigned_abs())
}
