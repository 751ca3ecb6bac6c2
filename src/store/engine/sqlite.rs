//! Statements on SQLite. Each stays prepared on its connection.

use std::cell::Cell;
use std::ops::ControlFlow;

use rusqlite::types::FromSql;
use rusqlite::{CachedStatement, Connection, Rows, Statement};

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
        if read(&Row::Sqlite(NamedRow::new(row)))?.is_break() {
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
        Some(row) => read(&Row::Sqlite(NamedRow::new(row))).map(Some),
        None => Ok(None),
    }
}

/// Row whose columns are found by name from the one after the last that was read, because most are read in the order of
/// the statement: a search from the first column cost 3 % of a call.
pub(in crate::store) struct NamedRow<'r> {
    row: &'r rusqlite::Row<'r>,
    next: Cell<usize>,
}

impl<'r> NamedRow<'r> {
    const fn new(row: &'r rusqlite::Row<'r>) -> Self {
        Self {
            row,
            next: Cell::new(0),
        }
    }

    pub fn get<T: FromSql>(&self, column: impl Column) -> Result<T, Error> {
        Ok(self.row.get(column.place(self)?)?)
    }

    pub fn bytes(&self, column: impl Column) -> Result<&[u8], Error> {
        let value = self.row.get_ref(column.place(self)?)?;
        Ok(value.as_blob().unwrap_or_default())
    }
}

/// Place or name of a column.
pub(in crate::store) trait Column {
    /// Returns the place of this column in `row`.
    fn place(self, row: &NamedRow<'_>) -> Result<usize, rusqlite::Error>;
}

impl Column for usize {
    fn place(self, _row: &NamedRow<'_>) -> Result<usize, rusqlite::Error> {
        Ok(self)
    }
}

impl Column for &str {
    fn place(self, row: &NamedRow<'_>) -> Result<usize, rusqlite::Error> {
        let statement: &Statement<'_> = row.row.as_ref();
        let (next, count) = (row.next.get(), statement.column_count());
        for place in (next..count).chain(0..next) {
            if statement.column_name(place)? == self {
                row.next.set(place + 1);
                return Ok(place);
            }
        }
        Err(rusqlite::Error::InvalidColumnName(self.to_owned()))
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
