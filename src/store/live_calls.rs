//! The table `live`: who is in a call just now, and who of them has gone away.

use rusqlite::{OptionalExtension as _, Row};

use crate::call::{Call, CallId, ChannelId, Status};
use crate::clock::Timestamp;
use crate::user::{Availability, SessionId, User, UserId};

use super::availability::availability;
use super::calls::{call, call_id, channel, instant};
use super::enum_codes::Columns;
use super::error::Error;
use super::users::{user, user_id};
use super::{Read, Write};

/// A user who may become a participant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallParty {
    /// The user.
    pub user: User,
    /// The user's key.
    pub(super) key: i64,
    /// The live call the user is in, if any.
    pub live_call: Option<CallId>,
    /// Whether calls ring for the user, as last set.
    pub availability: Availability,
}

/// A participant of an answered call whose last session is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gone {
    /// The participant.
    pub user: UserId,
    /// The call.
    pub call: Call,
}

/// A live call that was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// Its channel.
    pub channel: ChannelId,
    /// When.
    pub at: Timestamp,
    /// Which it is.
    pub call: CallId,
}

impl Read<'_> {
    /// The user of that id with its live call.
    pub fn party(&self, id: &UserId) -> Result<Option<CallParty>, Error> {
        let mut statement = self.prepare(
            "SELECT u.key, u.id, u.name, u.avatar, u.standing, u.do_not_disturb_until, l.call
             FROM users AS u LEFT JOIN live AS l ON l.user = u.key
             WHERE u.id = ?1 AND u.standing <> 2",
        )?;
        let party = |row: &Row<'_>| {
            let columns = Columns {
                row,
                table: "live",
                id,
            };
            let live_call: Option<[u8; 16]> = columns.get("call")?;
            let live_call = live_call.map(|bytes| CallId::from_uuid(uuid::Uuid::from_bytes(bytes)));
            Ok(CallParty {
                user: user(row)?,
                key: columns.get("key")?,
                live_call,
                availability: availability(columns.get("do_not_disturb_until")?),
            })
        };
        statement
            .query_row([id.as_str()], |row| Ok(party(row)))
            .optional()?
            .transpose()
    }

    /// The live call that `user` is in, if any.
    pub fn live_call(&self, user: &UserId) -> Result<Option<Call>, Error> {
        let mut statement = self.prepare(
            "SELECT * FROM named_calls
             WHERE id = (SELECT l.call FROM live AS l JOIN users AS u ON u.key = l.user WHERE u.id = ?1)",
        )?;
        statement
            .query_row([user.as_str()], |row| Ok(call(row)))
            .optional()?
            .transpose()
    }

    /// The session with which `user` is in its live call, where that is settled.
    pub fn engaged_session(&self, user: &UserId) -> Result<Option<SessionId>, Error> {
        let mut statement = self.prepare(
            "SELECT l.session FROM live AS l JOIN users AS u ON u.key = l.user WHERE u.id = ?1",
        )?;
        let session: Option<Option<String>> = statement
            .query_row([user.as_str()], |row| row.get(0))
            .optional()?;
        Ok(session.flatten().map(|text| SessionId::new(&text)))
    }

    /// Participants of answered calls who have been gone since `since` or longer, at most `limit`.
    pub fn gone_participants(&self, since: Timestamp, limit: usize) -> Result<Vec<Gone>, Error> {
        let mut statement = self.prepare(
            "SELECT l.call, gone.id AS gone_id
             FROM live AS l
             JOIN users AS gone ON gone.key = l.user
             JOIN calls AS c ON c.id = l.call
             WHERE l.gone_at <= ?1 AND c.started_at IS NOT NULL
             ORDER BY l.gone_at, l.user",
        )?;
        let mut rows = statement.query([since.as_millis()])?;
        let mut gone = Vec::new();
        while gone.len() < limit
            && let Some(row) = rows.next()?
        {
            if let Some(call) = self.skip(self.call_to_change(row, "call"))?.flatten() {
                let user = user_id(row, "live", "gone_id")?;
                gone.push(Gone { user, call });
            }
        }
        Ok(gone)
    }

    /// How many calls are live in each status that any is in.
    pub fn live_calls_by_status(&self) -> Result<Vec<(Status, u32)>, Error> {
        let mut statement = self.prepare(
            "SELECT min(id) AS id, status, count(*) AS calls FROM calls
             WHERE id IN (SELECT call FROM live) GROUP BY status",
        )?;
        let counted = |row: &Row<'_>| {
            let id = call_id(row, "calls", "id")?;
            let columns = Columns {
                row,
                table: "calls",
                id: &id,
            };
            Ok((columns.decode("status")?, columns.get("calls")?))
        };
        self.collect(statement.query_and_then([], counted)?)
    }

    /// The live calls that were answered, each once for each participant.
    pub fn answered_calls(&self) -> Result<Vec<Answered>, Error> {
        let mut statement = self.prepare(
            "SELECT c.id, c.channel, c.started_at FROM live AS l JOIN calls AS c ON c.id = l.call
             WHERE c.started_at IS NOT NULL",
        )?;
        let answered = |row: &Row<'_>| {
            let call = call_id(row, "calls", "id")?;
            let columns = Columns {
                row,
                table: "calls",
                id: &call,
            };
            Ok(Answered {
                channel: channel(&columns)?,
                at: instant(&columns, "started_at")?,
                call,
            })
        };
        self.collect(statement.query_and_then([], answered)?)
    }

    /// Since when the participant who has been gone the longest from an answered call is gone.
    pub fn longest_gone_since(&self) -> Result<Option<Timestamp>, Error> {
        let mut statement = self.prepare(
            "SELECT l.call, l.gone_at FROM live AS l JOIN calls AS c ON c.id = l.call
             WHERE l.gone_at IS NOT NULL AND c.started_at IS NOT NULL
             ORDER BY l.gone_at",
        )?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            if !self.is_skipped("calls", call_id(row, "live", "call")?) {
                return Ok(Some(Timestamp::from_millis(row.get("gone_at")?)));
            }
        }
        Ok(None)
    }
}

