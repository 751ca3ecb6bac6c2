//! Whether a database is whole, and means something.

use std::ops::ControlFlow;

use rusqlite::{Connection, params};

use super::calls::{call, call_id};
use super::engine::{Conn, Row, until};
use super::error::Error;
use super::history::past_call;
use super::pending_events::notice;
use super::users::{user, user_id};
use super::webhook::delivery;
use super::{Database, schema};

/// Findings of one kind that are told one by one.
const TOLD: usize = 10;

/// What must not be found: a sentence, and the query for the ids of what contradicts it. Statuses are
/// the codes of `enum_codes`: 0 to 3 are live, 0 and 1 ring, 2 and 3 are answered.
const RULES: [(&str, &str); 9] = [
    (
        "is live, but its participants are not in the table live",
        "SELECT id FROM calls AS c WHERE status <= 3 AND 2 - withheld <>
            (SELECT count(*) FROM live AS l WHERE l.call = c.id AND l.user IN (c.caller, c.callee))",
    ),
    (
        "is in the table live, but is no live call of that user",
        "SELECT l.call AS id FROM live AS l LEFT JOIN calls AS c ON c.id = l.call
         WHERE c.id IS NULL OR c.status > 3 OR l.user NOT IN (c.caller, c.callee)
            OR c.withheld AND l.user = c.callee",
    ),
    (
        "is over, but has no end, or a deadline",
        "SELECT id FROM calls WHERE status > 3 AND (ended_at IS NULL OR deadline IS NOT NULL)",
    ),
    (
        "is live, but has an end",
        "SELECT id FROM calls WHERE status <= 3 AND ended_at IS NOT NULL",
    ),
    (
        "is kept from its callee, but reached one",
        "SELECT id FROM calls WHERE withheld AND status IN (1, 2, 3, 5)",
    ),
    (
        "rings, but would ring for ever",
        "SELECT id FROM calls WHERE status <= 1 AND deadline IS NULL",
    ),
    (
        "was answered, but not at any time",
        "SELECT id FROM calls WHERE status IN (2, 3) AND started_at IS NULL",
    ),
    (
        "is a call of somebody with themselves",
        "SELECT id FROM calls WHERE caller = callee",
    ),
    (
        "has another status than its timeline ends with",
        "SELECT id FROM calls AS c
         WHERE status IS NOT CASE WHEN length(steps) > 0
            THEN instr(x'00010203040506', substr(steps, -16, 1)) - 1
            ELSE (SELECT max(t.status) FROM timeline AS t WHERE t.call = c.id) END",
    ),
];

impl Database {
    /// Everything that is wrong with the database, each as a sentence; nothing where it is whole. Takes
    /// seconds where there are millions of calls.
    ///
    /// # Errors
    /// [`Error`], where it cannot be looked through at all.
    pub fn check(&self) -> Result<Vec<String>, Error> {
        // One snapshot, whatever a server writes meanwhile.
        let conn = self.file("a check", "pg_amcheck")?;
        let snapshot = conn.unchecked_transaction()?;
        let mut findings = Vec::new();
        // A damaged file may not even let itself be checked to the end.
        if let Err(error) = damage(&snapshot, &mut findings) {
            findings.push(format!("the file: {error}"));
        }
        if !findings.is_empty() {
            return Ok(findings);
        }
        missing_references(&snapshot, &mut findings)?;
        if self.version == schema::KNOWN_VERSION {
            broken_rules(&snapshot, &mut findings)?;
            impossible_rows(&snapshot, &mut findings)?;
        }
        Ok(findings)
    }
}

fn damage(conn: &Connection, findings: &mut Vec<String>) -> Result<(), rusqlite::Error> {
    let mut statement = conn.prepare("PRAGMA integrity_check")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let found: String = row.get(0)?;
        if found != "ok" {
            findings.push(format!("the file: {found}"));
        }
    }
    Ok(())
}

fn missing_references(conn: &Connection, findings: &mut Vec<String>) -> Result<(), Error> {
    let mut statement = conn.prepare(
        "SELECT \"table\", parent, count(*) FROM pragma_foreign_key_check GROUP BY 1, 2",
    )?;
    let found = statement.query_map([], |row| {
        let (table, parent, rows): (String, String, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(format!(
            "table {table}: {rows} rows name what is not in table {parent}"
        ))
    })?;
    for finding in found {
        findings.push(finding?);
    }
    Ok(())
}

fn broken_rules(conn: &Connection, findings: &mut Vec<String>) -> Result<(), Error> {
    for (sentence, sql) in RULES {
        let mut found = 0_usize;
        Conn::from(conn).each(sql, params![].into(), |row| {
            found += 1;
            if found <= TOLD {
                findings.push(match call_id(row, "calls", "id") {
                    Ok(id) => format!("call {id} {sentence}"),
                    Err(error) => error.to_string(),
                });
            }
            Ok(ControlFlow::Continue(()))
        })?;
        if found > TOLD {
            findings.push(format!("{} more: call … {sentence}", found - TOLD));
        }
    }
    Ok(())
}

/// Reads the rows of each table as the server would.
fn impossible_rows(conn: &Connection, findings: &mut Vec<String>) -> Result<(), Error> {
    let mut read_all = |sql: &str, read: fn(&Row<'_>) -> Result<(), Error>| -> Result<(), Error> {
        let mut found = 0_usize;
        Conn::from(conn).each(sql, params![].into(), |row| {
            if let Err(error) = read(row) {
                found += 1;
                findings.push(error.to_string());
            }
            Ok(until(found >= TOLD))
        })
    };
    read_all("SELECT * FROM named_calls", |row| call(row).map(drop))?;
    read_all(
        "SELECT id, name, avatar, standing FROM users WHERE standing <> 2",
        |row| user(row).map(drop),
    )?;
    read_all(
        "SELECT k.*, u.id AS user_id, a.id AS actor_id, a.name AS actor_name, a.avatar AS actor_avatar,
                app.type AS app_type, app.data AS app_data
         FROM kept_notices AS k JOIN users AS u ON u.key = k.user LEFT JOIN users AS a ON a.key = k.actor
         LEFT JOIN app_events AS app ON app.seq = k.app_event",
        |row| notice(row, &user_id(row, "users", "user_id")?).map(drop),
    )?;
    read_all(
        "SELECT h.kind, h.call, h.duration_seconds, u.id, u.name, u.avatar
         FROM history AS h JOIN users AS u ON u.key = h.remote",
        |row| past_call(row).map(drop),
    )?;
    read_all(
        "SELECT d.receiver, d.failures, coalesce(d.due, 0) AS due, m.*
         FROM webhook_deliveries AS d JOIN webhook_messages AS m ON m.seq = d.message",
        |row| delivery(row).map(drop),
    )
}
