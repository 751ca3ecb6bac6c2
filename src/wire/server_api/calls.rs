//! Calls as a backend sees them, calls that it places, and statistics.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::call::{Call, CallId, CallType, ChannelId, Status};
use crate::clock::Timestamp;
use crate::user::UserId;
use crate::wire::admin::{self, CallRecords};
use crate::wire::fields::{Fields, ValidationError};
use crate::wire::request::json;
use crate::wire::response::success;
use crate::wire::{Instant, cursor, value};

/// A page of calls.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CallPage)]
pub(crate) struct PageShape {
    /// The calls, newest first.
    #[schema(value_type = Vec<admin::ListedCall>)]
    items: Vec<Value>,
    /// The `cursor` of the next page; null on the last one.
    #[schema(required)]
    next_cursor: Option<String>,
}

/// The body of `POST /calls`.
#[derive(Clone, Debug, PartialEq, Eq, ToSchema)]
#[schema(as = PlaceCall, rename_all = "camelCase")]
pub struct Place {
    /// Who calls.
    #[schema(rename = "callerId", value_type = value::UserId)]
    pub caller: UserId,
    /// Who is called.
    #[schema(rename = "calleeId", value_type = value::UserId)]
    pub callee: UserId,
    /// What the participants will send each other.
    #[schema(value_type = value::CallType)]
    pub call_type: CallType,
    /// Where the media will flow.
    #[schema(rename = "channelId", value_type = value::ChannelId)]
    pub channel: ChannelId,
}

/// Calls of one day, type and status.
#[derive(Clone, Copy, Debug)]
pub struct Count {
    /// The first instant of the day in UTC.
    pub day: Timestamp,
    /// Their type.
    pub call_type: CallType,
    /// Their status.
    pub status: Status,
    /// How many there are.
    pub calls: u64,
    /// How many of them were answered.
    pub answered: u64,
    /// How long they lasted together, in seconds.
    pub seconds: u64,
}

/// Statistics of a period.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ServerStatistics)]
pub(crate) struct StatisticsShape {
    /// Start of the period: calls that were created then or later.
    #[schema(value_type = value::Timestamp)]
    from: Instant,
    /// End of the period: calls that were created before.
    #[schema(value_type = value::Timestamp)]
    to: Instant,
    /// How many calls there were.
    total_calls: u64,
    /// How many of them were answered.
    answered_calls: u64,
    /// How long they lasted together, in seconds.
    total_duration_seconds: u64,
    calls_by_type: ByType,
    calls_by_status: ByStatus,
    /// The same for each day in UTC that has calls, if the request has `by=day`.
    #[serde(skip_serializing_if = "Option::is_none")]
    days: Option<Vec<DayShape>>,
}

/// Calls of a day.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = DayStatistics)]
struct DayShape {
    /// The day in UTC.
    #[schema(format = "date")]
    day: String,
    /// How many calls there were.
    total_calls: u64,
    /// How many of them were answered.
    answered_calls: u64,
    /// How long they lasted together, in seconds.
    total_duration_seconds: u64,
}

impl DayShape {
    const fn empty(day: String) -> Self {
        Self {
            day,
            total_calls: 0,
            answered_calls: 0,
            total_duration_seconds: 0,
        }
    }

    const fn add(&mut self, count: &Count) {
        self.total_calls += count.calls;
        self.answered_calls += count.answered;
        self.total_duration_seconds += count.seconds;
    }
}

/// Calls by type.
#[derive(Default, Serialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
#[schema(as = ServerCallsByType)]
struct ByType {
    audio: u64,
    video: u64,
}

/// Calls by status.
#[derive(Default, Serialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
#[schema(as = ServerCallsByStatus)]
struct ByStatus {
    initiating: u64,
    ringing: u64,
    connecting: u64,
    active: u64,
    ended: u64,
    rejected: u64,
    missed: u64,
}

impl ByStatus {
    const fn add(&mut self, status: Status, calls: u64) {
        let count = match status {
            Status::Initiating => &mut self.initiating,
            Status::Ringing => &mut self.ringing,
            Status::Connecting => &mut self.connecting,
            Status::Active => &mut self.active,
            Status::Ended => &mut self.ended,
            Status::Rejected => &mut self.rejected,
            Status::Missed => &mut self.missed,
        };
        *count += calls;
    }
}

