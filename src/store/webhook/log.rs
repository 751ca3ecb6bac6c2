//! How deliveries went, for administrators and metrics.

use std::time::Duration;

use rusqlite::params;

use crate::call::CallId;
use crate::clock::Timestamp;
use crate::webhook_model::MessageId;
use crate::webhook_model::delivery::{EndpointId, Outcome};
use crate::webhook_model::message::{Attempt, SentMessage, State, Tally};

use super::super::Read;
use super::super::engine::Row;
use super::super::enum_codes::{Columns, encode};
use super::super::error::Error;

/// Deliveries that are counted one by one; beyond that, "so many" is enough to know.
const COUNTED: u32 = 100_000;

impl Read<'_> {
    /// How much there is for `receiver`.
    pub fn tally(&self, receiver: EndpointId) -> Result<Tally, Error> {
        self.one(
            "SELECT waiting, (SELECT at FROM webhook_messages WHERE seq = oldest) AS since
             FROM (SELECT count(*) AS waiting, min(message) AS oldest
                   FROM (SELECT message FROM webhook_deliveries
                         WHERE receiver = ?1 AND state = 0 ORDER BY lane LIMIT ?2) AS counted) AS tally",
            params![receiver.0, COUNTED],
            |row| {
                let since: Option<i64> = row.get("since")?;
                Ok(Tally {
                    waiting: row.get("waiting")?,
                    waiting_since: since.map(Timestamp::from_millis),
                })
            },
        )
    }

    /// The newest messages with how each went, newest first, at most `limit`; only those in `state` where one
    /// is named, and only those that follow the message `after` at its endpoint.
    pub fn sent(
        &self,
        state: Option<State>,
        after: Option<(MessageId, EndpointId)>,
        limit: u32,
    ) -> Result<Vec<SentMessage>, Error> {
        let after = match after {
            // There is no index by id.
            Some((id, receiver)) => self
                .find(
                    "SELECT seq FROM webhook_messages WHERE id = ?1",
                    params![id.as_bytes()],
                    |row| row.get(0),
                )?
                .map_or((0, 0), |seq: i64| (seq, receiver.0)),
            None => (i64::MAX, 0),
        };
        // One statement: the state and the attempts are of the same instant on PostgreSQL too.
        let sql = "SELECT s.*, a.at AS attempted_at, a.took_ms, a.status, a.failure
             FROM (SELECT d.receiver, d.state, d.due, m.seq, m.id, m.topic, m.call, m.at
                   FROM webhook_messages AS m JOIN webhook_deliveries AS d ON d.message = m.seq
                   WHERE (CAST(?1 AS BIGINT) IS NULL OR d.state = ?1)
                     AND m.seq <= ?3 AND (m.seq < ?3 OR d.receiver > ?4)
                   ORDER BY m.seq DESC, d.receiver LIMIT ?2) AS s
             LEFT JOIN webhook_attempts AS a ON a.message = s.seq AND a.receiver = s.receiver
             ORDER BY s.seq DESC, s.receiver, a.number";
        let params = params![state.map(encode), limit, after.0, after.1];
        let rows = self.many(sql, params, |row| Ok((sent(row)?, attempt(row)?)))?;
        let mut messages: Vec<SentMessage> = Vec::new();
        for (sent, attempt) in rows {
            match messages.last_mut() {
                Some(last) if (last.id, last.receiver) == (sent.id, sent.receiver) => {
                    last.attempts.extend(attempt);
                }
                _ => messages.push(SentMessage {
                    attempts: attempt.into_iter().collect(),
                    ..sent
                }),
            }
        }
        Ok(messages)
    }
}

fn sent(row: &Row<'_>) -> Result<SentMessage, Error> {
    let seq: i64 = row.get("seq")?;
    let columns = Columns {
        row,
        table: "webhook_deliveries",
        id: &seq,
    };
    let call: Option<[u8; 16]> = columns.get("call")?;
    let due: Option<i64> = columns.get("due")?;
    Ok(SentMessage {
        receiver: EndpointId(columns.get("receiver")?),
        id: MessageId::from_uuid(uuid::Uuid::from_bytes(columns.get("id")?)),
        topic: columns.decode("topic")?,
        call: call.map(|bytes| CallId::from_uuid(uuid::Uuid::from_bytes(bytes))),
        at: Timestamp::from_millis(columns.get("at")?),
        state: columns.decode("state")?,
        due: due.map(Timestamp::from_millis),
        attempts: Vec::new(),
    })
}

/// Returns the attempt of a row of [`Read::sent`], if there was one.
fn attempt(row: &Row<'_>) -> Result<Option<Attempt>, Error> {
    let message: i64 = row.get("seq")?;
    let columns = Columns {
        row,
        table: "webhook_attempts",
        id: &message,
    };
    let Some(at) = columns.get("attempted_at")? else {
        return Ok(None);
    };
    let outcome = match columns.get::<Option<u16>>("status")? {
        Some(status) => Outcome::of_status(status),
        None => Outcome::Failed {
            cause: columns.required("failure")?,
        },
    };
    Ok(Some(Attempt {
        at: Timestamp::from_millis(at),
        took: Duration::from_millis(columns.get("took_ms")?),
        outcome,
    }))
}
