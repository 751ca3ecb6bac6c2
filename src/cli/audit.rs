//! `chattrix audit`: changes made with API keys.

use chattrix::api_key::AuditEntry;
use chattrix::clock::Timestamp;
use chattrix::store::AuditQuery;
use clap::Args;
use serde_json::json;

use super::error::CliError;
use super::table::{self, Column, Wide, text, whole};
use super::{GlobalArgs, apikey, format, output};

const COLUMNS: [Column; 5] = [
    whole("AT"),
    text("KEY").extra(1),
    whole("ACTION"),
    text("SUBJECT"),
    text("REQUEST").extra(2),
];

/// The arguments of `chattrix audit`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    chattrix audit\n  \
    chattrix audit --key backend --since 7d\n  \
    chattrix audit --limit 1000 --json\n\n\
    A change through the server API has one entry, stored with the change. The setting audit_retention says how \
    long entries are kept.")]
pub struct Audit {
    /// Show changes made with the key of this name
    #[arg(long, value_name = "NAME", value_parser = apikey::name)]
    key: Option<String>,
    /// Show changes since a time or age (2024-01-15T10:30:00Z, 2h)
    #[arg(long, value_name = "TIME", value_parser = format::instant_or_age)]
    since: Option<Timestamp>,
    /// Show at most this many changes
    #[arg(long, value_name = "N", default_value_t = 20,
        value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    limit: u32,
    #[command(flatten)]
    wide: Wide,
    /// Print JSON: a list of {at, key, action, subject, ...}
    #[arg(long)]
    json: bool,
}

impl Audit {
    pub fn run(self, global: &GlobalArgs) -> Result<(), CliError> {
        let query = AuditQuery {
            since: self.since.unwrap_or(Timestamp::from_millis(i64::MIN)),
            key_name: self.key,
            limit: self.limit,
        };
        let database = global.context()?.database_to_read()?;
        let entries = database.read().audit(&query)?;
        if self.json {
            let entries = entries.iter().map(|one| {
                json!({
                    "at": one.at.to_string(), "key": one.key_name, "action": one.action,
                    "subject": one.subject, "requestId": one.request_id,
                })
            });
            return Ok(output::json(&entries.collect())?);
        }
        if entries.is_empty() {
            output::tell("no changes");
            return Ok(());
        }
        let rows = entries.into_iter().map(row);
        Ok(table::print(&COLUMNS, rows, self.wide)?)
    }
}

fn row(entry: AuditEntry) -> Vec<String> {
    vec![
        entry.at.to_string(),
        entry.key_name,
        entry.action,
        entry.subject.unwrap_or_default(),
        entry.request_id,
    ]
}
