//! Changes of calls.

use serde::{Deserialize, Serialize};

use crate::call::{Call, State, TimelineEntry};

/// Change of a call, in the words of the contract.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// Time of the change.
    pub at: String,
    /// The call.
    pub call_id: String,
    /// The caller.
    pub caller_id: String,
    /// The callee.
    pub callee_id: String,
    /// `AUDIO` or `VIDEO`.
    pub call_type: String,
    /// The status after the change.
    pub status: String,
    /// Who made the change: a user, or `system`.
    pub actor: String,
    /// Interface through which it was made.
    pub via: String,
    /// Cause of the change.
    pub cause: String,
    /// Duration of the call, if it was ended.
    pub duration_seconds: Option<u32>,
    /// Reason of the rejection, if it was rejected.
    pub reason: Option<String>,
}

impl Change {
    /// Returns the change of `call` that `entry` describes.
    #[must_use]
    pub fn new(call: &Call, entry: &TimelineEntry) -> Self {
        let reason = match &call.state {
            State::Rejected { reason, .. } => Some(reason.as_str().to_owned()),
            State::Initiating { .. }
            | State::Ringing { .. }
            | State::Connecting { .. }
            | State::Active { .. }
            | State::Ended { .. }
            | State::Missed { .. } => None,
        };
        Self {
            at: entry.at.to_string(),
            call_id: call.id.to_string(),
            caller_id: call.caller.to_string(),
            callee_id: call.callee.to_string(),
            call_type: call.call_type.as_str().to_owned(),
            status: entry.status.to_string(),
            actor: entry.actor.to_string(),
            via: entry.via.as_str().to_owned(),
            cause: entry.cause.as_str().to_owned(),
            duration_seconds: call.state.duration_seconds(),
            reason,
        }
    }
}
