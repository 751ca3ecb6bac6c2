//! The command line, a file per command (contract section 7).
//!
//! A command parses, calls the library and prints. What it was asked for goes to standard output,
//! and only that, so that it can be piped; everything else goes to standard error.

mod call;
mod completions;
mod config;
mod confirm;
mod contact;
mod context;
mod control_client;
mod db;
mod doctor;
mod error;
mod format;
mod healthcheck;
mod listen;
mod load_test;
mod man;
mod openapi;
mod output;
mod progress;
mod quick_start;
mod seed;
mod serve;
mod systemd;
mod test_users;
mod token;
mod user;
mod webhook;

#[cfg(test)]
mod doc_tests;

use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

use self::error::CliError;

/// The whole command line.
#[derive(Debug, Parser)]
#[command(
    version,
    about = "A self-hosted call server: call signalling over REST and WebSocket",
    after_help = "Try it out:\n  \
        chattrix serve --dev       a server with two users, and what to do next\n\n\
        Settings come from Rocket.toml, CHATTRIX_* variables and flags: `chattrix config` shows \
        those that hold here, `chattrix config docs` explains them all."
)]
pub struct Cli {
    #[command(flatten)]
    global: GlobalArgs,
    #[command(subcommand)]
    command: Command,
}

/// The heading of the flags that all commands have.
const PLACE: &str = "Where to work";

/// Where a command works; the same flags for all of them.
#[derive(Clone, Debug, Args)]
struct GlobalArgs {
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
    /// Print a token for a user, or check one
    Token(token::Token),
    /// Make test users, and print them with their tokens
    Seed(seed::Seed),
    /// List, show, watch and end calls
    Call(call::Call),
    /// Back up, restore, check, prune, measure and migrate the database
    Db(db::Db),
    /// Show the settings that hold, and try them out
    Config(config::Config),
    /// Say whether the running server takes requests, for containers and scripts
    Healthcheck(healthcheck::Healthcheck),
    /// Look for what will be in the way: limits, disk, clock, proxy
    Doctor(doctor::Doctor),
    /// Print the manual
    Man(man::Man),
    /// Print the completions for a shell
    Completions(completions::Completions),
    /// List, test, retry, pause and resume webhooks
    Webhook(webhook::Webhook),
    /// Connect as a user: print its events, answer its calls
    Listen(listen::Listen),
    /// Measure how many calls this machine carries, and how fast
    LoadTest(load_test::LoadTest),
    /// Print the OpenAPI document of the REST interface
    #[command(name = "openapi")]
    OpenApi(openapi::OpenApi),
    /// Print the AsyncAPI document of the socket
    #[command(name = "asyncapi")]
    AsyncApi(openapi::AsyncApi),
}

impl Cli {
    /// Does what the command line says.
    ///
    /// # Errors
    /// What failed, as a sentence for the person at the terminal.
    pub fn run(self) -> Result<(), CliError> {
        match self.command {
            Command::Serve(serve) => serve.run(&self.global),
            Command::User(user) => user.run(&self.global),
            Command::Contact(contact) => contact.run(&self.global),
            Command::Token(token) => token.run(&self.global),
            Command::Seed(seed) => seed.run(&self.global),
            Command::Call(call) => call.run(&self.global),
            Command::Db(db) => db.run(&self.global),
            Command::Config(config) => config.run(&self.global),
            Command::Healthcheck(healthcheck) => healthcheck.run(&self.global),
            Command::Doctor(doctor) => doctor.run(&self.global),
            Command::Man(man) => man.run(),
            Command::Completions(completions) => completions.run(),
            Command::Webhook(webhook) => webhook.run(&self.global),
            Command::Listen(listen) => listen.run(&self.global),
            Command::LoadTest(load_test) => load_test.run(&self.global),
            Command::OpenApi(openapi) => openapi.run(),
            Command::AsyncApi(asyncapi) => asyncapi.run(),
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

    /// Every command with its whole name, the first one included.
    fn all(command: &clap::Command, name: &str) -> Vec<(String, clap::Command)> {
        let mut found = vec![(name.to_owned(), command.clone())];
        let parts = command.get_subcommands();
        for part in parts.filter(|part| part.get_name() != "help") {
            found.extend(all(part, &format!("{name} {}", part.get_name())));
        }
        found
    }

    fn every_command() -> Vec<(String, clap::Command)> {
        let mut command = Cli::command().term_width(WIDTH);
        command.build();
        all(&command, "chattrix")
    }

    /// The width to which help is set where no terminal says another.
    const WIDTH: usize = 100;

    #[test]
    fn every_help_has_examples_that_fit_a_terminal() {
        for (name, command) in every_command() {
            let text = command.get_after_help().map(ToString::to_string);
            let text = text.unwrap_or_default();
            assert!(text.contains("\n  chattrix "), "{name} has no examples");
            // A line that is wrapped cannot be pasted.
            for line in text.lines().filter(|line| line.starts_with("  ")) {
                assert!(line.chars().count() <= 80, "too long: {line}");
            }
        }
    }

    /// The reference of all commands is their help.
    #[test]
    fn the_reference_of_the_commands_is_their_help() {
        let mut page = include_str!("commands.md").to_owned();
        for (name, mut command) in every_command() {
            let help = command.render_help().to_string();
            let lines: Vec<_> = help.lines().map(str::trim_end).collect();
            page.extend([
                "\n## ",
                &name,
                "\n\n```text\n",
                &lines.join("\n"),
                "\n```\n",
            ]);
        }
        let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/commands.md");
        if std::env::var_os("CHATTRIX_WRITE_DOCS").is_some() {
            std::fs::write(&file, &page).expect("docs/commands.md can be written");
        }
        let kept = std::fs::read_to_string(&file).expect("docs/commands.md is there");
        assert!(
            kept == page,
            "docs/commands.md is not up to date: CHATTRIX_WRITE_DOCS=1 cargo test --bins reference"
        );
    }
}
