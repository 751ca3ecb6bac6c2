//! Request bodies of REST (specification, "REST API Endpoints").

use std::ops::RangeInclusive;
use std::time::Duration;

use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::call::transition::{IMPOSSIBLE_DURATION, Target};
use crate::call::{
    CallType, ChannelId, MediaRole, NetworkQuality, QualityReport, RejectReason, Status,
};
use crate::user::UserId;

use super::fields::{Fields, ValidationError, whole};
use super::{json, value};

/// Allowed lifetime of an Agora token in seconds: Agora accepts a day at most.
const AGORA_SECONDS: RangeInclusive<u64> = 60..=86_400;

/// Default lifetime of an Agora token in seconds.
const AGORA_DEFAULT: u64 = 3_600;

/// The body of `POST /v1/calls/initiate`.
#[derive(Clone, Debug, PartialEq, Eq, ToSchema)]
#[schema(as = InitiateCall, rename_all = "camelCase")]
pub struct Initiate {
    /// Who is called.
    #[schema(rename = "calleeId", value_type = value::UserId)]
    pub callee: UserId,
    /// What the participants will send each other.
    #[schema(value_type = value::CallType)]
    pub call_type: CallType,
    /// Where the media will flow.
    #[schema(rename = "channelId", value_type = value::ChannelId)]
    pub channel: ChannelId,
}

/// The body of `POST /v1/calls/{callId}/accept` and `…/ringing`, which says nothing.
#[derive(Clone, Debug, PartialEq, Eq, ToSchema)]
#[schema(as = EmptyBody)]
pub struct Nothing {}

/// The body of `POST /v1/calls/{callId}/reject`.
#[derive(Clone, Debug, PartialEq, Eq, ToSchema)]
#[schema(as = RejectCall)]
pub struct Reject {
    /// Why.
    #[schema(value_type = value::RejectReason)]
    pub reason: RejectReason,
}

/// The body of `POST /v1/calls/{callId}/end`.
#[derive(Clone, Debug, PartialEq, Eq, ToSchema)]
#[schema(as = EndCall, rename_all = "camelCase")]
pub struct End {
    /// How long the call lasted; where it is left out or null, the server counts from `startTime`.
    #[schema(value_type = Option<value::DurationSeconds>)]
    pub duration_seconds: Option<u32>,
}

/// The body of `PATCH /v1/calls/{callId}/status`.
#[derive(Clone, Debug, PartialEq, Eq, ToSchema)]
#[schema(as = SetCallStatus)]
pub struct SetStatus {
    /// The status to be.
    #[schema(value_type = value::TargetStatus)]
    pub status: Target,
}

/// The body of `POST` and `DELETE /v1/users/blocks` and `/v1/contacts`.
#[derive(Clone, Debug, PartialEq, Eq, ToSchema)]
#[schema(as = ListUser, rename_all = "camelCase")]
pub struct Listed {
    /// Who is put on the list, or taken off it.
    #[schema(rename = "userId", value_type = value::UserId)]
    pub user: UserId,
}

/// Reads the body of `POST /v1/calls/initiate`.
pub fn initiate(body: &[u8]) -> Result<Initiate, ValidationError> {
    let body = json(body)?;
    let fields = Fields::of(&body, "body")?;
    Ok(Initiate {
        callee: fields.parsed("calleeId", UserId::EXPECTED, UserId::parse)?,
        call_type: fields.one_of("callType", &CallType::ALL, CallType::as_str)?,
        channel: fields.parsed("channelId", ChannelId::EXPECTED, ChannelId::parse)?,
    })
}

/// Reads the body of `POST /v1/calls/{callId}/accept` and `…/ringing`, which has no fields and may be missing.
pub fn nothing(body: &[u8]) -> Result<Nothing, ValidationError> {
    Fields::of(&json_or_nothing(body)?, "body").map(|_| Nothing {})
}

/// Reads the body of `POST /v1/calls/{callId}/reject`.
pub fn reject(body: &[u8]) -> Result<Reject, ValidationError> {
    let reason = reason(Fields::of(&json(body)?, "body")?)?;
    Ok(Reject { reason })
}

/// Reads the body of `POST /v1/calls/{callId}/end`, which may be missing.
pub fn end(body: &[u8]) -> Result<End, ValidationError> {
    let duration_seconds = duration_seconds(Fields::of(&json_or_nothing(body)?, "body")?);
    Ok(End { duration_seconds })
}

