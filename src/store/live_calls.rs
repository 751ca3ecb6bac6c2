//! The table `live`: who is in a call just now, and who of them has gone away.

use rusqlite::{named_params, params};

use crate::call::{Call, CallId, ChannelId, Relation, Status};
use crate::clock::Timestamp;
use crate::user::{Availability, List, SessionId, User, UserId};

use super::availability::availability;
use super::calls::{call, call_id, channel, instant};
use super::engine::{Row, until};
use super::enum_codes::{Columns, encode};
use super::error::Error;
use super::idempotency::Remembered;
use super::users::{UserColumns, named_user, user, user_id};
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

/// Caller and callee of a request, and what was known of it before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallParties {
    /// Who calls.
    pub caller: CallParty,
    /// Who is called, if there is such a user.
    pub callee: Option<CallParty>,
    /// How they stand to each other.
    pub relation: Relation,
    /// What the caller's request with the same key came to.
    pub remembered: Option<Remembered>,
}

/// A participant of an answered call whose last session is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoneParticipant {
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
        let sql = "SELECT u.key, u.id, u.name, u.avatar, u.standing, u.do_not_disturb_until, l.call
             FROM users AS u LEFT JOIN live AS l ON l.user = u.key
             WHERE u.id = ?1 AND u.standing <> 2";
        let party = |row: &Row<'_>| {
            let columns = Columns {
                row,
                table: "live",
                id,
            };
            Ok(CallParty {
                user: user(row)?,
                key: columns.get("key")?,
                live_call: optional_call_id(&columns, "call")?,
                availability: availability(columns.get("do_not_disturb_until")?),
            })
        };
        self.find(sql, params![id.as_str()], party)
    }

    /// Caller and callee of a request, and what the caller's request with the idempotency key `key` came to, if it has not
    /// expired at `now`; nothing if there is no such caller. One statement, since every call begins with it.
    pub fn parties(
        &self,
        caller: &UserId,
        callee: &UserId,
        key: Option<&str>,
        now: Timestamp,
    ) -> Result<Option<CallParties>, Error> {
        let sql = "SELECT u.key, u.id, u.name, u.avatar, u.standing, u.do_not_disturb_until, l.call,
                    callee.key AS callee_key, callee.id AS callee_id, callee.name AS callee_name, callee.avatar AS callee_avatar,
                    callee.standing AS callee_standing, callee.do_not_disturb_until AS callee_until, callee_live.call AS callee_call,
                    i.call AS remembered_call, i.refused, i.expires_at AS remembered_until,
                    EXISTS (SELECT 1 FROM listed WHERE owner = callee.key AND list = :blocked AND user = u.key) AS blocked,
                    EXISTS (SELECT 1 FROM listed WHERE owner = u.key AND list = :contacts AND user = callee.key)
                    AND EXISTS (SELECT 1 FROM listed WHERE owner = callee.key AND list = :contacts AND user = u.key)
                        AS contacts
             FROM users AS u
             LEFT JOIN live AS l ON l.user = u.key
             LEFT JOIN users AS callee ON callee.id = :callee AND callee.standing <> 2
             LEFT JOIN live AS callee_live ON callee_live.user = callee.key
             LEFT JOIN idempotency_keys AS i ON i.user = u.key AND i.key = :key
             WHERE u.id = :caller AND u.standing <> 2";
        let params = named_params! {
            ":caller": caller.as_str(), ":callee": callee.as_str(), ":key": key,
            ":blocked": encode(List::Blocked), ":contacts": encode(List::Contacts),
        };
        self.find(sql, params, |row| parties(row, caller, now))
    }

    /// The live call that `user` is in, if any.
    pub fn live_call(&self, user: &UserId) -> Result<Option<Call>, Error> {
        self.find("SELECT * FROM named_calls
             WHERE id = (SELECT l.call FROM live AS l JOIN users AS u ON u.key = l.user WHERE u.id = ?1)", params![user.as_str()], call)
    }

    /// The session with which `user` is in its live call, where that is settled.
    pub fn engaged_session(&self, user: &UserId) -> Result<Option<SessionId>, Error> {
        // Version 2 stored the callee's in the table live.
        let sql = "SELECT CASE WHEN c.callee = l.user THEN coalesce(c.callee_session, l.session) ELSE l.session END
             FROM live AS l JOIN users AS u ON u.key = l.user JOIN calls AS c ON c.id = l.call
             WHERE u.id = ?1";
        let session: Option<Option<String>> =
            self.find(sql, params![user.as_str()], |row| row.get(0))?;
        Ok(session.flatten().map(|text| SessionId::new(&text)))
    }

    /// Participants of answered calls who have been gone since `since` or longer, at most `limit`.
    pub fn gone_participants(
        &self,
        since: Timestamp,
        limit: usize,
    ) -> Result<Vec<GoneParticipant>, Error> {
        let sql = "SELECT l.call, gone.id AS gone_id
             FROM live AS l
             JOIN users AS gone ON gone.key = l.user
             JOIN calls AS c ON c.id = l.call
             WHERE l.gone_at <= ?1 AND c.started_at IS NOT NULL
             ORDER BY l.gone_at, l.user LIMIT ?2";
        let params = params![since.as_millis(), self.with_skipped(limit)];
        let mut gone = Vec::new();
        self.each(sql, params, |row| {
            if let Some(call) = self.skip(self.call_to_change(row, "call"))?.flatten() {
                let user = user_id(row, "live", "gone_id")?;
                gone.push(GoneParticipant { user, call });
            }
            Ok(until(gone.len() >= limit))
        })?;
        Ok(gone)
    }

    /// How many calls are live in each status that any is in.
    pub fn live_calls_by_status(&self) -> Result<Vec<(Status, u32)>, Error> {
        let sql = "SELECT min(id) AS id, status, count(*) AS calls FROM calls
             WHERE id IN (SELECT call FROM live) GROUP BY status";
        let counted = |row: &Row<'_>| {
            let id = call_id(row, "calls", "id")?;
            let columns = Columns {
                row,
                table: "calls",
                id: &id,
            };
            Ok((columns.decode("status")?, columns.get("calls")?))
        };
        self.readable(sql, params![], counted)
    }

    /// The live calls that were answered, each once for each participant.
    pub fn answered_calls(&self) -> Result<Vec<Answered>, Error> {
        let sql =
            "SELECT c.id, c.channel, c.started_at FROM live AS l JOIN calls AS c ON c.id = l.call
             WHERE c.started_at IS NOT NULL";
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
        self.readable(sql, params![], answered)
    }

    /// Since when the participant who has been gone the longest from an answered call is gone.
    pub fn longest_gone_since(&self) -> Result<Option<Timestamp>, Error> {
        let sql = "SELECT l.call, l.gone_at FROM live AS l JOIN calls AS c ON c.id = l.call
             WHERE l.gone_at IS NOT NULL AND c.started_at IS NOT NULL
             ORDER BY l.gone_at LIMIT ?1";
        let mut longest = None;
        self.each(sql, params![self.with_skipped(1)], |row| {
            if !self.is_skipped("calls", call_id(row, "live", "call")?) {
                longest = Some(Timestamp::from_millis(row.get("gone_at")?));
            }
            Ok(until(longest.is_some()))
        })?;
        Ok(longest)
    }
}

