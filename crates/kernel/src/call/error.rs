//! Why an action on a call is refused.

use super::state::Status;

/// A refusal; its text is the sentence that clients read.
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
    /// Only those may call each other who have each other in their contacts.
    #[error("You and this user are not in each other's contacts")]
    NotContacts,
    /// The call is in another status than the action needs.
    #[error("Cannot {action} a call that is {status}")]
    InvalidStatus {
        /// What was asked for.
        action: Action,
        /// Where the call stands.
        status: Status,
    },
}

impl CallError {
    /// The refusal of `action` on a call that is `status`.
    pub(super) const fn invalid_status(action: Action, status: Status) -> Self {
        Self::InvalidStatus { action, status }
    }
}

/// What can be asked of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Ring the callee's devices.
    Ring,
    /// Take the call.
    Accept,
    /// Refuse the call.
    Reject,
    /// Hang up, or give up.
    End,
    /// Say that media flows.
    Activate,
    /// Count an unanswered call as missed.
    Miss,
    /// Say how well the network carries it.
    Report,
    /// Pass something on to the other participant.
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
