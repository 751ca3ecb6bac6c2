//! Invitations that sessions have to confirm: the column `confirm_by` of the table `live`.

use rusqlite::params;

use crate::call::{Call, CallId};
use crate::clock::Timestamp;
use crate::user::UserId;

use super::calls::call_id;
use super::engine::until;
use super::error::Error;
use super::{Read, Write};

impl Read<'_> {
    /// Returns the unanswered calls whose invitation had to be confirmed by `now`, at most `limit`.
    pub fn unreached_calls(&self, now: Timestamp, limit: usize) -> Result<Vec<Call>, Error> {
        let sql = "SELECT l.call FROM live AS l JOIN calls AS c ON c.id = l.call
             WHERE l.confirm_by > 0 AND l.confirm_by <= ?1 AND c.started_at IS NULL
             ORDER BY l.confirm_by, l.user LIMIT ?2";
        let params = params![now.as_millis(), self.with_skipped(limit)];
        let mut unreached = Vec::new();
        self.each(sql, params, |row| {
            unreached.extend(self.skip(self.call_to_change(row, "call"))?.flatten());
            Ok(until(unreached.len() >= limit))
        })?;
        Ok(unreached)
    }

    /// Returns the nearest instant by which an invitation to an unanswered call has to be confirmed.
    pub fn nearest_confirmation(&self) -> Result<Option<Timestamp>, Error> {
        let sql = "SELECT l.call, l.confirm_by FROM live AS l JOIN calls AS c ON c.id = l.call
             WHERE l.confirm_by > 0 AND c.started_at IS NULL ORDER BY l.confirm_by LIMIT ?1";
        let mut nearest = None;
        self.each(sql, params![self.with_skipped(1)], |row| {
            if !self.is_skipped("calls", call_id(row, "live", "call")?) {
                nearest = Some(Timestamp::from_millis(row.get("confirm_by")?));
            }
            Ok(until(nearest.is_some()))
        })?;
        Ok(nearest)
    }
}

impl Write<'_> {
    /// Records that the first invitation of `callee` to its live call has to be confirmed by `confirm_by`. Later
    /// invitations to the same call change nothing.
    pub fn await_confirmation(&self, callee: &UserId, confirm_by: Timestamp) -> Result<(), Error> {
        self.run(
            "UPDATE live SET confirm_by = ?2
             WHERE user = (SELECT key FROM users WHERE id = ?1) AND confirm_by IS NULL",
            params![callee.as_str(), confirm_by.as_millis()],
        )?;
        Ok(())
    }

    /// Records that the invitation to `call` needs no confirmation any more: a session has confirmed it, or the callee
    /// was reported as unreached.
    pub fn settle_invitation(&self, call: CallId) -> Result<(), Error> {
        self.run("UPDATE live SET confirm_by = 0
             WHERE user = (SELECT callee FROM calls WHERE id = ?1) AND call = ?1 AND confirm_by > 0", params![call.as_bytes()])?;
        Ok(())
    }
}
