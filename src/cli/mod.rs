//! The command line, a file per command (contract section 7).
//!
//! A command parses, calls the library and prints. Only its result goes to standard output, so that it can be
//! piped; everything else goes to standard error.

mod apikey;
mod audit;
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
mod keys;
mod listen;
mod load_test;
mod man;
mod openapi;
mod output;
mod progress;
mod quick_start;
mod seed;
mod serve;
mod session;
mod source;
mod status;
mod systemd;
mod table;
mod test_users;
mod token;
mod user;
mod webhook;
mod write_ahead_log;

#[cfg(test)]
mod doc_tests;

use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

use self::error::CliError;

/// The command line.
#[derive(Debug, Parser)]
#[command(
    version,
    about = "A self-hosted signalling server for 1:1 audio and video calls",
    after_help = "Try it out:\n  \
        chattrix serve --dev       starts a server with two users for a first call\n\n\
        Settings come from Rocket.toml, CHATTRIX_* variables and flags. `chattrix config` prints \
        the effective settings, `chattrix config docs` describes all of them.\n\n\
        Exit codes: 0 success, 1 error, 2 usage error."
)]
pub struct Cli {
    #[command(flatten)]
    global: GlobalArgs,
    #[command(subcommand)]
    command: Command,
}

/// Heading of the options that every command has.
const GLOBAL: &str = "Global options";

/// Options of every command: where it works.
#[derive(Clone, Debug, Args)]
struct GlobalArgs {
    /// Use dev mode: all data is in ./chattrix-dev/
    #[arg(long, global = true, help_heading = GLOBAL)]
    dev: bool,
    /// Use this settings file instead of Rocket.toml
    #[arg(long, global = true, value_name = "FILE", help_heading = GLOBAL)]
    config: Option<PathBuf>,
    /// Use this database file instead of the setting's
    #[arg(long, global = true, value_name = "FILE", help_heading = GLOBAL)]
    database: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server
    Serve(serve::Serve),
    /// Add, show, set, disable and remove users
    User(user::User),
    /// List, add and remove contacts
    Contact(contact::Contact),
    /// Print a token for a user, or check one
    Token(token::Token),
    /// List the keys that verify tokens
    Keys(keys::Keys),
    /// Create, list and revoke API keys of your backend
    #[command(name = "apikey")]
    ApiKeys(apikey::ApiKeys),
    /// List changes made with API keys
    Audit(audit::Audit),
    /// Create test users and print their tokens
    Seed(seed::Seed),
    /// List, show, watch and end calls
    Call(call::Call),
    /// List and disconnect sessions
    Session(session::Session),
    /// Back up, restore, check, prune and migrate the database
    Db(db::Db),
    /// Show the effective settings, or check them
    Config(config::Config),
    /// Show the running server on one screen
    Status(status::Status),
    /// Check whether the running server takes requests
    Healthcheck(healthcheck::Healthcheck),
    /// Check the machine: limits, disk, clock, proxy
    Doctor(doctor::Doctor),
    /// Print the manual page
    Man(man::Man),
    /// Print shell completions
    Completions(completions::Completions),
    /// Create, rotate, test, retry and pause webhooks
    Webhook(webhook::Webhook),
    /// Connect as a user, print events and answer calls
    Listen(listen::Listen),
    /// Measure the call capacity of this machine
    LoadTest(load_test::LoadTest),
    /// Print the OpenAPI document of the REST API
    #[command(name = "openapi")]
    OpenApi(openapi::OpenApi),
    /// Print the AsyncAPI document of the WebSocket
    #[command(name = "asyncapi")]
    AsyncApi(openapi::AsyncApi),
}

impl Cli {
    /// Parses the arguments of this process. Help, the version and usage errors end it.
    pub fn parse_arguments() -> Self {
        Self::try_parse().unwrap_or_else(|error| {
            if !error.use_stderr() {
                error.exit();
            }
            output::tell_styled(&error.render());
            std::process::exit(error.exit_code());
        })
    }

    /// Returns whether the command is the server, and not one for a person at a terminal.
    pub const fn is_server(&self) -> bool {
        matches!(self.command, Command::Serve(_))
    }

    /// Runs the command.
    ///
    /// # Errors
    /// What failed, as a sentence for the user.
    pub fn run(self) -> Result<(), CliError> {
        match self.command {
            Command::Serve(serve) => serve.run(&self.global),
            Command::User(user) => user.run(&self.global),
            Command::Contact(contact) => contact.run(&self.global),
            Command::Token(token) => token.run(&self.global),
            Command::Keys(keys) => keys.run(&self.global),
            Command::ApiKeys(keys) => keys.run(&self.global),
            Command::Audit(audit) => audit.run(&self.global),
            Command::Seed(seed) => seed.run(&self.global),
            Command::Call(call) => call.run(&self.global),
            Command::Session(session) => session.run(&self.global),
            Command::Db(db) => db.run(&self.global),
            Command::Config(config) => config.run(&self.global),
            Command::Status(status) => status.run(&self.global),
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
    fn clap_accepts_the_command_line() {
        Cli::command().debug_assert();
    }

    /// Returns every command with its full name, the root included.
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

    /// The width of help without a terminal.
    const WIDTH: usize = 100;

    #[test]
    fn every_help_has_examples_of_at_most_80_columns() {
        for (name, command) in every_command() {
            let text = command.get_after_help().map(ToString::to_string);
            let text = text.unwrap_or_default();
            assert!(text.contains("\n  chattrix "), "{name} has no examples");
            // A wrapped line cannot be pasted.
            for line in text.lines().filter(|line| line.starts_with("  ")) {
                assert!(line.chars().count() <= 80, "too long: {line}");
            }
        }
    }

    /// The first words of help lines.
    const VERBS: [&str; 41] = [
        "Accept",
        "Add",
        "Back",
        "Check",
        "Connect",
        "Copy",
        "Count",
        "Create",
        "Delete",
        "Disable",
        "Disconnect",
        "Enable",
        "End",
        "Explain",
        "List",
        "Listen",
        "Measure",
        "Open",
        "Pause",
        "Print",
        "Put",
        "Read",
        "Reject",
        "Reload",
        "Remove",
        "Replace",
        "Restore",
        "Resume",
        "Revoke",
        "Run",
        "Select",
        "Send",
        "Set",
        "Show",
        "Sign",
        "Skip",
        "Start",
        "Test",
        "Upgrade",
        "Use",
        "Write",
    ];

    #[test]
    fn help_lines_are_short_and_start_with_a_verb() {
        for (name, command) in every_command() {
            let about = command.get_about().map(ToString::to_string);
            let about = about.filter(|_| name != "chattrix");
            let arguments = command.get_arguments().filter_map(clap::Arg::get_help);
            for line in about.into_iter().chain(arguments.map(ToString::to_string)) {
                let verb = line.split([' ', ',']).next().unwrap_or_default();
                assert!(VERBS.contains(&verb), "{name}: no verb first: {line}");
                assert!(line.chars().count() <= 60, "{name}: too long: {line}");
            }
        }
    }

    #[test]
    fn commands_md_is_the_help_of_every_command() {
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
            "docs/commands.md is not up to date: CHATTRIX_WRITE_DOCS=1 cargo test --bins commands_md"
        );
    }
}