/// Returns the success `message` with a page of calls, and the cursor after the call `next`.
#[must_use]
pub fn page(message: &str, items: &[Call], next: Option<CallId>) -> String {
    let shape = PageShape {
        items: items.iter().map(admin::call).collect(),
        next_cursor: next.map(cursor::after),
    };
    success(message, shape)
}

/// Returns the success `message` with a call.
#[must_use]
pub fn call(message: &str, call: &Call) -> String {
    success(message, admin::call(call))
}

/// Returns the success `message` with all that is known of a call.
#[must_use]
pub fn details(message: &str, call: &Call, records: CallRecords<'_>) -> String {
    success(message, admin::call_with_timeline(call, records))
}

/// Returns the success `message` with the statistics of `counts`, which are in the order of their days.
#[must_use]
pub fn statistics(
    message: &str,
    [from, to]: [Timestamp; 2],
    by_day: bool,
    counts: &[Count],
) -> String {
    let mut totals = DayShape::empty(String::new());
    let (mut calls_by_type, mut calls_by_status) = (ByType::default(), ByStatus::default());
    let mut days: Vec<DayShape> = Vec::new();
    for count in counts {
        totals.add(count);
        match count.call_type {
            CallType::Audio => calls_by_type.audio += count.calls,
            CallType::Video => calls_by_type.video += count.calls,
        }
        calls_by_status.add(count.status, count.calls);
        let day = date(count.day);
        if days.last().is_none_or(|last| last.day != day) {
            days.push(DayShape::empty(day));
        }
        if let Some(last) = days.last_mut() {
            last.add(count);
        }
    }
    let shape = StatisticsShape {
        from: Instant(from),
        to: Instant(to),
        total_calls: totals.total_calls,
        answered_calls: totals.answered_calls,
        total_duration_seconds: totals.total_duration_seconds,
        calls_by_type,
        calls_by_status,
        days: by_day.then_some(days),
    };
    success(message, shape)
}

/// Returns the date of an instant in UTC.
fn date(at: Timestamp) -> String {
    let text = at.to_string();
    text.split('T').next().unwrap_or_default().to_owned()
}

/// Reads the body of `POST /calls`.
pub fn read_place(body: &[u8]) -> Result<Place, ValidationError> {
    let body = json(body)?;
    let fields = Fields::of(&body, "body")?;
    Ok(Place {
        caller: fields.parsed("callerId", UserId::EXPECTED, UserId::parse)?,
        callee: fields.parsed("calleeId", UserId::EXPECTED, UserId::parse)?,
        call_type: fields.one_of("callType", &CallType::ALL, CallType::as_str)?,
        channel: fields.parsed("channelId", ChannelId::EXPECTED, ChannelId::parse)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_are_added_up_by_day() {
        let count = |day: i64, call_type, status, calls| Count {
            day: Timestamp::from_millis(day * 86_400_000),
            call_type,
            status,
            calls,
            answered: 1,
            seconds: 10,
        };
        let counts = [
            count(19_737, CallType::Audio, Status::Ended, 2),
            count(19_737, CallType::Video, Status::Missed, 3),
            count(19_738, CallType::Video, Status::Ended, 5),
        ];
        let period = [0, 1].map(Timestamp::from_millis);
        let shown: Value =
            serde_json::from_str(&statistics("Done", period, true, &counts)).expect("JSON");
        let data = &shown["data"];
        assert_eq!(data["totalCalls"], 10);
        assert_eq!(data["callsByType"]["VIDEO"], 8);
        assert_eq!(data["callsByStatus"]["ENDED"], 7);
        assert_eq!(data["days"][0]["day"], "2024-01-15");
        assert_eq!(data["days"][0]["totalCalls"], 5);
        assert_eq!(data["days"][1]["answeredCalls"], 1);
        let shown = statistics("Done", period, false, &counts);
        assert!(!shown.contains("days"), "{shown}");
    }
}
