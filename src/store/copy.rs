//! Copy of all rows from one database into another, of either engine.

use std::ops::ControlFlow;

use rusqlite::types::{ToSql, Value};
use rusqlite::{Connection, params};

use super::backup::Progress;
use super::database::{Database, Opened};
use super::engine::{Conn, Row};
use super::error::Error;
use super::schema;

/// Rows that are sent to PostgreSQL before their answers are awaited.
const STEP: u64 = 1_000;

/// Tables in an order in which each row comes after those that it refers to, with the column that numbers the rows.
pub(super) const TABLES: [(&str, Option<&str>); 18] = [
    ("users", Some("key")),
    ("calls", None),
    ("timeline", None),
    ("live", None),
    ("history", None),
    ("quality", None),
    ("app_events", Some("seq")),
    ("kept_notices", Some("seq")),
    ("idempotency_keys", None),
    ("listed", None),
    ("webhook_receivers", Some("key")),
    ("webhook_messages", Some("seq")),
    ("webhook_deliveries", None),
    ("webhook_attempts", None),
    ("webhook_presence", None),
    ("api_keys", Some("key")),
    ("audit", Some("seq")),
    ("api_replies", None),
];

/// Number of rows, and the sum of their integers. Each is taken modulo a prime, so that no sum overflows.
#[derive(Debug, PartialEq, Eq)]
struct Sums {
    rows: u64,
    total: i64,
}

/// Table with its columns.
struct Table {
    name: &'static str,
    counter: Option<&'static str>,
    columns: Vec<String>,
    integers: Vec<String>,
}

impl Database {
    /// Copies all rows into `to`, which must be empty, in one transaction there, and compares number and sums of the rows
    /// of each table; returns how many rows there were. For who keeps servers away from both.
    ///
    /// # Errors
    /// [`Error::NotEmpty`], [`Error::CopyDiffers`].
    pub fn copy_to(&self, to: &Self, mut progress: impl FnMut(Progress)) -> Result<u64, Error> {
        let tables = tables()?;
        let before = tables.iter().map(|table| table.sums(self.conn()));
        let before: Vec<Sums> = before.collect::<Result<_, Error>>()?;
        let total = before.iter().map(|sums| sums.rows).sum();
        let mut done = 0;
        to.write(|_| {
            for (table, expected) in tables.iter().zip(&before) {
                if table.sums(to.conn())?.rows > 0 {
                    return Err(Error::NotEmpty { table: table.name });
                }
                table.copy(self, to.conn(), || {
                    done += 1;
                    if done % STEP == 0 {
                        to.conn().settle()?;
                        progress(Progress { done, total });
                    }
                    Ok(())
                })?;
                to.conn().settle()?;
                if table.sums(to.conn())? != *expected {
                    return Err(Error::CopyDiffers { table: table.name });
                }
                table.restart_counter(to)?;
            }
            Ok(())
        })?;
        Ok(done)
    }
}

impl Table {
    fn copy(
        &self,
        from: &Database,
        to: Conn<'_>,
        mut copied: impl FnMut() -> Result<(), Error>,
    ) -> Result<(), Error> {
        let places: Vec<String> = (1..=self.columns.len())
            .map(|place| format!("?{place}"))
            .collect();
        let (columns, places) = (self.columns.join(", "), places.join(", "));
        let insert = format!("INSERT INTO {} ({columns}) VALUES ({places})", self.name);
        let insert_row = |row: &Row<'_>| {
            let values = (0..self.columns.len()).map(|place| row.get(place));
            let values: Vec<Value> = values.collect::<Result<_, Error>>()?;
            let values: Vec<&dyn ToSql> = values.iter().map(|value| value as &dyn ToSql).collect();
            to.run(&insert, values.as_slice().into())?;
            copied()?;
            Ok(ControlFlow::Continue(()))
        };
        let select = format!("SELECT {columns} FROM {}", self.name);
        from.each_of_many(self.name, &select, insert_row)
    }

    fn sums(&self, conn: Conn<'_>) -> Result<Sums, Error> {
        let sums = self.integers.iter();
        let sums: Vec<String> = sums
            .map(|column| format!("coalesce(sum({column} % 1000003), 0)"))
            .collect();
        let sql = format!(
            "SELECT count(*), CAST({} AS BIGINT) FROM {}",
            sums.join(" + "),
            self.name
        );
        let read = |row: &Row<'_>| {
            Ok(Sums {
                rows: row.get(0)?,
                total: row.get(1)?,
            })
        };
        conn.find(&sql, params![].into(), read)?
            .ok_or_else(|| rusqlite::Error::QueryReturnedNoRows.into())
    }

    /// Lets PostgreSQL number new rows after those that were copied. SQLite does so by itself.
    fn restart_counter(&self, to: &Database) -> Result<(), Error> {
        if let (Opened::Postgres(session), Some(column)) = (&to.opened, self.counter) {
            let name = self.name;
            session.run_script(&format!(
                "SELECT setval(pg_get_serial_sequence('{name}', '{column}'),
                    (SELECT coalesce(max({column}), 0) + 1 FROM {name}), false)"
            ))?;
        }
        Ok(())
    }
}

/// Returns the tables with their columns, which are those of a new file.
fn tables() -> Result<Vec<Table>, Error> {
    let model = Connection::open_in_memory()?;
    model.execute_batch(&schema::VERSIONS.concat())?;
    let table = |(name, counter)| {
        let mut table = Table {
            name,
            counter,
            columns: Vec::new(),
            integers: Vec::new(),
        };
        let sql = "SELECT name, type FROM pragma_table_info(?1)";
        Conn::from(&model).each(sql, params![name].into(), |row| {
            let column: String = row.get("name")?;
            if row.get::<String>("type")? == "INTEGER" {
                table.integers.push(column.clone());
            }
            table.columns.push(column);
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(table)
    };
    TABLES.into_iter().map(table).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use crate::clock::Timestamp;
    use crate::user::{Profile, UserId};

    use super::*;

    #[test]
    fn a_copy_has_the_rows_and_only_an_empty_database_takes_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let open = |name: &str| Database::open(&folder.path().join(name)).expect("opened");
        let (first, second) = (open("first.db"), open("second.db"));
        let alice = Profile {
            id: UserId::parse("alice").expect("an id"),
            name: "Alice".to_owned(),
            avatar: None,
        };
        let added = first.add_user(&alice, Timestamp::from_millis(1));
        assert!(added.expect("added"));
        assert_eq!(first.copy_to(&second, |_| ()).expect("copied"), 1);
        assert_eq!(second.users().expect("read"), first.users().expect("read"));
        let again = first.copy_to(&second, |_| ());
        assert!(matches!(again, Err(Error::NotEmpty { table: "users" })));
    }

    #[test]
    fn every_table_is_copied() {
        let model = Connection::open_in_memory().expect("memory");
        model
            .execute_batch(&schema::VERSIONS.concat())
            .expect("the schema applies");
        let mut names = BTreeSet::new();
        let sql =
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
        let read = Conn::from(&model).each(sql, params![].into(), |row| {
            names.insert(row.get::<String>("name")?);
            Ok(ControlFlow::Continue(()))
        });
        read.expect("read");
        let copied: BTreeSet<String> = TABLES.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(copied, names);
    }
}
