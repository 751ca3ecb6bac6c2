//! Calls as administrators look for them.

use rusqlite::types::ToSql;

use crate::call::{Call, CallId, CallType, Status};
use crate::clock::Timestamp;
use crate::user::UserId;

use super::Read;
use super::calls::call;
use super::enum_codes::encode;
use super::error::Error;

/// Which calls are listed: those for which all of it holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallFilter {
    /// Live ones only.
    pub live: bool,
    /// Those of this user, in either role.
    pub user: Option<UserId>,
    /// Those in this status.
    pub status: Option<Status>,
    /// Those of this type.
    pub call_type: Option<CallType>,
    /// Those created at or after this instant.
    pub since: Option<Timestamp>,
    /// Those before this one: a call, or the first that an instant can have.
    pub before: Option<CallId>,
}

impl CallFilter {
    /// The lowest id that a call created at `at` can have: ids begin with the 48 bits of their millisecond
    /// (RFC 9562, section 5.7).
    pub(super) fn first_id(at: Timestamp) -> [u8; 16] {
        let [_, _, time @ ..] = at.as_millis().max(0).to_be_bytes();
        let mut id = [0; 16];
        id[..6].copy_from_slice(&time);
        id
    }
}

impl Read<'_> {
    /// The calls that `filter` lets through, newest first, at most `limit`. Those that cannot be read are left out.
    ///
    /// Live calls are found by the table of live calls, and `since` by the order of ids. A rare status, type
    /// or user is looked for from the newest call on, through the whole table if need be: it has no index of its own,
    /// which every call would pay for.
    pub fn calls(&self, filter: &CallFilter, limit: u32) -> Result<Vec<Call>, Error> {
        let Listing { sql, mut params } = Listing::of(filter);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        params.push((":limit", Box::new(self.with_skipped(limit))));
        let params: Vec<(&str, &dyn ToSql)> = params
            .iter()
            .map(|(name, value)| (*name, &**value))
            .collect();
        let mut calls = self.readable(&sql, &*params, call)?;
        calls.truncate(limit);
        Ok(calls)
    }
}

/// The statement that finds the calls of a filter, and what it asks for but the limit.
struct Listing {
    sql: String,
    params: Vec<(&'static str, Box<dyn ToSql>)>,
}

impl Listing {
    fn of(filter: &CallFilter) -> Self {
        let mut conditions = vec!["TRUE"];
        let mut params: Vec<(&'static str, Box<dyn ToSql>)> = Vec::new();
        let live = filter.live || filter.status.is_some_and(Status::is_live);
        conditions.extend(match (live, &filter.user) {
            (false, None) => None,
            (false, Some(_)) => {
                Some("(SELECT key FROM users WHERE id = :user) IN (caller, callee)")
            }
            (true, None) => Some("id IN (SELECT call FROM live)"),
            // One at most.
            (true, Some(_)) => Some(
                "id = (SELECT call FROM live WHERE user = (SELECT key FROM users WHERE id = :user))",
            ),
        });
        if let Some(user) = &filter.user {
            params.push((":user", Box::new(user.as_str().to_owned())));
        }
        if let Some(status) = filter.status {
            conditions.push("status = :status");
            params.push((":status", Box::new(encode(status))));
        }
        if let Some(call_type) = filter.call_type {
            conditions.push("call_type = :call_type");
            params.push((":call_type", Box::new(encode(call_type))));
        }
        if let Some(since) = filter.since {
            conditions.push("id >= :first");
            params.push((":first", Box::new(CallFilter::first_id(since))));
        }
        if let Some(before) = filter.before {
            conditions.push("id < :before");
            params.push((":before", Box::new(*before.as_bytes())));
        }
        // The inner query walks the ids backwards and stops at the limit; only what it finds is joined.
        let sql = format!(
            "SELECT * FROM named_calls
             WHERE id IN (SELECT id FROM calls WHERE {} ORDER BY id DESC LIMIT :limit)
             ORDER BY id DESC",
            conditions.join(" AND ")
        );
        Self { sql, params }
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::super::plans::plan;
    use super::super::schema;
    use super::*;

    /// Every way to filter, by whether it is used.
    fn filters() -> impl Iterator<Item = CallFilter> {
        let statuses = || std::iter::once(None).chain(Status::ALL.map(Some));
        (0..16).flat_map(move |bits: u8| {
            let has = move |bit: u8| bits & (1 << bit) != 0;
            statuses().map(move |status| CallFilter {
                live: has(0),
                user: has(1).then(|| UserId::parse("alice").expect("an id")),
                status,
                call_type: has(2).then_some(CallType::Audio),
                since: has(3).then(|| Timestamp::from_millis(1)),
                before: None,
            })
        })
    }

    #[test]
    fn call_filters_use_the_best_index_and_sort_nothing() {
        let conn = Connection::open_in_memory().expect("memory");
        conn.execute_batch(&schema::VERSIONS.concat())
            .expect("the schema applies");
        for filter in filters() {
            let steps = plan(&conn, &Listing::of(&filter).sql);
            let live = filter.live || filter.status.is_some_and(Status::is_live);
            let expected: &[&str] = match (live, &filter.user, filter.since) {
                (true, Some(_), _) => &[
                    "SEARCH calls USING PRIMARY KEY (id=?)",
                    "SEARCH live USING INTEGER PRIMARY KEY (rowid=?)",
                ],
                (true, None, _) => &["SEARCH calls USING PRIMARY KEY (id=?)", "SCAN live"],
                (false, _, Some(_)) => &["SEARCH calls USING PRIMARY KEY (id>?)"],
                // From the newest end, until there are enough.
                (false, _, None) => &["SCAN calls"],
            };
            let found: Vec<&String> = steps
                .iter()
                .filter(|step| {
                    let table = step.split(' ').nth(1);
                    table.is_some_and(|table| table == "calls" || table == "live")
                })
                .collect();
            assert_eq!(found, expected, "{filter:?}: {steps:#?}");
            assert!(
                !steps.iter().any(|step| step.contains("TEMP B-TREE")),
                "{filter:?}: {steps:#?}"
            );
            // Only the page that was found is joined.
            assert_eq!(steps[0], "SEARCH c USING PRIMARY KEY (id=?)", "{filter:?}");
        }
    }
}
