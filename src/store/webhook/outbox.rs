//! The tables `webhook_messages`, `webhook_deliveries` and `webhook_attempts`: what is to be told, and what came
//! of trying.

use std::ops::ControlFlow;

use rusqlite::{named_params, params};

use crate::call::CallId;
use crate::clock::Timestamp;
use crate::webhook_model::delivery::{EndpointId, Next, Outcome};
use crate::webhook_model::message::{Attempt, Delivery, Due, State};
use crate::webhook_model::{EventType, MessageId, WebhookEvent};

use super::super::engine::{Row, until};
use super::super::enum_codes::{Columns, encode};
use super::super::error::Error;
use super::super::{Read, Write};

impl Read<'_> {
    /// What is due at `receiver` by `before`, at most `limit`.
    pub fn due_deliveries(
        &self,
        receiver: EndpointId,
        before: Timestamp,
        limit: usize,
    ) -> Result<Due, Error> {
        let mut deliveries = Vec::new();
        self.each(
            "SELECT d.receiver, d.failures, d.due, m.*
             FROM webhook_deliveries AS d JOIN webhook_messages AS m ON m.seq = d.message
             WHERE d.receiver = ?1 AND d.due <= ?2 ORDER BY d.due, d.message LIMIT ?3",
            params![receiver.0, before.as_millis(), self.with_skipped(limit)],
            |row| {
                deliveries.extend(self.skip(delivery(row))?);
                Ok(until(deliveries.len() >= limit))
            },
        )?;
        let sql = "SELECT min(due) FROM webhook_deliveries WHERE receiver = ?1 AND due > ?2";
        let params = params![receiver.0, before.as_millis()];
        let next: Option<i64> = self.one(sql, params, |row| row.get(0))?;
        let next = next.map(Timestamp::from_millis);
        Ok(Due { deliveries, next })
    }
}

