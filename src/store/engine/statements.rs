//! Prepared statements of the writer's connection to a SQLite file.
//!
//! rusqlite's own cache copies, hashes and compares the text of a statement for each run, and SQLite searches the names of
//! parameters from the first one. Here a statement is found by the address of its text, which is almost always a
//! constant, and keeps its names (docs/performance.md, "What helped").

use std::cell::RefCell;
use std::collections::HashMap;

use rusqlite::types::ToSql;
use rusqlite::{Connection, PrepFlags, Statement};

use super::Params;

/// Most statements that stay prepared: more than the store has.
const MOST: usize = 256;

/// Source of prepared statements.
pub(in crate::store) trait Prepare {
    /// Returns the number of the row that was inserted last.
    fn last_insert_rowid(&self) -> i64;

    /// Calls `run` with the statement of the text `sql`.
    ///
    /// # Errors
    /// The text is not a statement.
    fn with(
        &self,
        sql: &str,
        run: &mut dyn FnMut(&mut Prepared<'_>),
    ) -> Result<(), rusqlite::Error>;
}

/// Prepared statement with the names of its parameters and columns.
pub(in crate::store) struct Prepared<'c> {
    text: Box<str>,
    pub statement: Statement<'c>,
    parameters: Names,
    pub columns: Names,
}

impl<'c> Prepared<'c> {
    fn new(conn: &'c Connection, sql: &str) -> Result<Self, rusqlite::Error> {
        let statement = conn.prepare_with_flags(sql, PrepFlags::SQLITE_PREPARE_PERSISTENT)?;
        let parameter = |place| statement.parameter_name(place).unwrap_or_default();
        let parameters = (1..=statement.parameter_count()).map(parameter);
        Ok(Self {
            text: sql.into(),
            parameters: Names::new(parameters),
            columns: Names::new(statement.column_names()),
            statement,
        })
    }

    /// Binds all parameters. Values of an earlier run would stay, so none may be missing.
    ///
    /// # Errors
    /// A parameter is unknown or missing.
    pub fn bind(&mut self, params: Params<'_>) -> Result<(), rusqlite::Error> {
        let (given, expected) = (params.len(), self.parameters.0.len());
        if given != expected {
            return Err(rusqlite::Error::InvalidParameterCount(given, expected));
        }
        match params {
            Params::Ordered(values) => {
                for (place, value) in values.iter().enumerate() {
                    self.bind_one(place, value)?;
                }
            }
            Params::Named(values) => {
                let mut next = 0;
                for (name, value) in values {
                    let unknown = || rusqlite::Error::InvalidParameterName((*name).to_owned());
                    let place = self.parameters.place(next, name).ok_or_else(unknown)?;
                    self.bind_one(place, value)?;
                    next = place + 1;
                }
            }
        }
        Ok(())
    }

    fn bind_one(&mut self, place: usize, value: &dyn ToSql) -> Result<(), rusqlite::Error> {
        self.statement.raw_bind_parameter(place + 1, value)
    }
}

/// Names of parameters or columns, in their order.
pub(in crate::store) struct Names(Box<[Box<str>]>);

impl Names {
    fn new<'n>(names: impl IntoIterator<Item = &'n str>) -> Self {
        Self(names.into_iter().map(Box::from).collect())
    }

    /// Returns the place of `name`. The search starts at `next`, because most names are used in their order.
    pub fn place(&self, next: usize, name: &str) -> Option<usize> {
        let mut places = (next..self.0.len()).chain(0..next);
        places.find(|place| *self.0[*place] == *name)
    }
}

/// Prepared statements of a connection, by the addresses of their texts.
pub(in crate::store) struct Statements<'c> {
    conn: &'c Connection,
    prepared: RefCell<HashMap<usize, Box<Prepared<'c>>>>,
}

impl<'c> Statements<'c> {
    pub fn new(conn: &'c Connection) -> Self {
        Self {
            conn,
            prepared: RefCell::default(),
        }
    }

    /// Returns the connection on which the statements run.
    pub const fn connection(&self) -> &'c Connection {
        self.conn
    }

    /// Runs `sql`, which has no parameters and returns no rows.
    pub fn run(&self, sql: &str) -> Result<(), rusqlite::Error> {
        let mut outcome = Ok(0);
        self.with(sql, &mut |one| outcome = one.statement.raw_execute())?;
        outcome.map(drop)
    }
}

impl Prepare for Statements<'_> {
    fn last_insert_rowid(&self) -> i64 {
        self.conn.last_insert_rowid()
    }

    fn with(
        &self,
        sql: &str,
        run: &mut dyn FnMut(&mut Prepared<'_>),
    ) -> Result<(), rusqlite::Error> {
        let address = sql.as_ptr().addr();
        // Taken out: `run` may run other statements, and this one again.
        let prepared = self.prepared.borrow_mut().remove(&address);
        let mut prepared = match prepared.filter(|one| *one.text == *sql) {
            Some(prepared) => prepared,
            None => Box::new(Prepared::new(self.conn, sql)?),
        };
        run(&mut prepared);
        let mut kept = self.prepared.borrow_mut();
        if kept.len() < MOST {
            kept.insert(address, prepared);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use rusqlite::{named_params, params};

    use super::super::Conn;
    use super::*;

    #[test]
    fn statement_binds_all_its_names_and_runs_within_itself() {
        let conn = Connection::open_in_memory().expect("a database");
        let statements = Statements::new(&conn);
        let db = Conn::from(&statements);
        let create = "CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT)";
        statements.run(create).expect("a table");
        let insert = "INSERT INTO t (a, b) VALUES (:a, :b)";
        for (a, b) in [(1, Some("one")), (2, None)] {
            let values: &[(&str, &dyn ToSql)] = named_params! { ":b": b, ":a": a };
            assert_eq!(db.insert(insert, values.into()).expect("inserted"), a);
        }
        // The values of the run before are still bound.
        let fewer: &[(&str, &dyn ToSql)] = named_params! { ":a": 3 };
        assert!(db.execute(insert, fewer.into()).is_err());
        let other: &[(&str, &dyn ToSql)] = named_params! { ":a": 3, ":c": "three" };
        assert!(db.execute(insert, other.into()).is_err());
        let select = "SELECT a, b FROM t WHERE a >= ?1 ORDER BY a";
        let mut found: Vec<(i64, Option<String>, i64)> = Vec::new();
        let read = |row: &super::super::Row<'_>| {
            let (b, a): (Option<String>, i64) = (row.get("b")?, row.get("a")?);
            let last: &[&dyn ToSql] = params![2];
            let inner = db.find(select, last.into(), |row| row.get("a"))?;
            found.push((a, b, inner.expect("a row")));
            Ok(ControlFlow::Continue(()))
        };
        let first: &[&dyn ToSql] = params![1];
        db.each(select, first.into(), read).expect("read");
        assert_eq!(found, [(1, Some("one".to_owned()), 2), (2, None, 2)]);
    }
}
