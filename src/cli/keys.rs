//! `chattrix keys`: keys that verify tokens.

use chattrix::auth::{Authenticator, KeyInfo, ProviderStatus};
use chattrix::clock::{Clock, Timestamp};
use chattrix::wire::control::{Answer, Key, Keys as Listed, Provider, Request};
use clap::{Args, Subcommand};
use serde_json::json;

use super::context::Context;
use super::control_client::{ControlClient, runtime};
use super::error::CliError;
use super::table::{self, Column, Wide, text, whole};
use super::{GlobalArgs, format, output};

const COLUMNS: [Column; 5] = [
    text("SOURCE"),
    text("KID"),
    text("ALGORITHMS"),
    whole("SINCE").extra(2),
    whole("REFRESHED").extra(1),
];

/// The arguments of `chattrix keys`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    chattrix keys list\n  \
    chattrix keys list --json")]
pub struct Keys {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List the keys that verify tokens
    #[command(after_help = "Examples:\n  \
        chattrix keys list\n  \
        chattrix keys list --json | jq -r '.keys[].kid'\n\n\
        The running server reports the keys that it uses. If none runs, the keys are loaded from the \
        settings and the identity provider. Secrets are never shown.")]
    List {
        #[command(flatten)]
        wide: Wide,
        /// Print JSON: {keys: [{source, kid, ...}], provider}
        #[arg(long)]
        json: bool,
    },
}

impl Keys {
    pub fn run(self, global: &GlobalArgs) -> Result<(), CliError> {
        let Action::List { wide, json } = self.action;
        let listed = listed(&global.context()?)?;
        if json {
            return Ok(output::json(&json!(listed))?);
        }
        let now = Clock::System.now();
        let rows = listed.keys.iter().map(|key| row(key, now));
        table::print(&COLUMNS, rows, wide)?;
        if let Some(problem) = listed.provider.and_then(|provider| provider.failure) {
            output::tell(&format!(
                "warning: the last refresh failed: {}",
                output::printable(&problem)
            ));
        }
        Ok(())
    }
}

fn row(key: &Key, now: Timestamp) -> Vec<String> {
    let ago = |at: &Option<String>| {
        let at = at.as_deref().and_then(Timestamp::parse);
        at.map_or_else(|| "-".to_owned(), |at| format::ago(at, now))
    };
    vec![
        output::printable(&key.source),
        key.kid
            .as_deref()
            .map_or_else(|| "-".to_owned(), output::printable),
        key.algorithms.join(" "),
        ago(&key.since),
        ago(&key.refreshed_at),
    ]
}

/// Returns the keys of the running server, or of the settings if none runs.
fn listed(context: &Context) -> Result<Listed, CliError> {
    runtime()?.block_on(async {
        if let Some(mut server) = ControlClient::find(&context.settings.database).await? {
            return match server.ask(&Request::Keys).await? {
                Answer::Keys(listed) => Ok(listed),
                _ => Err(CliError::new("the server sent an unexpected response")),
            };
        }
        let authenticator = Authenticator::from_settings(&context.settings)?;
        let _ = authenticator.fetch().await;
        let keys = authenticator.keys().into_iter().map(key).collect();
        let provider = authenticator.provider().map(provider);
        Ok(Listed { keys, provider })
    })
}

fn key(key: KeyInfo) -> Key {
    Key::new(
        key.source,
        key.kid,
        key.algorithms,
        [key.since, key.refreshed_at],
    )
}

fn provider(status: ProviderStatus) -> Provider {
    Provider::new(status.source, status.keys, status.failure)
}
