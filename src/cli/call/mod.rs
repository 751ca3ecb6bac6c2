//! `chattrix call`: calls for administrators.

mod delivery;
mod end;
mod filter_args;
mod ladder;
mod list;
mod prefix;
mod show;
mod watch;

use clap::{Args, Subcommand};

use super::GlobalArgs;
use super::error::CliError;
use super::source::ServerArg;

/// The arguments of `chattrix call`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    chattrix call list --live\n  \
    chattrix call show 0192f0c1-7a4b-7c3d-8e5f-0123456789ab\n  \
    chattrix call watch --user alice\n\n\
    All subcommands work while the server runs; end and watch need it.")]
pub struct Call {
    #[command(flatten)]
    at: ServerArg,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List calls, newest first
    List(list::List),
    /// Show a call and its timeline
    Show(show::Show),
    /// End live calls and notify their participants
    End(end::End),
    /// Print changes of calls as they happen
    Watch(watch::Watch),
}

impl Call {
    pub fn run(self, global: &GlobalArgs) -> Result<(), CliError> {
        let source = || self.at.source(global);
        match self.action {
            Action::List(list) => list.run(&*source()?),
            Action::Show(show) => show.run(&*source()?),
            Action::End(end) => end.run(&*source()?),
            Action::Watch(watch) => {
                self.at.refuse(
                    "call watch",
                    "repeat `chattrix call list --live`, or receive webhooks",
                )?;
                watch.run(global)
            }
        }
    }
}
