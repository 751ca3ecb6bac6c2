//! What REST is asked (specification, "REST API Endpoints").

use serde_json::{Map, Value};

use crate::call::transition::Target;
use crate::call::{CallType, ChannelId, RejectReason};
use crate::user::UserId;

use super::fields::{Fields, Invalid};

/// The body of `POST /v1/calls/initiate`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Initiate {
    /// `calleeId`.
    pub callee: UserId,
    /// `callType`.
    pub call_type: CallType,
    /// `channelId`.
    pub channel: ChannelId,
}

/// The body of `POST /v1/calls/initiate`.
///
/// # Errors
/// [`Invalid`].
pub fn initiate(body: &[u8]) -> Result<Initiate, Invalid> {
    let body = json(body)?;
    let fields = Fields::of(&body, "body")?;
    Ok(Initiate {
        callee: fields.parsed("calleeId", UserId::EXPECTED, UserId::parse)?,
        call_type: fields.one_of("callType", &CallType::ALL, CallType::as_str)?,
        channel: fields.parsed("channelId", ChannelId::EXPECTED, ChannelId::parse)?,
    })
}

/// The body of `POST /v1/calls/{callId}/accept`, which says nothing and may be missing.
///
/// # Errors
/// [`Invalid`].
pub fn accept(body: &[u8]) -> Result<(), Invalid> {
    Fields::of(&json_or_nothing(body)?, "body").map(|_| ())
}

/// The body of `POST /v1/calls/{callId}/reject`.
///
/// # Errors
/// [`Invalid`].
pub fn reject(body: &[u8]) -> Result<RejectReason, Invalid> {
    reason(Fields::of(&json(body)?, "body")?)
}

/// The body of `POST /v1/calls/{callId}/end`, which may be missing.
///
/// # Errors
/// [`Invalid`].
pub fn end(body: &[u8]) -> Result<Option<u32>, Invalid> {
    duration_seconds(Fields::of(&json_or_nothing(body)?, "body")?)
}

/// The body of `PATCH /v1/calls/{callId}/status`.
///
/// # Errors
/// [`Invalid`].
pub fn status(body: &[u8]) -> Result<Target, Invalid> {
    const ALL: [Target; 3] = [Target::Connecting, Target::Active, Target::Ended];
    let word = |target| match target {
        Target::Connecting => "CONNECTING",
        Target::Active => "ACTIVE",
        Target::Ended => "ENDED",
    };
    Fields::of(&json(body)?, "body")?.one_of("status", &ALL, word)
}

/// The field `reason`.
pub(super) fn reason(fields: Fields<'_>) -> Result<RejectReason, Invalid> {
    fields.one_of("reason", &RejectReason::ALL, RejectReason::as_str)
}

/// The field `durationSeconds`.
pub(super) fn duration_seconds(fields: Fields<'_>) -> Result<Option<u32>, Invalid> {
    fields.optional_count("durationSeconds")
}

fn json(body: &[u8]) -> Result<Value, Invalid> {
    serde_json::from_slice(body)
        .map_err(|error| Invalid(format!("body: expected a JSON object: {error}")))
}

fn json_or_nothing(body: &[u8]) -> Result<Value, Invalid> {
    if body.trim_ascii().is_empty() {
        Ok(Value::Object(Map::new()))
    } else {
        json(body)
    }
}
