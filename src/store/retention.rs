//! Forgetting calls that are old: the tables `calls`, `timeline`, `quality` and `history` together.

use rusqlite::params;

use crate::call::{CallId, Direction, EntryId};
use crate::clock::Timestamp;

use super::engine::Row;
use super::error::Error;
use super::{Read, Write};

/// What was forgotten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// Calls, with their timelines and what was reported of their quality.
    pub calls: u64,
    /// Entries of their participants' histories.
    pub entries: u64,
}

impl std::ops::AddAssign for Forgotten {
    fn add_assign(&mut self, other: Self) {
        self.calls += other.calls;
        self.entries += other.entries;
    }
}

/// A call that can be forgotten.
struct Old {
    id: CallId,
    caller: i64,
    callee: i64,
}

impl Read<'_> {
    /// How many calls were over before `before`. Takes seconds where there are millions.
    pub fn count_calls_over(&self, before: Timestamp) -> Result<u64, Error> {
        let sql = "SELECT count(*) FROM calls WHERE id < ?1 AND ended_at < ?2";
        let first_kept = CallId::first_at(before);
        let params = params![first_kept.as_bytes(), before.as_millis()];
        self.one(sql, params, |row| row.get(0))
    }
}

impl Write<'_> {
    /// Forgets calls that were over before `before`, the oldest first, at most `limit`, and all that is known
    /// of them.
    pub fn forget_calls(&self, before: Timestamp, limit: u32) -> Result<Forgotten, Error> {
        let mut forgotten = Forgotten::default();
        for old in self.calls_over(before, limit)? {
            for (owner, direction) in [
                (old.caller, Direction::Outgoing),
                (old.callee, Direction::Incoming),
            ] {
                let call = old.id;
                let deleted = self.delete_entry(owner, EntryId { call, direction })?;
                forgotten.entries += u64::try_from(deleted).unwrap_or(u64::MAX);
            }
            let statements = [
                "DELETE FROM timeline WHERE call = ?1",
                "DELETE FROM quality WHERE call = ?1",
                "DELETE FROM calls WHERE id = ?1",
            ];
            self.run_each(&statements, params![old.id.as_bytes()])?;
            forgotten.calls += 1;
        }
        Ok(forgotten)
    }

    /// A call that was over by then was created before, so that only the oldest end of the table is looked at.
    fn calls_over(&self, before: Timestamp, limit: u32) -> Result<Vec<Old>, Error> {
        let old = |row: &Row<'_>| {
            Ok(Old {
                id: CallId::from_uuid(uuid::Uuid::from_bytes(row.get("id")?)),
                caller: row.get("caller")?,
                callee: row.get("callee")?,
            })
        };
        let first_kept = CallId::first_at(before);
        self.many(
            "SELECT id, caller, callee FROM calls
             WHERE id < ?1 AND ended_at < ?2 ORDER BY id LIMIT ?3",
            params![first_kept.as_bytes(), before.as_millis(), limit],
            old,
        )
    }
}
