//! Call transitions as the metrics count them.

use std::time::Duration;

use crate::call::{CallType, Cause, Outcome, Status, Transition};

/// Call transition without ids: the data that is counted once it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallChange {
    pub(super) from: Option<Status>,
    pub(super) to: Status,
    pub(super) call_type: CallType,
    pub(super) cause: Cause,
    /// How long the call rang, if it no longer rings.
    pub(super) rang: Option<Duration>,
    /// Duration by our clock, if the call was answered and is over.
    pub(super) lasted: Option<Duration>,
    /// Outcome for the caller, if the call is over.
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
