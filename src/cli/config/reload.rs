//! `chattrix config reload`.

use std::time::Duration;

use chattrix::wire::control::{Answer, NeedsRestart, Reloaded, Request};
use clap::Args;
use serde_json::json;

use super::super::GlobalArgs;
use super::super::control_client::{ControlClient, runtime};
use super::super::error::CliError;
use super::super::output;

/// The arguments of `chattrix config reload`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    chattrix config reload\n  \
    kill -HUP PID\n\n\
    The server reads its settings and the files that they name again: keys, certificates, secrets. \
    An error changes nothing. Settings that need a restart are named. Sessions whose token is no \
    longer valid are closed with 4001. The server has its own environment: a variable that you set \
    in this shell does not reach it.")]
pub struct Reload {
    /// Print JSON: {changed, restart: [{setting, reason}]}
    #[arg(long)]
    json: bool,
}

impl Reload {
    pub fn run(self, global: &GlobalArgs) -> Result<(), CliError> {
        let context = global.context()?;
        let database = &context.settings.database;
        let answer = runtime()?.block_on(async {
            let mut server = ControlClient::required(database, "reload settings").await?;
            // The server waits up to 10 s for the keys of a new identity provider.
            let longer = Duration::from_secs(15);
            server.ask_with_timeout(&Request::Reload, longer).await
        })?;
        let Answer::Reloaded(Reloaded { changed, restart }) = answer else {
            return Err(CliError::new("the server sent an unexpected response"));
        };
        if self.json {
            let report = json!({ "changed": changed, "restart": restart });
            return Ok(output::json(&report)?);
        }
        output::line(&match changed.as_slice() {
            [] => "settings reloaded, none has changed".to_owned(),
            changed => format!("settings reloaded, changed: {}", changed.join(", ")),
        })?;
        for NeedsRestart { setting, reason } in restart {
            output::line(&format!("{setting} needs a restart: {reason}"))?;
        }
        Ok(())
    }
}