impl Write<'_> {
    /// Enters `user` as a participant of the live call `call`; `attended` says whether a session of the
    /// user is connected, and `session` with which of them the user is in the call, where that is settled. The
    /// table's key refuses a user who is in a live call already.
    pub fn engage(
        &self,
        user: &UserId,
        call: CallId,
        attended: bool,
        session: Option<&SessionId>,
    ) -> Result<(), Error> {
        self.execute(
            "INSERT INTO live (user, call, attended, session)
             VALUES ((SELECT key FROM users WHERE id = ?1), ?2, ?3, ?4)",
            (
                user.as_str(),
                call.as_bytes(),
                attended,
                session.map(SessionId::as_str),
            ),
        )?;
        Ok(())
    }

    /// The callee of `call` is in it with `session`.
    pub(super) fn answer_with(&self, call: &Call, session: &SessionId) -> Result<(), Error> {
        self.execute(
            "UPDATE live SET session = ?2, confirm_by = 0 WHERE user = (SELECT key FROM users WHERE id = ?1)",
            (call.callee.as_str(), session.as_str()),
        )?;
        Ok(())
    }

    /// Takes both participants of `call` out of it: one after the other, since a list of both would have SQLite
    /// make a table of it each time, and pages for that.
    pub(super) fn release(&self, call: &Call) -> Result<(), Error> {
        for user in call.participants() {
            self.execute(
                "DELETE FROM live WHERE user = (SELECT key FROM users WHERE id = ?1) AND call = ?2",
                (user.as_str(), call.id.as_bytes()),
            )?;
        }
        Ok(())
    }

    /// A session of `user` is connected.
    pub fn mark_present(&self, user: &UserId) -> Result<(), Error> {
        self.execute(
            "UPDATE live SET attended = 1, gone_at = NULL
             WHERE user = (SELECT key FROM users WHERE id = ?1) AND (attended = 0 OR gone_at IS NOT NULL)",
            [user.as_str()],
        )?;
        Ok(())
    }

    /// The last session of `user` is gone; false where the user is in no live call.
    pub fn mark_gone(&self, user: &UserId, now: Timestamp) -> Result<bool, Error> {
        let sql = "UPDATE live SET gone_at = ?2 WHERE user = (SELECT key FROM users WHERE id = ?1)";
        Ok(self.execute(sql, (user.as_str(), now.as_millis()))? > 0)
    }

    /// Restarts the disconnect grace of `user` at `now`, if the user is gone.
    pub fn restart_grace_of(&self, user: &UserId, now: Timestamp) -> Result<(), Error> {
        let sql = "UPDATE live SET gone_at = ?2
                   WHERE user = (SELECT key FROM users WHERE id = ?1) AND gone_at < ?2";
        self.execute(sql, (user.as_str(), now.as_millis()))?;
        Ok(())
    }

    /// Restarts the disconnect grace at `now` for every participant who is gone.
    pub fn restart_disconnect_grace(&self, now: Timestamp) -> Result<(), Error> {
        let sql = "UPDATE live SET gone_at = ?1 WHERE gone_at < ?1";
        self.execute(sql, [now.as_millis()])?;
        Ok(())
    }

    /// At the start of a server nobody is connected: whoever had a session in a live call is gone from now.
    pub fn mark_all_gone(&self, now: Timestamp) -> Result<(), Error> {
        self.execute(
            "UPDATE live SET gone_at = ?1 WHERE attended = 1 AND gone_at IS NULL",
            [now.as_millis()],
        )?;
        Ok(())
    }
}
