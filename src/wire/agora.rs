//! Agora tokens in REST responses.

use serde::Serialize;
use utoipa::ToSchema;

use crate::call::ChannelId;
use crate::clock::Timestamp;

use super::response::success;
use super::{Instant, value};

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AgoraToken)]
pub(crate) struct TokenShape<'a> {
    /// What Agora's library takes to join.
    token: &'a str,
    #[schema(value_type = value::ChannelId)]
    channel_id: &'a str,
    /// The number to join with; always the same for a user.
    // Not `int32`, the default for the type: its maximum is half of the maximum of this field.
    #[schema(minimum = 1, maximum = 4_294_967_295_i64, format = "int64")]
    uid: u32,
    /// When the token ends.
    #[schema(value_type = value::Timestamp)]
    expires_at: Instant,
}

/// Returns the success `message` with a token for `uid` in `channel`.
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
