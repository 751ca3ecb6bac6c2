//! `chattrix call`: calls for administrators.

mod delivery;
mod filter_args;
mod ladder;
mod list;
mod show;
mod watch;

use chattrix::call::CallId;
use chattrix::wire::control::Request;
use clap::{Args, Subcommand};

use super::control_client::{ControlClient, runtime};
use super::error::CliError;
use super::{GlobalArgs, output};

/// The arguments of `chattrix call`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    chattrix call list --live\n  \
    chattrix call show 0192f0c1-7a4b-7c3d-8e5f-0123456789ab\n  \
    chattrix call watch --user alice\n\n\
    All subcommands work while the server runs; end and watch need it.")]
pub struct Call {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List calls, newest first
    List(list::List),
    /// Show a call and its timeline
    Show(show::Show),
    /// End a live call and notify both participants
    #[command(after_help = "Examples:\n  \
        chattrix call end 0192f0c1-7a4b-7c3d-8e5f-0123456789ab")]
    End {
        /// Select the call by id, from `call list --live`
        #[arg(value_name = "CALL_ID", value_parser = call_id)]
        call: CallId,
    },
    /// Print changes of calls as they happen
    Watch(watch::Watch),
}

impl Call {
    pub fn run(self, global: &GlobalArgs) -> Result<(), CliError> {
        match self.action {
            Action::List(list) => list.run(global),
            Action::Show(show) => show.run(global),
            Action::End { call } => end(global, call),
            Action::Watch(watch) => watch.run(global),
        }
    }
}

fn end(global: &GlobalArgs, call: CallId) -> Result<(), CliError> {
    let context = global.context()?;
    let database = &context.settings.database;
    runtime()?.block_on(async {
        let mut server = ControlClient::required(database, "end a call").await?;
        let call = call.to_string();
        server.ask(&Request::EndCall { call: call.clone() }).await?;
        output::tell(&format!("ended {call}"));
        Ok(())
    })
}

/// Parses a call id.
fn call_id(text: &str) -> Result<CallId, String> {
    CallId::parse(text)
        .ok_or_else(|| "expected a call id such as 0192f0c1-7a4b-7c3d-8e5f-0123456789ab".to_owned())
}
