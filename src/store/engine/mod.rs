//! Engines: the only place where SQL statements are run.
//!
//! The store has one text of SQL, in the dialect that both engines share: SQLite and PostgreSQL. [`Conn`] runs it on the
//! connection of an engine; [`Row`] and [`Params`] are how values come and go. Values are those of SQLite: integers,
//! floating-point numbers, texts and bytes.

mod dialect;
mod postgres;
mod sqlite;
mod statements;

use std::fmt::Display;
use std::ops::ControlFlow;

use rusqlite::types::{FromSql, ToSql};

use super::error::Error;

pub(super) use postgres::{DeferredWrites, Server, Session, has_password, is_url};
use sqlite::SqliteConn;
pub(super) use statements::Statements;

/// Connection on which statements run.
#[derive(Clone, Copy)]
pub(super) enum Conn<'c> {
    /// Of a SQLite file.
    Sqlite(SqliteConn<'c>),
    /// To PostgreSQL.
    Postgres(&'c Session),
}

impl<'c> From<&'c Session> for Conn<'c> {
    fn from(session: &'c Session) -> Self {
        Self::Postgres(session)
    }
}

impl<'c> From<&'c rusqlite::Connection> for Conn<'c> {
    fn from(conn: &'c rusqlite::Connection) -> Self {
        Self::Sqlite(SqliteConn::Plain(conn))
    }
}

impl<'c> From<&'c Statements<'_>> for Conn<'c> {
    fn from(statements: &'c Statements<'_>) -> Self {
        Self::Sqlite(SqliteConn::Writer(statements))
    }
}

/// Parameters of a statement.
#[derive(Clone, Copy)]
pub(super) enum Params<'p> {
    /// By their places: `?1`, `?2`.
    Ordered(&'p [&'p dyn ToSql]),
    /// By their names: `:user`.
    Named(&'p [(&'p str, &'p dyn ToSql)]),
}

impl Params<'_> {
    const fn is_empty(self) -> bool {
        self.len() == 0
    }

    const fn len(self) -> usize {
        match self {
            Self::Ordered(values) => values.len(),
            Self::Named(values) => values.len(),
        }
    }
}

impl<'p> From<&'p [&'p dyn ToSql]> for Params<'p> {
    fn from(values: &'p [&'p dyn ToSql]) -> Self {
        Self::Ordered(values)
    }
}

impl<'p> From<&'p [(&'p str, &'p dyn ToSql)]> for Params<'p> {
    fn from(values: &'p [(&'p str, &'p dyn ToSql)]) -> Self {
        Self::Named(values)
    }
}

/// Row of a result.
pub(super) enum Row<'r> {
    /// Of a SQLite file.
    Sqlite(sqlite::NamedRow<'r>),
    /// From PostgreSQL.
    Postgres(&'r tokio_postgres::Row),
}

/// Place or name of a column.
pub(super) trait Column:
    sqlite::Column + tokio_postgres::row::RowIndex + Display + Copy
{
}

impl<T: sqlite::Column + tokio_postgres::row::RowIndex + Display + Copy> Column for T {}

impl Row<'_> {
    /// Returns the value of `column`.
    pub fn get<T: FromSql>(&self, column: impl Column) -> Result<T, Error> {
        match self {
            Self::Sqlite(row) => row.get(column),
            Self::Postgres(row) => {
                let value = postgres::cell(row, column)?;
                let kind = value.data_type();
                T::column_result(value).map_err(|error| {
                    rusqlite::Error::FromSqlConversionFailure(0, kind, Box::new(error)).into()
                })
            }
        }
    }

    /// Returns the bytes in `column`; none if the value is not bytes.
    pub fn bytes(&self, column: impl Column) -> Result<&[u8], Error> {
        match self {
            Self::Sqlite(row) => row.bytes(column),
            Self::Postgres(row) => Ok(postgres::cell(row, column)?.as_blob().unwrap_or_default()),
        }
    }
}

impl Conn<'_> {
    /// Runs `sql`; returns how many rows it changed.
    pub fn execute(self, sql: &str, params: Params<'_>) -> Result<usize, Error> {
        match self {
            Self::Sqlite(conn) => conn.execute(sql, params),
            Self::Postgres(session) => session.execute(sql, params),
        }
    }

    /// Runs `sql`. A failure may come later, from a statement after it or from [`Conn::settle`].
    pub fn run(self, sql: &str, params: Params<'_>) -> Result<(), Error> {
        match self {
            Self::Sqlite(conn) => conn.execute(sql, params).map(drop),
            Self::Postgres(session) => session.queue(sql, params),
        }
    }

    /// Waits until all statements of [`Conn::run`] are through.
    ///
    /// # Errors
    /// The first failure among them.
    pub fn settle(self) -> Result<(), Error> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(session) => session.settle(),
        }
    }

    /// Inserts one row into a table that numbers its rows in the column `seq`; returns the number.
    pub fn insert(self, sql: &str, params: Params<'_>) -> Result<i64, Error> {
        match self {
            Self::Sqlite(conn) => conn.insert(sql, params),
            Self::Postgres(_) => self
                .find(&format!("{sql} RETURNING seq"), params, |row| {
                    row.get("seq")
                })?
                .ok_or_else(|| rusqlite::Error::QueryReturnedNoRows.into()),
        }
    }

    /// Runs `sql` and calls `read` with its rows until it breaks off.
    pub fn each(
        self,
        sql: &str,
        params: Params<'_>,
        read: impl FnMut(&Row<'_>) -> Result<ControlFlow<()>, Error>,
    ) -> Result<(), Error> {
        match self {
            Self::Sqlite(conn) => conn.each(sql, params, read),
            Self::Postgres(session) => session.each(sql, params, read),
        }
    }

    /// Runs `sql` and reads its first row, if there is one.
    pub fn find<T>(
        self,
        sql: &str,
        params: Params<'_>,
        read: impl FnOnce(&Row<'_>) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        match self {
            Self::Sqlite(conn) => conn.find(sql, params, read),
            Self::Postgres(session) => session.find(sql, params, read),
        }
    }
}

/// Returns whether a loop over rows is to break off.
pub(super) const fn until(is_done: bool) -> ControlFlow<()> {
    if is_done {
        ControlFlow::Break(())
    } else {
        ControlFlow::Continue(())
    }
}
