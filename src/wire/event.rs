//! Messages from the server over the WebSocket (specification, "Server to Client Messages"; contract section 4).

use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::call::{Actor, CallId, Event, Notice, RejectReason, SignalEvent};
use crate::clock::Timestamp;
use crate::user::UserId;

use super::{ErrorType, Instant, Text, raw, to_json, value};

/// `{type, data, timestamp}`.
#[derive(Serialize)]
struct Told<'a, T> {
    r#type: &'a str,
    data: T,
    timestamp: Instant,
}

/// `{type, payload}`.
#[derive(Serialize)]
struct Reply<T> {
    r#type: &'static str,
    payload: T,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CallInvitation)]
pub(crate) struct Invitation<'a> {
    #[schema(value_type = value::CallId)]
    call_id: Text<CallId>,
    #[schema(value_type = value::ChannelId)]
    channel_id: &'a str,
    #[schema(value_type = value::UserId)]
    caller_id: Text<&'a UserId>,
    /// The caller's name, to be shown.
    caller_name: &'a str,
    /// The address of the caller's picture, where there is one.
    #[schema(required, format = "uri")]
    caller_avatar: Option<&'a str>,
    #[schema(value_type = value::CallType)]
    call_type: &'static str,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CallAccepted)]
pub(crate) struct Accepted<'a> {
    #[schema(value_type = value::CallId)]
    call_id: Text<CallId>,
    /// The callee.
    #[schema(value_type = value::UserId)]
    accepted_by: Text<&'a UserId>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CallRejected)]
pub(crate) struct Rejected<'a> {
    #[schema(value_type = value::CallId)]
    call_id: Text<CallId>,
    /// The callee.
    #[schema(value_type = value::UserId)]
    rejected_by: Text<&'a UserId>,
    #[schema(value_type = value::RejectReason)]
    reason: &'static str,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CallEnded)]
pub(crate) struct Ended<'a> {
    #[schema(value_type = value::CallId)]
    call_id: Text<CallId>,
    #[schema(value_type = value::Actor)]
    ended_by: Text<&'a Actor>,
    /// How long the call lasted; 0 where it was never accepted.
    #[schema(value_type = value::DurationSeconds)]
    duration_seconds: u32,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CallTimeout)]
pub(crate) struct TimedOut {
    #[schema(value_type = value::CallId)]
    call_id: Text<CallId>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CallMissed)]
pub(crate) struct Missed<'a> {
    #[schema(value_type = value::CallId)]
    call_id: Text<CallId>,
    #[schema(value_type = value::UserId)]
    caller_id: Text<&'a UserId>,
    /// The caller's name, to be shown.
    caller_name: &'a str,
    /// The address of the caller's picture, or null.
    #[schema(required, format = "uri")]
    caller_avatar: Option<&'a str>,
    #[schema(value_type = value::CallType)]
    call_type: &'static str,
    /// Why the call did not ring: the callee was in another call.
    #[schema(value_type = value::RejectReason)]
    reason: &'static str,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CallQualityWarning)]
pub(crate) struct QualityWarning {
    #[schema(value_type = value::CallId)]
    call_id: Text<CallId>,
    /// How bad the other participant's network is.
    #[schema(value_type = value::WarningLevel)]
    quality: &'static str,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CallSignal)]
pub(crate) struct SignalShape<'a> {
    #[schema(value_type = value::CallId)]
    call_id: Text<CallId>,
    /// The participant who sent it.
    #[schema(value_type = value::UserId)]
    from: Text<&'a UserId>,
    /// What was sent, as it was sent.
    #[schema(value_type = value::Signal)]
    signal: &'a RawValue,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CallError)]
pub(crate) struct CallError<'a> {
    /// The call id that was sent, whatever it was; null where none was.
    #[schema(required)]
    call_id: Option<&'a str>,
    #[schema(value_type = value::ErrorType)]
    error_type: &'static str,
    /// What went wrong, in a sentence for people.
    message: &'a str,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = HeartbeatAck)]
pub(crate) struct HeartbeatAck<'a> {
    /// The user of the session.
    #[schema(value_type = value::UserId)]
    user_id: Text<&'a UserId>,
    /// The server's time.
    #[schema(value_type = value::Timestamp)]
    timestamp: Instant,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SessionRefreshed)]
