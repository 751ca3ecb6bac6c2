//! Shapes of every response and message, checked in all tests, so that no test misses an extra or a missing field.

use std::collections::BTreeSet;

use chattrix::wire::ErrorType;
use chrono::DateTime;
use reqwest::Method;
use serde_json::Value;

use super::{Answer, beyond};

/// The fields that a call has in every answer (specification, "REST API Endpoints").
const CALL: [&str; 8] = [
    "id",
    "callerId",
    "calleeId",
    "callType",
    "status",
    "channelId",
    "createdAt",
    "updatedAt",
];
const STATUSES: [&str; 7] = [
    "INITIATING",
    "RINGING",
    "CONNECTING",
    "ACTIVE",
    "ENDED",
    "MISSED",
    "REJECTED",
];

/// The sentence and the further fields of one kind of answer.
struct CallAnswer {
    message: &'static str,
    always: &'static [&'static str],
    once_known: &'static [&'static str],
}

/// Checks an answer from under `/api`: its type, its envelope, and the call in it.
pub fn assert_answer(method: &Method, path: &str, answer: &Answer) {
    let content_type = answer.header("content-type").unwrap_or_default();
    assert!(
        content_type.starts_with("application/json"),
        "{method} {path}: {content_type:?}"
    );
    if (200..300).contains(&answer.status) {
        assert_success(&answer.body);
        if let Some(expected) = call_answer(method, path) {
            assert_eq!(answer.body["message"], expected.message, "{method} {path}");
            assert_call(&answer.body["data"], &expected, &format!("{method} {path}"));
        }
        beyond::assert_data(method, path, &answer.body);
    } else {
        assert_failure(answer);
    }
}

/// Checks the envelope of a success (contract section 2).
#[track_caller]
pub fn assert_success(body: &Value) {
    assert_fields(body, &["success", "message", "data"], &[], "success");
    assert_eq!(body["success"], true, "{body}");
    assert!(
        body["message"]
            .as_str()
            .is_some_and(|text| !text.is_empty()),
        "{body}"
    );
}

/// Checks the envelope of a failure, and that its `errorType` belongs to its status (contract
/// section 2).
#[track_caller]
pub fn assert_failure(answer: &Answer) {
    let body = &answer.body;
    assert_fields(
        body,
        &["success", "message", "data", "errorType"],
        &[],
        "failure",
    );
    assert_eq!(body["success"], false, "{body}");
    assert_eq!(body["data"], Value::Null, "{body}");
    assert!(
        body["message"]
            .as_str()
            .is_some_and(|text| !text.is_empty()),
        "{body}"
    );
    let error_type = body["errorType"].as_str().unwrap_or_default();
    let kind = ErrorType::ALL
        .into_iter()
        .find(|kind| kind.as_str() == error_type)
        .unwrap_or_else(|| panic!("no such errorType: {body}"));
    // A body that is too long is an invalid request with a status of its own.
    if !(kind == ErrorType::InvalidRequest && matches!(answer.status, 413 | 415)) {
        assert_eq!(answer.status, kind.status(), "{body}");
    }
    if matches!(answer.status, 429 | 503) {
        let seconds = answer.header("retry-after").map(str::parse::<u32>);
        assert!(
            matches!(seconds, Some(Ok(1..))),
            "Retry-After in seconds: {seconds:?}, {body}"
        );
    }
}

/// Checks a message of the server: `{type, data, timestamp}`, or `{type, payload}` for answers
/// (contract section 4), with exactly the documented fields.
#[track_caller]
pub fn assert_message(message: &Value) {
    let kind = message["type"].as_str().unwrap_or_default();
    let (body, fields): (_, &[&str]) = match kind {
        "call_invitation" => (
            "data",
            &[
                "callId",
                "channelId",
                "callerId",
                "callerName",
                "callerAvatar",
                "callType",
            ],
        ),
        "call_accepted" => ("data", &["callId", "acceptedBy"]),
        "call_rejected" => ("data", &["callId", "rejectedBy", "reason"]),
        "call_ended" => ("data", &["callId", "endedBy", "durationSeconds"]),
        "call_timeout" => ("data", &["callId"]),
        "call_missed" => (
            "data",
            &[
                "callId",
                "callerId",
                "callerName",
                "callerAvatar",
                "callType",
                "reason",
            ],
        ),
        "call_quality_warning" => ("data", &["callId", "quality"]),
        "call_signal" => ("data", &["callId", "from", "signal"]),
        "call_error" => ("payload", &["callId", "errorType", "message"]),
        "heartbeat.ack" => ("payload", &["userId", "timestamp"]),
        "session.refreshed" => ("payload", &["expiresAt"]),
        _ if kind.starts_with("app.") => {
            assert_fields(message, &["type", "data", "timestamp"], &[], kind);
            return assert_timestamp(&message["timestamp"]);
        }
        _ => panic!("a message of no documented type: {message}"),
    };
    if body == "data" {
        assert_fields(message, &["type", "data", "timestamp"], &[], kind);
        assert_timestamp(&message["timestamp"]);
    } else {
        assert_fields(message, &["type", "payload"], &[], kind);
    }
    assert_fields(&message[body], fields, &[], kind);
    for instant in ["timestamp", "expiresAt"] {
        if fields.contains(&instant) {
            assert_timestamp(&message[body][instant]);
        }
    }
}

