//! Calls in the output of administrator commands (contract section 7): the fields of the call's details, who ended it
//! and why it was rejected, and its timeline if requested.

use serde::Serialize;
use serde_json::Value;
use utoipa::openapi::schema::{ArrayBuilder, Object, ObjectBuilder, OneOfBuilder, Schema, Type};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

use crate::call::{Actor, Call, QualitySummary, State, TimelineEntry};

use super::control::Delivered;
use super::quality::{self, Participant};
use super::response::{CallShape, CallView};
use super::{Instant, Text, value};

/// A call of a list, for the documents.
pub(crate) struct ListedCall;

impl PartialSchema for ListedCall {
    fn schema() -> RefOr<Schema> {
        object_of_a_call("A call, with who ended it and why it was rejected.").into()
    }
}

impl ToSchema for ListedCall {}

/// A call with all that is known of it, for the documents.
pub(crate) struct CallWithTimeline;

impl PartialSchema for CallWithTimeline {
    fn schema() -> RefOr<Schema> {
        let mut call = object_of_a_call(
            "A call with its timeline, the network quality that its participants reported, and the delivery of its events.",
        );
        let lists = [
            ("timeline", Line::name()),
            ("quality", Participant::name()),
            ("delivery", Delivered::name()),
        ];
        for (field, item) in lists {
            let list = ArrayBuilder::new().items(Ref::from_schema_name(item));
            call.properties.insert(field.to_owned(), list.into());
            call.required.push(field.to_owned());
        }
        call.into()
    }
}

impl ToSchema for CallWithTimeline {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((Line::name().into_owned(), Line::schema()));
        schemas.push((Participant::name().into_owned(), Participant::schema()));
        schemas.push((Delivered::name().into_owned(), Delivered::schema()));
        Delivered::schemas(schemas);
    }
}

/// Returns the schema of a call's details with `endedBy` and `reason`.
fn object_of_a_call(description: &str) -> Object {
    let (_, RefOr::T(Schema::Object(mut call))) = CallView::Whole.schema() else {
        unreachable!("the shape of a call is an object");
    };
    call.description = Some(description.to_owned());
    let fields = [
        ("endedBy", value::Actor::name()),
        ("reason", value::RejectReason::name()),
    ];
    for (field, name) in fields {
        let null = ObjectBuilder::new().schema_type(Type::Null);
        let or_null = OneOfBuilder::new()
            .item(Ref::from_schema_name(name))
            .item(null);
        call.properties.insert(field.to_owned(), or_null.into());
        call.required.push(field.to_owned());
    }
    call
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AdminCall<'a> {
    #[serde(flatten)]
    call: CallShape<'a>,
    ended_by: Option<Text<&'a Actor>>,
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quality: Option<[Participant<'a>; 2]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeline: Option<Vec<Line<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delivery: Option<&'a [Delivered]>,
}

/// A step of a call.
#[derive(Serialize, ToSchema)]
#[schema(as = TimelineEntry)]
struct Line<'a> {
    /// When.
    #[schema(value_type = value::Timestamp)]
    at: Instant,
    #[schema(value_type = value::CallStatus)]
    status: &'static str,
    #[schema(value_type = value::Actor)]
    actor: Text<&'a Actor>,
    /// By which way: `rest`, `websocket`, `server`, `admin`, `webhook` or `backend`.
    via: &'static str,
    /// Why, such as `accept` or `ring_timeout`.
    cause: &'static str,
}

impl<'a> Line<'a> {
    fn of(entry: &'a TimelineEntry) -> Self {
        Self {
            at: Instant(entry.at),
            status: entry.status.as_str(),
            actor: Text(&entry.actor),
            via: entry.via.as_str(),
            cause: entry.cause.as_str(),
        }
    }
}

/// Returns a call of a list as JSON.
///
/// # Panics
/// Never: the shape has text keys.
#[must_use]
pub fn call(call: &Call) -> Value {
    value(call, None)
}

/// Details of one call.
#[derive(Clone, Copy, Debug)]
pub struct CallRecords<'a> {
    /// Its timeline, the oldest entry first.
    pub timeline: &'a [TimelineEntry],
    /// Summaries of the caller's and the callee's quality reports.
    pub quality: &'a [QualitySummary; 2],
    /// Deliveries of its events, as far as the running server remembers them.
    pub delivery: &'a [Delivered],
}

/// Returns a call as JSON with `timeline: [{at, status, actor, via, cause}]`, the oldest first, `quality`, the
/// summaries of the caller and of the callee as in `GET …/quality`, and `delivery`, the events with the sessions that
/// they were sent to.
///
/// # Panics
/// Never: the shape has text keys.
#[must_use]
pub fn call_with_timeline(call: &Call, records: CallRecords<'_>) -> Value {
    value(call, Some(records))
}

fn value(call: &Call, records: Option<CallRecords<'_>>) -> Value {
    let (ended_by, reason) = match &call.state {
        State::Ended { ended_by, .. } => (Some(Text(ended_by)), None),
        State::Rejected { reason, .. } => (None, Some(reason.as_str())),
        State::Initiating { .. }
        | State::Ringing { .. }
        | State::Connecting { .. }
        | State::Active { .. }
        | State::Missed { .. } => (None, None),
    };
    let shape = AdminCall {
        call: CallShape::new(call, CallView::Whole),
        ended_by,
        reason,
        quality: records.map(|records| quality::participants(call, records.quality)),
        delivery: records.map(|records| records.delivery),
        timeline: records.map(|records| records.timeline.iter().map(Line::of).collect()),
    };
    serde_json::to_value(shape).expect("the shape has text keys")
}
