//! How each statement of this module finds its rows, as SQLite plans it. However large the tables grow, what
//! serves requests or runs beside them reads what it needs and no more: it finds rows by a key or an index,
//! scans no table and sorts nothing but a page.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use super::schema;

/// Files whose statements read everything on purpose: `db check`, `db copy`, `db stats`, `db backup`, and what is looked at
/// when a file is opened; tests.
pub(super) const READ_EVERYTHING: [&str; 8] = [
    "check.rs",
    "copy.rs",
    "backup.rs",
    "schema.rs",
    "stats.rs",
    "plans.rs",
    "postgres_tests.rs",
    "writer/tests.rs",
];

/// Files and folders whose statements are of PostgreSQL alone.
const POSTGRES: [&str; 3] = ["node", "roster.rs", "schema_postgres.rs"];

/// Tables that grow with every call, by the names that statements give them, and how rows of them may be looked
/// for: by what a statement needs and no more.
const KEYS: [(&[&str], &[&str]); 6] = [
    (
        &["calls", "c"],
        &[
            "PRIMARY KEY (id=?)",
            "COVERING INDEX calls_by_deadline (deadline<?)",
            "COVERING INDEX calls_by_deadline (deadline>?)",
            // The oldest end.
            "PRIMARY KEY (id<?)",
            // A day's calls, once, at the start after a crash.
            "PRIMARY KEY (id>?)",
            // The calls of a period that a backend counts.
            "PRIMARY KEY (id>? AND id<?)",
        ],
    ),
    (&["timeline", "t"], &["PRIMARY KEY (call=?)"]),
    (
        &["history"],
        &[
            "PRIMARY KEY (owner=? AND kind=? AND call=?)",
            // Any few of those who deletes all.
            "PRIMARY KEY (owner=?)",
        ],
    ),
    (&["quality"], &["PRIMARY KEY (call=?)"]),
    (
        &["kept_notices", "k"],
        &[
            "INTEGER PRIMARY KEY (rowid=?)",
            "INDEX kept_notices_by_user (user=?)",
            "COVERING INDEX kept_notices_by_app_event (app_event=?)",
        ],
    ),
    (
        &["idempotency_keys"],
        &[
            "PRIMARY KEY (user=? AND key=?)",
            "COVERING INDEX idempotency_keys_by_expiry (expires_at<?)",
        ],
    ),
];

/// Scans and sorting that cost little or are seldom: where they are, and why that may be.
const EXCEPTIONS: [(&str, &str, &str); 31] = [
    (
        "api_keys.rs",
        "SCAN api_keys USING INDEX sqlite_autoindex_api_keys_1",
        "a few keys, listed by a command",
    ),
    (
        "api_keys.rs",
        "SCAN api_keys",
        "a few keys, once, at the start of dev mode",
    ),
    (
        "call_counts.rs",
        "USE TEMP B-TREE FOR GROUP BY",
        "counts of days, types and statuses",
    ),
    (
        "clock_step.rs",
        "SCAN kept_notices",
        "the wall clock was set",
    ),
    ("clock_step.rs", "SCAN app_events", "the wall clock was set"),
    ("clock_step.rs", "SCAN live", "one row"),
    (
        "clock_step.rs",
        "SCAN api_replies USING INDEX api_replies_by_expiry",
        "the wall clock was set",
    ),
    (
        "clock_step.rs",
        "SCAN idempotency_keys USING INDEX idempotency_keys_by_expiry",
        "the wall clock was set",
    ),
    (
        "clock_step.rs",
        "SCAN webhook_deliveries USING INDEX webhook_deliveries_by_due",
        "the wall clock was set",
    ),
    ("database.rs", "SCAN calls", "one row from the newest end"),
    (
        "pending_events.rs",
        "SCAN kept_notices",
        "some rows from the oldest end",
    ),
    (
        "pending_events.rs",
        "SCAN k",
        "once, at the start after a crash",
    ),
    (
        "contact_lists.rs",
        "USE TEMP B-TREE FOR ORDER BY",
        "one user's list, which has a limit",
    ),
    ("live_calls.rs", "SCAN l", "once, at the start"),
    ("live_calls.rs", "SCAN live", "once, at the start"),
    (
        "live_calls.rs",
        "USE TEMP B-TREE FOR GROUP BY",
        "once, at the start",
    ),
    (
        "read.rs",
        "SCAN users USING COVERING INDEX sqlite_autoindex_users_1",
        "one row",
    ),
    (
        "users.rs",
        "SCAN users",
        "beside the threads that serve requests",
    ),
    (
        "users.rs",
        "SCAN users USING INDEX sqlite_autoindex_users_1",
        "all are listed",
    ),
    (
        "webhook/log.rs",
        "SCAN counted",
        "deliveries found by a key",
    ),
    ("webhook/log.rs", "SCAN tally", "one row"),
    ("webhook/log.rs", "SCAN s", "a page"),
    (
        "webhook/log.rs",
        "USE TEMP B-TREE FOR LAST TERM OF ORDER BY",
        "attempts of a message on a page",
    ),
    (
        "webhook/log.rs",
        "SCAN webhook_messages",
        "an administrator lists a further page",
    ),
    (
        "webhook/outbox.rs",
        "SCAN d USING COVERING INDEX webhook_deliveries_by_due",
        "an administrator retries",
    ),
    ("webhook/outbox.rs", "SCAN r", "a few receivers"),
    (
        "webhook/outbox.rs",
        "SCAN webhook_deliveries",
        "an administrator retries",
    ),
    (
        "webhook/outbox.rs",
        "SCAN webhook_messages",
        "an administrator retries; some rows from the oldest end",
    ),
    (
        "webhook/receivers.rs",
        "SCAN u USING COVERING INDEX sqlite_autoindex_users_1",
        "once, at the start",
    ),
    (
        "webhook/receivers.rs",
        "SCAN webhook_deliveries",
        "a receiver goes",
    ),
    (
        "webhook/receivers.rs",
        "SCAN webhook_receivers",
        "a few receivers",
    ),
];

