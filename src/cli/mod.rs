//! The command line, a file per command (contract section 7).
//!
//! A command parses, calls the library and prints. What it was asked for goes to standard output,
//! and only that, so that it can be piped; everything else goes to standard error.

mod call;
mod completions;
mod config;
mod confirm;
mod contact;
mod db;
mod failure;
mod human;
mod listen;
mod load_test;
mod output;
mod people;
mod progress;
mod quick_start;
mod running;
mod seed;
mod serve;
mod supervisor;
mod token;
mod user;
mod world;

use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

use self::failure::Failure;

/// The whole command line.
#[derive(Debug, Parser)]
#[command(
    version,
    about = "A self-hosted call server: call signalling over REST and WebSocket",
    after_help = "Try it out:\n  \
        chattrix serve --dev                      a server with two users, and what to do next\n\n\
        Settings come from Rocket.toml, CHATTRIX_* variables and flags: `chattrix config` shows \
        those that hold here, `chattrix config docs` explains them all."
)]
pub struct Cli {
    #[command(flatten)]
    place: Place,
    #[command(subcommand)]
    command: Command,
}

/// The heading of the flags that all commands have.
const PLACE: &str = "Where to work";

/// Where a command works; the same flags for all of them.
#[derive(Clone, Debug, Args)]
struct Place {
    /// Work in the development world of `serve --dev`, in ./chattrix-dev/
    #[arg(long, global = true, help_heading = PLACE)]
    dev: bool,
    /// The database file, over the setting `database`
    #[arg(long, global = true, value_name = "FILE", help_heading = PLACE)]
    database: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server
    Serve(serve::Serve),
    /// Add, show, disable and remove users
    User(user::User),
    /// List, add and remove contacts, who may call each other where a setting asks for it
    Contact(contact::Contact),
    /// Print a token for a user
    Token(token::Token),
    /// Make test users, and print them with their tokens
    Seed(seed::Seed),
    /// List, show, watch and end calls
    Call(call::Call),
    /// Back up, restore, check, prune, measure and migrate the database
    Db(db::Db),
    /// Show the settings that hold, and try them out
    Config(config::Config),
    /// Print the completions for a shell
    Completions(completions::Completions),
    /// Connect as a user: print its events, answer its calls
    Listen(listen::Listen),
    /// Measure how many calls this machine carries, and how fast
    LoadTest(load_test::LoadTest),
}

impl Cli {
    /// Does what the command line says.
    ///
    /// # Errors
    /// What failed, as a sentence for the person at the terminal.
    pub fn run(self) -> Result<(), Failure> {
        match self.command {
            Command::Serve(serve) => serve.run(&self.place),
            Command::User(user) => user.run(&self.place),
            Command::Contact(contact) => contact.run(&self.place),
            Command::Token(token) => token.run(&self.place),
            Command::Seed(seed) => seed.run(&self.place),
            Command::Call(call) => call.run(&self.place),
            Command::Db(db) => db.run(&self.place),
            Command::Config(config) => config.run(&self.place),
            Command::Completions(completions) => completions.run(),
            Command::Listen(listen) => listen.run(&self.place),
            Command::LoadTest(load_test) => load_test.run(&self.place),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_help_has_examples() {
        fn check(command: &clap::Command) {
            if command.get_subcommands().next().is_none() || command.get_name() == "user" {
                let examples = command.get_after_help().map(ToString::to_string);
                assert!(
                    examples.is_some_and(|text| text.contains("chattrix ")),
                    "{} has no examples",
                    command.get_name()
                );
            }
            command.get_subcommands().for_each(check);
        }
        check(&Cli::command());
    }
}
