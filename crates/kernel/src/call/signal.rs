//! Signals between the participants of an answered call, by which they set up media. The server relays them in order,
//! and does not parse or store them.

use std::fmt;
use std::sync::Arc;

use crate::clock::Timestamp;
use crate::user::UserId;

use super::error::{Action, CallError};
use super::notice::{Audience, Event, Notice};
use super::state::{Call, CallId, Status};

/// Maximum size of a signal, in bytes of its JSON: several of the largest session descriptions that browsers make.
pub const MAX_SIGNAL_BYTES: usize = 32 * 1024;

/// Signal: the JSON text as the client sent it. Cheap to clone.
#[derive(Clone, PartialEq, Eq)]
pub struct Signal(Arc<str>);

impl Signal {
    /// Returns the signal of the JSON text `json`, or none if it is longer than [`MAX_SIGNAL_BYTES`].
    #[must_use]
    pub fn of_json(json: &str) -> Option<Self> {
        (json.len() <= MAX_SIGNAL_BYTES).then(|| Self(json.into()))
    }

    /// Returns the JSON text.
    #[must_use]
    pub fn as_json(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Signal {
    /// Omits the content: addresses of people's devices, and the keys of their media.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signal({} bytes)", self.0.len())
    }
}

/// Returns the notice that relays `signal` to the participant who is not `from`.
///
/// # Errors
/// [`CallError::NotAParticipant`], or [`CallError::InvalidStatus`] unless the call was answered and is live.
pub fn relay(
    call: &Call,
    from: &UserId,
    signal: Signal,
    now: Timestamp,
) -> Result<Notice, CallError> {
    if !call.has_participant(from) {
        return Err(CallError::NotAParticipant);
    }
    match call.status() {
        Status::Connecting | Status::Active => Ok(Notice {
            audience: Audience::Participant(call.other(from).clone()),
            event: Event::Signal(SignalEvent {
                call: call.id,
                from: from.clone(),
                signal,
            }),
            at: now,
        }),
        status @ (Status::Initiating
        | Status::Ringing
        | Status::Ended
        | Status::Rejected
        | Status::Missed) => Err(CallError::InvalidStatus {
            action: Action::Signal,
            status,
        }),
    }
}

/// Relayed signal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignalEvent {
    /// The call.
    pub call: CallId,
    /// The sender.
    pub from: UserId,
    /// The content.
    pub signal: Signal,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_has_at_most_32_kib() {
        assert!(Signal::of_json(&"x".repeat(MAX_SIGNAL_BYTES)).is_some());
        assert!(Signal::of_json(&"x".repeat(MAX_SIGNAL_BYTES + 1)).is_none());
    }

    #[test]
    fn a_signal_is_not_shown_where_it_could_be_logged() {
        let signal = Signal::of_json("\"candidate:1 192.0.2.1\"").expect("short");
        assert_eq!(format!("{signal:?}"), "Signal(23 bytes)");
    }
}