impl Write<'_> {
    /// Puts what is to be told, as `body`, into the outbox for every endpoint that takes its type. It is due at once,
    /// unless an earlier message about the same still waits.
    pub fn announce(
        &self,
        id: MessageId,
        announcement: &WebhookEvent,
        body: &str,
    ) -> Result<(), Error> {
        let WebhookEvent { topic, at, subject } = announcement;
        let call = subject.call();
        let message = self.insert(
            "INSERT INTO webhook_messages (id, topic, call, at, body) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![
                id.as_bytes(),
                encode(*topic),
                call.as_ref().map(CallId::as_bytes),
                at.as_millis(),
                body
            ],
        )?;
        self.run("INSERT INTO webhook_deliveries (message, receiver, lane, state, due)
             SELECT :message, r.key, :lane, 0,
                    CASE WHEN EXISTS (SELECT 1 FROM webhook_deliveries AS earlier
                                      WHERE earlier.receiver = r.key AND earlier.lane = :lane AND earlier.state = 0)
                         THEN NULL ELSE CAST(:due AS BIGINT) END
             FROM webhook_receivers AS r WHERE (r.events >> :event) & 1 = 1", named_params! {
                ":event": encode(*topic), ":message": message, ":lane": subject.ordering_key(), ":due": at.as_millis(),
            })?;
        Ok(())
    }

    /// Stores an attempt and what follows it; where that is nothing, the next message about the same is due.
    pub fn record_attempt(
        &self,
        delivery: &Delivery,
        attempt: &Attempt,
        next: Next,
        now: Timestamp,
    ) -> Result<(), Error> {
        let (status, failure) = match &attempt.outcome {
            Outcome::Delivered { status } | Outcome::Refused { status } => (Some(*status), None),
            Outcome::Failed { cause } => (None, Some(cause.as_str())),
        };
        let took_ms = i64::try_from(attempt.took.as_millis()).unwrap_or(i64::MAX);
        // Where the receiver is no longer there, nor is its delivery, and nothing is kept of the attempt.
        let recorded = self.execute(
            "INSERT INTO webhook_attempts (message, receiver, number, at, took_ms, status, failure)
             SELECT message, receiver,
                    (SELECT count(*) + 1 FROM webhook_attempts AS a
                     WHERE a.message = d.message AND a.receiver = d.receiver), ?3, ?4, ?5, ?6
             FROM webhook_deliveries AS d WHERE message = ?1 AND receiver = ?2",
            params![
                delivery.seq,
                delivery.receiver.0,
                attempt.at.as_millis(),
                took_ms,
                status,
                failure
            ],
        )?;
        if recorded == 0 {
            return Ok(());
        }
        let (state, due, failed) = match next {
            Next::Done => (State::Delivered, None, 0),
            Next::Again(at) => (State::Waiting, Some(at.as_millis()), 1),
            Next::GivenUp => (State::GivenUp, None, 1),
        };
        self.run(
            "UPDATE webhook_deliveries SET state = ?3, due = ?4, failures = failures + ?5
             WHERE message = ?1 AND receiver = ?2",
            params![
                delivery.seq,
                delivery.receiver.0,
                encode(state),
                due,
                failed
            ],
        )?;
        match next {
            Next::Again(_) => Ok(()),
            Next::Done | Next::GivenUp => {
                self.open_next(delivery, now)?;
                self.forget_delivered_app_message(delivery)
            }
        }
    }

    /// The next message about the same is due.
    fn open_next(&self, delivery: &Delivery, now: Timestamp) -> Result<(), Error> {
        let sql = "SELECT lane FROM webhook_deliveries WHERE message = ?1 AND receiver = ?2";
        let params = params![delivery.seq, delivery.receiver.0];
        let ordering_key: Vec<u8> = self.one(sql, params, |row| row.get(0))?;
        self.open_lane(delivery.receiver, &ordering_key, now)
    }

    /// Deletes a message of an app that no endpoint waits for: what users write is not kept longer, and clients decide how
    /// much that is.
    fn forget_delivered_app_message(&self, delivery: &Delivery) -> Result<(), Error> {
        if delivery.topic != EventType::AppMessage {
            return Ok(());
        }
        let sql =
            "SELECT EXISTS (SELECT 1 FROM webhook_deliveries WHERE message = ?1 AND state <> 1)";
        let is_awaited: bool = self.one(sql, params![delivery.seq], |row| row.get(0))?;
        if is_awaited {
            return Ok(());
        }
        self.delete_message(delivery.seq)
    }

    /// Deletes a message with its deliveries and attempts.
    fn delete_message(&self, seq: i64) -> Result<(), Error> {
        let statements = [
            "DELETE FROM webhook_attempts WHERE message = ?1",
            "DELETE FROM webhook_deliveries WHERE message = ?1",
            "DELETE FROM webhook_messages WHERE seq = ?1",
        ];
        self.run_each(&statements, params![seq])
    }

    /// The first message that waits in a lane is due.
    fn open_lane(
        &self,
        receiver: EndpointId,
        ordering_key: &[u8],
        now: Timestamp,
    ) -> Result<(), Error> {
        self.run(
            "UPDATE webhook_deliveries SET due = ?3
             WHERE receiver = ?1 AND due IS NULL AND message =
                (SELECT message FROM webhook_deliveries
                 WHERE receiver = ?1 AND lane = ?2 AND state = 0 ORDER BY message LIMIT 1)",
            params![receiver.0, ordering_key, now.as_millis()],
        )?;
        Ok(())
    }

    /// Makes due what waits for another attempt or was given up, at most `limit` deliveries; how many there
    /// were. A message that was given up comes out of its order: later ones about the same may have been
    /// delivered.
    pub fn retry_deliveries(&self, limit: u32, now: Timestamp) -> Result<usize, Error> {
        let waiting = self.execute(
            "UPDATE webhook_deliveries SET due = ?1 WHERE (message, receiver) IN
                (SELECT d.message, d.receiver FROM webhook_receivers AS r
                 JOIN webhook_deliveries AS d ON d.receiver = r.key AND d.due > ?1 LIMIT ?2)",
            params![now.as_millis(), limit],
        )?;
        let given_up = self.execute(
            "UPDATE webhook_deliveries SET state = 0, due = ?1 WHERE (message, receiver) IN
                (SELECT message, receiver FROM webhook_deliveries WHERE state = 2 LIMIT ?2)",
            params![now.as_millis(), limit],
        )?;
        Ok(waiting + given_up)
    }

    /// Makes one message due at every receiver, delivered or not; false where there is none of that id.
    pub fn retry_message(&self, id: MessageId, now: Timestamp) -> Result<bool, Error> {
        let changed = self.execute(
            "UPDATE webhook_deliveries SET state = 0, due = ?2
             WHERE message IN (SELECT seq FROM webhook_messages WHERE id = ?1)",
            params![id.as_bytes(), now.as_millis()],
        )?;
        Ok(changed > 0)
    }

    /// Forgets the oldest messages, where they happened before `before`, at most `limit`; how many there were.
    pub fn forget_messages(
        &self,
        before: Timestamp,
        limit: u32,
        now: Timestamp,
    ) -> Result<usize, Error> {
        // From the oldest end alone: there is no index by time.
        let sql = "SELECT seq, at FROM webhook_messages ORDER BY seq LIMIT ?1";
        let mut forgotten = 0;
        self.each(sql, params![limit], |row| {
            let (seq, at): (i64, i64) = (row.get(0)?, row.get(1)?);
            if at < before.as_millis() {
                self.forget_message(seq, now)?;
                forgotten += 1;
            }
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(forgotten)
    }

    /// Forgets a message, its deliveries and attempts; what waited behind it is due.
    fn forget_message(&self, seq: i64, now: Timestamp) -> Result<(), Error> {
        let sql = "SELECT receiver, lane FROM webhook_deliveries WHERE message = ?1 AND state = 0";
        let waiting: Vec<(i64, Vec<u8>)> =
            self.many(sql, params![seq], |row| Ok((row.get(0)?, row.get(1)?)))?;
        self.delete_message(seq)?;
        for (receiver, ordering_key) in waiting {
            self.open_lane(EndpointId(receiver), &ordering_key, now)?;
        }
        Ok(())
    }
}

pub(in super::super) fn delivery(row: &Row<'_>) -> Result<Delivery, Error> {
    let seq: i64 = row.get("seq")?;
    let columns = Columns {
        row,
        table: "webhook_messages",
        id: &seq,
    };
    let call: Option<[u8; 16]> = columns.get("call")?;
    Ok(Delivery {
        receiver: EndpointId(columns.get("receiver")?),
        seq,
        id: MessageId::from_uuid(uuid::Uuid::from_bytes(columns.get("id")?)),
        topic: columns.decode("topic")?,
        call: call.map(|bytes| CallId::from_uuid(uuid::Uuid::from_bytes(bytes))),
        at: Timestamp::from_millis(columns.get("at")?),
        body: columns.get("body")?,
        failures: columns.get("failures")?,
        due: Timestamp::from_millis(columns.get("due")?),
    })
}
