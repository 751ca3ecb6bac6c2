//! `chattrix db stats`.

use std::fs;
use std::path::Path;

use chattrix::clock::{Clock, Timestamp};
use chattrix::store;
use clap::Args;
use serde_json::{Value, json};

use super::super::error::CliError;
use super::super::progress::Bar;
use super::super::table::{self, Column, Wide, whole};
use super::super::{GlobalArgs, format, output};

/// Days that are counted one by one.
const DAYS: u8 = 14;

/// Whole days for the average growth: a week, because its days differ.
const WEEK: usize = 7;

const TABLES: [Column; 3] = [whole("TABLE"), whole("ROWS"), whole("SIZE")];

const DAYS_OF_CALLS: [Column; 2] = [whole("DAY (UTC)"), whole("CALLS")];

/// The arguments of `chattrix db stats`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    chattrix db stats\n  \
    chattrix db stats --json | jq .bytesPerCall\n\n\
    Days without calls are left out; --json has them. The command reads the whole file, which takes seconds with millions of calls. The server may \
    run.")]
pub struct Stats {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What is printed.
struct Report {
    stats: store::Stats,
    file_bytes: u64,
    wal_bytes: u64,
    calls_per_day: u64,
}

impl Stats {
    pub fn run(self, global: &GlobalArgs) -> Result<(), CliError> {
        let context = global.context()?;
        let database = context.database_to_read()?;
        let path = &context.settings.database;
        let spinner = Bar::spinner("counting");
        let stats = database.stats(Clock::System.now(), DAYS)?;
        drop(spinner);
        let report = Report {
            file_bytes: if store::is_url(path) {
                stats.bytes
            } else {
                size(path)
            },
            wal_bytes: size(&wal(path)),
            calls_per_day: calls_per_day(&stats.days),
            stats,
        };
        if self.json {
            return Ok(output::json(&report.to_json(path))?);
        }
        report.print(path)
    }
}

impl Report {
    fn growth_per_day(&self) -> Option<u64> {
        let per_call = self.stats.bytes_per_call?;
        Some(per_call * self.calls_per_day)
    }

    fn to_json(&self, path: &Path) -> Value {
        let stats = &self.stats;
        let table = |table: &store::TableSize| json!({ "name": table.name, "rows": table.rows, "bytes": table.bytes });
        let day = |day: &store::Day| json!({ "day": date(day.begins), "calls": day.calls });
        json!({
            "database": path.display().to_string(),
            "schemaVersion": stats.version,
            "fileBytes": self.file_bytes,
            "walBytes": self.wal_bytes,
            "freeBytes": stats.free_bytes,
            "tables": stats.tables.iter().map(table).collect::<Vec<_>>(),
            "callsByDay": stats.days.iter().map(day).collect::<Vec<_>>(),
            "callsPerDay": self.calls_per_day,
            "bytesPerCall": stats.bytes_per_call,
            "bytesPerDay": self.growth_per_day(),
        })
    }

    fn print(&self, path: &Path) -> Result<(), CliError> {
        let stats = &self.stats;
        let unknown = || "unknown".to_owned();
        for (name, text) in [
            ("database", path.display().to_string()),
            ("version", stats.version.to_string()),
            ("size", format::bytes(self.file_bytes)),
            ("free space", format::bytes(stats.free_bytes)),
            ("log (WAL)", format::bytes(self.wal_bytes)),
            (
                "per call",
                stats.bytes_per_call.map_or_else(unknown, format::bytes),
            ),
            (
                "per day",
                self.growth_per_day().map_or_else(unknown, |bytes| {
                    let calls = self.calls_per_day;
                    format!("{} ({calls} calls a day, last week)", format::bytes(bytes))
                }),
            ),
        ] {
            output::line(&format!("{name:10}  {text}"))?;
        }
        output::line("")?;
        let tables = stats.tables.iter().map(|table| {
            vec![
                table.name.clone(),
                table.rows.to_string(),
                format::bytes(table.bytes),
            ]
        });
        table::print(&TABLES, tables, Wide::default())?;
        let days = stats.days.iter().filter(|day| day.calls > 0);
        let days: Vec<_> = days
            .map(|day| vec![date(day.begins), day.calls.to_string()])
            .collect();
        if days.is_empty() {
            return Ok(());
        }
        output::line("")?;
        Ok(table::print(&DAYS_OF_CALLS, days, Wide::default())?)
    }
}

/// The calls of a day, on average over the last whole week.
fn calls_per_day(days: &[store::Day]) -> u64 {
    let week: u64 = days.iter().skip(1).take(WEEK).map(|day| day.calls).sum();
    week.div_ceil(WEEK as u64)
}

/// A day without its hours.
fn date(begins: Timestamp) -> String {
    let mut text = begins.to_string();
    text.truncate("2024-01-15".len());
    text
}

/// The log beside a database.
pub fn wal(path: &Path) -> std::path::PathBuf {
    store::beside(path, "-wal")
}

/// The size of a file; 0 where there is none.
pub fn size(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |metadata| metadata.len())
}
