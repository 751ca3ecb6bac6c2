//! What is remembered of a call for each of its participants (contract section 5).

use crate::clock::Timestamp;
use crate::user::UserId;

use super::state::{Call, CallId, CallType, RejectReason, State};
use super::transition::{Actor, Cause};

/// How a call went, as its owner's history shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Answered, and over.
    Completed,
    /// Not answered.
    Missed,
    /// Refused.
    Rejected,
    /// Given up by the caller.
    Cancelled,
}

impl Outcome {
    /// All of them, in the order of the contract.
    pub const ALL: [Self; 4] = [
        Self::Completed,
        Self::Missed,
        Self::Rejected,
        Self::Cancelled,
    ];

    /// The word of the contract.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "COMPLETED",
            Self::Missed => "MISSED",
            Self::Rejected => "REJECTED",
            Self::Cancelled => "CANCELLED",
        }
    }
}

/// Which way a call went, seen from the owner of the entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// The owner was called.
    Incoming,
    /// The owner called.
    Outgoing,
}

impl Direction {
    /// Both, in the order of the contract.
    pub const ALL: [Self; 2] = [Self::Incoming, Self::Outgoing];

    /// The word of the contract.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Incoming => "INCOMING",
            Self::Outgoing => "OUTGOING",
        }
    }
}

/// One participant's memory of a call. Both get one at the moment the call becomes final.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryEntry {
    /// Whose memory it is.
    pub owner: UserId,
    /// The other participant.
    pub remote: UserId,
    /// The call.
    pub call: CallId,
    /// Voice or video.
    pub call_type: CallType,
    /// Which way it went.
    pub direction: Direction,
    /// How it went.
    pub outcome: Outcome,
    /// When the caller asked.
    pub created_at: Timestamp,
    /// How long it lasted, in seconds; none where it was missed or rejected.
    pub duration_seconds: Option<u32>,
}

/// Both participants' entries for a call that has just become final by `cause`: the caller's, the callee's.
/// A call that is live has none.
#[must_use]
pub fn entries(call: &Call, cause: Cause) -> Option<[HistoryEntry; 2]> {
    let (for_caller, for_callee) = outcomes(call, cause)?;
    let entry = |owner: &UserId, remote: &UserId, direction, outcome| HistoryEntry {
        owner: owner.clone(),
        remote: remote.clone(),
        call: call.id,
        call_type: call.call_type,
        direction,
        outcome,
        created_at: call.created_at,
        duration_seconds: call.state.duration_seconds(),
    };
    Some([
        entry(&call.caller, &call.callee, Direction::Outgoing, for_caller),
        entry(&call.callee, &call.caller, Direction::Incoming, for_callee),
    ])
}

fn outcomes(call: &Call, cause: Cause) -> Option<(Outcome, Outcome)> {
    match &call.state {
        State::Initiating { .. }
        | State::Ringing { .. }
        | State::Connecting { .. }
        | State::Active { .. } => None,
        State::Ended {
            started_at: Some(_),
            ..
        } => Some((Outcome::Completed, Outcome::Completed)),
        State::Ended {
            started_at: None,
            ended_by,
            ..
        } => Some(match ended_by {
            Actor::User(user) if *user == call.callee => (Outcome::Rejected, Outcome::Rejected),
            // An administrator who ends a call that rings gives it up in the caller's place.
            Actor::User(_) | Actor::System => (Outcome::Cancelled, Outcome::Missed),
        }),
        State::Rejected {
            reason: RejectReason::Busy,
            ..
        } if cause == Cause::UserBusy => Some((Outcome::Rejected, Outcome::Missed)),
        State::Rejected { .. } => Some((Outcome::Rejected, Outcome::Rejected)),
        State::Missed { .. } => Some((Outcome::Missed, Outcome::Missed)),
    }
}
