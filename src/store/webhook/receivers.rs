//! The tables `webhook_receivers` and `webhook_presence`.

use rusqlite::params;

use crate::clock::Timestamp;
use crate::user::UserId;
use crate::webhook_model::EventType;
use crate::webhook_model::delivery::{EndpointId, PauseCause};
use crate::webhook_model::message::{Pause, Receiver};

use super::super::engine::Row;
use super::super::enum_codes::{Code as _, Columns, encode};
use super::super::error::Error;
use super::super::users::user_id;
use super::super::{Read, Write};

impl Read<'_> {
    /// All receivers, by number.
    pub fn receivers(&self) -> Result<Vec<Receiver>, Error> {
        self.many(
            "SELECT * FROM webhook_receivers ORDER BY key",
            params![],
            receiver,
        )
    }
}

impl Write<'_> {
    /// Makes these the endpoints, each with the event types that it receives: new ones are added, and what waits for
    /// others is deleted with them.
    pub fn set_receivers(&self, endpoints: &[(&str, &[EventType])]) -> Result<(), Error> {
        for gone in self.receivers()? {
            if !endpoints.iter().any(|(url, _)| *url == gone.url) {
                let key = gone.id.0;
                self.run(
                    "DELETE FROM webhook_deliveries WHERE receiver = ?1",
                    params![key],
                )?;
                self.run("DELETE FROM webhook_receivers WHERE key = ?1", params![key])?;
            }
        }
        for (url, events) in endpoints {
            let bits = events
                .iter()
                .fold(0, |bits, event| bits | 1_i64 << event.code());
            self.run(
                "INSERT INTO webhook_receivers (url, events) VALUES (?1, ?2)
                 ON CONFLICT (url) DO UPDATE SET events = excluded.events",
                params![url, bits],
            )?;
        }
        Ok(())
    }

    /// The receiver has failed at `now`; since when it fails.
    pub fn mark_failing(&self, receiver: EndpointId, now: Timestamp) -> Result<Timestamp, Error> {
        let sql = "UPDATE webhook_receivers SET failing_since = coalesce(failing_since, ?2) WHERE key = ?1
             RETURNING failing_since";
        let params = params![receiver.0, now.as_millis()];
        let since = self.one(sql, params, |row| row.get(0))?;
        Ok(Timestamp::from_millis(since))
    }

    /// The receiver has taken something.
    pub fn mark_working(&self, receiver: EndpointId) -> Result<(), Error> {
        self.run(
            "UPDATE webhook_receivers SET failing_since = NULL
             WHERE key = ?1 AND failing_since IS NOT NULL",
            params![receiver.0],
        )?;
        Ok(())
    }

    /// Leaves a receiver alone from now on; false where it is already, for whatever reason.
    pub fn pause_receiver(
        &self,
        receiver: EndpointId,
        cause: PauseCause,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let changed = self.execute(
            "UPDATE webhook_receivers SET paused_at = ?2, pause_cause = ?3
             WHERE key = ?1 AND paused_at IS NULL",
            params![receiver.0, now.as_millis(), encode(cause)],
        )?;
        Ok(changed > 0)
    }

    /// Tells a receiver again, which has a day to take something; false where it was not paused.
    pub fn resume_receiver(&self, receiver: EndpointId) -> Result<bool, Error> {
        let changed = self.execute("UPDATE webhook_receivers SET paused_at = NULL, pause_cause = NULL, failing_since = NULL
             WHERE key = ?1 AND paused_at IS NOT NULL", params![receiver.0])?;
        Ok(changed > 0)
    }

    /// Receivers are told that `user` is online, or offline; false where that is what they were told last.
    pub fn note_presence(&self, user: &UserId, online: bool) -> Result<bool, Error> {
        let sql = if online {
            "INSERT INTO webhook_presence (user) SELECT key FROM users WHERE id = ?1
             ON CONFLICT DO NOTHING"
        } else {
            "DELETE FROM webhook_presence WHERE user = (SELECT key FROM users WHERE id = ?1)"
        };
        Ok(self.execute(sql, params![user.as_str()])? > 0)
    }

    /// Everybody of whom receivers were told last that they are online.
    pub fn noted_as_online(&self) -> Result<Vec<UserId>, Error> {
        self.many("SELECT u.id FROM webhook_presence AS p JOIN users AS u ON u.key = p.user ORDER BY u.id", params![], |row| user_id(row, "users", "id"))
    }
}

fn receiver(row: &Row<'_>) -> Result<Receiver, Error> {
    let key: i64 = row.get("key")?;
    let columns = Columns {
        row,
        table: "webhook_receivers",
        id: &key,
    };
    let instant = |column| -> Result<Option<Timestamp>, Error> {
        Ok(columns
            .get::<Option<i64>>(column)?
            .map(Timestamp::from_millis))
    };
    let pause = match instant("paused_at")? {
        Some(at) => Some(Pause {
            at,
            cause: columns.decode("pause_cause")?,
        }),
        None => None,
    };
    Ok(Receiver {
        id: EndpointId(key),
        url: columns.get("url")?,
        failing_since: instant("failing_since")?,
        pause,
    })
}
