//! The table `api_keys`.

use rusqlite::params;

use crate::api_key::{ApiKey, Digest, Scopes};
use crate::clock::Timestamp;

use super::engine::Row;
use super::error::Error;
use super::{Read, Write};

impl Read<'_> {
    /// Returns the key of that digest, also an expired or revoked one.
    pub fn api_key(&self, digest: &Digest) -> Result<Option<ApiKey>, Error> {
        self.find(
            "SELECT key, name, scopes, created_at, expires_at, revoked_at, last_used_at
             FROM api_keys WHERE digest = ?1",
            params![digest],
            api_key,
        )
    }

    /// Returns all keys, by name.
    pub fn api_keys(&self) -> Result<Vec<ApiKey>, Error> {
        self.many(
            "SELECT key, name, scopes, created_at, expires_at, revoked_at, last_used_at
             FROM api_keys ORDER BY name",
            params![],
            api_key,
        )
    }
}

impl Write<'_> {
    /// Adds a key; false if the name is taken, also by a revoked key.
    pub fn add_api_key(
        &self,
        name: &str,
        digest: &Digest,
        scopes: Scopes,
        expires_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let added = self.execute(
            "INSERT INTO api_keys (name, digest, scopes, created_at, expires_at)
             VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (name) DO NOTHING",
            params![
                name,
                digest,
                scopes.bits(),
                now.as_millis(),
                expires_at.map(Timestamp::as_millis)
            ],
        )?;
        Ok(added > 0)
    }

    /// Removes the expired keys whose names match `pattern`, but for those whose stored answers still count.
    pub fn remove_expired_api_keys(&self, pattern: &str, now: Timestamp) -> Result<(), Error> {
        let sql = "DELETE FROM api_keys WHERE name LIKE ?1 AND expires_at <= ?2
             AND NOT EXISTS (SELECT 1 FROM api_replies WHERE api_replies.api_key = api_keys.key)";
        self.execute(sql, params![pattern, now.as_millis()])?;
        Ok(())
    }

    /// Revokes a key; false if there is none of that name that is not revoked.
    pub fn revoke_api_key(&self, name: &str, now: Timestamp) -> Result<bool, Error> {
        let sql = "UPDATE api_keys SET revoked_at = ?2 WHERE name = ?1 AND revoked_at IS NULL";
        Ok(self.execute(sql, params![name, now.as_millis()])? > 0)
    }

    /// Records that the key `id` is used.
    pub fn mark_api_key_used(&self, id: i64, now: Timestamp) -> Result<(), Error> {
        let sql = "UPDATE api_keys SET last_used_at = ?2 WHERE key = ?1";
        self.execute(sql, params![id, now.as_millis()])?;
        Ok(())
    }
}

fn api_key(row: &Row<'_>) -> Result<ApiKey, Error> {
    let instant = |column| -> Result<Option<Timestamp>, Error> {
        let ms: Option<i64> = row.get(column)?;
        Ok(ms.map(Timestamp::from_millis))
    };
    Ok(ApiKey {
        id: row.get("key")?,
        name: row.get("name")?,
        scopes: Scopes::from_bits(row.get("scopes")?),
        created_at: Timestamp::from_millis(row.get("created_at")?),
        expires_at: instant("expires_at")?,
        revoked_at: instant("revoked_at")?,
        last_used_at: instant("last_used_at")?,
    })
}
