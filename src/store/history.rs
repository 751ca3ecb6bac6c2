//! The table `history`.

use rusqlite::types::ToSql;
use rusqlite::{named_params, params};

use crate::call::history::{Entries, Tally};
use crate::call::{
    CallId, CallType, Direction, EntryId, Filter, HistoryEntry, Outcome, PastCall, Statistics,
};
use crate::clock::Timestamp;
use crate::user::{Profile, UserId};

use super::calls::call_id;
use super::engine::Row;
use super::enum_codes::{Code as _, Columns, encode};
use super::error::Error;
use super::users::user_id;
use super::{Read, Write};

/// Which entries of a user are wanted, and how many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryQuery<'a> {
    /// Whose entries.
    pub owner: &'a UserId,
    /// Which of them.
    pub filter: Filter,
    /// Only entries of calls before this one.
    pub before: CallId,
    /// At most so many.
    pub limit: u32,
}

impl Read<'_> {
    /// Entries of a user, the newest call first.
    pub fn past_calls(&self, wanted: &HistoryQuery<'_>) -> Result<Vec<PastCall>, Error> {
        let Some(owner) = self.user_key(wanted.owner)? else {
            return Ok(Vec::new());
        };
        let kinds = kinds(wanted.filter);
        let mut params: Vec<&dyn ToSql> = vec![&owner, wanted.before.as_bytes(), &wanted.limit];
        params.extend(kinds.iter().map(|kind| kind as &dyn ToSql));
        self.readable(&page_sql(kinds.len()), &*params, past_call)
    }

    /// A user's entries of calls created at or after `since`, counted by kind.
    pub fn statistics(&self, owner: &UserId, since: Timestamp) -> Result<Statistics, Error> {
        let Some(key) = self.user_key(owner)? else {
            return Ok(Statistics::default());
        };
        let first = CallId::first_at(since);
        let params = params![key, first.as_bytes()];
        self.many(&statistics_sql(), params, |row| tally(row, owner))
            .map(Statistics)
    }

    /// How many calls a user has missed since it last looked.
    pub fn unseen(&self, owner: &UserId) -> Result<u64, Error> {
        let sql = "SELECT unseen FROM users WHERE id = ?1";
        let unseen = self.find(sql, params![owner.as_str()], |row| row.get(0))?;
        Ok(unseen.unwrap_or(0))
    }

    fn user_key(&self, user: &UserId) -> Result<Option<i64>, Error> {
        let sql = "SELECT key FROM users WHERE id = ?1";
        self.find(sql, params![user.as_str()], |row| row.get(0))
    }
}

