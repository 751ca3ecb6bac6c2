//! Histories and statistics as REST shows them (contract section 5).

use serde::Serialize;

use crate::call::{CallId, CallType, EntryId, Outcome, PastCall, Statistics};
use crate::user::UserId;

use super::answer::success;
use super::{Instant, Text, cursor};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PageShape<'a> {
    items: Vec<Item<'a>>,
    next_cursor: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Item<'a> {
    id: Text<EntryId>,
    call_id: Text<CallId>,
    remote_user_id: Text<&'a UserId>,
    remote_user_name: &'a str,
    remote_user_avatar: Option<&'a str>,
    call_type: &'static str,
    status: &'static str,
    direction: &'static str,
    timestamp: Instant,
    duration_seconds: Option<u32>,
}

impl<'a> From<&'a PastCall> for Item<'a> {
    fn from(past: &'a PastCall) -> Self {
        Self {
            id: Text(past.id),
            call_id: Text(past.id.call),
            remote_user_id: Text(&past.remote.id),
            remote_user_name: &past.remote.name,
            remote_user_avatar: past.remote.avatar.as_deref(),
            call_type: past.call_type.as_str(),
            status: past.outcome.as_str(),
            direction: past.id.direction.as_str(),
            timestamp: Instant(past.id.call.created_at()),
            duration_seconds: past.duration_seconds,
        }
    }
}

#[derive(Serialize)]
struct Deleted {
    deleted: u64,
}

#[derive(Serialize)]
struct Unseen {
    missed: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StatisticsShape {
    total_calls: u64,
    total_duration_seconds: u64,
    average_duration_seconds: f64,
    calls_by_type: CallsByType,
    calls_by_status: CallsByStatus,
}

#[derive(Serialize)]
#[serde(rename_all = "UPPERCASE")]
struct CallsByType {
    audio: u64,
    video: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "UPPERCASE")]
struct CallsByStatus {
    completed: u64,
    missed: u64,
    rejected: u64,
    cancelled: u64,
}

/// The success `message` with a page of a history, and the cursor of the page after the call `next`.
#[must_use]
pub fn page(message: &str, items: &[PastCall], next: Option<CallId>) -> String {
    let page = PageShape {
        items: items.iter().map(Item::from).collect(),
        next_cursor: next.map(cursor::after),
    };
    success(message, page)
}

/// The success `message` with how many entries were deleted.
#[must_use]
pub fn deleted(message: &str, deleted: u64) -> String {
    success(message, Deleted { deleted })
}

/// The success `message` with how many missed calls are unseen.
#[must_use]
pub fn unseen(message: &str, missed: u64) -> String {
    success(message, Unseen { missed })
}

/// The success `message` with statistics; every type and status is there, counted or not.
#[must_use]
pub fn statistics(message: &str, statistics: &Statistics) -> String {
    let of_type = |call_type| statistics.calls_of_type(call_type);
    let with = |outcome| statistics.calls_with_outcome(outcome);
    let shape = StatisticsShape {
        total_calls: statistics.calls(),
        total_duration_seconds: statistics.seconds(),
        average_duration_seconds: statistics.average_seconds(),
        calls_by_type: CallsByType {
            audio: of_type(CallType::Audio),
            video: of_type(CallType::Video),
        },
        calls_by_status: CallsByStatus {
            completed: with(Outcome::Completed),
            missed: with(Outcome::Missed),
            rejected: with(Outcome::Rejected),
            cancelled: with(Outcome::Cancelled),
        },
    };
    success(message, shape)
}
