//! `chattrix call end`.

use std::time::Duration;

use chattrix::clock::Clock;
use chattrix::store::CallFilter;
use chattrix::user::UserId;
use chattrix::wire::call_report::CallRecord;
use clap::{ArgGroup, Args};

use super::super::confirm::confirm_at_terminal;
use super::super::error::CliError;
use super::super::source::{Ended, Source};
use super::super::token::user_id;
use super::super::{format, output};
use super::prefix::CallPrefix;

/// Live calls that are ended at once: more than a server has.
const MOST: u32 = 1_000_000;

/// The arguments of `chattrix call end`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("which").required(true))]
#[command(after_help = "Examples:\n  \
    chattrix call end 0192f0c1-7a4b-7c3d-8e5f-0123456789ab\n  \
    chattrix call end --user alice\n  \
    chattrix call end --all --older-than 2h --yes\n\n\
    The age counts from the creation of a call. Before it ends several calls, the command asks for confirmation at a \
    terminal.")]
pub struct End {
    /// Select the call by id or its beginning
    #[arg(value_name = "CALL_ID", group = "which", value_parser = CallPrefix::parse)]
    call: Option<CallPrefix>,
    /// End the live call of this user
    #[arg(long, value_name = "ID", group = "which", value_parser = user_id)]
    user: Option<UserId>,
    /// End all live calls
    #[arg(long, group = "which")]
    all: bool,
    /// End only calls that were created longer ago
    #[arg(long, value_name = "AGE", value_parser = format::age, conflicts_with = "call")]
    older_than: Option<Duration>,
    /// Skip the confirmation at a terminal
    #[arg(long)]
    yes: bool,
}

impl End {
    pub fn run(self, source: &dyn Source) -> Result<(), CliError> {
        if let Some(call) = &self.call {
            let id = call.resolve(source)?;
            return match source.end_call(id)? {
                Ended::Done => {
                    output::tell(&format!("ended {id}"));
                    Ok(())
                }
                Ended::Refused(message) => Err(CliError::new(message)),
            };
        }
        let calls = self.live_calls(source)?;
        match calls.len() {
            0 => {
                output::tell("no live calls");
                return Ok(());
            }
            1 => (),
            several => confirm_at_terminal(self.yes, &format!("End {several} live calls?"))?,
        }
        end_all(source, &calls)
    }

    fn live_calls(&self, source: &dyn Source) -> Result<Vec<CallRecord>, CliError> {
        let filter = CallFilter {
            live: true,
            user: self.user.clone(),
            ..CallFilter::default()
        };
        let mut calls = source.calls(&filter, MOST)?.records()?;
        if let Some(age) = self.older_than {
            let before = Clock::System.now().minus(age);
            calls.retain(|call| call.created_at < before);
        }
        Ok(calls)
    }
}

fn end_all(source: &dyn Source, calls: &[CallRecord]) -> Result<(), CliError> {
    let mut refused = 0;
    for CallRecord { id, .. } in calls {
        match source.end_call(*id)? {
            Ended::Done => output::tell(&format!("ended {id}")),
            Ended::Refused(message) => {
                refused += 1;
                output::tell(&format!("{id}: {message}"));
            }
        }
    }
    if refused == 0 {
        return Ok(());
    }
    let all = calls.len();
    Err(CliError::new(format!(
        "{refused} of {all} calls were not ended"
    )))
}