/// A statement, and the file in which it stands.
pub(super) struct Statement {
    pub file: String,
    pub sql: String,
}

/// Every constant statement in the files of this module, their tests and the files and folders `skipped` left out.
pub(super) fn statements(skipped: &[&str]) -> Vec<Statement> {
    let module = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store");
    let mut statements = Vec::new();
    for path in sources(&module) {
        let file = path.strip_prefix(&module).expect("a file of the module");
        if skipped.iter().any(|name| file.starts_with(name)) {
            continue;
        }
        let text = fs::read_to_string(&path).expect("a source file");
        let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or("");
        // Every other piece between quotation marks is a literal, where none is escaped.
        for literal in code.split('"').skip(1).step_by(2) {
            if let Some(("SELECT" | "INSERT" | "UPDATE" | "DELETE", _)) = literal.split_once(' ') {
                statements.push(Statement {
                    file: file.display().to_string(),
                    sql: literal.replace("\\\n", ""),
                });
            }
        }
    }
    statements
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut sources = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources.extend(self::sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            sources.push(path);
        }
    }
    sources
}

/// The steps in which SQLite carries out `sql`.
pub(super) fn plan(conn: &Connection, sql: &str) -> Vec<String> {
    explain(conn, &format!("EXPLAIN QUERY PLAN {sql}"), "detail")
}

/// The values of `column` that `sql` returns for parameters that are null.
fn explain(conn: &Connection, sql: &str, column: &'static str) -> Vec<String> {
    let mut statement = conn.prepare(sql).expect("SQL");
    let blanks = vec![Value::Null; statement.parameter_count()];
    let rows = statement.query_map(params_from_iter(blanks), |row| row.get(column));
    rows.expect("a plan")
        .collect::<Result<_, _>>()
        .expect("rows")
}

/// Whether `step` scans a table or sorts; what it makes of one row or of a statement inside it is neither.
fn is_long(step: &str) -> bool {
    let scans = step.strip_prefix("SCAN ");
    let is_constant = |what: &str| what == "CONSTANT ROW" || what.ends_with("-ROW VALUES CLAUSE");
    let scans = scans.is_some_and(|what| !is_constant(what) && !what.starts_with('('));
    // What it says of a scan for a least or greatest value that no index has.
    let walks = step.starts_with("SEARCH ") && !step.contains(" USING ");
    scans || walks || step.contains("TEMP B-TREE")
}

/// Whether `step` looks for rows of a table that grows otherwise than by its keys.
fn misses_the_key(step: &str) -> bool {
    let Some(search) = step.strip_prefix("SEARCH ") else {
        return false;
    };
    let (table, key) = search.split_once(" USING ").unwrap_or((search, ""));
    let table = table.trim_end_matches(" EXISTS");
    let mut tables = KEYS.iter().filter(|(names, _)| names.contains(&table));
    tables.any(|(_, keys)| !keys.contains(&key))
}

#[test]
fn no_statement_reads_more_than_it_needs() {
    let conn = Connection::open_in_memory().expect("memory");
    conn.execute_batch(&schema::VERSIONS.concat())
        .expect("the schema applies");
    let mut needed = BTreeSet::new();
    let mut planned = 0;
    // Those that are put together are tested where they are.
    for Statement { file, sql } in statements(&[&READ_EVERYTHING[..], &POSTGRES].concat())
        .into_iter()
        .filter(|one| !one.sql.contains('{'))
    {
        planned += 1;
        for step in plan(&conn, &sql) {
            let exception = (file.as_str(), step.as_str());
            let place = EXCEPTIONS
                .iter()
                .position(|(file, step, _)| (*file, *step) == exception);
            assert!(!misses_the_key(&step), "{file}: {step}\n{sql}");
            assert!(!is_long(&step) || place.is_some(), "{file}: {step}\n{sql}");
            needed.extend(place);
        }
    }
    assert!(planned > 60, "only {planned} statements were found");
    let all: BTreeSet<usize> = (0..EXCEPTIONS.len()).collect();
    assert_eq!(needed, all, "exceptions that nothing needs any more");
}

/// A table that a statement makes for itself takes pages of memory, and more time than the rest of a short statement.
#[test]
fn changes_of_a_call_make_no_tables() {
    let conn = Connection::open_in_memory().expect("memory");
    conn.execute_batch(&schema::VERSIONS.concat())
        .expect("the schema applies");
    let changes = statements(&READ_EVERYTHING).into_iter().filter(|one| {
        let (kind, _) = one.sql.split_once(' ').expect("a statement");
        match one.file.as_str() {
            "calls.rs" => kind != "SELECT",
            // Others run once, at the start.
            "live_calls.rs" => matches!(kind, "INSERT" | "DELETE"),
            "history.rs" => kind == "INSERT",
            _ => false,
        }
    });
    let mut explained = 0;
    for Statement { sql, .. } in changes {
        let steps = explain(&conn, &format!("EXPLAIN {sql}"), "opcode");
        assert!(!steps.iter().any(|step| step == "OpenEphemeral"), "{sql}");
        explained += 1;
    }
    assert!(explained > 5, "only {explained} statements were found");
}
