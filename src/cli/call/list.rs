//! `chattrix call list`.

use chattrix::call::Call;
use chattrix::clock::{Clock, Timestamp};
use chattrix::store::CallFilter;
use chattrix::wire::admin;
use clap::Args;

use super::super::error::CliError;
use super::super::output::{self, Cell, Tint};
use super::super::{GlobalArgs, format};
use super::filter_args::FilterArgs;

/// The arguments of `chattrix call list`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    chattrix call list\n  \
    chattrix call list --live\n  \
    chattrix call list --user alice --since 7d --status MISSED --type VIDEO\n  \
    chattrix call list --since 2024-01-15T10:30:00Z --limit 1000 --json")]
pub struct List {
    #[command(flatten)]
    which: FilterArgs,
    /// Show calls since a time or age (2024-01-15T10:30:00Z, 2h)
    #[arg(long, value_name = "TIME", value_parser = format::instant_or_age)]
    since: Option<Timestamp>,
    /// Show at most this many calls
    #[arg(long, value_name = "N", default_value_t = 20,
        value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    limit: u32,
    /// Print JSON: a list of calls
    #[arg(long)]
    json: bool,
}

impl List {
    pub fn run(self, global: &GlobalArgs) -> Result<(), CliError> {
        let filter = CallFilter {
            live: self.which.live,
            user: self.which.user,
            status: self.which.status,
            call_type: self.which.call_type,
            since: self.since,
            before: None,
        };
        let database = global.context()?.database_to_read()?;
        let calls = database.read().calls(&filter, self.limit)?;
        if self.json {
            return Ok(output::json(&calls.iter().map(admin::call).collect())?);
        }
        if calls.is_empty() {
            output::tell("no calls");
            return Ok(());
        }
        let now = Clock::System.now();
        let header = [
            "ID", "STATUS", "TYPE", "CALLER", "CALLEE", "CREATED", "LASTED",
        ];
        output::table(&header, calls.iter().map(|call| row(call, now)))?;
        if u32::try_from(calls.len()).is_ok_and(|count| count == self.limit) {
            output::tell(&format!(
                "showing the newest {}; use --limit for more",
                self.limit
            ));
        }
        Ok(())
    }
}

fn row(call: &Call, now: Timestamp) -> Vec<Cell> {
    let status = call.status();
    vec![
        call.id.to_string().into(),
        Cell::tinted(status.as_str(), Tint::of(status)),
        call.call_type.as_str().into(),
        call.caller.to_string().into(),
        call.callee.to_string().into(),
        format::ago(call.created_at, now).into(),
        lasted(call, now).into(),
    ]
}

/// Returns the time since the answer, until the end or now.
fn lasted(call: &Call, now: Timestamp) -> String {
    let until = call.state.ended_at().unwrap_or(now);
    let talked = call.state.started_at().map(|start| until.since(start));
    talked.map(format::duration).unwrap_or_default()
}
