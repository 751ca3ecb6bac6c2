//! `chattrix db prune`.

use std::path::Path;
use std::time::Duration;

use chattrix::clock::{Clock, Timestamp};
use chattrix::store::{self, Database, Forgotten, Lock, Progress};
use chattrix::wire::control::{Answer, Request};
use clap::Args;
use serde_json::json;

use super::super::confirm::confirm_at_terminal;
use super::super::context::Context;
use super::super::control_client::{ControlClient, runtime};
use super::super::error::CliError;
use super::super::progress::Bar;
use super::super::{GlobalArgs, format, output};

/// Calls forgotten in a transaction where no server runs, which is a fraction of a second.
const BATCH: u32 = 1000;

/// The arguments of `chattrix db prune`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    chattrix db prune --older-than 90d --dry-run\n  \
    chattrix db prune --older-than 90d\n  \
    chattrix db prune --older-than 1y --yes --json\n\n\
    The age counts from the end of a call; live calls stay. The timeline, the quality reports and \
    both history entries of a call are deleted with it. A running server deletes in the \
    background. The file keeps its size, and new calls reuse the space. The setting `retention` \
    does this continuously.")]
pub struct Prune {
    /// Delete calls that ended longer ago: 12h, 30d, 1y
    #[arg(long, value_name = "AGE", value_parser = format::age_or_now)]
    older_than: Duration,
    /// Count the calls and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Skip the confirmation at a terminal
    #[arg(long)]
    yes: bool,
    /// Print JSON: {before, dryRun, calls, historyEntries}
    #[arg(long)]
    json: bool,
}

impl Prune {
    pub fn run(self, global: &GlobalArgs) -> Result<(), CliError> {
        let context = global.context()?;
        let since = self.since();
        let before = Clock::System.now().minus(self.older_than);
        let before = before.max(Timestamp::from_millis(0));
        let due = count(&context, before)?;
        if self.dry_run {
            let sentence = format!("would delete {} that ended {since}", calls(due));
            if self.json {
                return self.print_json(before, due, None);
            }
            return Ok(output::line(&sentence)?);
        }
        // A script confirms with the age that it passes; a person may mistype it.
        if due > 0 {
            let question = format!("Delete {} that ended {since}?", calls(due));
            confirm_at_terminal(self.yes, &question)?;
        }
        let forgotten = forget(&context, before, due)?;
        if self.json {
            return self.print_json(before, forgotten.calls, Some(forgotten.entries));
        }
        output::tell(&format!(
            "deleted {} that ended {since}, and {} history entries",
            calls(forgotten.calls),
            forgotten.entries
        ));
        Ok(())
    }

    /// Describes when the calls ended.
    fn since(&self) -> String {
        if self.older_than.is_zero() {
            return "before now".to_owned();
        }
        format!("more than {} ago", format::duration(self.older_than))
    }

    fn print_json(
        &self,
        before: Timestamp,
        calls: u64,
        entries: Option<u64>,
    ) -> Result<(), CliError> {
        Ok(output::json(&json!({
            "before": before.to_string(),
            "dryRun": self.dry_run,
            "calls": calls,
            "historyEntries": entries,
        }))?)
    }
}

fn count(context: &Context, before: Timestamp) -> Result<u64, CliError> {
    let database = context.database_to_read()?;
    let spinner = Bar::spinner("counting");
    let due = database.count_calls_over(before)?;
    drop(spinner);
    Ok(due)
}

/// Forgets them: the running server does, or this process where none runs.
fn forget(context: &Context, before: Timestamp, due: u64) -> Result<Forgotten, CliError> {
    let path = &context.settings.database;
    let bar = Bar::new("deleting");
    let show = |calls: u64| {
        bar.set(Progress {
            done: calls,
            total: due.max(calls),
        });
    };
    runtime()?.block_on(async {
        match ControlClient::find(path).await? {
            Some(server) => through(server, before, show).await,
            None => alone(path, before, show),
        }
    })
}

async fn through(
    mut server: ControlClient,
    before: Timestamp,
    show: impl Fn(u64),
) -> Result<Forgotten, CliError> {
    let before = before.to_string();
    let mut answer = server.ask(&Request::Prune { before }).await?;
    loop {
        match answer {
            Answer::Forgetting { calls } => show(calls),
            Answer::Forgotten { calls, entries } => return Ok(Forgotten { calls, entries }),
            _ => (),
        }
        answer = server.next().await?;
    }
}

/// No server may start meanwhile: it would have a second writer beside it.
fn alone(path: &Path, before: Timestamp, show: impl Fn(u64)) -> Result<Forgotten, CliError> {
    // On PostgreSQL, each transaction waits for those of a server.
    let lock = (!store::is_url(path))
        .then(|| Lock::take(path))
        .transpose()?;
    let database = match &lock {
        Some(lock) => Database::open_alone(path, lock)?,
        None => Database::open(path)?,
    };
    let mut forgotten = Forgotten::default();
    loop {
        let batch = database.forget_calls(before, BATCH)?;
        forgotten += batch;
        if batch.calls < u64::from(BATCH) {
            return Ok(forgotten);
        }
        show(forgotten.calls);
    }
}

fn calls(count: u64) -> String {
    match count {
        1 => "1 call".to_owned(),
        _ => format!("{count} calls"),
    }
}
