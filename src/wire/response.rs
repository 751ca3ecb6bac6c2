//! REST responses: the envelope, and calls in each response (specification, "REST API Endpoints"; contract section 2).

use serde::Serialize;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::call::{Call, CallId, State};
use crate::user::UserId;

use super::{ErrorType, Instant, Text, to_json, value};

/// Envelope of a success.
#[derive(Serialize)]
struct Success<'a, T> {
    success: bool,
    message: &'a str,
    data: T,
}

/// The envelope of a failure.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Failure<'a> {
    #[schema(schema_with = value::no)]
    success: bool,
    /// What went wrong, in a sentence for people; it names the field where one is wrong.
    message: &'a str,
    #[schema(schema_with = value::nothing)]
    data: (),
    #[schema(value_type = value::ErrorType)]
    error_type: &'a str,
}

/// Fields of a call that a response contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallView {
    /// Neither start nor end: the responses to initiate and reject.
    Asked,
    /// `startTime` if there is one: the responses to accept and PATCH.
    Started,
    /// `startTime`, `endTime` and `durationSeconds` if there are any: the response to end.
    Ended,
    /// All fields, null if there is no value: the details.
    Whole,
}

/// Field that some responses omit and others show as null.
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
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct CallShape<'a> {
    #[schema(value_type = value::CallId)]
    id: Text<CallId>,
    /// Who calls.
    #[schema(value_type = value::UserId)]
    caller_id: Text<&'a UserId>,
    /// Who is called.
    #[schema(value_type = value::UserId)]
    callee_id: Text<&'a UserId>,
    #[schema(value_type = value::CallType)]
    call_type: &'static str,
    #[schema(value_type = value::CallStatus)]
    status: &'static str,
    #[schema(value_type = value::ChannelId)]
    channel_id: &'a str,
    /// When the callee accepted.
    #[serde(skip_serializing_if = "Field::is_absent")]
    #[schema(value_type = value::Timestamp)]
    start_time: Field<Instant>,
    /// When the call was over.
    #[serde(skip_serializing_if = "Field::is_absent")]
    #[schema(value_type = value::Timestamp)]
    end_time: Field<Instant>,
    /// How long the call lasted; 0 where it was never accepted.
    #[serde(skip_serializing_if = "Field::is_absent")]
    #[schema(value_type = value::DurationSeconds)]
    duration_seconds: Field<u32>,
    /// When the caller asked.
    #[schema(value_type = value::Timestamp)]
    created_at: Instant,
    /// When the call last changed.
    #[schema(value_type = value::Timestamp)]
    updated_at: Instant,
}

impl<'a> CallShape<'a> {
    pub(super) fn new(call: &'a Call, shown: CallView) -> Self {
        let start_time = call.state.started_at().map(Instant);
        let end_time = call.state.ended_at().map(Instant);
        let duration_seconds = call.state.duration_seconds();
        let (start_time, end_time, duration_seconds) = match shown {
            CallView::Asked => (Field::Absent, Field::Absent, Field::Absent),
            CallView::Started => (Field::or_absent(start_time), Field::Absent, Field::Absent),
            CallView::Ended => (
                Field::or_absent(start_time),
                Field::or_absent(end_time),
                Field::or_absent(duration_seconds),
            ),
            CallView::Whole => (
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

impl CallView {
    /// Returns the view in the response to a PATCH: that of `end` for a call that was ended.
    #[must_use]
    pub const fn of_patched(call: &Call) -> Self {
        match call.state {
            State::Ended { .. } => Self::Ended,
            _ => Self::Started,
        }
    }

    /// Returns the name and the schema of a call in this view, for the API documents.
    pub(crate) fn schema(self) -> (&'static str, RefOr<Schema>) {
        const START: &str = "startTime";
        const END: &str = "endTime";
        const DURATION: &str = "durationSeconds";
        let (name, description, absent, optional): (_, _, &[&str], &[&str]) = match self {
            Self::Asked => ("Call", "A call.", &[START, END, DURATION], &[]),
            Self::Started => (
                "StartedCall",
                "A call, with its start where it was accepted.",
                &[END, DURATION],
                &[START],
            ),
            Self::Ended => (
                "EndedCall",
                "A call that is over, with its start where it was accepted.",
                &[],
                &[START],
            ),
            Self::Whole => (
                "CallDetails",
                "A call, with null for what has no value yet.",
                &[],
                &[],
            ),
        };
        let RefOr::T(Schema::Object(mut call)) = CallShape::schema() else {
            unreachable!("the shape of a call is an object");
        };
        call.description = Some(description.to_owned());
        call.properties
            .retain(|field, _| !absent.contains(&field.as_str()));
        let sometimes = [START, END, DURATION].into_iter();
        let required =
            sometimes.filter(|field| !absent.contains(field) && !optional.contains(field));
        call.required.extend(required.map(str::to_owned));
        if self == Self::Whole {
            for field in [START, END, DURATION] {
                call.properties.entry(field.to_owned()).and_modify(or_null);
            }
        }
        (name, Schema::Object(call).into())
    }
}

/// Makes a schema allow null as well.
fn or_null(schema: &mut RefOr<Schema>) {
    let value = std::mem::take(schema);
    let null = ObjectBuilder::new().schema_type(Type::Null);
    *schema = OneOfBuilder::new().item(value).item(null).into();
}

/// Returns the success `message` with a call.
#[must_use]
pub fn call(message: &str, call: &Call, shown: CallView) -> String {
    success(message, CallShape::new(call, shown))
}

/// Returns the success `message` with a call, or null if there is none.
#[must_use]
pub fn call_or_null(message: &str, call: Option<&Call>) -> String {
    success(
        message,
        call.map(|call| CallShape::new(call, CallView::Whole)),
    )
}

/// Returns the success `message` without data.
#[must_use]
pub fn nothing(message: &str) -> String {
    success(message, ())
}

/// Returns the failure `message` of the kind `error_type`.
#[must_use]
pub fn failure(error_type: ErrorType, message: &str) -> String {
    to_json(&Failure {
        success: false,
        message,
        data: (),
        error_type: error_type.as_str(),
    })
}

/// Returns the success `message` with `data`.
pub(super) fn success<T: Serialize>(message: &str, data: T) -> String {
    to_json(&Success {
        success: true,
        message,
        data,
    })
}
