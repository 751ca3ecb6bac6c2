//! `chattrix call list`.

use chattrix::call::CallId;
use chattrix::clock::{Clock, Timestamp};
use chattrix::store::CallFilter;
use chattrix::wire::call_report::CallRecord;
use clap::Args;

use super::super::error::CliError;
use super::super::format;
use super::super::output::{self, Cell, Tint};
use super::super::source::Source;
use super::super::table::{self, Column, Wide, text, whole};
use super::filter_args::FilterArgs;
use super::prefix::{CallPrefix, shown_length};

const COLUMNS: [Column; 7] = [
    whole("ID"),
    whole("STATUS"),
    whole("TYPE").extra(3),
    text("CALLER"),
    text("CALLEE"),
    whole("CREATED").extra(1),
    whole("LASTED").extra(2),
];

/// The arguments of `chattrix call list`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    chattrix call list\n  \
    chattrix call list --live\n  \
    chattrix call list --user alice --since 7d --status MISSED --type VIDEO\n  \
    chattrix call list --since 2024-01-15T10:30:00Z --limit 1000 --json\n\n\
    At a terminal, ids are shortened; every command takes a shortened id. --cursor continues after the last call of \
    the page before.")]
pub struct List {
    #[command(flatten)]
    which: FilterArgs,
    /// Show calls since a time or age (2024-01-15T10:30:00Z, 2h)
    #[arg(long, value_name = "TIME", value_parser = format::instant_or_age)]
    since: Option<Timestamp>,
    /// Show calls created before a time or age
    #[arg(long, value_name = "TIME", value_parser = format::instant_or_age)]
    until: Option<Timestamp>,
    /// Show calls created before this one
    #[arg(long, value_name = "CALL_ID", value_parser = CallPrefix::parse)]
    cursor: Option<CallPrefix>,
    /// Show at most this many calls
    #[arg(long, value_name = "N", default_value_t = 20,
        value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    limit: u32,
    #[command(flatten)]
    wide: Wide,
    /// Print JSON: a list of calls
    #[arg(long)]
    json: bool,
}

impl List {
    pub fn run(self, source: &dyn Source) -> Result<(), CliError> {
        let until = self.until.map(CallId::first_at);
        let cursor = self.cursor.map(|cursor| cursor.resolve(source));
        let filter = CallFilter {
            live: self.which.live,
            user: self.which.user,
            status: self.which.status,
            call_type: self.which.call_type,
            since: self.since,
            before: [until, cursor.transpose()?].into_iter().flatten().min(),
        };
        let page = source.calls(&filter, self.limit)?;
        if self.json {
            return Ok(output::json(&page.items.into())?);
        }
        let calls = page.records()?;
        let Some(last) = calls.last() else {
            output::tell("no calls");
            return Ok(());
        };
        let now = Clock::System.now();
        let ids: Vec<_> = calls.iter().map(|call| call.id).collect();
        let length = self.wide.limit().map(|_| shown_length(&ids));
        table::print(
            &COLUMNS,
            calls.iter().map(|call| row(call, length, now)),
            self.wide,
        )?;
        if page.has_more {
            output::tell(&format!(
                "showing the newest {}; --limit shows more, --cursor {} continues",
                self.limit, last.id
            ));
        }
        Ok(())
    }
}

/// Returns the row of a call, whose id is shortened to `length` characters.
fn row(call: &CallRecord, length: Option<usize>, now: Timestamp) -> Vec<Cell> {
    let mut id = call.id.to_string();
    id.truncate(length.unwrap_or(id.len()));
    vec![
        id.into(),
        Cell::tinted(call.status.as_str(), Tint::of(call.status)),
        call.call_type.as_str().into(),
        call.caller.as_str().into(),
        call.callee.as_str().into(),
        format::ago(call.created_at, now).into(),
        lasted(call, now).into(),
    ]
}

/// Returns the time since the answer, until the end or now.
fn lasted(call: &CallRecord, now: Timestamp) -> String {
    let until = call.ended_at.unwrap_or(now);
    let talked = call.started_at.map(|start| until.since(start));
    talked.map(format::duration).unwrap_or_default()
}
