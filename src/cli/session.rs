//! `chattrix session`: connected sessions.

use chattrix::auth::is_session_id;
use chattrix::clock::{Clock, Timestamp};
use chattrix::user::UserId;
use chattrix::wire::control::Session as Connected;
use clap::{Args, Subcommand};
use serde_json::json;

use super::confirm::confirm_at_terminal;
use super::error::CliError;
use super::output::{self, Cell, Tint};
use super::source::{ServerArg, Source};
use super::table::{self, Column, Wide, whole};
use super::token::user_id;
use super::{GlobalArgs, format};

const COLUMNS: [Column; 4] = [
    whole("USER"),
    whole("SESSION"),
    whole("CONNECTED").extra(1),
    whole("STATE"),
];

/// The arguments of `chattrix session`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    chattrix session list\n  \
    chattrix session list --user alice --json\n  \
    chattrix session disconnect alice\n\n\
    A session is one login on one device, with a WebSocket. Both subcommands need the running server.")]
pub struct Session {
    #[command(flatten)]
    at: ServerArg,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List connected sessions
    #[command(after_help = "Examples:\n  \
        chattrix session list\n  \
        chattrix session list --user alice\n\n\
        A session that leaves an event unconfirmed for longer than confirm_timeout is silent: it does not count as \
        connected until something is heard of it.")]
    List {
        /// Show only sessions of this user
        #[arg(long, value_name = "ID", value_parser = user_id)]
        user: Option<UserId>,
        #[command(flatten)]
        wide: Wide,
        /// Print JSON: a list of {userId, sessionId, ...}
        #[arg(long)]
        json: bool,
    },
    /// Disconnect a user's sessions, or one of them
    #[command(after_help = "Examples:\n  \
        chattrix session disconnect alice\n  \
        chattrix session disconnect alice --reconnect\n\n\
        Sockets are closed with code 4003. Apps then sign out, or connect again with --reconnect. Tokens stay valid: \
        `chattrix user disable` keeps a user out.")]
    Disconnect {
        /// Select the user by id
        #[arg(value_name = "USER", value_parser = user_id)]
        user: UserId,
        /// Select one session by id, from `session list`
        #[arg(value_name = "SESSION", value_parser = session_id)]
        session: Option<String>,
        /// Send the apps the reason to connect again
        #[arg(long)]
        reconnect: bool,
        /// Skip the confirmation at a terminal
        #[arg(long)]
        yes: bool,
    },
}

impl Session {
    pub fn run(self, global: &GlobalArgs) -> Result<(), CliError> {
        let source = &*self.at.source(global)?;
        match self.action {
            Action::List { user, wide, json } => list(source, user.as_ref(), wide, json),
            Action::Disconnect {
                user,
                session,
                reconnect,
                yes,
            } => {
                if session.is_none() {
                    confirm_at_terminal(yes, &format!("Disconnect all sessions of {user}?"))?;
                }
                disconnect(source, &user, session.as_deref(), reconnect)
            }
        }
    }
}

fn session_id(text: &str) -> Result<String, String> {
    if is_session_id(text) {
        Ok(text.to_owned())
    } else {
        Err("expected the id of a session, from `session list`".to_owned())
    }
}

fn list(
    source: &dyn Source,
    user: Option<&UserId>,
    wide: Wide,
    json: bool,
) -> Result<(), CliError> {
    let sessions = source.sessions(user)?;
    if json {
        return Ok(output::json(&json!(sessions))?);
    }
    if sessions.is_empty() {
        output::tell("no sessions");
        return Ok(());
    }
    let now = Clock::System.now();
    let rows = sessions.iter().map(|one| row(one, now));
    Ok(table::print(&COLUMNS, rows, wide)?)
}

fn row(session: &Connected, now: Timestamp) -> Vec<Cell> {
    let connected = Timestamp::parse(&session.connected_at);
    let connected = connected.map(|at| format::ago(at, now));
    let (state, tint) = if session.responsive {
        ("connected", Tint::Good)
    } else {
        ("silent", Tint::Odd)
    };
    vec![
        session.user_id.as_str().into(),
        session.session_id.as_str().into(),
        connected.unwrap_or_default().into(),
        Cell::tinted(state, Some(tint)),
    ]
}

fn disconnect(
    source: &dyn Source,
    user: &UserId,
    session: Option<&str>,
    reconnects: bool,
) -> Result<(), CliError> {
    match (source.close_sessions(user, session, reconnects)?, session) {
        (0, Some(session)) => {
            let shown = output::printable(session);
            Err(
                CliError::new(format!("{user} has no connected session {shown}"))
                    .hint(format!("chattrix session list --user {user} --wide")),
            )
        }
        (1, _) => {
            output::tell("disconnected 1 session");
            Ok(())
        }
        (count, _) => {
            output::tell(&format!("disconnected {count} sessions"));
            Ok(())
        }
    }
}
