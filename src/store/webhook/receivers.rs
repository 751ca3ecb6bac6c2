//! The tables `webhook_receivers` and `webhook_presence`.

use rusqlite::params;

use crate::clock::Timestamp;
use crate::user::UserId;
use crate::webhook_model::EventType;
use crate::webhook_model::delivery::{EndpointId, PauseCause};
use crate::webhook_model::message::{Made, Pause, WebhookEndpoint};

use super::super::engine::Row;
use super::super::enum_codes::{Code as _, Columns, encode};
use super::super::error::Error;
use super::super::users::user_id;
use super::super::{Read, Write};

impl Read<'_> {
    /// All receivers, by number.
    pub fn receivers(&self) -> Result<Vec<WebhookEndpoint>, Error> {
        self.many(
            "SELECT * FROM webhook_receivers ORDER BY key",
            params![],
            receiver,
        )
    }
}

impl Write<'_> {
    /// Makes these the endpoints of the settings, each with the event types that it receives: new ones are added, and what
    /// waits for others is deleted with them. Endpoints that a backend made stay.
    pub fn set_receivers(&self, endpoints: &[(&str, &[EventType])]) -> Result<(), Error> {
        for gone in self.receivers()? {
            if gone.made.is_none() && !endpoints.iter().any(|(url, _)| *url == gone.url) {
                self.remove_receiver(gone.id)?;
            }
        }
        for (url, events) in endpoints {
            self.run(
                "INSERT INTO webhook_receivers (url, events) VALUES (?1, ?2)
                 ON CONFLICT (url) DO UPDATE SET events = excluded.events,
                    secret = NULL, previous_secret = NULL, previous_until = NULL, created_at = NULL",
                params![url, bits(events)],
            )?;
        }
        Ok(())
    }

    /// Adds an endpoint that a backend makes; returns false if there is one of that URL.
    pub fn add_receiver(
        &self,
        url: &str,
        events: &[EventType],
        secret: &str,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let added = self.execute(
            "INSERT INTO webhook_receivers (url, events, secret, created_at) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (url) DO NOTHING",
            params![url, bits(events), secret, now.as_millis()],
        )?;
        Ok(added > 0)
    }

    /// Gives an endpoint that a backend made the new `secret`; the present one signs too until `until`.
    pub fn rotate_secret(
        &self,
        receiver: EndpointId,
        secret: &str,
        until: Timestamp,
    ) -> Result<(), Error> {
        self.run(
            "UPDATE webhook_receivers SET previous_secret = secret, previous_until = ?3, secret = ?2
             WHERE key = ?1 AND secret IS NOT NULL",
            params![receiver.0, secret, until.as_millis()],
        )?;
        Ok(())
    }

    /// Deletes an endpoint and what waits for it.
    pub fn remove_receiver(&self, receiver: EndpointId) -> Result<(), Error> {
        let statements = [
            "DELETE FROM webhook_attempts WHERE (message, receiver) IN
                (SELECT message, receiver FROM webhook_deliveries WHERE receiver = ?1)",
            "DELETE FROM webhook_deliveries WHERE receiver = ?1",
            "DELETE FROM webhook_receivers WHERE key = ?1",
        ];
        self.run_each(&statements, params![receiver.0])
    }

    /// The receiver has failed at `now`; since when it fails, if it is there.
    pub fn mark_failing(
        &self,
        receiver: EndpointId,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, Error> {
        let sql = "UPDATE webhook_receivers SET failing_since = coalesce(failing_since, ?2) WHERE key = ?1
             RETURNING failing_since";
        let params = params![receiver.0, now.as_millis()];
        let since: Option<i64> = self.find(sql, params, |row| row.get(0))?;
        Ok(since.map(Timestamp::from_millis))
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

/// Returns the column `events` of an endpoint that receives `events`.
fn bits(events: &[EventType]) -> i64 {
    let events = events.iter();
    events.fold(0, |bits, event| bits | 1_i64 << event.code())
}

fn receiver(row: &Row<'_>) -> Result<WebhookEndpoint, Error> {
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
    let made = match columns.get::<Option<String>>("secret")? {
        Some(secret) => Some(Made {
            at: Timestamp::from_millis(columns.required("created_at")?),
            secret,
            previous: columns
                .get::<Option<String>>("previous_secret")?
                .zip(instant("previous_until")?),
        }),
        None => None,
    };
    let events: i64 = columns.get("events")?;
    let is_taken = |event: &EventType| (events >> event.code()) & 1 == 1;
    Ok(WebhookEndpoint {
        id: EndpointId(key),
        url: columns.get("url")?,
        failing_since: instant("failing_since")?,
        pause,
        events: EventType::ALL.into_iter().filter(is_taken).collect(),
        made,
    })
}
