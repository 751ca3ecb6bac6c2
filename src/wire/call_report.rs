//! Reader of calls as [`admin`](super::admin) writes them: in the output of commands and in the server API.

use serde::Deserialize;
use serde::de::{Deserializer, Error as _};
use serde_json::Value;

use crate::call::{CallId, Cause, Status};
use crate::clock::Timestamp;
use crate::user::UserId;

use super::control::Delivered;
use super::fields::ValidationError;

/// Call of a list.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CallRecord {
    /// Its id.
    #[serde(deserialize_with = "word")]
    pub id: CallId,
    /// Who calls.
    #[serde(rename = "callerId", deserialize_with = "word")]
    pub caller: UserId,
    /// Who is called.
    #[serde(rename = "calleeId", deserialize_with = "word")]
    pub callee: UserId,
    /// `AUDIO` or `VIDEO`.
    pub call_type: String,
    /// Its status.
    #[serde(deserialize_with = "word")]
    pub status: Status,
    /// Its media channel.
    #[serde(rename = "channelId")]
    pub channel: String,
    /// When the caller asked.
    #[serde(deserialize_with = "word")]
    pub created_at: Timestamp,
    /// When the callee accepted.
    #[serde(rename = "startTime", deserialize_with = "word_or_null")]
    pub started_at: Option<Timestamp>,
    /// When the call was over.
    #[serde(rename = "endTime", deserialize_with = "word_or_null")]
    pub ended_at: Option<Timestamp>,
    /// How long it lasted.
    pub duration_seconds: Option<u32>,
    /// Who ended it: a user, or `system`.
    pub ended_by: Option<String>,
    /// Why it was rejected.
    pub reason: Option<String>,
}

/// Call with all that is known of it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct CallReport {
    /// The call.
    #[serde(flatten)]
    pub call: CallRecord,
    /// Its steps, oldest first.
    pub timeline: Vec<Step>,
    /// What the caller and the callee have reported of its network.
    pub quality: [Reported; 2],
    /// Its events, and the sessions that they were sent to.
    pub delivery: Vec<Delivered>,
}

/// Step of a call.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Step {
    /// When.
    #[serde(deserialize_with = "word")]
    pub at: Timestamp,
    /// The status from then on.
    #[serde(deserialize_with = "word")]
    pub status: Status,
    /// Who acted: a user, or `system`.
    pub actor: String,
    /// Through which interface.
    pub via: String,
    /// Why.
    #[serde(deserialize_with = "word")]
    pub cause: Cause,
}

/// Network quality that a participant has reported.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reported {
    /// The participant.
    pub user_id: String,
    /// Number of reports.
    pub report_count: u32,
    /// The worst level, if there was a report.
    pub worst_quality: Option<String>,
    /// Average share of lost packets, from 0 to 1.
    pub average_packet_loss_rate: Option<f64>,
    /// Average round trip in milliseconds.
    pub average_round_trip_time: Option<f64>,
}

impl CallRecord {
    /// Reads a call of a list.
    pub fn read(json: &Value) -> Result<Self, ValidationError> {
        Self::deserialize(json).map_err(|error| unexpected(&error))
    }
}

impl CallReport {
    /// Reads a call with its timeline.
    pub fn read(json: &Value) -> Result<Self, ValidationError> {
        Self::deserialize(json).map_err(|error| unexpected(&error))
    }
}

fn unexpected(error: &serde_json::Error) -> ValidationError {
    ValidationError(format!("call: {error}"))
}

/// Value that is written as a word.
trait Word: Sized {
    fn of(text: &str) -> Option<Self>;
}

impl Word for CallId {
    fn of(text: &str) -> Option<Self> {
        Self::parse(text)
    }
}

impl Word for UserId {
    fn of(text: &str) -> Option<Self> {
        Self::parse(text)
    }
}

impl Word for Timestamp {
    fn of(text: &str) -> Option<Self> {
        Self::parse(text)
    }
}

impl Word for Status {
    fn of(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == text)
    }
}

impl Word for Cause {
    fn of(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == text)
    }
}

fn word<'de, D: Deserializer<'de>, T: Word>(from: D) -> Result<T, D::Error> {
    let text = String::deserialize(from)?;
    T::of(&text).ok_or_else(|| D::Error::custom(format!("unexpected value {text:?}")))
}

fn word_or_null<'de, D: Deserializer<'de>, T: Word>(from: D) -> Result<Option<T>, D::Error> {
    let Some(text) = Option::<String>::deserialize(from)? else {
        return Ok(None);
    };
    let read = T::of(&text).ok_or_else(|| D::Error::custom(format!("unexpected value {text:?}")));
    read.map(Some)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn unexpected_values_are_named() {
        let call = |status: &str| {
            json!({
                "id": "0192f0c1-7a4b-7c3d-8e5f-0123456789ab", "callerId": "alice", "calleeId": "bob",
                "callType": "AUDIO", "status": status, "channelId": "c",
                "createdAt": "2024-01-15T10:30:00.123Z", "updatedAt": "2024-01-15T10:30:00.123Z",
                "startTime": null, "endTime": null, "durationSeconds": null, "endedBy": null,
                "reason": null,
            })
        };
        let read = CallRecord::read(&call("RINGING")).expect("a call");
        assert_eq!((read.status, read.started_at), (Status::Ringing, None));
        let ValidationError(problem) = CallRecord::read(&call("LOST")).expect_err("no status");
        assert!(problem.contains("LOST"), "{problem}");
    }
}
