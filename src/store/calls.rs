//! The table `calls`, and `timeline` with the steps of calls that version 2 stored.

use rusqlite::{named_params, params};

use crate::call::{Actor, Call, CallId, ChannelId, State, Status, TimelineEntry, Transition};
use crate::clock::Timestamp;
use crate::user::{SessionId, UserId};

use super::engine::{Row, until};
use super::enum_codes::{Columns, encode, hex};
use super::error::Error;
use super::live_calls::CallParty;
use super::steps::{self, Participants};
use super::users::user_id;
use super::{Read, Write};

impl Read<'_> {
    /// The call of that id, if there is one.
    pub fn call(&self, id: CallId) -> Result<Option<Call>, Error> {
        self.find(
            "SELECT * FROM named_calls WHERE id = ?1",
            params![id.as_bytes()],
            call,
        )
    }

    /// A call's timeline, oldest first.
    pub fn timeline(&self, id: CallId) -> Result<Vec<TimelineEntry>, Error> {
        let mut timeline = self.many(
            "SELECT t.status, t.at, t.via, t.cause, t.actor, u.id AS actor_id
             FROM timeline AS t LEFT JOIN users AS u ON u.key = t.actor
             WHERE t.call = ?1 ORDER BY t.status",
            params![id.as_bytes()],
            |row| timeline_entry(row, id),
        )?;
        let steps = |row: &Row<'_>| {
            let participants = Participants {
                caller: user_id(row, "calls", "caller_id")?,
                callee: user_id(row, "calls", "callee_id")?,
            };
            steps::from_bytes(row.bytes("steps")?, id, &participants)
        };
        let sql = "SELECT steps, caller_id, callee_id FROM named_calls WHERE id = ?1";
        let steps = self.find(sql, params![id.as_bytes()], steps)?;
        timeline.extend(steps.unwrap_or_default());
        Ok(timeline)
    }

    /// Live calls whose deadline is at or before `now`, the most overdue first, at most `limit`.
    pub fn overdue_calls(&self, now: Timestamp, limit: usize) -> Result<Vec<Call>, Error> {
        let mut due = Vec::new();
        self.each(
            "SELECT id FROM calls WHERE deadline <= ?1 ORDER BY deadline LIMIT ?2",
            params![now.as_millis(), self.with_skipped(limit)],
            |row| {
                due.extend(self.skip(self.call_to_change(row, "id"))?.flatten());
                Ok(until(due.len() >= limit))
            },
        )?;
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
        let first = CallId::first_at(created);
        self.readable(
            "SELECT * FROM named_calls WHERE id >= ?1 AND updated_at > ?2 ORDER BY id",
            params![first.as_bytes(), changed.as_millis()],
            call,
        )
    }

    /// The nearest deadline of any call.
    pub fn nearest_deadline(&self) -> Result<Option<Timestamp>, Error> {
        let mut nearest = None;
        self.each(
            "SELECT id, deadline FROM calls WHERE deadline > ?1 ORDER BY deadline LIMIT ?2",
            params![i64::MIN, self.with_skipped(1)],
            |row| {
                let id = self.skip(call_id(row, "calls", "id"))?;
                if id.is_some_and(|id| !self.is_skipped("calls", id)) {
                    nearest = Some(Timestamp::from_millis(row.get("deadline")?));
                }
                Ok(until(nearest.is_some()))
            },
        )?;
        Ok(nearest)
    }
}

impl Write<'_> {
    /// Skips `call` from now on, because changing it failed with `error`.
    pub fn skip_call(&self, call: &Call, error: &dyn std::fmt::Display) {
        if let Some(unreadable) = self.unreadable {
            unreadable.record("calls", "status", call.id.to_string(), &error.to_string());
        }
    }

    /// Stores a call that has just come into being between `parties`, with the first step of its timeline and what
    /// follows.
    pub fn insert_call(
        &self,
        transition: &Transition,
        [caller, callee]: [&CallParty; 2],
    ) -> Result<(), Error> {
        let Transition { call, entry, .. } = transition;
        self.run("INSERT INTO calls (id, caller, callee, call_type, channel, withheld, status, created_at, updated_at,
                                ended_at, reason, deadline, steps)
             VALUES (:id, :caller, :callee, :call_type, :channel, :withheld, :status, :created_at, :created_at,
                     :ended_at, :reason, :deadline, :step)", named_params! {
                ":id": call.id.as_bytes(), ":caller": caller.key, ":callee": callee.key,
                ":call_type": encode(call.call_type), ":channel": call.channel.as_str(),
                ":withheld": call.suppressed,
                ":status": encode(call.status()), ":created_at": call.created_at.as_millis(),
                ":ended_at": call.state.ended_at().map(Timestamp::as_millis), ":reason": reason(&call.state),
                ":deadline": call.state.deadline().map(Timestamp::as_millis),
                ":step": steps::to_bytes(entry, call),
            })?;
        match &transition.history {
            Some(entries) => self.insert_history(entries),
            None => Ok(()),
        }
    }

    /// Stores what became of a call, with the step of its timeline and what follows.
    pub fn update_call(&self, transition: &Transition) -> Result<(), Error> {
        let Transition { call, entry, .. } = transition;
        self.run("UPDATE calls
             SET status = :status, updated_at = :updated_at, started_at = :started_at, ended_at = :ended_at,
                 duration_seconds = :duration, reason = :reason, deadline = :deadline,
                 ended_by = CASE CAST(:ended_by AS BIGINT) WHEN 1 THEN caller WHEN 2 THEN callee END,
                 callee_session = CASE WHEN CAST(:ended_at AS BIGINT) IS NULL THEN coalesce(:session, callee_session) END,
                 steps = CAST(coalesce(steps, '') || :step AS BLOB)
             WHERE id = :id", named_params! {
                ":id": call.id.as_bytes(), ":status": encode(call.status()),
                ":updated_at": call.updated_at.as_millis(),
                ":started_at": call.state.started_at().map(Timestamp::as_millis),
                ":ended_at": call.state.ended_at().map(Timestamp::as_millis),
                ":duration": call.state.duration_seconds(), ":ended_by": ended_by(call),
                ":reason": reason(&call.state), ":deadline": call.state.deadline().map(Timestamp::as_millis),
                ":session": transition.answered_with.as_ref().map(SessionId::as_str),
                ":step": steps::to_bytes(entry, call),
            })?;
        if let Some(entries) = &transition.history {
            self.release(call.id)?;
            self.insert_history(entries)?;
        }
        Ok(())
    }
}