impl Write<'_> {
    /// Stores the participants' entries for a call that became final, and counts a missed call as unseen. The callee of
    /// a call that was kept from it has none.
    pub(super) fn insert_history(&self, entries: &Entries) -> Result<(), Error> {
        let (caller, callee) = (&entries.caller, entries.callee.as_ref());
        let is_missed = callee.is_some_and(|entry| entry.outcome == Outcome::Missed);
        self.run("INSERT INTO history (owner, kind, call, remote, duration_seconds, looks)
             SELECT caller, CAST(:caller_kind AS BIGINT), id, callee, CAST(:caller_duration AS BIGINT), NULL FROM calls WHERE id = :call
             UNION ALL
             SELECT callee, CAST(:callee_kind AS BIGINT), id, caller, CAST(:callee_duration AS BIGINT),
                    CASE WHEN :missed THEN (SELECT looks FROM users WHERE key = callee) END
             FROM calls WHERE id = :call AND CAST(:callee_kind AS BIGINT) IS NOT NULL", named_params! {
                ":call": caller.call.as_bytes(), ":missed": is_missed,
                ":caller_kind": entry_kind(caller), ":caller_duration": caller.duration_seconds,
                ":callee_kind": callee.map(entry_kind),
                ":callee_duration": callee.and_then(|entry| entry.duration_seconds),
            })?;
        if is_missed {
            self.run(
                "UPDATE users SET unseen = unseen + 1
                 WHERE key = (SELECT callee FROM calls WHERE id = ?1)",
                params![caller.call.as_bytes()],
            )?;
        }
        Ok(())
    }

    /// Deletes one entry of a user; false where the user has none of that name.
    pub fn delete_past_call(&self, owner: &UserId, id: EntryId) -> Result<bool, Error> {
        let Some(owner) = self.user_key(owner)? else {
            return Ok(false);
        };
        self.delete_entry(owner, id).map(|deleted| deleted > 0)
    }

    /// Deletes entries of a user, at most `limit`; returns how many.
    pub fn delete_past_calls(&self, owner: &UserId, limit: u32) -> Result<u64, Error> {
        let deleted = self.execute(
            "DELETE FROM history WHERE (owner, kind, call) IN
                (SELECT owner, kind, call FROM history
                 WHERE owner = (SELECT key FROM users WHERE id = ?1) LIMIT ?2)",
            params![owner.as_str(), limit],
        )?;
        Ok(u64::try_from(deleted).unwrap_or(u64::MAX))
    }

    /// Marks the missed calls of `owner` as seen.
    pub fn mark_seen(&self, owner: &UserId) -> Result<(), Error> {
        let sql = "UPDATE users SET looks = looks + 1, unseen = 0 WHERE id = ?1 AND unseen > 0";
        self.execute(sql, params![owner.as_str()]).map(|_| ())
    }

    /// Deletes the entry `id` of the user with the key `owner`; returns how many that were.
    pub(super) fn delete_entry(&self, owner: i64, id: EntryId) -> Result<usize, Error> {
        let kinds = kinds(Filter {
            direction: Some(id.direction),
            ..Filter::default()
        });
        let mut params: Vec<&dyn ToSql> = vec![&owner, id.call.as_bytes()];
        params.extend(kinds.iter().map(|kind| kind as &dyn ToSql));
        self.execute(
            "DELETE FROM history
             WHERE owner = ?1 AND call = ?2 AND kind IN (?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            &*params,
        )
    }
}

fn entry_kind(entry: &HistoryEntry) -> i64 {
    kind(entry.outcome, entry.call_type, entry.direction)
}

/// The column `kind`. The outcome comes first: it is the one that there may be more of some day.
fn kind(outcome: Outcome, call_type: CallType, direction: Direction) -> i64 {
    encode(outcome) * 4 + encode(call_type) * 2 + encode(direction)
}

/// Every kind that `filter` lets through.
pub(super) fn kinds(filter: Filter) -> Vec<i64> {
    let mut kinds = Vec::with_capacity(16);
    for outcome in wanted(&Outcome::ALL, filter.outcome) {
        for call_type in wanted(&CallType::ALL, filter.call_type) {
            for direction in wanted(&Direction::ALL, filter.direction) {
                kinds.push(kind(outcome, call_type, direction));
            }
        }
    }
    kinds
}

fn wanted<T: Copy>(all: &[T], one: Option<T>) -> Vec<T> {
    one.map_or_else(|| all.to_vec(), |one| vec![one])
}

/// The newest entries of so many kinds: the ends of their ranges, merged until there are enough.
fn page_sql(kinds: usize) -> String {
    let range = |place: usize| {
        format!(
            "SELECT kind, call, remote, duration_seconds FROM history
             WHERE owner = ?1 AND kind = ?{} AND call < ?2",
            place + 4
        )
    };
    let ranges: Vec<String> = (0..kinds).map(range).collect();
    format!(
        "SELECT h.kind, h.call, h.duration_seconds, u.id, u.name, u.avatar
         FROM ({} ORDER BY call DESC LIMIT ?3) AS h JOIN users AS u ON u.key = h.remote
         ORDER BY h.call DESC",
        ranges.join(" UNION ALL ")
    )
}

/// The sums of each kind from a call on. One statement, so that all of them are of one moment.
fn statistics_sql() -> String {
    let sums = |kind: i64| {
        format!(
            "SELECT {kind} AS kind, count(*) AS calls, CAST(coalesce(sum(duration_seconds), 0) AS BIGINT) AS seconds
             FROM history WHERE owner = ?1 AND kind = {kind} AND call >= ?2"
        )
    };
    let sums: Vec<String> = kinds(Filter::default()).into_iter().map(sums).collect();
    sums.join(" UNION ALL ")
}

