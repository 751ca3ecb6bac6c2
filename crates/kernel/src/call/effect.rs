//! The whole effect of a change, as data: the call as it is from then on, the line of its timeline, the
//! notices, the history entries.
//!
//! Made by [`transition`](super::transition), which says what may change and to what.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::user::{SessionDigest, SessionId, UserId};

use super::actor::{Actor, Cause, Principal, Source};
use super::error::{Action, CallError};
use super::history::{self, Entries};
use super::notice::{Audience, Event, Notice};
use super::state::{Call, State, Status};

/// One line of a call's timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimelineEntry {
    /// When.
    pub at: Timestamp,
    /// The status from then on.
    pub status: Status,
    /// Who brought it about.
    pub actor: Actor,
    /// By which way.
    pub via: Source,
    /// By what.
    pub cause: Cause,
    /// The session that acted, if other sessions of its user are told: after a crash of the server they are owed that.
    pub session: Option<SessionDigest>,
}

/// The whole effect of something that happened to a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transition {
    /// Where the call stood before; nowhere, where it is new.
    pub from: Option<Status>,
    /// The call as it is from now on.
    pub call: Call,
    /// The line for its timeline.
    pub entry: TimelineEntry,
    /// Notices to the participants, in their order.
    pub notices: Vec<Notice>,
    /// The participants' history entries, where the call became final.
    pub history: Option<Entries>,
    /// The session with which the callee is in the call from now on, where this was the answer.
    pub answered_with: Option<SessionId>,
}

/// Who hears of a change to a call.
pub(super) enum Recipients<'a> {
    /// The other participant, and the other devices of the one who acted.
    Others(&'a Principal),
    /// Both participants.
    Both,
    /// One of them.
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

/// Who, by which way and by what: a timeline's line but for what the change itself says.
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

/// Moves `call` to `state`. An instant before the call's last change is taken as that one, so that a clock
/// set back makes no call's story run backwards.
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

/// How much longer than the server's own count a client's duration may be: clocks drift, and clients start to count
/// at other moments.
const CLIENT_TOLERANCE_SECONDS: u32 = 60;

/// Returns the seconds that a client measured, or the server's own count if they are absent or impossible.
fn duration(measured_seconds: Option<u32>, counted: Duration) -> u32 {
    let counted = whole_seconds(counted);
    let longest = counted.saturating_add(CLIENT_TOLERANCE_SECONDS);
    measured_seconds
        .filter(|seconds| *seconds <= longest)
        .unwrap_or(counted)
}

/// Whole seconds, at most what the protocol's integer holds (2,147,483,647).
fn whole_seconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_secs())
        .unwrap_or(u32::MAX)
        .min(i32::MAX.unsigned_abs())
}