/// The parties of a row of [`Read::parties`].
fn parties(row: &Row<'_>, caller: &UserId, now: Timestamp) -> Result<CallParties, Error> {
    let columns = Columns {
        row,
        table: "live",
        id: caller,
    };
    let callee = match columns.get::<Option<i64>>("callee_key")? {
        None => None,
        Some(key) => Some(CallParty {
            user: named_user(row, &CALLEE_COLUMNS)?,
            key,
            availability: availability(columns.get("callee_until")?),
            live_call: optional_call_id(&columns, "callee_call")?,
        }),
    };
    let remembered = match optional_call_id(&columns, "remembered_call")? {
        Some(call) if instant(&columns, "remembered_until")? > now => Some(Remembered {
            call,
            refused: columns.get("refused")?,
        }),
        Some(_) | None => None,
    };
    // In the order of the statement's columns, in which they are found fastest.
    Ok(CallParties {
        callee,
        remembered,
        relation: Relation {
            blocked: columns.get("blocked")?,
            contacts: columns.get("contacts")?,
        },
        caller: CallParty {
            key: columns.get("key")?,
            user: user(row)?,
            availability: availability(columns.get("do_not_disturb_until")?),
            live_call: optional_call_id(&columns, "call")?,
        },
    })
}

/// The columns of the callee in a row of [`Read::parties`].
const CALLEE_COLUMNS: UserColumns = UserColumns {
    id: "callee_id",
    name: "callee_name",
    avatar: "callee_avatar",
    standing: "callee_standing",
};

