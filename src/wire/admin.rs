//! Calls in the output of administrator commands (contract section 7): the fields of the call's details, who ended it
//! and why it was rejected, and its timeline if requested.

use serde::Serialize;
use serde_json::Value;

use crate::call::{Actor, Call, QualitySummary, State, TimelineEntry};

use super::control::Delivered;
use super::quality::{self, Participant};
use super::response::{CallShape, CallView};
use super::{Instant, Text};

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
pub struct Looked<'a> {
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
pub fn call_with_timeline(call: &Call, looked: Looked<'_>) -> Value {
    value(call, Some(looked))
}

fn value(call: &Call, looked: Option<Looked<'_>>) -> Value {
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
        quality: looked.map(|looked| quality::participants(call, looked.quality)),
        delivery: looked.map(|looked| looked.delivery),
        timeline: looked.map(|looked| looked.timeline.iter().map(Line::of).collect()),
    };
    serde_json::to_value(shape).expect("the shape has text keys")
}
