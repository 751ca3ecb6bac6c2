//! Statements on SQLite. Each stays prepared on its connection.

use std::ops::ControlFlow;

use rusqlite::{CachedStatement, Connection, Rows};

use super::super::error::Error;
use super::{Params, Row};

pub(super) fn execute(conn: &Connection, sql: &str, params: Params<'_>) -> Result<usize, Error> {
    let mut statement = conn.prepare_cached(sql)?;
    Ok(match params {
        Params::Ordered(values) => statement.execute(values),
        Params::Named(values) => statement.execute(values),
    }?)
}

pub(super) fn each(
    conn: &Connection,
    sql: &str,
    params: Params<'_>,
    mut read: impl FnMut(&Row<'_>) -> Result<ControlFlow<()>, Error>,
) -> Result<(), Error> {
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = query(&mut statement, params)?;
    while let Some(row) = rows.next()? {
        if read(&Row::Sqlite(row))?.is_break() {
            break;
        }
    }
    Ok(())
}

pub(super) fn find<T>(
    conn: &Connection,
    sql: &str,
    params: Params<'_>,
    read: impl FnOnce(&Row<'_>) -> Result<T, Error>,
) -> Result<Option<T>, Error> {
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = query(&mut statement, params)?;
    match rows.next()? {
        Some(row) => read(&Row::Sqlite(row)).map(Some),
        None => Ok(None),
    }
}

fn query<'s>(
    statement: &'s mut CachedStatement<'_>,
    params: Params<'_>,
) -> Result<Rows<'s>, rusqlite::Error> {
    match params {
        Params::Ordered(values) => statement.query(values),
        Params::Named(values) => statement.query(values),
    }
}
