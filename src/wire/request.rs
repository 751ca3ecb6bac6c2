//! What REST is asked (specification, "REST API Endpoints").

use std::ops::RangeInclusive;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::call::transition::Target;
use crate::call::{CallType, ChannelId, MediaRole, NetworkQuality, QualityReport, RejectReason};
use crate::user::UserId;

use super::fields::{Fields, Invalid};

/// How long an Agora token may last, in seconds: Agora takes none that lasts longer than a day.
const AGORA_SECONDS: RangeInclusive<u64> = 60..=86_400;

/// How long it lasts where nobody says.
const AGORA_DEFAULT: u64 = 3_600;

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

/// The body of `POST /v1/calls/{callId}/accept` and `…/ringing`, which says nothing and may be missing.
///
/// # Errors
/// [`Invalid`].
pub fn nothing(body: &[u8]) -> Result<(), Invalid> {
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

/// The body of `POST` and `DELETE /v1/users/blocks` and `/v1/contacts`.
///
/// # Errors
/// [`Invalid`].
pub fn listed(body: &[u8]) -> Result<UserId, Invalid> {
    let body = json(body)?;
    Fields::of(&body, "body")?.parsed("userId", UserId::EXPECTED, UserId::parse)
}

/// The body of `POST /v1/agora/token/generate` and `…/refresh`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgoraToken {
    /// `channelId`.
    pub channel: ChannelId,
    /// `userId`.
    pub user: Option<UserId>,
    /// `role`.
    pub role: MediaRole,
    /// `expirationSeconds`.
    pub lasts: Duration,
}

/// The body of `POST /v1/agora/token/generate` and `…/refresh`.
///
/// # Errors
/// [`Invalid`].
pub fn agora_token(body: &[u8]) -> Result<AgoraToken, Invalid> {
    const ROLE: &str = "publisher or subscriber, or nothing";
    const SECONDS: &str = "an integer from 60 to 86400, or nothing";
    let role = |text: &str| MediaRole::ALL.into_iter().find(|one| one.as_str() == text);
    let body = json(body)?;
    let fields = Fields::of(&body, "body")?;
    let seconds = fields.optional("expirationSeconds", SECONDS, |value| {
        value.as_u64().filter(|count| AGORA_SECONDS.contains(count))
    })?;
    Ok(AgoraToken {
        channel: fields.parsed("channelId", ChannelId::EXPECTED, ChannelId::parse)?,
        user: fields.optional("userId", UserId::EXPECTED, |value| {
            value.as_str().and_then(UserId::parse)
        })?,
        role: fields
            .optional("role", ROLE, |value| value.as_str().and_then(role))?
            .unwrap_or_default(),
        lasts: Duration::from_secs(seconds.unwrap_or(AGORA_DEFAULT)),
    })
}

/// The body of `POST /v1/calls/{callId}/quality`.
///
/// # Errors
/// [`Invalid`].
pub fn quality(body: &[u8]) -> Result<QualityReport, Invalid> {
    quality_report(Fields::of(&json(body)?, "body")?)
}

/// The fields `networkQuality`, `packetLossRate` and `roundTripTime`.
pub(super) fn quality_report(fields: Fields<'_>) -> Result<QualityReport, Invalid> {
    const QUALITY: &str =
        "one of EXCELLENT, GOOD, POOR, BAD, VERY_BAD, UNKNOWN, or Agora's number: 0-6 or 8";
    const LOSS: &str = "a number from 0 to 1, or nothing";
    const ROUND_TRIP: &str = "milliseconds, a number from 0, or nothing";
    Ok(QualityReport {
        quality: fields.read("networkQuality", QUALITY, network_quality)?,
        packet_loss_rate: fields
            .optional_number("packetLossRate", LOSS, |rate| (0.0..=1.0).contains(&rate))?,
        round_trip_ms: fields.optional_number("roundTripTime", ROUND_TRIP, |ms| ms >= 0.0)?,
    })
}

fn network_quality(value: &Value) -> Option<NetworkQuality> {
    let of_word = |word: &str| {
        let mut all = NetworkQuality::ALL.into_iter();
        all.find(|quality| quality.as_str() == word)
    };
    let of_number = || value.as_u64().and_then(NetworkQuality::of_agora);
    value.as_str().map_or_else(of_number, of_word)
}

/// The field `reason`.
pub(super) fn reason(fields: Fields<'_>) -> Result<RejectReason, Invalid> {
    fields.one_of("reason", &RejectReason::ALL, RejectReason::as_str)
}

/// The field `durationSeconds`.
pub(super) fn duration_seconds(fields: Fields<'_>) -> Result<Option<u32>, Invalid> {
    fields.optional_count("durationSeconds")
}

/// The JSON of a body.
pub(super) fn json(body: &[u8]) -> Result<Value, Invalid> {
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