/// Reads the body of `PATCH /v1/calls/{callId}/status`.
pub fn status(body: &[u8]) -> Result<SetStatus, ValidationError> {
    let status = Fields::of(&json(body)?, "body")?.one_of("status", &TARGETS, target_word)?;
    Ok(SetStatus { status })
}

/// Statuses that a client may set, in the order of the specification.
pub(super) const TARGETS: [Target; 3] = [Target::Connecting, Target::Active, Target::Ended];

/// Returns the word of a status that a client may set.
pub(super) const fn target_word(target: Target) -> &'static str {
    match target {
        Target::Connecting => Status::Connecting.as_str(),
        Target::Active => Status::Active.as_str(),
        Target::Ended => Status::Ended.as_str(),
    }
}

/// Reads the body of `POST` and `DELETE /v1/users/blocks` and `/v1/contacts`.
pub fn listed(body: &[u8]) -> Result<Listed, ValidationError> {
    let body = json(body)?;
    let user = Fields::of(&body, "body")?.parsed("userId", UserId::EXPECTED, UserId::parse)?;
    Ok(Listed { user })
}

/// The body of `POST /v1/agora/token/generate` and `…/refresh`.
#[derive(Clone, Debug, PartialEq, Eq, ToSchema)]
#[schema(as = AskAgoraToken)]
pub struct AgoraToken {
    /// The channel of the user's live call.
    #[schema(rename = "channelId", value_type = value::ChannelId)]
    pub channel: ChannelId,
    /// The user itself.
    #[schema(rename = "userId", value_type = Option<value::UserId>)]
    pub user: Option<UserId>,
    /// What the user may do in the channel: a publisher speaks and shows, a subscriber listens and watches.
    #[schema(value_type = Option<value::MediaRole>)]
    pub role: MediaRole,
    /// For how long, in seconds; an hour where nothing is said.
    #[schema(rename = "expirationSeconds", value_type = Option<u32>, minimum = 60, maximum = 86_400)]
    pub lasts: Duration,
}

/// Reads the body of `POST /v1/agora/token/generate` and `…/refresh`.
pub fn agora_token(body: &[u8]) -> Result<AgoraToken, ValidationError> {
    const ROLE: &str = "publisher or subscriber, or nothing";
    const SECONDS: &str = "an integer from 60 to 86400, or nothing";
    let role = |text: &str| MediaRole::ALL.into_iter().find(|one| one.as_str() == text);
    let body = json(body)?;
    let fields = Fields::of(&body, "body")?;
    let seconds = fields.optional("expirationSeconds", SECONDS, |value| {
        whole(value).filter(|count| AGORA_SECONDS.contains(count))
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

/// Reads the body of `POST /v1/calls/{callId}/quality`.
pub fn quality(body: &[u8]) -> Result<QualityReport, ValidationError> {
    quality_report(Fields::of(&json(body)?, "body")?)
}

/// Reads the fields `networkQuality`, `packetLossRate` and `roundTripTime`.
pub(super) fn quality_report(fields: Fields<'_>) -> Result<QualityReport, ValidationError> {
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
    let of_number = || whole(value).and_then(NetworkQuality::of_agora);
    value.as_str().map_or_else(of_number, of_word)
}

/// Reads the field `reason`.
pub(super) fn reason(fields: Fields<'_>) -> Result<RejectReason, ValidationError> {
    fields.one_of("reason", &RejectReason::ALL, RejectReason::as_str)
}

/// Reads the field `durationSeconds`. An invalid duration must not prevent the end of a call: it is read as
/// [`IMPOSSIBLE_DURATION`].
pub(super) fn duration_seconds(fields: Fields<'_>) -> Option<u32> {
    let value = fields.any("durationSeconds")?;
    let seconds = whole(value).and_then(|seconds| u32::try_from(seconds).ok());
    Some(seconds.unwrap_or(IMPOSSIBLE_DURATION))
}

/// Returns `body` without a byte order mark, which may be ignored (RFC 8259, section 8.1) and which some libraries write.
pub(super) fn unmarked(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body)
}

/// Parses a body as JSON.
pub(super) fn json(body: &[u8]) -> Result<Value, ValidationError> {
    json::parse(unmarked(body))
        .map_err(|error| ValidationError(format!("body: expected a JSON object: {error}")))
}

pub(super) fn json_or_nothing(body: &[u8]) -> Result<Value, ValidationError> {
    if body.trim_ascii().is_empty() {
        Ok(Value::Object(Map::new()))
    } else {
        json(body)
    }
}
