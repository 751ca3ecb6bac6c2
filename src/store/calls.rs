//! The tables `calls` and `timeline`.

use rusqlite::{OptionalExtension as _, Row, named_params};

use crate::call::{Actor, Call, CallId, ChannelId, State, Status, TimelineEntry, Transition};
use crate::clock::Timestamp;
use crate::user::UserId;

use super::enum_codes::{Columns, encode};
use super::error::Error;
use super::users::user_id;
use super::{Read, Write};

impl Read<'_> {
    /// The call of that id, if there is one.
    pub fn call(&self, id: CallId) -> Result<Option<Call>, Error> {
        let mut statement = self.prepare("SELECT * FROM named_calls WHERE id = ?1")?;
        statement
            .query_row([id.as_bytes()], |row| Ok(call(row)))
            .optional()?
            .transpose()
    }

    /// A call's timeline, oldest first.
    pub fn timeline(&self, id: CallId) -> Result<Vec<TimelineEntry>, Error> {
        let mut statement = self.prepare(
            "SELECT t.status, t.at, t.via, t.cause, t.actor, u.id AS actor_id
             FROM timeline AS t LEFT JOIN users AS u ON u.key = t.actor
             WHERE t.call = ?1 ORDER BY t.status",
        )?;
        statement
            .query_and_then([id.as_bytes()], |row| timeline_entry(row, id))?
            .collect()
    }

    /// Live calls whose deadline is at or before `now`, the most overdue first, at most `limit`.
    pub fn overdue_calls(&self, now: Timestamp, limit: usize) -> Result<Vec<Call>, Error> {
        let mut statement =
            self.prepare("SELECT id FROM calls WHERE deadline <= ?1 ORDER BY deadline")?;
        let mut rows = statement.query([now.as_millis()])?;
        let mut due = Vec::new();
        while due.len() < limit
            && let Some(row) = rows.next()?
        {
            due.extend(self.skip(self.call_to_change(row, "id"))?.flatten());
        }
        Ok(due)
    }

    /// Returns the live call whose id is in `column`; none if a server skips it.
    pub(super) fn call_to_change(
        &self,
        row: &Row<'_>,
        column: &'static str,
    ) -> Result<Option<Call>, Error> {
        let id = call_id(row, "calls", column)?;
        if self.is_skipped("calls", id) {
            return Ok(None);
        }
        let impossible = |column, found: &str| Error::Inconsistent {
            table: "calls",
            column,
            id: id.to_string(),
            found: found.to_owned(),
        };
        match self.call(id)? {
            None => Err(impossible(
                "caller",
                "a participant who is not in table users",
            )),
            Some(call) if !call.status().is_live() => Err(impossible(
                "status",
                "a call that is over and has a deadline or is in table live",
            )),
            live => Ok(live),
        }
    }

    /// Calls created after `created` that changed after `changed`, in the order of their creation.
    pub fn calls_changed_since(
        &self,
        created: Timestamp,
        changed: Timestamp,
    ) -> Result<Vec<Call>, Error> {
        let mut statement =
            self.prepare("SELECT * FROM named_calls WHERE id >= ?1 AND updated_at > ?2")?;
        let first = CallId::first_at(created);
        let calls = statement.query_and_then((first.as_bytes(), changed.as_millis()), call)?;
        self.collect(calls)
    }

    /// The nearest deadline of any call.
    pub fn nearest_deadline(&self) -> Result<Option<Timestamp>, Error> {
        let mut statement =
            self.prepare("SELECT id, deadline FROM calls WHERE deadline > ?1 ORDER BY deadline")?;
        let mut rows = statement.query([i64::MIN])?;
        while let Some(row) = rows.next()? {
            let id = self.skip(call_id(row, "calls", "id"))?;
            if id.is_some_and(|id| !self.is_skipped("calls", id)) {
                return Ok(Some(Timestamp::from_millis(row.get("deadline")?)));
            }
        }
        Ok(None)
    }
}

