//! Refusals of actions on a call.

use super::state::Status;

/// Refusal of an action; its text is the message that clients get.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// Only the callee may do this.
    #[error("User is not the callee of this call")]
    NotTheCallee,
    /// Only the two participants may do this.
    #[error("User is not a participant of this call")]
    NotAParticipant,
    /// Only a participant of a live call on the channel may join it.
    #[error("User is not a participant of a live call on this channel")]
    NotOnChannel,
    /// The call policy requires that both users have each other in their contacts.
    #[error("You and this user are not in each other's contacts")]
    NotContacts,
    /// The action needs another status.
    #[error("Cannot {action} a call that is {status}")]
    InvalidStatus {
        /// The requested action.
        action: Action,
        /// The status of the call.
        status: Status,
    },
}

impl CallError {
    /// Returns the refusal of `action` on a call with the status `status`.
    pub(super) const fn invalid_status(action: Action, status: Status) -> Self {
        Self::InvalidStatus { action, status }
    }
}

/// Action on a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Ring the callee's devices.
    Ring,
    /// Accept the call.
    Accept,
    /// Reject the call.
    Reject,
    /// End the call, before or after an answer.
    End,
    /// Report that media flows.
    Activate,
    /// Mark an unanswered call as missed.
    Miss,
    /// Report network quality.
    Report,
    /// Relay a signal to the other participant.
    Signal,
}

impl std::fmt::Display for Action {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Ring => "ring",
            Self::Accept => "accept",
            Self::Reject => "reject",
            Self::End => "end",
            Self::Activate => "activate",
            Self::Miss => "miss",
            Self::Report => "report the quality of",
            Self::Signal => "send a signal in",
        })
    }
}
