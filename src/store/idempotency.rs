//! The table `idempotency_keys`: which call a repeated request stands for.

use rusqlite::params;

use crate::call::CallId;
use crate::clock::Timestamp;
use crate::user::UserId;

use super::Write;
use super::error::Error;

/// What a request with the same key came to before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remembered {
    /// The call it made.
    pub call: CallId,
    /// Whether it was refused because the callee was busy.
    pub refused: bool,
}

impl Write<'_> {
    /// Remembers until `expires_at` what `user`'s request with `key` came to.
    pub fn remember(
        &self,
        user: &UserId,
        key: &str,
        what: Remembered,
        expires_at: Timestamp,
    ) -> Result<(), Error> {
        self.run("INSERT INTO idempotency_keys (user, key, call, refused, expires_at)
             VALUES ((SELECT key FROM users WHERE id = ?1), ?2, ?3, ?4, ?5)
             ON CONFLICT (user, key) DO UPDATE
                SET call = excluded.call, refused = excluded.refused, expires_at = excluded.expires_at", params![user.as_str(),
                key,
                what.call.as_bytes(),
                what.refused,
                expires_at.as_millis()])?;
        Ok(())
    }

    /// Forgets what expired at or before `now`, at most `limit`; how many that were.
    pub fn delete_expired_keys(&self, now: Timestamp, limit: u32) -> Result<usize, Error> {
        self.execute(
            "DELETE FROM idempotency_keys WHERE (user, key) IN
                (SELECT user, key FROM idempotency_keys WHERE expires_at <= ?1 LIMIT ?2)",
            params![now.as_millis(), limit],
        )
    }
}
