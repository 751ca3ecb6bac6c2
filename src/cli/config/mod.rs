//! `chattrix config`: shows, checks and documents the settings.

mod check;
mod docs;
mod reload;
mod show;

use clap::{Args, Subcommand};

use super::GlobalArgs;
use super::error::CliError;
use super::table::Wide;

/// The arguments of `chattrix config`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
#[command(after_help = "Examples:\n  \
    chattrix config\n  \
    chattrix config --json | jq .ring_timeout\n  \
    chattrix config check\n  \
    chattrix config reload\n\n\
    Without a subcommand it prints the effective settings and the origin of each. Secrets are \
    masked.")]
pub struct Config {
    #[command(flatten)]
    wide: Wide,
    /// Print JSON: {value, from} for each setting
    #[arg(long)]
    json: bool,
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Check settings, database, key, certificate and port
    Check(check::Check),
    /// Put changed settings in force in the running server
    Reload(reload::Reload),
    /// Print the reference of all settings as Markdown
    #[command(after_help = "Examples:\n  chattrix config docs >docs/settings.md\n  \
        chattrix config docs --toml")]
    Docs {
        /// Print a Rocket.toml with every setting instead
        #[arg(long)]
        toml: bool,
    },
}

impl Config {
    pub fn run(self, global: &GlobalArgs) -> Result<(), CliError> {
        match self.action {
            None => show::run(global, self.wide, self.json),
            Some(Action::Check(check)) => check.run(global),
            Some(Action::Reload(reload)) => reload.run(global),
            Some(Action::Docs { toml }) => docs::run(toml),
        }
    }
}
