//! Steps of the wall clock: the stored deadlines that follow it.

use rusqlite::params;

use super::Write;
use super::error::Error;

impl Write<'_> {
    /// Returns whether any call is live.
    pub fn has_live_calls(&self) -> Result<bool, Error> {
        let sql = "SELECT EXISTS (SELECT 1 FROM live)";
        self.one(sql, params![], |row| row.get(0))
    }

    /// Moves the due instants of webhook deliveries and the expiry of pending events and remembered requests by `step`
    /// milliseconds.
    pub fn shift_deadlines(&self, step: i64) -> Result<(), Error> {
        for sql in [
            "UPDATE webhook_deliveries SET due = due + ?1 WHERE due IS NOT NULL",
            "UPDATE kept_notices SET expires_at = expires_at + ?1",
            "UPDATE app_events SET expires_at = expires_at + ?1",
            "UPDATE idempotency_keys SET expires_at = expires_at + ?1",
            "UPDATE api_replies SET expires_at = expires_at + ?1",
        ] {
            self.run(sql, params![step])?;
        }
        Ok(())
    }
}
