//! Messages from the server over the WebSocket (specification, "Server to Client Messages"; contract section 4).
//! `src/docs/asyncapi.json` describes their fields.

use serde::Serialize;
use serde_json::value::RawValue;

use crate::call::{Actor, CallId, Event, Notice, RejectReason, SignalEvent};
use crate::clock::Timestamp;
use crate::user::UserId;

use super::{ErrorType, Instant, Text, raw, to_json};

/// `{type, data, timestamp}`.
#[derive(Serialize)]
struct Envelope<'a, T> {
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

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Invitation<'a> {
    call_id: Text<CallId>,
    channel_id: &'a str,
    caller_id: Text<&'a UserId>,
    caller_name: &'a str,
    caller_avatar: Option<&'a str>,
    call_type: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Accepted<'a> {
    call_id: Text<CallId>,
    accepted_by: Text<&'a UserId>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Rejected<'a> {
    call_id: Text<CallId>,
    rejected_by: Text<&'a UserId>,
    reason: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Ended<'a> {
    call_id: Text<CallId>,
    ended_by: Text<&'a Actor>,
    duration_seconds: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TimedOut {
    call_id: Text<CallId>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Missed<'a> {
    call_id: Text<CallId>,
    caller_id: Text<&'a UserId>,
    caller_name: &'a str,
    caller_avatar: Option<&'a str>,
    call_type: &'static str,
    reason: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct QualityWarning {
    call_id: Text<CallId>,
    quality: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Signal<'a> {
    call_id: Text<CallId>,
    from: Text<&'a UserId>,
    signal: &'a RawValue,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CallError<'a> {
    call_id: Option<&'a str>,
    error_type: &'static str,
    message: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HeartbeatAck<'a> {
    user_id: Text<&'a UserId>,
    timestamp: Instant,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SessionRefreshed {
    expires_at: Instant,
}

/// Returns the message for a notice.
#[must_use]
pub fn notice(notice: &Notice) -> String {
    let (word, at) = (notice.event.as_str(), notice.at);
    match &notice.event {
        Event::Invitation(invitation) => envelope(
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
        Event::Accepted { call, accepted_by } => envelope(
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
        } => envelope(
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
        } => envelope(
            word,
            at,
            Ended {
                call_id: Text(*call),
                ended_by: Text(ended_by),
                duration_seconds: *duration_seconds,
            },
        ),
        Event::TimedOut { call } => envelope(
            word,
            at,
            TimedOut {
                call_id: Text(*call),
            },
        ),
        Event::Missed(missed) => envelope(
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
        Event::QualityWarning { call, quality } => envelope(
            "call_quality_warning",
            at,
            QualityWarning {
                call_id: Text(*call),
                quality: quality.as_str(),
            },
        ),
        Event::Signal(SignalEvent { call, from, signal }) => envelope(
            word,
            at,
            Signal {
                call_id: Text(*call),
                from: Text(from),
                signal: raw(signal.as_json()),
            },
        ),
        Event::App(event) => envelope(event.message.kind(), at, raw(event.message.data())),
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

fn envelope<T: Serialize>(r#type: &str, at: Timestamp, data: T) -> String {
    to_json(&Envelope {
        r#type,
        data,
        timestamp: Instant(at),
    })
}

fn reply<T: Serialize>(r#type: &'static str, payload: T) -> String {
    to_json(&Reply { r#type, payload })
}