/// Checks the payload of a `call_error`: its `errorType`, its `callId`, and that its message names
/// `names`.
#[track_caller]
pub fn assert_error(payload: &Value, error_type: &str, call_id: impl Into<Value>, names: &str) {
    assert_eq!(payload["errorType"], error_type, "{payload}");
    assert_eq!(payload["callId"], call_id.into(), "{payload}");
    let message = payload["message"].as_str().expect("message is text");
    assert!(
        message.contains(names),
        "{message:?} does not name {names:?}"
    );
}

fn call_answer(method: &Method, path: &str) -> Option<CallAnswer> {
    let path = path.strip_prefix("/api/v1/calls/")?;
    let segments: Vec<&str> = path.split('/').collect();
    let (message, always, once_known): (_, &[_], &[_]) =
        match (method.as_str(), segments.as_slice()) {
            ("POST", ["initiate"]) => ("Call initiated successfully", &[], &[]),
            ("POST", [_, "accept"]) => ("Call accepted successfully", &["startTime"], &[]),
            ("POST", [_, "ringing"]) => ("Call is ringing", &[], &[]),
            ("POST", [_, "reject"]) => ("Call rejected successfully", &[], &[]),
            ("POST", [_, "end"]) => (
                "Call ended successfully",
                &["endTime", "durationSeconds"],
                &["startTime"],
            ),
            ("PATCH", [_, "status"]) => (
                "Call status updated successfully",
                &[],
                &["startTime", "endTime", "durationSeconds"],
            ),
            ("GET", ["active" | "history" | "statistics"]) => return None,
            ("GET", [_]) => (
                "Call details retrieved successfully",
                &["startTime", "endTime", "durationSeconds"],
                &[],
            ),
            _ => return None,
        };
    Some(CallAnswer {
        message,
        always,
        once_known,
    })
}

fn assert_call(call: &Value, expected: &CallAnswer, what: &str) {
    assert_fields(
        call,
        &[&CALL[..], expected.always].concat(),
        expected.once_known,
        what,
    );
    let id = call["id"].as_str().expect("a call id is text");
    let uuid = uuid::Uuid::parse_str(id).expect("a call id is a UUID");
    assert_eq!(uuid.get_version_num(), 7, "{id}");
    assert_eq!(uuid.to_string(), id, "call ids are lower case");
    assert!(
        STATUSES.iter().any(|status| call["status"] == *status),
        "{call}"
    );
    assert_timestamp(&call["createdAt"]);
    assert_timestamp(&call["updatedAt"]);
    // Only `GET` shows what has no value yet, as null.
    let may_be_null = what.starts_with("GET");
    for instant in ["startTime", "endTime"] {
        if let Some(value) = call.get(instant)
            && !(may_be_null && value.is_null())
        {
            assert_timestamp(value);
        }
    }
    if let Some(seconds) = call.get("durationSeconds") {
        assert!(
            seconds.is_u64() || (may_be_null && seconds.is_null()),
            "{call}"
        );
    }
}

#[track_caller]
pub(super) fn assert_fields(value: &Value, always: &[&str], sometimes: &[&str], what: &str) {
    let Some(object) = value.as_object() else {
        panic!("{what}: an object expected, not {value}")
    };
    let present: BTreeSet<&str> = object.keys().map(String::as_str).collect();
    let always: BTreeSet<&str> = always.iter().copied().collect();
    let allowed: BTreeSet<&str> = always.iter().chain(sometimes).copied().collect();
    let missing: Vec<_> = always.difference(&present).collect();
    let unknown: Vec<_> = present.difference(&allowed).collect();
    assert!(
        missing.is_empty() && unknown.is_empty(),
        "{what}: {missing:?} missing, {unknown:?} too many: {value}"
    );
}

/// RFC 3339 in UTC with milliseconds, `2024-01-15T10:30:00.123Z` (contract section 1).
#[track_caller]
pub(super) fn assert_timestamp(value: &Value) {
    let text = value.as_str().unwrap_or_default();
    let exact = text.len() == 24 && text.as_bytes()[19] == b'.' && text.ends_with('Z');
    assert!(
        exact && DateTime::parse_from_rfc3339(text).is_ok(),
        "no instant: {value}"
    );
}
