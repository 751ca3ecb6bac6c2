//! The table `audit`: changes made with API keys.

use rusqlite::params;

use crate::api_key::AuditEntry;
use crate::clock::Timestamp;

use super::engine::Row;
use super::error::Error;
use super::{Read, Write};

/// Which entries are listed: those for which all of it holds.
#[derive(Clone, Debug)]
pub struct AuditQuery {
    /// Those at or after this instant.
    pub since: Timestamp,
    /// Those of the key of this name.
    pub key_name: Option<String>,
    /// At most this many.
    pub limit: u32,
}

impl Read<'_> {
    /// Returns the entries that `query` selects, newest first.
    pub fn audit(&self, query: &AuditQuery) -> Result<Vec<AuditEntry>, Error> {
        let key_name = query.key_name.as_deref().unwrap_or_default();
        self.many(
            "SELECT at, key_name, action, subject, request_id FROM audit
             WHERE at >= ?1 AND (?2 = '' OR key_name = ?2) ORDER BY at DESC, seq DESC LIMIT ?3",
            params![query.since.as_millis(), key_name, query.limit],
            entry,
        )
    }
}

impl Write<'_> {
    /// Adds an entry.
    pub fn add_audit_entry(&self, entry: &AuditEntry) -> Result<(), Error> {
        self.execute(
            "INSERT INTO audit (at, key_name, action, subject, request_id)
             VALUES (?1, ?2, ?3, ?4, ?5)",
            params![
                entry.at.as_millis(),
                entry.key_name,
                entry.action,
                entry.subject,
                entry.request_id
            ],
        )?;
        Ok(())
    }

    /// Deletes entries before `before`, at most `limit`; returns how many.
    pub fn forget_audit(&self, before: Timestamp, limit: u32) -> Result<usize, Error> {
        self.execute(
            "DELETE FROM audit WHERE seq IN (SELECT seq FROM audit WHERE at < ?1 LIMIT ?2)",
            params![before.as_millis(), limit],
        )
    }
}

fn entry(row: &Row<'_>) -> Result<AuditEntry, Error> {
    Ok(AuditEntry {
        at: Timestamp::from_millis(row.get("at")?),
        key_name: row.get("key_name")?,
        action: row.get("action")?,
        subject: row.get("subject")?,
        request_id: row.get("request_id")?,
    })
}
