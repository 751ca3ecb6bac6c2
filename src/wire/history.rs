//! History and statistics in REST responses (contract section 5).

use serde::Serialize;
use utoipa::ToSchema;

use crate::call::{CallId, CallType, EntryId, Outcome, PastCall, Statistics};
use crate::user::UserId;

use super::response::success;
use super::{Instant, Text, cursor, value};

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = HistoryPage)]
pub(crate) struct PageShape<'a> {
    /// The entries, newest first.
    items: Vec<Item<'a>>,
    /// What to ask the next page with; null where this is the last.
    #[schema(required)]
    next_cursor: Option<String>,
}

/// What a user's history keeps of a call.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = HistoryEntry)]
struct Item<'a> {
    #[schema(value_type = value::HistoryEntryId)]
    id: Text<EntryId>,
    #[schema(value_type = value::CallId)]
    call_id: Text<CallId>,
    /// The other participant.
    #[schema(value_type = value::UserId)]
    remote_user_id: Text<&'a UserId>,
    /// The other participant's name, as it is today.
    remote_user_name: &'a str,
    /// The address of the other participant's picture, where there is one.
    #[schema(required, format = "uri")]
    remote_user_avatar: Option<&'a str>,
    #[schema(value_type = value::CallType)]
    call_type: &'static str,
    #[schema(value_type = value::HistoryStatus)]
    status: &'static str,
    #[schema(value_type = value::Direction)]
    direction: &'static str,
    /// When the call was initiated.
    #[schema(value_type = value::Timestamp)]
    timestamp: Instant,
    /// How long the call lasted; null where it was missed or rejected.
    #[schema(value_type = Option<value::DurationSeconds>, required)]
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

#[derive(Serialize, ToSchema)]
#[schema(as = DeletedHistory)]
pub(crate) struct Deleted {
    /// How many entries there were.
    deleted: u64,
}

#[derive(Serialize, ToSchema)]
#[schema(as = UnseenCalls)]
pub(crate) struct Unseen {
    /// How many calls one has missed since one last marked the history as seen.
    missed: u64,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CallStatistics)]
pub(crate) struct StatisticsShape {
    /// How many calls there were.
    total_calls: u64,
    /// How long they lasted together, in seconds.
    total_duration_seconds: u64,
    /// How long a COMPLETED call lasted on average, in seconds; 0 where there was none.
    #[schema(minimum = 0)]
    average_duration_seconds: f64,
    /// How many there were of each type.
    calls_by_type: CallsByType,
    /// How many went each way.
    calls_by_status: CallsByStatus,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
struct CallsByType {
    audio: u64,
    video: u64,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
struct CallsByStatus {
    completed: u64,
    missed: u64,
    rejected: u64,
    cancelled: u64,
}

/// Returns the success `message` with a page of a history, and the cursor of the page after the call `next`.
#[must_use]
pub fn page(message: &str, items: &[PastCall], next: Option<CallId>) -> String {
    let page = PageShape {
        items: items.iter().map(Item::from).collect(),
        next_cursor: next.map(cursor::after),
    };
    success(message, page)
}

/// Returns the success `message` with the number of deleted entries.
#[must_use]
pub fn deleted(message: &str, deleted: u64) -> String {
    success(message, Deleted { deleted })
}

/// Returns the success `message` with the number of unseen missed calls.
#[must_use]
pub fn unseen(message: &str, missed: u64) -> String {
    success(message, Unseen { missed })
}

/// Returns the success `message` with statistics; every type and status is present, counted or not.
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
