//! `chattrix load-test`: how many calls this machine carries, and how long each step of them takes.
//!
//! `target` is the server under test and its users, `pair` two users and their calls, `http` and `socket` their
//! connections, `idle` the idle users, `play` the load at a fixed rate, `baseline` the machine without the server,
//! `process` the resources of the server, `report` the results.

mod baseline;
mod fault;
mod http;
mod idle;
mod pair;
mod play;
mod process;
mod report;
mod socket;
mod target;

use std::time::Duration;

use clap::Args;
use tokio::runtime::{Builder, Runtime};

use super::GlobalArgs;
use super::error::CliError;
use super::format;

use baseline::{Echo, Syncs};
use idle::Idle;
use play::Pace;
use process::Process;
use report::Report;
use target::{Server, Target};

/// Default number of pairs.
const PAIRS: u16 = 64;

/// The arguments of `chattrix load-test`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    chattrix load-test\n  \
    chattrix load-test --rate 50 --duration 30s\n  \
    chattrix load-test --idle 5000 --pairs 1 --json\n  \
    chattrix load-test --url http://127.0.0.1:8000 --pairs 8\n\n\
    Each call is complete: initiate over REST, invitation and answer over WebSocket, end. Without \
    --url the test starts a private server without rate limits on a temporary database beside the \
    configured one, which it does not touch. With --url it adds test users to the configured \
    database and removes them at the end; the rate limits of that server apply.")]
pub struct LoadTest {
    /// Test this running server instead of a private one
    #[arg(long, value_name = "URL")]
    url: Option<Server>,
    /// Run this many pairs at full speed [default: 64]
    #[arg(long, value_name = "N", conflicts_with = "rate",
        value_parser = clap::value_parser!(u16).range(1..=4_000))]
    pairs: Option<u16>,
    /// Start this many calls per second
    #[arg(long, value_name = "CALLS", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rate: Option<u32>,
    /// Measure for this time, after a ramp of a tenth of it
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = format::age)]
    duration: Duration,
    /// Open this many idle sockets
    #[arg(long, value_name = "N", default_value_t = 0,
        value_parser = clap::value_parser!(u16).range(0..=18_000))]
    idle: u16,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl LoadTest {
    pub fn run(self, global: &GlobalArgs) -> Result<(), CliError> {
        let context = global.context()?;
        let runtime = runtime()?;
        let report = runtime.block_on(async {
            let mut target = match &self.url {
                Some(server) => Target::running(server.clone(), &context).await?,
                None => Target::private(&context)?,
            };
            let measured = tokio::select! {
                measured = self.measure(&mut target) => measured,
                _ = tokio::signal::ctrl_c() => Err(CliError::new("interrupted")),
            };
            // The users are removed and the server stops, also after an error.
            target.leave().await.and(measured)
        })?;
        if self.json {
            report.print_json()
        } else {
            report.print()
        }
    }

    async fn measure(&self, target: &mut Target) -> Result<Report, CliError> {
        let pace = self.pace();
        target.people(pace.pairs() * 2 + usize::from(self.idle))?;
        target.start().await?;
        let syncs = Syncs::measure(target.folder())?;
        let echo = Echo::start()?;
        let fresh = target.process().map(Process::look).transpose()?;
        let idle = Idle::open(target, self.idle).await?;
        let waiting = target.process().map(Process::look).transpose()?;
        let played = play::play(target, pace, self.duration, &echo).await?;
        let database_bytes = target.database_bytes_per_call(played.total).await?;
        Ok(Report {
            server: target.server().to_string(),
            is_private: target.is_private(),
            started_in: target.started_in(),
            pace,
            duration: self.duration,
            syncs,
            fresh,
            idle: idle.opened(),
            waiting,
            played,
            database_bytes,
        })
    }

    fn pace(&self) -> Pace {
        match self.rate {
            Some(rate) => Pace::Open { rate },
            None => Pace::Closed {
                pairs: self.pairs.unwrap_or(PAIRS),
            },
        }
    }
}

/// Returns the generator's threads: half the machine's, since the other half is for the server.
fn runtime() -> Result<Runtime, CliError> {
    Builder::new_multi_thread()
        .thread_name("load-test")
        .worker_threads(threads())
        .enable_all()
        .build()
        .map_err(|error| CliError::new(format!("the load cannot be started: {error}")))
}

/// Returns the number of threads of the load.
fn threads() -> usize {
    (cores() / 2).max(1)
}

/// Returns the processors available to this process.
fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