pub(super) fn past_call(row: &Row<'_>) -> Result<PastCall, Error> {
    let call = call_id(row, "history", "call")?;
    let columns = Columns {
        row,
        table: "history",
        id: &call,
    };
    let (outcome, call_type, direction) = decode_kind(&columns)?;
    Ok(PastCall {
        id: EntryId { call, direction },
        remote: Profile {
            id: user_id(row, "users", "id")?,
            name: columns.get("name")?,
            avatar: columns.get("avatar")?,
        },
        call_type,
        outcome,
        duration_seconds: columns.get("duration_seconds")?,
    })
}

fn tally(row: &Row<'_>, owner: &UserId) -> Result<Tally, Error> {
    let columns = Columns {
        row,
        table: "history",
        id: owner,
    };
    let (outcome, call_type, _) = decode_kind(&columns)?;
    Ok(Tally {
        call_type,
        outcome,
        calls: columns.get("calls")?,
        seconds: columns.get("seconds")?,
    })
}

fn decode_kind(columns: &Columns<'_>) -> Result<(Outcome, CallType, Direction), Error> {
    let code: i64 = columns.get("kind")?;
    let outcome = Outcome::from_code(code.div_euclid(4));
    let call_type = CallType::from_code(code / 2 % 2);
    let direction = Direction::from_code(code % 2);
    match (outcome, call_type, direction) {
        (Some(outcome), Some(call_type), Some(direction)) => Ok((outcome, call_type, direction)),
        _ => Err(columns.impossible("kind", &code.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::super::plans::plan;
    use super::*;

    fn all_filters() -> Vec<Filter> {
        let mut filters = Vec::new();
        for outcome in [None].into_iter().chain(Outcome::ALL.map(Some)) {
            for call_type in [None].into_iter().chain(CallType::ALL.map(Some)) {
                for direction in [None].into_iter().chain(Direction::ALL.map(Some)) {
                    filters.push(Filter {
                        outcome,
                        call_type,
                        direction,
                    });
                }
            }
        }
        filters
    }

    #[test]
    fn the_kinds_in_the_field_never_change() {
        assert_eq!(
            kind(Outcome::Completed, CallType::Audio, Direction::Incoming),
            0
        );
        assert_eq!(
            kind(Outcome::Missed, CallType::Audio, Direction::Incoming),
            4
        );
        assert_eq!(
            kind(Outcome::Cancelled, CallType::Video, Direction::Outgoing),
            15
        );
        assert_eq!(kinds(Filter::default()), (0..16).collect::<Vec<_>>());
    }

    #[test]
    fn a_filter_lets_through_as_many_kinds_as_it_leaves_open() {
        for filter in all_filters() {
            let open = |is_some: bool, all: usize| if is_some { 1 } else { all };
            let expected = open(filter.outcome.is_some(), 4)
                * open(filter.call_type.is_some(), 2)
                * open(filter.direction.is_some(), 2);
            assert_eq!(kinds(filter).len(), expected, "{filter:?}");
        }
    }

    /// However long a history is, a query reads what it shows and no more: ranges found by the key, never a
    /// scan, nothing of the history sorted.
    #[test]
    fn every_query_finds_its_entries_by_the_key() {
        let conn = Connection::open_in_memory().expect("memory");
        conn.execute_batch(&super::super::schema::VERSIONS.concat())
            .expect("the schema applies");
        let plan = |sql: &str| plan(&conn, sql);
        let key = "SEARCH history USING PRIMARY KEY (owner=? AND kind=? AND call";
        for filter in all_filters() {
            let count = kinds(filter).len();
            let plan = plan(&page_sql(count));
            let ranges = plan.iter().filter(|step| step.starts_with(key)).count();
            assert_eq!(ranges, count, "{plan:#?}");
            // What is sorted and scanned after that are the rows of one page.
            assert!(
                plan.iter().all(|step| !step.contains("SCAN history")),
                "{plan:#?}"
            );
        }
        let plan = plan(&statistics_sql());
        let ranges = plan.iter().filter(|step| step.starts_with(key)).count();
        assert_eq!(ranges, 16, "{plan:#?}");
        assert!(
            plan.iter().all(|step| !step.contains("TEMP B-TREE")),
            "{plan:#?}"
        );
    }
}