/// Returns the code of the participant who ended the call, if one did.
fn ended_by(call: &Call) -> Option<u8> {
    match &call.state {
        State::Ended { ended_by, .. } => Some(steps::actor_code(ended_by, call)),
        State::Initiating { .. }
        | State::Ringing { .. }
        | State::Connecting { .. }
        | State::Active { .. }
        | State::Rejected { .. }
        | State::Missed { .. } => None,
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
    let bytes = row.bytes(column)?;
    let id = uuid::Uuid::from_slice(bytes).map_err(|error| Error::Inconsistent {
        table,
        column,
        id: hex(bytes),
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
    // In the order of the view's columns, in which they are found fastest.
    Ok(Call {
        id,
        call_type: columns.decode("call_type")?,
        channel: channel(&columns)?,
        state: state(&columns)?,
        suppressed: columns.get("withheld")?,
        caller: user_id(row, "calls", "caller_id")?,
        callee: user_id(row, "calls", "callee_id")?,
        created_at: instant(&columns, "created_at")?,
        updated_at: instant(&columns, "updated_at")?,
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
        session: None,
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

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use crate::call::{Cause, Principal, Source, transition};

    use super::super::{Database, schema};
    use super::*;

    /// A file of version 2 with an answered call of alice and bob.
    const VERSION_2: &str = "
        INSERT INTO users (id, name, standing, created_at) VALUES ('alice', 'A', 0, 0), ('bob', 'B', 0, 0);
        INSERT INTO calls (id, caller, callee, call_type, channel, status, created_at, updated_at, started_at)
        VALUES (zeroblob(16), 1, 2, 0, 'room', 2, 1, 3, 3);
        INSERT INTO timeline (call, status, at, actor, via, cause)
        VALUES (zeroblob(16), 1, 1, 1, 0, 0), (zeroblob(16), 2, 3, 2, 1, 3);
        INSERT INTO live (user, call, attended, session)
        VALUES (1, zeroblob(16), 1, 'phone'), (2, zeroblob(16), 1, 'desk');
        PRAGMA application_id = 0x43485458;
        PRAGMA user_version = 2;";

    #[test]
    fn a_call_of_version_2_goes_on_with_its_timeline() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("calls.db");
        let old = Connection::open(&path).expect("made");
        let sql = [schema::VERSIONS[0], schema::VERSIONS[1], VERSION_2].concat();
        old.execute_batch(&sql).expect("version 2");
        drop(old);
        let database = Database::open(&path).expect("migrated");
        let id = CallId::from_uuid(uuid::Uuid::nil());
        let [alice, bob] = ["alice", "bob"].map(|user| UserId::parse(user).expect("an id"));
        let done = database.write(|db| {
            let session = db.engaged_session(&bob)?.expect("a session");
            assert_eq!(session.as_str(), "desk");
            let call = db.call(id)?.expect("the call");
            let principal = Principal {
                user: alice.clone(),
                session: SessionId::new("phone"),
                via: Source::Rest,
            };
            let now = Timestamp::from_millis(2_003);
            let ended = transition::end(&call, &principal, None, now).expect("it is live");
            db.update_call(&ended)?;
            assert!(db.engaged_session(&bob)?.is_none());
            db.timeline(id)
        });
        let timeline = done.expect("written and read");
        let causes: Vec<_> = timeline.iter().map(|entry| entry.cause).collect();
        assert_eq!(causes, [Cause::Initiate, Cause::Accept, Cause::End]);
        assert_eq!(timeline[2].actor, Actor::User(alice));
        assert_eq!(database.check().expect("checked"), Vec::<String>::new());
    }
}
