//! Agora's tokens, as REST shows them.

use serde::Serialize;

use crate::call::ChannelId;
use crate::clock::Timestamp;

use super::Instant;
use super::answer::success;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TokenShape<'a> {
    token: &'a str,
    channel_id: &'a str,
    uid: u32,
    expires_at: Instant,
}

/// The success `message` with a token for `uid` in `channel`.
#[must_use]
pub fn token(
    message: &str,
    token: &str,
    channel: &ChannelId,
    uid: u32,
    expires_at: Timestamp,
) -> String {
    success(
        message,
        TokenShape {
            token,
            channel_id: channel.as_str(),
            uid,
            expires_at: Instant(expires_at),
        },
    )
}
