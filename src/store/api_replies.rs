//! The table `api_replies`: answers to requests with an `Idempotency-Key`, to be given again.

use rusqlite::params;

use crate::api_key::Digest;
use crate::clock::Timestamp;

use super::Write;
use super::engine::Row;
use super::error::Error;

/// Answer to a request of a backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredReply {
    /// Digest of the request.
    pub request: Digest,
    /// HTTP status.
    pub status: u16,
    /// Body.
    pub body: String,
}

impl Write<'_> {
    /// Returns the answer to the request that the key `api_key` sent as `name`, unless it has expired at `now`.
    pub fn api_reply(
        &self,
        api_key: i64,
        name: &str,
        now: Timestamp,
    ) -> Result<Option<StoredReply>, Error> {
        self.find(
            "SELECT request, status, body FROM api_replies
             WHERE api_key = ?1 AND name = ?2 AND expires_at > ?3",
            params![api_key, name, now.as_millis()],
            reply,
        )
    }

    /// Stores the answer until `expires_at`.
    pub fn store_api_reply(
        &self,
        api_key: i64,
        name: &str,
        reply: &StoredReply,
        expires_at: Timestamp,
    ) -> Result<(), Error> {
        self.execute(
            "INSERT INTO api_replies (api_key, name, request, status, body, expires_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (api_key, name) DO UPDATE
                SET request = excluded.request, status = excluded.status, body = excluded.body,
                    expires_at = excluded.expires_at",
            params![
                api_key,
                name,
                reply.request,
                reply.status,
                reply.body,
                expires_at.as_millis()
            ],
        )?;
        Ok(())
    }

    /// Deletes answers that expired at or before `now`, at most `limit`; returns how many.
    pub fn delete_expired_replies(&self, now: Timestamp, limit: u32) -> Result<usize, Error> {
        self.execute(
            "DELETE FROM api_replies WHERE (api_key, name) IN
                (SELECT api_key, name FROM api_replies WHERE expires_at <= ?1 LIMIT ?2)",
            params![now.as_millis(), limit],
        )
    }
}

fn reply(row: &Row<'_>) -> Result<StoredReply, Error> {
    Ok(StoredReply {
        request: row.get("request")?,
        status: row.get("status")?,
        body: row.get("body")?,
    })
}
