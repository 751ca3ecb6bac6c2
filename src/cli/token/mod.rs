//! `chattrix token`: signs a token for a user with the configured secret, or shows a token.

mod check;

use std::time::Duration;

use chattrix::auth::Authenticator;
use chattrix::clock::Clock;
use chattrix::user::{AccountStatus, UserId};
use clap::{Args, Subcommand};
use secrecy::ExposeSecret;

use super::context::Context;
use super::error::CliError;
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
            return check.run(global);
        }
        let user = self
            .user
            .expect("clap asks for it where there is no subcommand");
        let context = global.context()?;
        let authenticator = Authenticator::from_settings(&context.settings)?;
        if let Some(warning) = check_user(&context, &user)? {
            output::tell(&format!("warning: {warning}"));
        }
        let token = authenticator.mint(&user, self.ttl, Clock::System.now())?;
        Ok(output::line(token.expose_secret())?)
    }
}

/// Returns a warning if the server may reject the user.
///
/// # Errors
/// The user does not exist, and the server would not create them.
fn check_user(context: &Context, user: &UserId) -> Result<Option<String>, CliError> {
    let file = context.settings.database.display();
    let known = match context
        .database_to_read()
        .and_then(|database| Ok(database.user(user)?))
    {
        Ok(known) => known,
        Err(failure) => {
            let warning = format!("cannot check whether {user} exists: {failure}");
            return Ok(Some(warning));
        }
    };
    match known.map(|user| user.standing) {
        Some(AccountStatus::Active) => Ok(None),
        Some(AccountStatus::Disabled) => Ok(Some(format!(
            "{user} is disabled, the server rejects this token; use chattrix user enable {user}"
        ))),
        None if context.settings.auto_provision => Ok(None),
        None => Err(CliError::new(format!(
            "there is no user {user} in {file}, the server would reject the token; \
             use chattrix user add {user} --name NAME, or set auto_provision"
        ))),
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
