//! Permission to join the media channel of a call.

use crate::clock::Timestamp;

use super::error::CallError;
use super::state::{Call, ChannelId};

/// Role of a participant in the channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MediaRole {
    /// Receives and sends media.
    #[default]
    Publisher,
    /// Receives media.
    Subscriber,
}

impl MediaRole {
    /// All roles.
    pub const ALL: [Self; 2] = [Self::Publisher, Self::Subscriber];

    /// Returns the word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Publisher => "publisher",
            Self::Subscriber => "subscriber",
        }
    }
}

/// Checks whether a user whose live call is `live`, if any, may join `channel`. Clients name the channels, so two calls
/// may use the same name. `taken_at` is when the first of the other live calls on the channel was answered, if any was:
/// the channel belongs to that call unless this one was answered earlier.
///
/// # Errors
/// [`CallError::NotOnChannel`].
pub fn check(
    live: Option<&Call>,
    channel: &ChannelId,
    taken_at: Option<Timestamp>,
) -> Result<(), CallError> {
    let call = live
        .filter(|call| call.status().is_live() && call.channel == *channel)
        .ok_or(CallError::NotOnChannel)?;
    match (taken_at, call.state.started_at()) {
        (None, _) => Ok(()),
        (Some(taken_at), Some(started_at)) if started_at <= taken_at => Ok(()),
        (Some(_), Some(_) | None) => Err(CallError::NotOnChannel),
    }
}
