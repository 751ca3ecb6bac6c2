//! Reads on one connection. Each family of tables adds its queries to [`Read`].

use std::cell::Cell;
use std::ops::ControlFlow;

use rusqlite::params;

use super::engine::{Conn, Params, Row};
use super::error::Error;
use super::unreadable::UnreadableRows;

/// What can be read of the database, on one connection.
pub struct Read<'c> {
    pub(super) conn: Conn<'c>,
    /// Where a server registers rows that cannot be read. For a command they are errors.
    pub(super) unreadable: Option<&'c UnreadableRows>,
    /// Statements run so far.
    pub(super) statements: Cell<u32>,
}

impl<'c> Read<'c> {
    pub(super) fn on(conn: impl Into<Conn<'c>>) -> Self {
        Self {
            conn: conn.into(),
            unreadable: None,
            statements: Cell::new(0),
        }
    }

    pub(super) fn skipping(conn: impl Into<Conn<'c>>, unreadable: &'c UnreadableRows) -> Self {
        Self {
            conn: conn.into(),
            unreadable: Some(unreadable),
            statements: Cell::new(0),
        }
    }

    /// Returns the connection, and counts the statement that is to run on it.
    pub(super) fn count(&self) -> Conn<'c> {
        self.statements.set(self.statements.get() + 1);
        self.conn
    }

    /// Runs `sql` and reads its first row, if there is one.
    pub(super) fn find<'p, T>(
        &self,
        sql: &str,
        params: impl Into<Params<'p>>,
        read: impl FnOnce(&Row<'_>) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        self.count().find(sql, params.into(), read)
    }

    /// Runs `sql` and reads its first row, which must be there.
    pub(super) fn one<'p, T>(
        &self,
        sql: &str,
        params: impl Into<Params<'p>>,
        read: impl FnOnce(&Row<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.find(sql, params, read)?
            .ok_or_else(|| rusqlite::Error::QueryReturnedNoRows.into())
    }

    /// Runs `sql` and calls `read` with its rows until it breaks off.
    pub(super) fn each<'p>(
        &self,
        sql: &str,
        params: impl Into<Params<'p>>,
        read: impl FnMut(&Row<'_>) -> Result<ControlFlow<()>, Error>,
    ) -> Result<(), Error> {
        self.count().each(sql, params.into(), read)
    }

    /// Runs `sql` and reads all its rows.
    pub(super) fn many<'p, T>(
        &self,
        sql: &str,
        params: impl Into<Params<'p>>,
        mut read: impl FnMut(&Row<'_>) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        self.collect(sql, params, |row| read(row).map(Some))
    }

    /// Runs `sql` and reads its rows but for those that a server skips.
    pub(super) fn readable<'p, T>(
        &self,
        sql: &str,
        params: impl Into<Params<'p>>,
        mut read: impl FnMut(&Row<'_>) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        self.collect(sql, params, |row| self.skip(read(row)))
    }

    fn collect<'p, T>(
        &self,
        sql: &str,
        params: impl Into<Params<'p>>,
        mut read: impl FnMut(&Row<'_>) -> Result<Option<T>, Error>,
    ) -> Result<Vec<T>, Error> {
        let mut values = Vec::new();
        self.each(sql, params, |row| {
            values.extend(read(row)?);
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(values)
    }

    /// Returns how many rows have to be read for `wanted` rows that are not skipped.
    pub(super) fn with_skipped(&self, wanted: usize) -> i64 {
        let skipped = self.unreadable.map_or(0, UnreadableRows::count);
        i64::try_from(wanted.saturating_add(skipped)).unwrap_or(i64::MAX)
    }

    /// Returns the value of a row, or none if a server skips it because it cannot be read.
    pub(super) fn skip<T>(&self, row: Result<T, Error>) -> Result<Option<T>, Error> {
        match self.unreadable {
            Some(unreadable) => unreadable.skip(row),
            None => row.map(Some),
        }
    }

    pub(super) fn is_skipped(&self, table: &'static str, id: impl ToString) -> bool {
        let skips = |rows: &UnreadableRows| rows.contains(table, id.to_string());
        self.unreadable.is_some_and(skips)
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// [`Error`], where it does not.
    pub fn ping(&self) -> Result<(), Error> {
        let sql = "SELECT EXISTS (SELECT 1 FROM users)";
        self.one(sql, params![], |_| Ok(()))
    }
}
