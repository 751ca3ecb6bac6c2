//! Calls as administrators look for them.

use rusqlite::types::ToSql;

use crate::call::{Call, CallType, Status};
use crate::clock::Timestamp;
use crate::user::UserId;

use super::Read;
use super::calls::call;
use super::codes::encode;
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
    /// The calls that `filter` lets through, newest first, at most `limit`.
    ///
    /// Live calls are found by the table of live calls, and `since` by the order of ids. A rare status, type
    /// or user is looked for from the newest call on, through the whole table if need be: it has no index of its own,
    /// which every call would pay for.
    ///
    /// # Errors
    /// [`Error`].
    pub fn calls(&self, filter: &CallFilter, limit: u32) -> Result<Vec<Call>, Error> {
        let mut conditions = vec!["1"];
        let mut params: Vec<(&str, Box<dyn ToSql>)> = vec![(":limit", Box::new(limit))];
        if filter.live || filter.status.is_some_and(Status::is_live) {
            conditions.push("id IN (SELECT call FROM live)");
        }
        if let Some(user) = &filter.user {
            conditions.push("(SELECT key FROM users WHERE id = :user) IN (caller, callee)");
            params.push((":user", Box::new(user.as_str().to_owned())));
        }
        if let Some(status) = filter.status {
            conditions.push("status = :status");
            params.push((":status", Box::new(encode(&Status::ALL, &status))));
        }
        if let Some(call_type) = filter.call_type {
            conditions.push("call_type = :call_type");
            params.push((":call_type", Box::new(encode(&CallType::ALL, &call_type))));
        }
        if let Some(since) = filter.since {
            conditions.push("id >= :first");
            params.push((":first", Box::new(CallFilter::first_id(since))));
        }
        // The inner query walks the ids backwards and stops at the limit; only what it finds is joined.
        let sql = format!(
            "SELECT * FROM named_calls
             WHERE id IN (SELECT id FROM calls WHERE {} ORDER BY id DESC LIMIT :limit)
             ORDER BY id DESC",
            conditions.join(" AND ")
        );
        let params: Vec<(&str, &dyn ToSql)> = params
            .iter()
            .map(|(name, value)| (*name, &**value))
            .collect();
        let mut statement = self.conn.prepare(&sql)?;
        statement.query_and_then(&*params, call)?.collect()
    }
}
