//! `chattrix contact`: contacts, who may call each other with `call_policy = "contacts"`.

use std::path::Path;

use chattrix::clock::Clock;
use chattrix::store::Database;
use chattrix::user::{List, ListEntry, UserId};
use chattrix::wire::control::Request;
use clap::{Args, Subcommand};
use serde_json::json;

use super::control_client::{ControlClient, runtime};
use super::error::CliError;
use super::table::{self, Column, Wide, text, whole};
use super::token::user_id;
use super::{GlobalArgs, output, user};

const COLUMNS: [Column; 4] = [
    whole("ID"),
    text("NAME"),
    whole("SINCE").extra(1),
    whole("MUTUAL"),
];

/// The arguments of `chattrix contact`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    chattrix contact add alice bob\n  \
    chattrix contact list alice\n\n\
    With the setting call_policy = \"contacts\" two users may call each other if each is a contact \
    of the other. If a server runs, changes go through it.")]
pub struct Contact {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Add two users to each other's contacts
    #[command(after_help = "Examples:\n  chattrix contact add alice bob")]
    Add(Pair),
    /// Remove two users from each other's contacts
    #[command(after_help = "Examples:\n  chattrix contact remove alice bob")]
    Remove(Pair),
    /// List a user's contacts and whether they are mutual
    #[command(after_help = "Examples:\n  \
        chattrix contact list alice\n  \
        chattrix contact list alice --json")]
    List {
        /// Select the user by id
        #[arg(value_name = "ID", value_parser = user_id)]
        id: UserId,
        #[command(flatten)]
        wide: Wide,
        /// Print JSON: a list of {id, name, avatar, since, mutual}
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Args)]
struct Pair {
    /// Select the first user by id
    #[arg(value_name = "A", value_parser = user_id)]
    one: UserId,
    /// Select the second user by id
    #[arg(value_name = "B", value_parser = user_id)]
    other: UserId,
}

impl Contact {
    pub fn run(self, global: &GlobalArgs) -> Result<(), CliError> {
        match self.action {
            Action::Add(pair) => {
                set(global, &pair, true)?;
                output::tell(&format!("{} and {} are contacts", pair.one, pair.other));
            }
            Action::Remove(pair) => {
                set(global, &pair, false)?;
                output::tell(&format!("{} and {} are not contacts", pair.one, pair.other));
            }
            Action::List { id, wide, json } => list(global, &id, wide, json)?,
        }
        Ok(())
    }
}

fn set(global: &GlobalArgs, Pair { one, other }: &Pair, wanted: bool) -> Result<(), CliError> {
    if one == other {
        return Err(CliError::usage("expected two different users"));
    }
    let context = global.context()?;
    context.require_database()?;
    if through_the_server(&context.settings.database, [one, other], wanted)? {
        return Ok(());
    }
    let database = context.existing_database()?;
    for id in [one, other] {
        known(&database, id)?;
    }
    Ok(database.set_contacts([one, other], wanted, Clock::System.now())?)
}

/// Sends the change to the running server; returns false if none runs.
fn through_the_server(database: &Path, pair: [&UserId; 2], wanted: bool) -> Result<bool, CliError> {
    let users = pair.map(ToString::to_string);
    runtime()?.block_on(async {
        let Some(mut server) = ControlClient::find(database).await? else {
            return Ok(false);
        };
        let request = if wanted {
            Request::AddContacts { users }
        } else {
            Request::RemoveContacts { users }
        };
        server.ask(&request).await?;
        Ok(true)
    })
}

fn known(database: &Database, id: &UserId) -> Result<(), CliError> {
    database
        .user(id)?
        .map(|_| ())
        .ok_or_else(|| user::unknown(id))
}

fn list(global: &GlobalArgs, id: &UserId, wide: Wide, json: bool) -> Result<(), CliError> {
    let database = global.context()?.database_to_read()?;
    known(&database, id)?;
    let mut contacts = Vec::new();
    for listed in database.read().listed(id, List::Contacts)? {
        let back = database
            .read()
            .listed_since(&listed.profile.id, List::Contacts, id)?;
        contacts.push((listed, back.is_some()));
    }
    if json {
        let contacts = contacts.iter().map(|(ListEntry { profile, at }, mutual)| {
            json!({
                "id": profile.id.as_str(), "name": profile.name, "avatar": profile.avatar,
                "since": at.to_string(), "mutual": mutual,
            })
        });
        return Ok(output::json(&contacts.collect())?);
    }
    if contacts.is_empty() {
        output::tell("no contacts");
        return Ok(());
    }
    let rows = contacts
        .into_iter()
        .map(|(ListEntry { profile, at }, mutual)| {
            let mutual = if mutual { "yes" } else { "no" };
            vec![
                profile.id.to_string(),
                profile.name,
                at.to_string(),
                mutual.to_owned(),
            ]
        });
    Ok(table::print(&COLUMNS, rows, wide)?)
}
