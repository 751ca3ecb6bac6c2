//! The schema and the statements on PostgreSQL, compared with those on SQLite. The tests need a server, which
//! `TEST_DATABASE_URL` names; `scripts/test` starts one.

use std::collections::BTreeSet;
use std::path::Path;

use rusqlite::{Connection, params};

use super::engine::{Conn, Server, Session};
use super::plans::{READ_EVERYTHING, Statement, statements};
use super::schema;
use super::schema_postgres::SCHEMA;

/// Tables of PostgreSQL alone.
const OWN_TABLES: [&str; 6] = [
    "chattrix_schema",
    "nodes",
    "paced",
    "posts",
    "sessions",
    "turn",
];

/// Returns a connection within a transaction that has made the tables in the new schema `name`; none without a server.
fn tables(name: &str) -> Option<Session> {
    let url = std::env::var("TEST_DATABASE_URL").ok()?;
    let server = Server::of(Path::new(&url)).expect("a URL").expect("a URL");
    let session = Session::connect(&server).expect("connected");
    let begin = format!("BEGIN; CREATE SCHEMA {name}; SET LOCAL search_path = {name}");
    session.run_script(&begin).expect("a schema of its own");
    session.run_script(SCHEMA).expect("the tables");
    Some(session)
}

#[test]
fn postgres_understands_every_statement() {
    let Some(session) = tables("statements") else {
        return;
    };
    let mut failures = Vec::new();
    for Statement { file, sql } in statements(&READ_EVERYTHING) {
        // Those that are put together are tested with what uses them.
        if sql.contains('{') {
            continue;
        }
        session.run_script("SAVEPOINT one").expect("a savepoint");
        if let Err(error) = session.understand(&sql) {
            failures.push(format!("{file}: {error}\n{sql}"));
            session.run_script("ROLLBACK TO one").expect("back");
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// A column: table, name, kind of its values, whether it may be null.
type Column = (String, String, &'static str, bool);

fn columns_of_sqlite() -> BTreeSet<Column> {
    let conn = Connection::open_in_memory().expect("memory");
    conn.execute_batch(&schema::VERSIONS.concat())
        .expect("the schema applies");
    let mut columns = BTreeSet::new();
    let sql = "SELECT t.name AS in_table, c.name, c.type, c.\"notnull\" OR c.pk > 0 AS required
               FROM sqlite_schema AS t, pragma_table_info(t.name) AS c
               WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%'";
    let read = Conn::from(&conn).each(sql, params![].into(), |row| {
        let kind = match row.get::<String>("type")?.as_str() {
            "INTEGER" => "integer",
            "REAL" => "number",
            "TEXT" => "text",
            "BLOB" => "bytes",
            other => panic!("the type {other}"),
        };
        let required: bool = row.get("required")?;
        columns.insert((row.get("in_table")?, row.get("name")?, kind, !required));
        Ok(std::ops::ControlFlow::Continue(()))
    });
    read.expect("read");
    columns
}

#[test]
fn both_engines_have_the_same_columns() {
    let Some(session) = tables("columns") else {
        return;
    };
    let mut columns = BTreeSet::new();
    let sql = "SELECT CAST(c.table_name AS text) AS in_table, CAST(c.column_name AS text) AS name,
                      CAST(c.udt_name AS text) AS type, c.is_nullable = 'YES' AS optional
               FROM information_schema.columns AS c JOIN pg_tables AS t
                 ON t.schemaname = c.table_schema AND t.tablename = c.table_name
               WHERE c.table_schema = 'columns'";
    let read = Conn::from(&session).each(sql, params![].into(), |row| {
        let kind = match row.get::<String>("type")?.as_str() {
            "int8" => "integer",
            "float8" => "number",
            "text" => "text",
            "uuid" | "bytea" => "bytes",
            // Of the tables of PostgreSQL alone.
            _ => "other",
        };
        let table: String = row.get("in_table")?;
        if !OWN_TABLES.contains(&table.as_str()) {
            columns.insert((table, row.get("name")?, kind, row.get("optional")?));
        }
        Ok(std::ops::ControlFlow::Continue(()))
    });
    read.expect("read");
    assert_eq!(columns, columns_of_sqlite());
}
