//! Call of the model, its events and its history entries.

use chattrix::call::history::{Direction, Outcome};
use chattrix::call::{Actor, CallId, CallType, ChannelId, EntryId, Event, RejectReason, Status};
use chattrix::clock::Timestamp;
use chattrix::user::UserId;

use Status::{Active, Connecting, Ended, Initiating, Missed, Rejected, Ringing};

/// Call as it must be stored.
#[derive(Clone, Debug)]
pub struct ModelCall {
    pub id: CallId,
    pub caller: UserId,
    pub callee: UserId,
    pub call_type: CallType,
    pub channel: ChannelId,
    /// Whether the callee has blocked the caller: the callee has no part in the call.
    pub suppressed: bool,
    pub status: Status,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub started_at: Option<Timestamp>,
    /// Duration of an ended call.
    pub seconds: Option<u32>,
    pub(super) ended_by: Option<Actor>,
    /// Whether the call was refused with `user_busy`.
    pub(super) busy: bool,
}

impl ModelCall {
    pub fn participants(&self) -> Vec<UserId> {
        let mut users = vec![self.caller.clone()];
        users.extend((!self.suppressed).then(|| self.callee.clone()));
        users
    }

    pub const fn is_unanswered(&self) -> bool {
        matches!(self.status, Initiating | Ringing)
    }

    pub(super) fn finish(&mut self, by: Actor, now: Timestamp) {
        let length = self
            .started_at
            .map_or(0, |start| now.since(start).as_secs());
        self.seconds = Some(u32::try_from(length).expect("calls of the tests are short"));
        self.ended_by = Some(by);
        self.status = Ended;
    }

    /// Returns the event that the participants get when `user` has brought the call into its status.
    pub(super) fn event(&self, user: &UserId) -> Option<Event> {
        let (call, user) = (self.id, user.clone());
        match self.status {
            Initiating | Ringing | Active => None,
            Connecting => Some(Event::Accepted {
                call,
                accepted_by: user,
            }),
            Rejected => Some(Event::Rejected {
                call,
                rejected_by: user,
                reason: RejectReason::Declined,
            }),
            Ended | Missed => Some(self.final_event()),
        }
    }

    pub(super) fn final_event(&self) -> Event {
        let call = self.id;
        match (&self.ended_by, self.seconds) {
            (Some(by), Some(duration_seconds)) => Event::Ended {
                call,
                ended_by: by.clone(),
                duration_seconds,
            },
            _ => Event::TimedOut { call },
        }
    }

    /// Returns the history entries of a final call: owner, id, outcome and duration.
    pub fn entries(&self) -> [(UserId, EntryId, Outcome, Option<u32>); 2] {
        let by_caller = self.ended_by == Some(Actor::User(self.caller.clone()));
        let (for_caller, for_callee) = match self.status {
            Ended if self.started_at.is_some() => (Outcome::Completed, Outcome::Completed),
            Ended if by_caller => (Outcome::Cancelled, Outcome::Missed),
            Rejected if self.busy => (Outcome::Rejected, Outcome::Missed),
            Ended | Rejected => (Outcome::Rejected, Outcome::Rejected),
            Missed => (Outcome::Missed, Outcome::Missed),
            live => panic!("a call that is {live} has no entry"),
        };
        let entry = |owner: &UserId, direction, outcome| {
            let has_duration = matches!(outcome, Outcome::Completed | Outcome::Cancelled);
            let id = EntryId {
                call: self.id,
                direction,
            };
            let seconds = self.seconds.filter(|_| has_duration);
            (owner.clone(), id, outcome, seconds)
        };
        [
            entry(&self.caller, Direction::Outgoing, for_caller),
            entry(&self.callee, Direction::Incoming, for_callee),
        ]
    }
}
