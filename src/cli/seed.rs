//! `chattrix seed`: test users and their tokens.

use std::time::Duration;

use chattrix::auth::Authenticator;
use chattrix::clock::Clock;
use chattrix::user::Profile;
use clap::Args;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::error::CliError;
use super::table::{self, Column, Wide, text, whole};
use super::{GlobalArgs, output, test_users};

/// Lifetime of the tokens: a day.
const TTL: Duration = Duration::from_hours(24);

const COLUMNS: [Column; 3] = [whole("ID"), text("NAME"), text("AVATAR").extra(1)];

/// The arguments of `chattrix seed`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    chattrix seed --dev\n  \
    chattrix seed --users 50 --json >users.json\n\n\
    The users are always the same (alice, bob, carol, dave, user-0005, …). Their tokens are new \
    and valid for a day.")]
pub struct Seed {
    /// Create this many users
    #[arg(long, value_name = "N", default_value_t = 2,
        value_parser = clap::value_parser!(u16).range(1..=10_000))]
    users: u16,
    /// Print JSON: a list of {id, name, avatar, token}
    #[arg(long)]
    json: bool,
}

impl Seed {
    pub fn run(self, global: &GlobalArgs) -> Result<(), CliError> {
        let context = global.context()?;
        // The key first: without one, users are of no use.
        let authenticator = Authenticator::from_settings(&context.settings)?;
        let database = context.database()?;
        let now = Clock::System.now();
        let mut seeded = Vec::new();
        for made_up in test_users::first(self.users.into()) {
            let token = authenticator.mint(&made_up.id, TTL, now)?;
            let is_new = database.add_user(&made_up, now)?;
            let existing = if is_new {
                None
            } else {
                database.user(&made_up.id)?
            };
            // An existing user keeps its name.
            seeded.push((existing.map_or(made_up, |user| user.profile), token));
        }
        if self.json {
            return Ok(output::json(&seeded.iter().map(to_json).collect())?);
        }
        let rows = seeded.iter().map(|(profile, _)| {
            let avatar = profile.avatar.clone().unwrap_or_default();
            vec![profile.id.to_string(), profile.name.clone(), avatar]
        });
        table::print(&COLUMNS, rows, Wide::default())?;
        output::line("\nTokens, valid for a day:")?;
        for (profile, token) in &seeded {
            output::line(&format!("{} {}", profile.id, token.expose_secret()))?;
        }
        Ok(())
    }
}

fn to_json((profile, token): &(Profile, SecretString)) -> Value {
    json!({
        "id": profile.id.as_str(),
        "name": profile.name,
        "avatar": profile.avatar,
        "token": token.expose_secret(),
    })
}
