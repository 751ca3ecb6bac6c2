//! Invitations that sessions have to confirm: the column `confirm_by` of the table `live`.

use rusqlite::OptionalExtension as _;

use crate::call::{Call, CallId};
use crate::clock::Timestamp;
use crate::user::UserId;

use super::calls::call;
use super::error::Error;
use super::{Read, Write};

impl Read<'_> {
    /// Returns the unanswered calls whose invitation had to be confirmed by `now`, at most `limit`.
    pub fn unreached_calls(&self, now: Timestamp, limit: u32) -> Result<Vec<Call>, Error> {
        let mut statement = self.conn.prepare_cached(
            "SELECT c.* FROM live AS l JOIN named_calls AS c ON c.id = l.call
             WHERE l.confirm_by > 0 AND l.confirm_by <= ?1 ORDER BY l.confirm_by, l.user LIMIT ?2",
        )?;
        statement
            .query_and_then((now.as_millis(), limit), call)?
            .collect()
    }

    /// Returns the nearest instant by which an invitation has to be confirmed.
    pub fn nearest_confirmation(&self) -> Result<Option<Timestamp>, Error> {
        let mut statement = self.conn.prepare_cached(
            "SELECT confirm_by FROM live WHERE confirm_by > 0 ORDER BY confirm_by LIMIT 1",
        )?;
        let at: Option<i64> = statement.query_row([], |row| row.get(0)).optional()?;
        Ok(at.map(Timestamp::from_millis))
    }
}

impl Write<'_> {
    /// Records that the first invitation of `callee` to its live call has to be confirmed by `confirm_by`. Later
    /// invitations to the same call change nothing.
    pub fn await_confirmation(&self, callee: &UserId, confirm_by: Timestamp) -> Result<(), Error> {
        self.execute(
            "UPDATE live SET confirm_by = ?2
             WHERE user = (SELECT key FROM users WHERE id = ?1) AND confirm_by IS NULL",
            (callee.as_str(), confirm_by.as_millis()),
        )?;
        Ok(())
    }

    /// Records that the invitation to `call` needs no confirmation any more: a session has confirmed it, or the callee
    /// was reported as unreached.
    pub fn settle_invitation(&self, call: CallId) -> Result<(), Error> {
        self.execute(
            "UPDATE live SET confirm_by = 0
             WHERE user = (SELECT callee FROM calls WHERE id = ?1) AND call = ?1 AND confirm_by > 0",
            [call.as_bytes()],
        )?;
        Ok(())
    }
}
