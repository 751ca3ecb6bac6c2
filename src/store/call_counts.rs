//! Calls of a period, counted.

use rusqlite::params;

use crate::call::{CallId, CallType, Status};
use crate::clock::Timestamp;

use super::Read;
use super::engine::Row;
use super::enum_codes::Columns;
use super::error::Error;

/// Milliseconds of a day.
const DAY_MS: i64 = 86_400_000;

/// Calls of one day, type and status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallCount {
    /// The day: its first instant in UTC.
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

impl Read<'_> {
    /// Returns the calls created from `from` until before `to`, counted, by day.
    pub fn count_calls(&self, from: Timestamp, to: Timestamp) -> Result<Vec<CallCount>, Error> {
        let [first, end] = [from, to].map(CallId::first_at);
        self.readable(
            "SELECT created_at / 86400000 AS day, call_type, status, count(*) AS calls,
                    count(started_at) AS answered, CAST(coalesce(sum(duration_seconds), 0) AS BIGINT) AS seconds
             FROM calls WHERE id >= ?1 AND id < ?2
             GROUP BY day, call_type, status ORDER BY day, call_type, status",
            params![first.as_bytes(), end.as_bytes()],
            count,
        )
    }
}

fn count(row: &Row<'_>) -> Result<CallCount, Error> {
    let day: i64 = row.get("day")?;
    let columns = Columns {
        row,
        table: "calls",
        id: &day,
    };
    Ok(CallCount {
        day: Timestamp::from_millis(day * DAY_MS),
        call_type: columns.decode("call_type")?,
        status: columns.decode("status")?,
        calls: columns.get("calls")?,
        answered: columns.get("answered")?,
        seconds: columns.get("seconds")?,
    })
}