fn optional_call_id(columns: &Columns<'_>, column: &'static str) -> Result<Option<CallId>, Error> {
    let bytes: Option<[u8; 16]> = columns.get(column)?;
    Ok(bytes.map(|bytes| CallId::from_uuid(uuid::Uuid::from_bytes(bytes))))
}

impl Write<'_> {
    /// Enters the participants of the new live call `call`: `session` is the caller's, and a flag says whether a
    /// session of the user is connected. A call that is kept from its callee has no callee here. The table's key
    /// refuses a user who is in a live call already.
    pub fn engage(
        &self,
        call: CallId,
        session: &SessionId,
        (caller, is_attended): (&CallParty, bool),
        callee: Option<(&CallParty, bool)>,
    ) -> Result<(), Error> {
        let caller = (caller.key, call.as_bytes(), is_attended, session.as_str());
        match callee {
            None => self.run(
                "INSERT INTO live (user, call, attended, session) VALUES (?1, ?2, ?3, ?4)",
                params![caller.0, caller.1, caller.2, caller.3],
            ),
            Some((callee, is_callee_attended)) => self.run(
                "INSERT INTO live (user, call, attended, session)
                 VALUES (?1, ?2, ?3, ?4), (?5, ?2, ?6, NULL)",
                params![
                    caller.0,
                    caller.1,
                    caller.2,
                    caller.3,
                    callee.key,
                    is_callee_attended
                ],
            ),
        }
    }

    /// Takes both participants of the call `id` out of it. SQLite turns two plain comparisons of the key into
    /// a list, for which it makes a table each time. The last condition always holds, and prevents that.
    pub(super) fn release(&self, id: CallId) -> Result<(), Error> {
        self.run(
            "DELETE FROM live
             WHERE call = ?1 AND (user = (SELECT caller FROM calls WHERE id = ?1)
                               OR (user = (SELECT callee FROM calls WHERE id = ?1) AND attended >= 0))",
            params![id.as_bytes()],
        )
    }

    /// A session of `user` is connected.
    pub fn mark_present(&self, user: &UserId) -> Result<(), Error> {
        self.run("UPDATE live SET attended = 1, gone_at = NULL
             WHERE user = (SELECT key FROM users WHERE id = ?1) AND (attended = 0 OR gone_at IS NOT NULL)", params![user.as_str()])?;
        Ok(())
    }

    /// The last session of `user` is gone; false where the user is in no live call.
    pub fn mark_gone(&self, user: &UserId, now: Timestamp) -> Result<bool, Error> {
        let sql = "UPDATE live SET gone_at = ?2 WHERE user = (SELECT key FROM users WHERE id = ?1)";
        Ok(self.execute(sql, params![user.as_str(), now.as_millis()])? > 0)
    }

    /// Restarts the disconnect grace of `user` at `now`, if the user is gone.
    pub fn restart_grace_of(&self, user: &UserId, now: Timestamp) -> Result<(), Error> {
        let sql = "UPDATE live SET gone_at = ?2
                   WHERE user = (SELECT key FROM users WHERE id = ?1) AND gone_at < ?2";
        self.run(sql, params![user.as_str(), now.as_millis()])?;
        Ok(())
    }

    /// Restarts the disconnect grace at `now` for every participant who is gone.
    pub fn restart_disconnect_grace(&self, now: Timestamp) -> Result<(), Error> {
        let sql = "UPDATE live SET gone_at = ?1 WHERE gone_at < ?1";
        self.run(sql, params![now.as_millis()])?;
        Ok(())
    }

    /// At the start of a server nobody is connected: whoever had a session in a live call is gone from now.
    pub fn mark_all_gone(&self, now: Timestamp) -> Result<(), Error> {
        self.run(
            "UPDATE live SET gone_at = ?1 WHERE attended = 1 AND gone_at IS NULL",
            params![now.as_millis()],
        )?;
        Ok(())
    }
}
