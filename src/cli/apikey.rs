//! `chattrix apikey`: keys of the team's backend.

use std::time::Duration;

use chattrix::api_key::{self, ApiKey, LONGEST_NAME, Scope, Scopes};
use chattrix::clock::{Clock, Timestamp};
use chattrix::random::Random;
use clap::{Args, Subcommand};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::error::CliError;
use super::output::{self, Cell, Tint};
use super::table::{self, Column, Wide, text, whole};
use super::{GlobalArgs, format};

const COLUMNS: [Column; 6] = [
    whole("NAME"),
    text("SCOPES"),
    whole("STATUS"),
    whole("CREATED").extra(3),
    whole("EXPIRES").extra(2),
    whole("USED").extra(1),
];

/// The arguments of `chattrix apikey`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    chattrix apikey create backend --scope users,tokens\n  \
    chattrix apikey list\n  \
    chattrix apikey revoke backend\n\n\
    Your backend sends a key as `Authorization: Bearer cxk_...` to /api/server/v1. All subcommands work while \
    the server runs, which rejects a revoked key from its next request on.")]
pub struct ApiKeys {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Create a key and print it once
    #[command(after_help = "Examples:\n  \
        chattrix apikey create website\n  \
        chattrix apikey create moderation --scope calls,sessions --expires 90d\n\n\
        The key goes to standard output. The database has only its SHA-256, so it cannot be shown again. Scopes: \
        users, calls, sessions, tokens, status, events, webhooks, or all.")]
    Create {
        /// Set the name that the audit and the log show
        #[arg(value_name = "NAME", value_parser = name)]
        name: String,
        /// Set what the key may do
        #[arg(long, value_name = "SCOPES", default_value = "all", value_parser = scopes)]
        scope: Scopes,
        /// Set how long the key is valid; default: forever
        #[arg(long, value_name = "DURATION", value_parser = format::age)]
        expires: Option<Duration>,
        /// Print JSON: {name, key, scopes, expiresAt}
        #[arg(long)]
        json: bool,
    },
    /// List all keys, without the keys themselves
    #[command(after_help = "Examples:\n  \
        chattrix apikey list\n  \
        chattrix apikey list --json")]
    List {
        #[command(flatten)]
        wide: Wide,
        /// Print JSON: a list of {name, scopes, status, ...}
        #[arg(long)]
        json: bool,
    },
    /// Reject a key from now on
    #[command(after_help = "Examples:\n  chattrix apikey revoke moderation")]
    Revoke {
        /// Select the key by name
        #[arg(value_name = "NAME", value_parser = name)]
        name: String,
    },
}

impl ApiKeys {
    pub fn run(self, global: &GlobalArgs) -> Result<(), CliError> {
        match self.action {
            Action::Create {
                name,
                scope,
                expires,
                json,
            } => create(global, &name, scope, expires, json),
            Action::List { wide, json } => list(global, wide, json),
            Action::Revoke { name } => revoke(global, &name),
        }
    }
}

fn create(
    global: &GlobalArgs,
    name: &str,
    scopes: Scopes,
    expires: Option<Duration>,
    json: bool,
) -> Result<(), CliError> {
    let (key, digest) = api_key::make(Random::System.value());
    let now = Clock::System.now();
    let expires_at = expires.map(|valid_for| now.plus(valid_for));
    let database = global.context()?.database()?;
    if !database.add_api_key(name, &digest, scopes, expires_at, now)? {
        return Err(CliError::new(format!(
            "there is or was a key {name}, and the audit refers to it"
        ))
        .hint("choose another name; chattrix apikey list shows all keys"));
    }
    if json {
        return Ok(output::json(&json!({
            "name": name, "key": key.expose_secret(), "scopes": scopes.words(),
            "expiresAt": expires_at.map(|at| at.to_string()),
        }))?);
    }
    output::line(key.expose_secret())?;
    output::tell(&format!(
        "created {name} with the scopes {scopes}; store the key now, it is not shown again"
    ));
    Ok(())
}

fn list(global: &GlobalArgs, wide: Wide, json: bool) -> Result<(), CliError> {
    let keys = global.context()?.database_to_read()?.read().api_keys()?;
    let now = Clock::System.now();
    if json {
        return Ok(output::json(
            &keys.iter().map(|key| to_json(key, now)).collect(),
        )?);
    }
    if keys.is_empty() {
        output::tell("no keys; chattrix apikey create creates one");
        return Ok(());
    }
    let rows = keys.iter().map(|key| row(key, now));
    Ok(table::print(&COLUMNS, rows, wide)?)
}

fn revoke(global: &GlobalArgs, name: &str) -> Result<(), CliError> {
    let database = global.context()?.existing_database()?;
    if !database.revoke_api_key(name, Clock::System.now())? {
        return Err(
            CliError::new(format!("there is no key {name}, or it is revoked already"))
                .hint("chattrix apikey list shows all keys"),
        );
    }
    output::tell(&format!("revoked {name}"));
    Ok(())
}

fn status(key: &ApiKey, now: Timestamp) -> (&'static str, Tint) {
    if key.is_valid(now) {
        ("active", Tint::Good)
    } else if key.revoked_at.is_some() {
        ("revoked", Tint::Faint)
    } else {
        ("expired", Tint::Odd)
    }
}

fn row(key: &ApiKey, now: Timestamp) -> Vec<Cell> {
    let (status, tint) = status(key, now);
    let ago = |at: Option<Timestamp>, absent: &str| {
        at.map_or_else(|| absent.to_owned(), |at| format::ago(at, now))
    };
    vec![
        key.name.as_str().into(),
        key.scopes.to_string().into(),
        Cell::tinted(status, Some(tint)),
        format::ago(key.created_at, now).into(),
        ago(key.expires_at, "never").into(),
        ago(key.last_used_at, "never").into(),
    ]
}

fn to_json(key: &ApiKey, now: Timestamp) -> Value {
    let instant = |at: Option<Timestamp>| at.map(|at| at.to_string());
    json!({
        "name": key.name,
        "scopes": key.scopes.words(),
        "status": status(key, now).0,
        "createdAt": key.created_at.to_string(),
        "expiresAt": instant(key.expires_at),
        "revokedAt": instant(key.revoked_at),
        "lastUsedAt": instant(key.last_used_at),
    })
}

/// Reads the name of a key.
pub fn name(text: &str) -> Result<String, String> {
    api_key::is_name(text)
        .then(|| text.to_owned())
        .ok_or_else(|| format!("expected 1 to {LONGEST_NAME} letters, digits and `._-`"))
}

fn scopes(text: &str) -> Result<Scopes, String> {
    Scopes::parse(text).ok_or_else(|| {
        let words = Scope::ALL.map(Scope::as_str).join(",");
        format!("expected {words} or some of them, or all")
    })
}