pub(crate) struct SessionRefreshed {
    /// When the new token expires.
    #[schema(value_type = value::Timestamp)]
    expires_at: Instant,
}

/// Returns the message for a notice.
#[must_use]
pub fn notice(notice: &Notice) -> String {
    let (word, at) = (notice.event.as_str(), notice.at);
    match &notice.event {
        Event::Invitation(invitation) => told(
            word,
            at,
            Invitation {
                call_id: Text(invitation.call),
                channel_id: invitation.channel.as_str(),
                caller_id: Text(&invitation.caller.id),
                caller_name: &invitation.caller.name,
                caller_avatar: invitation.caller.avatar.as_deref(),
                call_type: invitation.call_type.as_str(),
            },
        ),
        Event::Accepted { call, accepted_by } => told(
            word,
            at,
            Accepted {
                call_id: Text(*call),
                accepted_by: Text(accepted_by),
            },
        ),
        Event::Rejected {
            call,
            rejected_by,
            reason,
        } => told(
            word,
            at,
            Rejected {
                call_id: Text(*call),
                rejected_by: Text(rejected_by),
                reason: reason.as_str(),
            },
        ),
        Event::Ended {
            call,
            ended_by,
            duration_seconds,
        } => told(
            word,
            at,
            Ended {
                call_id: Text(*call),
                ended_by: Text(ended_by),
                duration_seconds: *duration_seconds,
            },
        ),
        Event::TimedOut { call } => told(
            word,
            at,
            TimedOut {
                call_id: Text(*call),
            },
        ),
        Event::Missed(missed) => told(
            word,
            at,
            Missed {
                call_id: Text(missed.call),
                caller_id: Text(&missed.caller.id),
                caller_name: &missed.caller.name,
                caller_avatar: missed.caller.avatar.as_deref(),
                call_type: missed.call_type.as_str(),
                reason: RejectReason::Busy.as_str(),
            },
        ),
        Event::QualityWarning { call, quality } => told(
            "call_quality_warning",
            at,
            QualityWarning {
                call_id: Text(*call),
                quality: quality.as_str(),
            },
        ),
        Event::Signal(SignalEvent { call, from, signal }) => told(
            word,
            at,
            SignalShape {
                call_id: Text(*call),
                from: Text(from),
                signal: raw(signal.as_json()),
            },
        ),
        Event::App(event) => told(event.message.kind(), at, raw(event.message.data())),
    }
}

/// Returns the `call_error` for an action or message that was rejected; `call_id` is the one that was sent, if any.
#[must_use]
pub fn call_error(call_id: Option<&str>, error_type: ErrorType, message: &str) -> String {
    reply(
        "call_error",
        CallError {
            call_id,
            error_type: error_type.as_str(),
            message,
        },
    )
}

/// Returns the `heartbeat.ack`.
#[must_use]
pub fn heartbeat_ack(user: &UserId, now: Timestamp) -> String {
    reply(
        "heartbeat.ack",
        HeartbeatAck {
            user_id: Text(user),
            timestamp: Instant(now),
        },
    )
}

/// Returns the `session.refreshed`.
#[must_use]
pub fn session_refreshed(expires_at: Timestamp) -> String {
    reply(
        "session.refreshed",
        SessionRefreshed {
            expires_at: Instant(expires_at),
        },
    )
}

fn told<T: Serialize>(r#type: &str, at: Timestamp, data: T) -> String {
    to_json(&Told {
        r#type,
        data,
        timestamp: Instant(at),
    })
}

fn reply<T: Serialize>(r#type: &'static str, payload: T) -> String {
    to_json(&Reply { r#type, payload })
}
