//! What REST answers: the envelope, and calls as each answer shows them (specification, "REST API
//! Endpoints"; contract section 2).

use serde::Serialize;

use crate::call::{Call, CallId};
use crate::user::UserId;

use super::{ErrorType, Instant, Text, to_json};

/// The envelope of a success.
#[derive(Serialize)]
struct Success<'a, T> {
    success: bool,
    message: &'a str,
    data: T,
}

/// The envelope of a failure.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Failure<'a> {
    success: bool,
    message: &'a str,
    data: (),
    error_type: &'a str,
}

/// Which of a call's fields an answer shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// Neither start nor end: the answers to initiate and reject.
    Asked,
    /// `startTime` where there is one: the answers to accept and PATCH.
    Started,
    /// `startTime`, `endTime` and `durationSeconds` where there are any: the answer to end.
    Ended,
    /// All fields, null where there is no value: the details.
    Whole,
}

/// A field that some answers leave out and others show as null.
#[derive(Serialize)]
#[serde(untagged)]
enum Field<T> {
    Absent,
    Null,
    Value(T),
}

impl<T> Field<T> {
    fn or_absent(value: Option<T>) -> Self {
        value.map_or(Self::Absent, Self::Value)
    }

    fn or_null(value: Option<T>) -> Self {
        value.map_or(Self::Null, Self::Value)
    }

    const fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }
}

/// A call.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CallShape<'a> {
    id: Text<CallId>,
    caller_id: Text<&'a UserId>,
    callee_id: Text<&'a UserId>,
    call_type: &'static str,
    status: &'static str,
    channel_id: &'a str,
    #[serde(skip_serializing_if = "Field::is_absent")]
    start_time: Field<Instant>,
    #[serde(skip_serializing_if = "Field::is_absent")]
    end_time: Field<Instant>,
    #[serde(skip_serializing_if = "Field::is_absent")]
    duration_seconds: Field<u32>,
    created_at: Instant,
    updated_at: Instant,
}

impl<'a> CallShape<'a> {
    pub(super) fn new(call: &'a Call, shown: Shown) -> Self {
        let start_time = call.state.started_at().map(Instant);
        let end_time = call.state.ended_at().map(Instant);
        let duration_seconds = call.state.duration_seconds();
        let (start_time, end_time, duration_seconds) = match shown {
            Shown::Asked => (Field::Absent, Field::Absent, Field::Absent),
            Shown::Started => (Field::or_absent(start_time), Field::Absent, Field::Absent),
            Shown::Ended => (
                Field::or_absent(start_time),
                Field::or_absent(end_time),
                Field::or_absent(duration_seconds),
            ),
            Shown::Whole => (
                Field::or_null(start_time),
                Field::or_null(end_time),
                Field::or_null(duration_seconds),
            ),
        };
        Self {
            id: Text(call.id),
            caller_id: Text(&call.caller),
            callee_id: Text(&call.callee),
            call_type: call.call_type.as_str(),
            status: call.status().as_str(),
            channel_id: call.channel.as_str(),
            start_time,
            end_time,
            duration_seconds,
            created_at: Instant(call.created_at),
            updated_at: Instant(call.updated_at),
        }
    }
}

/// The success `message` with a call.
#[must_use]
pub fn call(message: &str, call: &Call, shown: Shown) -> String {
    success(message, CallShape::new(call, shown))
}

/// The success `message` with a call, or null where there is none.
#[must_use]
pub fn call_or_null(message: &str, call: Option<&Call>) -> String {
    success(message, call.map(|call| CallShape::new(call, Shown::Whole)))
}

/// The success `message` with nothing to tell.
#[must_use]
pub fn nothing(message: &str) -> String {
    success(message, ())
}

/// The failure `message` of the kind `error_type`.
#[must_use]
pub fn failure(error_type: ErrorType, message: &str) -> String {
    to_json(&Failure {
        success: false,
        message,
        data: (),
        error_type: error_type.as_str(),
    })
}

/// The success `message` with `data`.
pub(super) fn success<T: Serialize>(message: &str, data: T) -> String {
    to_json(&Success {
        success: true,
        message,
        data,
    })
}
