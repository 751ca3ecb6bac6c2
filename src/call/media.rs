//! Who may join the channel through which a call's media flows.

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

/// Whether a user whose live call is `live`, if any, may join `channel`.
///
/// # Errors
/// [`CallError::NotOnChannel`].
pub fn check(live: Option<&Call>, channel: &ChannelId) -> Result<(), CallError> {
    match live {
        Some(call) if call.status().is_live() && call.channel == *channel => Ok(()),
        Some(_) | None => Err(CallError::NotOnChannel),
    }
}
