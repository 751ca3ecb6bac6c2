//! `chattrix user`: accounts.

mod export;
mod import;
mod records;

use chattrix::clock::Clock;
use chattrix::store::Removal;
use chattrix::user::{AccountStatus, Profile, User as Known, UserId, is_avatar, is_name};
use chattrix::wire::control::Request;
use chattrix::wire::server_api::users::{json_of, standing_word};
use clap::{Args, Subcommand};

use super::confirm::confirm_at_terminal;
use super::context::Context;
use super::control_client::{ControlClient, runtime};
use super::error::CliError;
use super::token::user_id;
use super::{GlobalArgs, output};

/// The arguments of `chattrix user`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    chattrix user add alice --name 'Alice Liddell'\n  \
    chattrix user list --json\n  \
    chattrix user disable alice\n\n\
    All subcommands work while the server runs.")]
pub struct User {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Add a user
    #[command(after_help = "Examples:\n  \
        chattrix user add alice --name Alice\n  \
        chattrix user add u-17 --name 'Bob B.' --avatar https://example.com/bob.png")]
    Add {
        #[command(flatten)]
        who: Who,
        /// Set the name that other users see
        #[arg(long, value_parser = name)]
        name: String,
        /// Set the address of a picture
        #[arg(long, value_name = "URL", value_parser = avatar)]
        avatar: Option<String>,
    },
    /// List all users
    #[command(after_help = "Examples:\n  chattrix user list\n  chattrix user list --json")]
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show a user
    #[command(after_help = "Examples:\n  chattrix user show alice --json")]
    Show {
        #[command(flatten)]
        who: Who,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Add and update many users from CSV or JSON
    Import(import::Import),
    /// Print all users in the format that `import` reads
    Export(export::Export),
    /// Disable a user and reject their tokens
    #[command(after_help = "Examples:\n  chattrix user disable alice")]
    Disable(Who),
    /// Enable a disabled user again
    #[command(after_help = "Examples:\n  chattrix user enable alice")]
    Enable(Who),
    /// Remove a user; other users keep their history
    #[command(after_help = "Examples:\n  chattrix user remove alice\n\n\
        A user in a live call cannot be removed. At a terminal the command asks for confirmation.\n\
        Their tokens are rejected until `chattrix user add`. With auto_provision on, a token that is issued \
        after the removal adds the user again: use `chattrix user disable`.")]
    Remove {
        #[command(flatten)]
        who: Who,
        /// Skip the confirmation at a terminal
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, Args)]
struct Who {
    /// Select the user by id
    #[arg(value_name = "ID", value_parser = user_id)]
    id: UserId,
}

impl User {
    pub fn run(self, global: &GlobalArgs) -> Result<(), CliError> {
        match self.action {
            Action::Add { who, name, avatar } => add(
                global,
                &Profile {
                    id: who.id,
                    name,
                    avatar,
                },
            ),
            Action::List { json } => list(global, json),
            Action::Show { who, json } => show(global, &who.id, json),
            Action::Import(import) => import.run(global),
            Action::Export(export) => export.run(global),
            Action::Disable(who) => set_standing(global, &who.id, AccountStatus::Disabled),
            Action::Enable(who) => set_standing(global, &who.id, AccountStatus::Active),
            Action::Remove { who, yes } => remove(global, &who.id, yes),
        }
    }
}

fn add(global: &GlobalArgs, profile: &Profile) -> Result<(), CliError> {
    let id = &profile.id;
    if global
        .context()?
        .database()?
        .add_user(profile, Clock::System.now())?
    {
        output::tell(&format!("added {id}"));
        return Ok(());
    }
    Err(
        CliError::new(format!("user {id} already exists and was not changed"))
            .hint(format!("chattrix user show {id}")),
    )
}

fn list(global: &GlobalArgs, json: bool) -> Result<(), CliError> {
    let users = global.context()?.database_to_read()?.users()?;
    if json {
        return Ok(output::json(&users.iter().map(json_of).collect())?);
    }
    if users.is_empty() {
        output::tell("no users; chattrix user add adds one");
        return Ok(());
    }
    let rows = users.into_iter().map(|Known { profile, standing }| {
        let avatar = profile.avatar.unwrap_or_default();
        vec![
            profile.id.to_string(),
            profile.name,
            standing_word(standing).to_owned(),
            avatar,
        ]
    });
    Ok(output::table(&["ID", "NAME", "STANDING", "AVATAR"], rows)?)
}

fn show(global: &GlobalArgs, id: &UserId, json: bool) -> Result<(), CliError> {
    let user = global
        .context()?
        .database_to_read()?
        .user(id)?
        .ok_or_else(|| unknown(id))?;
    if json {
        return Ok(output::json(&json_of(&user))?);
    }
    output::line(&format!("id        {}", user.profile.id))?;
    output::line(&format!(
        "name      {}",
        output::printable(&user.profile.name)
    ))?;
    output::line(&format!("standing  {}", standing_word(user.standing)))?;
    let avatar = user.profile.avatar.as_deref().unwrap_or("none");
    Ok(output::line(&format!(
        "avatar    {}",
        output::printable(avatar)
    ))?)
}

fn set_standing(global: &GlobalArgs, id: &UserId, standing: AccountStatus) -> Result<(), CliError> {
    let context = global.context()?;
    if !context.existing_database()?.set_standing(id, standing)? {
        return Err(unknown(id));
    }
    reload_server(&context);
    output::tell(&format!("{id} is {}", standing_word(standing)));
    Ok(())
}

fn remove(global: &GlobalArgs, id: &UserId, yes: bool) -> Result<(), CliError> {
    let context = global.context()?;
    let database = context.existing_database()?;
    let name = database.user(id)?.ok_or_else(|| unknown(id))?.profile.name;
    let name = output::printable(&name);
    confirm_at_terminal(yes, &format!("Remove {id} ({name})?"))?;
    match database.remove_user(id, Clock::System.now())? {
        Removal::Removed => {
            reload_server(&context);
            output::tell(&format!("removed {id}"));
            if context.settings.auto_provision {
                output::tell(&format!(
                    "auto_provision is on: a token of {id} that is issued from now on adds the user again; \
                     `chattrix user disable {id}` keeps a user out"
                ));
            }
            Ok(())
        }
        Removal::Unknown => Err(unknown(id)),
        Removal::InLiveCall(call) => Err(CliError::new(format!("{id} is in a call ({call})"))
            .hint(format!(
                "chattrix user disable {id} prevents the next call; remove the user after this one"
            ))),
    }
}

/// Has the running server, if there is one, read changed accounts. One that does not respond notices within 2 s that users
/// were disabled or removed.
fn reload_server(context: &Context) {
    let reload = async {
        match ControlClient::find(&context.settings.database).await? {
            Some(mut server) => server.ask(&Request::ReloadUsers).await.map(drop),
            None => Ok(()),
        }
    };
    if let Err(error) = runtime().and_then(|runtime| runtime.block_on(reload)) {
        output::tell(&format!("the running server follows within 2 s: {error}"));
    }
}

/// Returns the error for a user that does not exist.
pub fn unknown(id: &UserId) -> CliError {
    CliError::new(format!("there is no user {id}")).hint("chattrix user list shows all of them")
}

fn name(text: &str) -> Result<String, String> {
    is_name(text)
        .then(|| text.to_owned())
        .ok_or_else(|| "expected 1 to 200 characters without control characters".to_owned())
}

fn avatar(text: &str) -> Result<String, String> {
    is_avatar(text)
        .then(|| text.to_owned())
        .ok_or_else(|| "expected an http or https URL of up to 2000 characters".to_owned())
}
