//! Who may join the channel through which a call's media flows.

use crate::clock::Timestamp;

use super::error::CallError;
use super::state::{Call, ChannelId};

/// What a participant may do in the channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MediaRole {
    /// Listen and watch, speak and show.
    #[default]
    Publisher,
    /// Listen and watch.
    Subscriber,
}

impl MediaRole {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Publisher, Self::Subscriber];

    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Publisher => "publisher",
            Self::Subscriber => "subscriber",
        }
    }
}

/// Whether a user whose live call is `live`, if any, may join `channel`. Clients name the channels, so two calls
/// may name the same; `taken_at` is when the first of the other live calls on it was answered, if any was. The
/// channel is theirs then, unless this call was answered before.
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
