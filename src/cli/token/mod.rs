//! `chattrix token`: signs a token for a user with the configured secret, or shows a token.

mod check;

use std::time::Duration;

use chattrix::user::UserId;
use clap::{Args, Subcommand};

use super::error::CliError;
use super::source::ServerArg;
use super::{GlobalArgs, output};

/// The arguments of `chattrix token`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
#[command(after_help = "Examples:\n  \
    chattrix token alice\n  \
    chattrix token alice --ttl 7d\n  \
    TOKEN=$(chattrix token alice --dev)\n  \
    chattrix token check - <token.txt")]
pub struct Token {
    #[command(flatten)]
    at: ServerArg,
    /// Sign the token for this user id
    #[arg(value_name = "ID", required = true, value_parser = user_id)]
    user: Option<UserId>,
    /// Set how long the token is valid
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = ttl)]
    ttl: Duration,
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Check a token and name the claim that fails
    Check(check::Check),
}

impl Token {
    pub fn run(self, global: &GlobalArgs) -> Result<(), CliError> {
        if let Some(Action::Check(check)) = self.action {
            self.at.refuse(
                "token check",
                "run it with the settings of the server, or send the token to the server",
            )?;
            return check.run(global);
        }
        let user = self
            .user
            .expect("clap asks for it where there is no subcommand");
        let token = self.at.source(global)?.token(&user, self.ttl)?;
        Ok(output::line(&token)?)
    }
}

/// Reads a user's id.
pub fn user_id(text: &str) -> Result<UserId, String> {
    UserId::parse(text).ok_or_else(|| format!("expected {}", UserId::EXPECTED))
}

fn ttl(text: &str) -> Result<Duration, String> {
    let seconds = humantime::parse_duration(text)
        .ok()
        .filter(|ttl| ttl.as_secs() >= 1);
    seconds
        .ok_or_else(|| "expected a duration of a second or more, such as 15m, 1h or 7d".to_owned())
}
