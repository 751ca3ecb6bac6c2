//! What a call's transition means in numbers.

use std::time::Duration;

use crate::call::{CallType, Cause, Outcome, Status, Transition};

/// A call's transition, without who and which: what is left to count once it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallChange {
    pub(super) from: Option<Status>,
    pub(super) to: Status,
    pub(super) call_type: CallType,
    pub(super) cause: Cause,
    /// How long it rang, where that is over.
    pub(super) rang: Option<Duration>,
    /// How long it lasted, by our clock, where it was answered and is over.
    pub(super) lasted: Option<Duration>,
    /// How it went for the caller, where it is over.
    pub(super) outcome: Option<Outcome>,
}

impl From<&Transition> for CallChange {
    fn from(transition: &Transition) -> Self {
        let call = &transition.call;
        let rang_until_now = match transition.from {
            Some(Status::Initiating | Status::Ringing) => call.status() != Status::Ringing,
            None
            | Some(
                Status::Connecting
                | Status::Active
                | Status::Ended
                | Status::Rejected
                | Status::Missed,
            ) => false,
        };
        let (started_at, ended_at) = (call.state.started_at(), call.state.ended_at());
        Self {
            from: transition.from,
            to: call.status(),
            call_type: call.call_type,
            cause: transition.entry.cause,
            rang: rang_until_now.then(|| transition.entry.at.since(call.created_at)),
            lasted: started_at
                .zip(ended_at)
                .map(|(started_at, ended_at)| ended_at.since(started_at)),
            outcome: transition
                .history
                .as_ref()
                .map(|entries| entries.caller.outcome),
        }
    }
}
