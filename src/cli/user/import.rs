//! `chattrix user import`: many users at once, from another system's list.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use chattrix::store::Progress;
use chattrix::user::{AccountStatus, Profile};
use clap::Args;
use serde_json::{Value, json};

use super::super::error::CliError;
use super::super::progress::Bar;
use super::super::source::Source;
use super::super::{format, output};
use super::records::{self, Entry};

/// Users of one transaction: it takes some 10 ms, in which a running server cannot write.
const BATCH: usize = 1_000;

/// Refusals that are told one by one; `--json` has all.
const TOLD: usize = 20;

/// The arguments of `chattrix user import`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    chattrix user import staff.csv\n  \
    chattrix user import users.json --json >report.json\n\n\
    The first line of a CSV file has the column names: id, name, and optionally avatar and \
    standing (active or disabled), in any order. A JSON file is a list of objects with these \
    fields, as `user export --json` prints it. An existing user gets the name and avatar of the \
    file, and its standing if it has one. No user is removed. A wrong record is listed and \
    skipped, the others are imported, and the exit code is 1. The JSON report is {added, updated, \
    unchanged, refused: [{at, id, reason}]}.")]
pub struct Import {
    /// Read this .csv or .json file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Print a report as JSON
    #[arg(long)]
    json: bool,
}

/// What came of the records.
#[derive(Default)]
struct Report {
    added: usize,
    updated: usize,
    unchanged: usize,
    refused: Vec<Refused>,
}

struct Refused {
    at: u64,
    id: Option<String>,
    reason: String,
}

impl Import {
    pub fn run(self, source: &dyn Source) -> Result<(), CliError> {
        let started = Instant::now();
        let entries = records::read(&self.file)?;
        let report = import(source, entries);
        // Also after a failure: a part of the users may be imported.
        source.users_are_put();
        let report = report?;
        if self.json {
            output::json(&report.to_json())?;
        } else {
            report.tell(started.elapsed());
        }
        match report.refused.len() {
            0 => Ok(()),
            1 => Err(CliError::new("1 record was rejected")),
            several => Err(CliError::new(format!("{several} records were rejected"))),
        }
    }
}

fn import(source: &dyn Source, entries: Vec<Entry>) -> Result<Report, CliError> {
    let mut report = Report::default();
    let mut users: Vec<(Profile, Option<AccountStatus>)> = Vec::with_capacity(entries.len());
    for Entry { place, id, record } in entries {
        match record {
            Ok(record) => users.push((record.profile, record.standing)),
            Err(reason) => report.refused.push(Refused {
                at: place,
                id,
                reason,
            }),
        }
    }
    let bar = Bar::new("importing");
    let (mut done, total) = (0, users.len() as u64);
    for batch in users.chunks(BATCH) {
        let [added, updated, unchanged] = source.put_users(batch).map_err(|error| {
            CliError::new(error.sentence()).hint(format!(
                "{done} users were imported; run the same command again to continue"
            ))
        })?;
        report.added += added;
        report.updated += updated;
        report.unchanged += unchanged;
        done += batch.len() as u64;
        bar.set(Progress { done, total });
    }
    Ok(report)
}

impl Report {
    fn tell(&self, took: Duration) {
        let Self {
            added,
            updated,
            unchanged,
            refused,
        } = self;
        for Refused { at, id, reason } in refused.iter().take(TOLD) {
            let id = id.as_deref().filter(|id| !id.is_empty());
            let whose = id.map_or_else(String::new, |id| format!(" ({})", output::printable(id)));
            output::tell(&format!("{at}{whose}: {reason}"));
        }
        if refused.len() > TOLD {
            let more = refused.len() - TOLD;
            output::tell(&format!("{more} more; --json lists all"));
        }
        let took = format::duration(took);
        output::tell(&format!(
            "{added} added, {updated} updated, {unchanged} unchanged, {} rejected, in {took}",
            refused.len()
        ));
    }

    fn to_json(&self) -> Value {
        let refused = self.refused.iter();
        let refused: Vec<_> = refused
            .map(|one| json!({ "at": one.at, "id": one.id, "reason": one.reason }))
            .collect();
        json!({
            "added": self.added, "updated": self.updated, "unchanged": self.unchanged,
            "refused": refused,
        })
    }
}
