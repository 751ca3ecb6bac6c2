//! How large a database is, and how fast it grows.

use rusqlite::params;

use crate::clock::Timestamp;

use super::database::Opened;
use super::error::Error;
use super::{CallFilter, Database, Read};

/// The length of a day, in milliseconds.
const DAY_MS: i64 = 24 * 3600 * 1000;

/// What a table takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableSize {
    /// Its name.
    pub name: String,
    /// Its rows.
    pub rows: u64,
    /// What it and its indexes take in the file.
    pub bytes: u64,
}

/// How many calls were created on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Day {
    /// The day's first instant, in UTC.
    pub begins: Timestamp,
    /// The calls.
    pub calls: u64,
}

/// A database's size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stats {
    /// The version of its schema.
    pub version: i64,
    /// Its tables, by name.
    pub tables: Vec<TableSize>,
    /// What all pages take, those that are free included.
    pub bytes: u64,
    /// What is free within them: the next rows go there.
    pub free_bytes: u64,
    /// The last days, newest first; the first is today, so far.
    pub days: Vec<Day>,
    /// What a call takes with its timeline and history, on average; none where there is no call.
    pub bytes_per_call: Option<u64>,
}

impl Stats {
    /// The table of that name.
    #[must_use]
    pub fn table(&self, name: &str) -> Option<&TableSize> {
        self.tables.iter().find(|table| table.name == name)
    }
}

impl Stats {
    /// Returns what a call takes with its timeline and history, on average.
    fn bytes_per_call(&self) -> Option<u64> {
        let calls = self.table("calls").map_or(0, |table| table.rows);
        let grow_with_calls = self.tables.iter().filter(|table| {
            matches!(
                table.name.as_str(),
                "calls" | "timeline" | "history" | "quality"
            )
        });
        let taken: u64 = grow_with_calls.map(|table| table.bytes).sum();
        taken.checked_div(calls)
    }
}

impl Database {
    /// How large it is, and how many calls came in the last `days` days. Reads the whole file.
    pub fn stats(&self, now: Timestamp, days: u8) -> Result<Stats, Error> {
        let conn = match &self.opened {
            Opened::File(conn) => conn,
            Opened::Postgres(_) => return self.stats_of_postgres(now, days),
        };
        let snapshot = conn.unchecked_transaction()?;
        let read = Read::on(&*snapshot);
        let pragma = |name| snapshot.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
        let page = size(pragma("page_size")?);
        let tables = read.tables()?;
        let mut stats = Stats {
            version: self.version,
            bytes: size(pragma("page_count")?) * page,
            free_bytes: size(pragma("freelist_count")?) * page,
            days: read.days(now, days)?,
            bytes_per_call: None,
            tables,
        };
        stats.bytes_per_call = stats.bytes_per_call();
        Ok(stats)
    }

    fn stats_of_postgres(&self, now: Timestamp, days: u8) -> Result<Stats, Error> {
        let read = self.read();
        let mut stats = Stats {
            version: self.version,
            tables: read.postgres_tables()?,
            bytes: read.database_bytes()?,
            free_bytes: 0,
            days: read.days(now, days)?,
            bytes_per_call: None,
        };
        stats.bytes_per_call = stats.bytes_per_call();
        Ok(stats)
    }
}

impl Read<'_> {
    fn tables(&self) -> Result<Vec<TableSize>, Error> {
        // A table's indexes count as its own.
        let sizes: Vec<(String, i64)> = self.many(
            "SELECT s.tbl_name, sum(d.pgsize)
             FROM dbstat AS d JOIN sqlite_schema AS s ON s.name = d.name
             WHERE d.aggregate = TRUE GROUP BY s.tbl_name ORDER BY s.tbl_name",
            params![],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        let ours = |(name, _): &(String, i64)| !name.starts_with("sqlite_");
        self.counted(sizes.into_iter().filter(ours))
    }

    /// Returns the size of the database on PostgreSQL.
    pub(super) fn database_bytes(&self) -> Result<u64, Error> {
        let sql = "SELECT pg_database_size(current_database()) AS bytes";
        self.one(sql, params![], |row| row.get("bytes"))
    }

    fn postgres_tables(&self) -> Result<Vec<TableSize>, Error> {
        let sizes: Vec<(String, i64)> = self.many(
            "SELECT relname, pg_total_relation_size(relid) FROM pg_stat_user_tables
             WHERE schemaname = current_schema() ORDER BY relname",
            params![],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        self.counted(sizes.into_iter())
    }

    /// Returns tables with their rows counted.
    fn counted(&self, sizes: impl Iterator<Item = (String, i64)>) -> Result<Vec<TableSize>, Error> {
        let table = |(name, bytes): (String, i64)| {
            // The name comes from the schema, where it needs no quoting.
            let sql = format!("SELECT count(*) FROM \"{name}\"");
            Ok(TableSize {
                rows: size(self.one(&sql, params![], |row| row.get(0))?),
                name,
                bytes: size(bytes),
            })
        };
        sizes.map(table).collect()
    }

    fn days(&self, now: Timestamp, days: u8) -> Result<Vec<Day>, Error> {
        let today = now.as_millis().div_euclid(DAY_MS);
        let first = |day: i64| CallFilter::first_id(Timestamp::from_millis(day * DAY_MS));
        let sql = "SELECT count(*) FROM calls WHERE id >= ?1 AND id < ?2";
        (0..i64::from(days))
            .map(|ago| {
                let day = today - ago;
                let params = params![first(day), first(day + 1)];
                let calls = self.one(sql, params, |row| row.get(0))?;
                Ok(Day {
                    begins: Timestamp::from_millis(day * DAY_MS),
                    calls: size(calls),
                })
            })
            .collect()
    }
}

/// A count that the engine gives as a signed number.
fn size(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0)
}