impl Write<'_> {
    /// Skips `call` from now on, because changing it failed with `error`.
    pub fn skip_call(&self, call: &Call, error: &dyn std::fmt::Display) {
        if let Some(unreadable) = self.unreadable {
            unreadable.set_aside("calls", "status", call.id.to_string(), &error.to_string());
        }
    }

    /// Stores a call that has just come into being, with the first line of its timeline and what follows.
    pub fn insert_call(&self, transition: &Transition) -> Result<(), Error> {
        let Transition { call, .. } = transition;
        self.execute(
            "INSERT INTO calls (id, caller, callee, call_type, channel, withheld, status, created_at, updated_at,
                                ended_at, reason, deadline)
             VALUES (:id, (SELECT key FROM users WHERE id = :caller), (SELECT key FROM users WHERE id = :callee),
                     :call_type, :channel, :withheld, :status, :created_at, :created_at, :ended_at, :reason, :deadline)",
            named_params! {
                ":id": call.id.as_bytes(), ":caller": call.caller.as_str(), ":callee": call.callee.as_str(),
                ":call_type": encode(call.call_type), ":channel": call.channel.as_str(),
                ":withheld": call.suppressed,
                ":status": encode(call.status()), ":created_at": call.created_at.as_millis(),
                ":ended_at": call.state.ended_at().map(Timestamp::as_millis), ":reason": reason(&call.state),
                ":deadline": call.state.deadline().map(Timestamp::as_millis),
            },
        )?;
        self.record(transition)
    }

    /// Stores what became of a call, with the line of its timeline and what follows.
    pub fn update_call(&self, transition: &Transition) -> Result<(), Error> {
        let Transition { call, .. } = transition;
        let ended_by = match &call.state {
            State::Ended {
                ended_by: Actor::User(user),
                ..
            } => Some(user.as_str()),
            State::Ended {
                ended_by: Actor::System,
                ..
            }
            | State::Initiating { .. }
            | State::Ringing { .. }
            | State::Connecting { .. }
            | State::Active { .. }
            | State::Rejected { .. }
            | State::Missed { .. } => None,
        };
        self.execute(
            "UPDATE calls
             SET status = :status, updated_at = :updated_at, started_at = :started_at, ended_at = :ended_at,
                 duration_seconds = :duration, ended_by = (SELECT key FROM users WHERE id = :ended_by),
                 reason = :reason, deadline = :deadline
             WHERE id = :id",
            named_params! {
                ":id": call.id.as_bytes(), ":status": encode(call.status()),
                ":updated_at": call.updated_at.as_millis(),
                ":started_at": call.state.started_at().map(Timestamp::as_millis),
                ":ended_at": call.state.ended_at().map(Timestamp::as_millis),
                ":duration": call.state.duration_seconds(), ":ended_by": ended_by,
                ":reason": reason(&call.state), ":deadline": call.state.deadline().map(Timestamp::as_millis),
            },
        )?;
        self.record(transition)
    }

    /// Stores the timeline's line, and the history where the call became final.
    fn record(&self, transition: &Transition) -> Result<(), Error> {
        let Transition {
            call,
            entry,
            history,
            answered_with,
            ..
        } = transition;
        let actor = match &entry.actor {
            Actor::User(user) => Some(user.as_str()),
            Actor::System => None,
        };
        self.execute(
            "INSERT INTO timeline (call, status, at, actor, via, cause)
             VALUES (?1, ?2, ?3, (SELECT key FROM users WHERE id = ?4), ?5, ?6)",
            (
                call.id.as_bytes(),
                encode(entry.status),
                entry.at.as_millis(),
                actor,
                encode(entry.via),
                encode(entry.cause),
            ),
        )?;
        if let Some(session) = answered_with {
            self.answer_with(call, session)?;
        }
        if let Some(entries) = history {
            self.release(call)?;
            entries
                .iter()
                .try_for_each(|entry| self.insert_history(entry))?;
        }
        Ok(())
    }
}

fn reason(state: &State) -> Option<i64> {
    match state {
        State::Rejected { reason, .. } => Some(encode(*reason)),
        State::Initiating { .. }
        | State::Ringing { .. }
        | State::Connecting { .. }
        | State::Active { .. }
        | State::Ended { .. }
        | State::Missed { .. } => None,
    }
}

