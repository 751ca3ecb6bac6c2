//! `chattrix listen`: a client for the terminal and for scripts. It connects as a user, prints each message as a
//! line and replies to calls.

mod command;
mod connection;
mod server;
mod session;

use std::time::Duration;

use chattrix::auth::Authenticator;
use chattrix::clock::Clock;
use chattrix::user::UserId;
use clap::{Args, ValueEnum};

use super::error::CliError;
use super::token::user_id;
use super::{GlobalArgs, output};

/// Lifetime of the token: longer than a terminal session.
const TTL: Duration = Duration::from_hours(7 * 24);

/// The arguments of `chattrix listen`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    chattrix listen bob --dev --accept\n  \
    chattrix listen bob --reject busy --url wss://calls.example.com\n  \
    chattrix listen bob --dev | jq -r .type\n\n\
    --url takes a ws, wss, http or https address without /ws/chat. The default comes from the \
    settings.\n\n\
    Each message from the server is a line of JSON on standard output; everything else goes to \
    standard error. Lines on standard input are commands: accept, reject, end, heartbeat, help and \
    quit. A line that begins with { is sent unchanged. The command ends with its input, unless \
    --accept or --reject is given or the input is not a terminal. The configured secret signs the \
    token.")]
pub struct Listen {
    /// Connect as this user
    #[arg(value_name = "USER_ID", value_parser = user_id)]
    user: UserId,
    /// Connect to this server [default: from the settings]
    #[arg(long, value_name = "URL", value_parser = server::endpoint)]
    url: Option<String>,
    /// Accept every call
    #[arg(long, conflicts_with = "reject")]
    accept: bool,
    /// Reject every call
    #[arg(long, value_name = "REASON")]
    reject: Option<Reason>,
}

/// Why a call is rejected (contract section 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Reason {
    Busy,
    Declined,
    Unavailable,
}

impl Reason {
    fn as_str(self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::Declined => "declined",
            Self::Unavailable => "unavailable",
        }
    }
}

/// Automatic answer to an invitation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    /// Waits for a command.
    None,
    Accept,
    Reject(Reason),
}

impl Listen {
    pub fn run(self, global: &GlobalArgs) -> Result<(), CliError> {
        let answer = match (self.accept, self.reject) {
            (true, _) => Answer::Accept,
            (false, Some(reason)) => Answer::Reject(reason),
            (false, None) => Answer::None,
        };
        let context = global.context()?;
        let endpoint = match self.url {
            Some(endpoint) => endpoint,
            None => server::endpoint(&context.server_url()?).map_err(CliError::new)?,
        };
        let authenticator = Authenticator::from_settings(&context.settings)?;
        let token = authenticator.mint(&self.user, TTL, Clock::System.now())?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| CliError::new(format!("cannot start the connection: {error}")))?;
        runtime.block_on(async {
            let socket = server::connect(&endpoint, &token).await?;
            output::tell(&format!("connected to {endpoint} as {}", self.user));
            connection::run(socket, session::Session::new(answer)).await
        })
    }
}
