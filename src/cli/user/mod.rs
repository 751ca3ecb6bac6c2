//! `chattrix user`: accounts.

mod export;
mod import;
mod records;

use chattrix::store::Removal;
use chattrix::user::{AccountStatus, Profile, User as Known, UserId, is_avatar, is_name};
use chattrix::wire::server_api::users::{Patch, json_of, standing_of, standing_word};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{ArgGroup, Args, Subcommand};

use super::confirm::confirm_at_terminal;
use super::error::CliError;
use super::source::{ServerArg, Source};
use super::table::{self, Column, Wide, text, whole};
use super::token::user_id;
use super::{GlobalArgs, output};

const COLUMNS: [Column; 4] = [
    whole("ID"),
    text("NAME"),
    whole("STANDING"),
    text("AVATAR").extra(1),
];

/// The arguments of `chattrix user`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    chattrix user add alice --name 'Alice Liddell'\n  \
    chattrix user list --json\n  \
    chattrix user set alice --name 'Alice L.'\n  \
    chattrix user disable alice\n\n\
    All subcommands work while the server runs.")]
pub struct User {
    #[command(flatten)]
    at: ServerArg,
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
        #[command(flatten)]
        wide: Wide,
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
    /// Set name, avatar or status of a user
    #[command(group = ArgGroup::new("field").required(true).multiple(true))]
    #[command(after_help = "Examples:\n  \
        chattrix user set alice --name 'Alice Liddell'\n  \
        chattrix user set alice --avatar https://example.com/alice.png\n  \
        chattrix user set alice --no-avatar --status active\n\n\
        Other fields stay. With an identity provider, a newer token may set name and avatar again.")]
    Set {
        #[command(flatten)]
        who: Who,
        /// Set the name that other users see
        #[arg(long, group = "field", value_parser = name)]
        name: Option<String>,
        /// Set the address of a picture
        #[arg(long, group = "field", value_name = "URL", value_parser = avatar)]
        avatar: Option<String>,
        /// Remove the picture
        #[arg(long, group = "field", conflicts_with = "avatar")]
        no_avatar: bool,
        /// Set whether the user may sign in
        #[arg(long, group = "field", value_parser = standing())]
        status: Option<AccountStatus>,
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
        let source = &*self.at.source(global)?;
        match self.action {
            Action::Add { who, name, avatar } => add(
                source,
                &Profile {
                    id: who.id,
                    name,
                    avatar,
                },
            ),
            Action::List { wide, json } => list(source, wide, json),
            Action::Show { who, json } => show(source, &who.id, json),
            Action::Set {
                who,
                name,
                avatar,
                no_avatar,
                status,
            } => {
                let patch = Patch {
                    name,
                    avatar: avatar.map(Some).or(no_avatar.then_some(None)),
                    standing: status,
                };
                set(source, &who.id, &patch)
            }
            Action::Import(import) => import.run(source),
            Action::Export(export) => export.run(source),
            Action::Disable(who) => set_standing(source, &who.id, AccountStatus::Disabled),
            Action::Enable(who) => set_standing(source, &who.id, AccountStatus::Active),
            Action::Remove { who, yes } => remove(source, &who.id, yes),
        }
    }
}

fn add(source: &dyn Source, profile: &Profile) -> Result<(), CliError> {
    let id = &profile.id;
    if source.add_user(profile)? {
        output::tell(&format!("added {id}"));
        return Ok(());
    }
    Err(
        CliError::new(format!("user {id} already exists and was not changed"))
            .hint(format!("chattrix user set {id} changes the user")),
    )
}

fn list(source: &dyn Source, wide: Wide, json: bool) -> Result<(), CliError> {
    let users = source.users()?;
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
    Ok(table::print(&COLUMNS, rows, wide)?)
}

fn show(source: &dyn Source, id: &UserId, json: bool) -> Result<(), CliError> {
    let user = source.user(id)?.ok_or_else(|| unknown(id))?;
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

fn set(source: &dyn Source, id: &UserId, patch: &Patch) -> Result<(), CliError> {
    source.patch_user(id, patch)?.ok_or_else(|| unknown(id))?;
    output::tell(&format!("changed {id}"));
    Ok(())
}

fn set_standing(source: &dyn Source, id: &UserId, standing: AccountStatus) -> Result<(), CliError> {
    let patch = Patch {
        standing: Some(standing),
        ..Patch::default()
    };
    source.patch_user(id, &patch)?.ok_or_else(|| unknown(id))?;
    output::tell(&format!("{id} is {}", standing_word(standing)));
    Ok(())
}

fn remove(source: &dyn Source, id: &UserId, yes: bool) -> Result<(), CliError> {
    let name = source.user(id)?.ok_or_else(|| unknown(id))?.profile.name;
    let name = output::printable(&name);
    confirm_at_terminal(yes, &format!("Remove {id} ({name})?"))?;
    match source.remove_user(id)? {
        Removal::Removed => {
            output::tell(&format!("removed {id}"));
            if source.adds_users_by_token() {
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

/// Parses a status by its word.
fn standing() -> impl TypedValueParser<Value = AccountStatus> {
    let words = [AccountStatus::Active, AccountStatus::Disabled].map(standing_word);
    PossibleValuesParser::new(words)
        .map(|word| standing_of(&word).expect("clap lets only these words through"))
}

/// Returns the error for a user that does not exist.
pub fn unknown(id: &UserId) -> CliError {
    CliError::new(format!("there is no user {id}")).hint("chattrix user list shows all of them")
}

fn name(text: &str) -> Result<String, String> {
    is_name(text).then(|| text.to_owned()).ok_or_else(|| {
        "expected 1 to 200 characters, none of them a control or invisible one".to_owned()
    })
}

fn avatar(text: &str) -> Result<String, String> {
    is_avatar(text)
        .then(|| text.to_owned())
        .ok_or_else(|| "expected an http or https URL of up to 2000 characters".to_owned())
}
