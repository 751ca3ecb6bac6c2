//! Statements on SQLite. Each stays prepared on its connection.

use std::cell::Cell;
use std::ops::ControlFlow;

use rusqlite::types::FromSql;
use rusqlite::{CachedStatement, Connection, Rows, Statement};

use super::super::error::Error;
use super::statements::{Names, Prepare, Prepared};
use super::{Params, Row};

/// Connection to a SQLite file.
#[derive(Clone, Copy)]
pub(in crate::store) enum SqliteConn<'c> {
    /// With the statements that the binding keeps prepared.
    Plain(&'c Connection),
    /// Of the writer, with its own.
    Writer(&'c dyn Prepare),
}

impl SqliteConn<'_> {
    pub fn execute(self, sql: &str, params: Params<'_>) -> Result<usize, Error> {
        match self {
            Self::Plain(conn) => {
                let mut statement = conn.prepare_cached(sql)?;
                Ok(match params {
                    Params::Ordered(values) => statement.execute(values),
                    Params::Named(values) => statement.execute(values),
                }?)
            }
            Self::Writer(statements) => {
                let run = |one: &mut Prepared<'_>| {
                    one.bind(params)?;
                    Ok(one.statement.raw_execute()?)
                };
                with(statements, sql, run)
            }
        }
    }

    pub fn insert(self, sql: &str, params: Params<'_>) -> Result<i64, Error> {
        self.execute(sql, params)?;
        Ok(match self {
            Self::Plain(conn) => conn.last_insert_rowid(),
            Self::Writer(statements) => statements.last_insert_rowid(),
        })
    }

    pub fn each(
        self,
        sql: &str,
        params: Params<'_>,
        mut read: impl FnMut(&Row<'_>) -> Result<ControlFlow<()>, Error>,
    ) -> Result<(), Error> {
        self.query(sql, params, |mut rows, columns| {
            while let Some(row) = rows.next()? {
                if read(&Row::Sqlite(NamedRow::new(row, columns)))?.is_break() {
                    break;
                }
            }
            Ok(())
        })
    }

    pub fn find<T>(
        self,
        sql: &str,
        params: Params<'_>,
        read: impl FnOnce(&Row<'_>) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        self.query(sql, params, |mut rows, columns| match rows.next()? {
            Some(row) => read(&Row::Sqlite(NamedRow::new(row, columns))).map(Some),
            None => Ok(None),
        })
    }

    fn query<T>(
        self,
        sql: &str,
        params: Params<'_>,
        read: impl FnOnce(Rows<'_>, Option<&Names>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        match self {
            Self::Plain(conn) => {
                let mut statement = conn.prepare_cached(sql)?;
                read(query(&mut statement, params)?, None)
            }
            Self::Writer(statements) => with(statements, sql, |one| {
                one.bind(params)?;
                let Prepared {
                    statement, columns, ..
                } = one;
                read(statement.raw_query(), Some(columns))
            }),
        }
    }
}

/// Returns what `run` returns for the statement of the text `sql`.
fn with<T>(
    statements: &dyn Prepare,
    sql: &str,
    run: impl FnOnce(&mut Prepared<'_>) -> Result<T, Error>,
) -> Result<T, Error> {
    let (mut run, mut outcome) = (Some(run), None);
    statements.with(sql, &mut |one| {
        outcome = run.take().map(|run| run(one));
    })?;
    outcome.expect("the statement was run")
}

/// Row whose columns are found by name from the one after the last that was read, because most are read in the order of
/// the statement: a search from the first column cost 3 % of a call.
pub(in crate::store) struct NamedRow<'r> {
    row: &'r rusqlite::Row<'r>,
    /// Names of the columns, if they are known without SQLite.
    columns: Option<&'r Names>,
    next: Cell<usize>,
}

impl<'r> NamedRow<'r> {
    const fn new(row: &'r rusqlite::Row<'r>, columns: Option<&'r Names>) -> Self {
        Self {
            row,
            columns,
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

    fn place(&self, name: &str) -> Option<usize> {
        let next = self.next.get();
        if let Some(columns) = self.columns {
            return columns.place(next, name);
        }
        let statement: &Statement<'_> = self.row.as_ref();
        let mut places = (next..statement.column_count()).chain(0..next);
        places.find(|place| statement.column_name(*place).is_ok_and(|it| it == name))
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
        let unknown = || rusqlite::Error::InvalidColumnName(self.to_owned());
        let place = row.place(self).ok_or_else(unknown)?;
        row.next.set(place + 1);
        Ok(place)
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
