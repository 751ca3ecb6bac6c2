//! Calls as the administrator's commands show them (contract section 7): the fields of the call's details,
//! who ended it and why it was rejected, and its timeline where that was asked for.

use serde::Serialize;
use serde_json::Value;

use crate::call::{Actor, Call, State, TimelineEntry};

use super::answer::{CallShape, Shown};
use super::{Instant, Text};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AdminCall<'a> {
    #[serde(flatten)]
    call: CallShape<'a>,
    ended_by: Option<Text<&'a Actor>>,
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeline: Option<Vec<Line<'a>>>,
}

#[derive(Serialize)]
struct Line<'a> {
    at: Instant,
    status: &'static str,
    actor: Text<&'a Actor>,
    via: &'static str,
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

/// A call of a list.
///
/// # Panics
/// Never: the shape has text keys.
#[must_use]
pub fn call(call: &Call) -> Value {
    value(call, None)
}

/// A call with `timeline: [{at, status, actor, via, cause}]`, oldest first.
///
/// # Panics
/// Never: the shape has text keys.
#[must_use]
pub fn call_with_timeline(call: &Call, timeline: &[TimelineEntry]) -> Value {
    value(call, Some(timeline))
}

fn value(call: &Call, timeline: Option<&[TimelineEntry]>) -> Value {
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
        call: CallShape::new(call, Shown::Whole),
        ended_by,
        reason,
        timeline: timeline.map(|entries| entries.iter().map(Line::of).collect()),
    };
    serde_json::to_value(shape).expect("the shape has text keys")
}
