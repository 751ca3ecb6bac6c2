//! `chattrix load-test`: measures how many calls this machine carries, and how long each step of them takes.
//!
//! The load generator is the crate `chattrix-load-test`. Here are its server and users (`target`) and the printed
//! report (`report`).

mod report;
mod target;

use std::time::Duration;

use chattrix::store::Progress;
use chattrix_load_test::{CallError, Error, Load, LoadModel, Server};
use clap::Args;
use serde_json::json;

use super::error::CliError;
use super::progress::Bar;
use super::{GlobalArgs, format, output};

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
        let runtime = chattrix_load_test::runtime()
            .map_err(|error| CliError::new(format!("the load cannot be started: {error}")))?;
        let (load, bar) = (self.load(), Bar::new("calling"));
        let progress = |done: Duration, total: Duration| {
            let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
            bar.set(Progress {
                done: ms(done),
                total: ms(total),
            });
        };
        let report = runtime.block_on(async {
            match self.url {
                Some(server) => target::run_on(server, &context, load, progress).await,
                None => target::run_privately(&context, load, progress).await,
            }
        })?;
        drop(bar);
        if self.json {
            Ok(output::json(&json!(report))?)
        } else {
            report::print(&report)
        }
    }

    fn load(&self) -> Load {
        Load {
            model: match self.rate {
                Some(rate) => LoadModel::Open { rate },
                None => LoadModel::Closed {
                    pairs: self.pairs.unwrap_or(PAIRS),
                },
            },
            duration: self.duration,
            idle: self.idle,
        }
    }
}

impl From<Error> for CliError {
    fn from(error: Error) -> Self {
        let failure = Self::new(error.to_string());
        match error {
            Error::Rejected {
                error: CallError::Status(401, _),
                ..
            } => failure.hint(
                "the secret and the database have to be those of that server: run this where its \
                 settings are",
            ),
            _ => failure,
        }
    }
}