/// Returns the call id in `column`.
pub(super) fn call_id(
    row: &Row<'_>,
    table: &'static str,
    column: &'static str,
) -> Result<CallId, Error> {
    let bytes = row.get_ref(column)?.as_blob().unwrap_or_default();
    let id = uuid::Uuid::from_slice(bytes).map_err(|error| Error::Inconsistent {
        table,
        column,
        id: bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        found: error.to_string(),
    })?;
    Ok(CallId::from_uuid(id))
}

/// The call of a row of the view `named_calls`.
pub(super) fn call(row: &Row<'_>) -> Result<Call, Error> {
    let id = call_id(row, "calls", "id")?;
    let columns = Columns {
        row,
        table: "calls",
        id: &id,
    };
    Ok(Call {
        id,
        caller: user_id(row, "calls", "caller_id")?,
        callee: user_id(row, "calls", "callee_id")?,
        call_type: columns.decode("call_type")?,
        channel: channel(&columns)?,
        suppressed: columns.get("withheld")?,
        created_at: instant(&columns, "created_at")?,
        updated_at: instant(&columns, "updated_at")?,
        state: state(&columns)?,
    })
}

fn state(columns: &Columns<'_>) -> Result<State, Error> {
    Ok(match columns.decode("status")? {
        Status::Initiating => State::Initiating {
            ring_until: instant(columns, "deadline")?,
        },
        Status::Ringing => State::Ringing {
            ring_until: instant(columns, "deadline")?,
        },
        Status::Connecting => State::Connecting {
            started_at: instant(columns, "started_at")?,
            max_duration_at: optional_instant(columns, "deadline")?,
        },
        Status::Active => State::Active {
            started_at: instant(columns, "started_at")?,
            max_duration_at: optional_instant(columns, "deadline")?,
        },
        Status::Ended => State::Ended {
            started_at: optional_instant(columns, "started_at")?,
            ended_at: instant(columns, "ended_at")?,
            duration_seconds: columns.required("duration_seconds")?,
            ended_by: actor(columns, "ended_by", "ender_id")?,
        },
        Status::Rejected => State::Rejected {
            reason: columns.decode("reason")?,
            ended_at: instant(columns, "ended_at")?,
        },
        Status::Missed => State::Missed {
            ended_at: instant(columns, "ended_at")?,
        },
    })
}

fn timeline_entry(row: &Row<'_>, call: CallId) -> Result<TimelineEntry, Error> {
    let columns = Columns {
        row,
        table: "timeline",
        id: &call,
    };
    Ok(TimelineEntry {
        at: instant(&columns, "at")?,
        status: columns.decode("status")?,
        actor: actor(&columns, "actor", "actor_id")?,
        via: columns.decode("via")?,
        cause: columns.decode("cause")?,
    })
}

/// The actor whose key stands in `column` and whose id in `id_column`; no key is the system.
pub(super) fn actor(
    columns: &Columns<'_>,
    column: &'static str,
    id_column: &'static str,
) -> Result<Actor, Error> {
    let key: Option<i64> = columns.get(column)?;
    let id: Option<String> = columns.get(id_column)?;
    match (key, id) {
        (None, _) => Ok(Actor::System),
        (Some(_), Some(id)) => UserId::parse(&id)
            .map(Actor::User)
            .ok_or_else(|| columns.impossible(column, &id)),
        (Some(key), None) => Err(columns.impossible(column, &key.to_string())),
    }
}

/// The channel of the call in this row.
pub(super) fn channel(columns: &Columns<'_>) -> Result<ChannelId, Error> {
    let channel: String = columns.get("channel")?;
    ChannelId::parse(&channel).ok_or_else(|| columns.impossible("channel", &channel))
}

/// The instant in `column`, which must be there.
pub(super) fn instant(columns: &Columns<'_>, column: &'static str) -> Result<Timestamp, Error> {
    columns.required(column).map(Timestamp::from_millis)
}

fn optional_instant(
    columns: &Columns<'_>,
    column: &'static str,
) -> Result<Option<Timestamp>, Error> {
    Ok(columns
        .get::<Option<i64>>(column)?
        .map(Timestamp::from_millis))
}
