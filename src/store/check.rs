//! Whether a database is whole, and means something.

use std::ops::ControlFlow;

use rusqlite::Connection;

use super::calls::{call, call_id};
use super::database::{Database, Opened};
use super::engine::{Row, until};
use super::error::Error;
use super::history::past_call;
use super::pending_events::notice;
use super::schema;
use super::users::{user, user_id};
use super::webhook::delivery;

/// Findings of one kind that are told one by one.
const TOLD: usize = 10;

/// Name, sentence and query of a rule.
type Rule = (&'static str, &'static str, &'static str);

/// What must not be found: a sentence, and the query for the ids of what contradicts it. Statuses are
/// the codes of `enum_codes`: 0 to 3 are live, 0 and 1 ring, 2 and 3 are answered.
const RULES: [Rule; 8] = [
    (
        "live_without_user",
        "is live, but its participants are not in the table live",
        "SELECT id FROM calls AS c WHERE status <= 3 AND 2 - withheld <>
            (SELECT count(*) FROM live AS l WHERE l.call = c.id AND l.user IN (c.caller, c.callee))",
    ),
    (
        "user_without_live",
        "is in the table live, but is no live call of that user",
        "SELECT l.call AS id FROM live AS l LEFT JOIN calls AS c ON c.id = l.call
         WHERE c.id IS NULL OR c.status > 3 OR l.user NOT IN (c.caller, c.callee)
            OR c.withheld <> 0 AND l.user = c.callee",
    ),
    (
        "over",
        "is over, but has no end, or a deadline",
        "SELECT id FROM calls WHERE status > 3 AND (ended_at IS NULL OR deadline IS NOT NULL)",
    ),
    (
        "live_with_end",
        "is live, but has an end",
        "SELECT id FROM calls WHERE status <= 3 AND ended_at IS NOT NULL",
    ),
    (
        "withheld",
        "is kept from its callee, but reached one",
        "SELECT id FROM calls WHERE withheld <> 0 AND status IN (1, 2, 3, 5)",
    ),
    (
        "rings",
        "rings, but would ring for ever",
        "SELECT id FROM calls WHERE status <= 1 AND deadline IS NULL",
    ),
    (
        "answered",
        "was answered, but not at any time",
        "SELECT id FROM calls WHERE status IN (2, 3) AND started_at IS NULL",
    ),
    (
        "alone",
        "is a call of somebody with themselves",
        "SELECT id FROM calls WHERE caller = callee",
    ),
];

/// Rule of a file: the functions of PostgreSQL for bytes differ.
const TIMELINE_RULE: Rule = (
    "timeline",
    "has another status than its timeline ends with",
    "SELECT id FROM calls AS c
     WHERE status IS NOT CASE WHEN length(steps) > 0
        THEN instr(x'00010203040506', substr(steps, -16, 1)) - 1
        ELSE (SELECT max(t.status) FROM timeline AS t WHERE t.call = c.id) END",
);

impl Database {
    /// Returns what is wrong with the database, each as a sentence; nothing if it is consistent. Takes seconds with
    /// millions of calls. The pages and the references of PostgreSQL are checked by its own tools.
    ///
    /// # Errors
    /// [`Error`] if the database cannot be read at all.
    pub fn check(&self) -> Result<Vec<String>, Error> {
        let mut findings = Vec::new();
        let Opened::File(conn) = &self.opened else {
            self.broken_rules(&RULES, &mut findings)?;
            self.impossible_rows(&mut findings)?;
            return Ok(findings);
        };
        // One snapshot, whatever a server writes meanwhile.
        let snapshot = conn.unchecked_transaction()?;
        // A damaged file may not even let itself be checked to the end.
        if let Err(error) = damage(&snapshot, &mut findings) {
            findings.push(format!("the file: {error}"));
        }
        if !findings.is_empty() {
            return Ok(findings);
        }
        missing_references(&snapshot, &mut findings)?;
        if self.version == schema::KNOWN_VERSION {
            self.broken_rules(&RULES, &mut findings)?;
            self.broken_rules(&[TIMELINE_RULE], &mut findings)?;
            self.impossible_rows(&mut findings)?;
        }
        Ok(findings)
    }

    fn broken_rules(&self, rules: &[Rule], findings: &mut Vec<String>) -> Result<(), Error> {
        for (name, sentence, sql) in rules {
            let mut found = 0_usize;
            self.each_of_many(name, sql, |row| {
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
    fn impossible_rows(&self, findings: &mut Vec<String>) -> Result<(), Error> {
        let mut read_all =
            |name, sql: &str, read: fn(&Row<'_>) -> Result<(), Error>| -> Result<(), Error> {
                let mut found = 0_usize;
                self.each_of_many(name, sql, |row| {
                    if let Err(error) = read(row) {
                        found += 1;
                        findings.push(error.to_string());
                    }
                    Ok(until(found >= TOLD))
                })
            };
        read_all("named_calls", "SELECT * FROM named_calls", |row| {
            call(row).map(drop)
        })?;
        read_all(
            "users",
            "SELECT id, name, avatar, standing FROM users WHERE standing <> 2",
            |row| user(row).map(drop),
        )?;
        read_all(
            "kept_notices",
            "SELECT k.*, u.id AS user_id, a.id AS actor_id, a.name AS actor_name, a.avatar AS actor_avatar,
                    app.type AS app_type, app.data AS app_data
             FROM kept_notices AS k JOIN users AS u ON u.key = k.user LEFT JOIN users AS a ON a.key = k.actor
             LEFT JOIN app_events AS app ON app.seq = k.app_event",
            |row| notice(row, &user_id(row, "users", "user_id")?).map(drop),
        )?;
        read_all(
            "history",
            "SELECT h.kind, h.call, h.duration_seconds, u.id, u.name, u.avatar
             FROM history AS h JOIN users AS u ON u.key = h.remote",
            |row| past_call(row).map(drop),
        )?;
        read_all(
            "deliveries",
            "SELECT d.receiver, d.failures, coalesce(d.due, 0) AS due, m.*
             FROM webhook_deliveries AS d JOIN webhook_messages AS m ON m.seq = d.message",
            |row| delivery(row).map(drop),
        )
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
