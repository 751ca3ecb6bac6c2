//! Output of `serve --dev`: the commands of a first call, ready to paste.

use std::env;
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use chattrix::auth::Authenticator;
use chattrix::clock::Timestamp;
use chattrix::user::UserId;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::context::DEV_FOLDER;
use super::error::CliError;
use super::test_users;

/// Lifetime of the printed tokens.
const TTL: Duration = Duration::from_hours(24);

/// Data of a first call: caller, callee, program and folder.
pub struct QuickStart {
    caller: Person,
    callee: Person,
    /// Whether `listen` needs `--url` to find the server.
    elsewhere: bool,
    /// Whether the server serves the console.
    has_console: bool,
    /// Working directory, and the path of this program from there.
    directory: String,
    program: String,
}

struct Person {
    id: UserId,
    token: SecretString,
}

impl QuickStart {
    /// Creates the quick start with tokens that are valid from `now`.
    pub fn new(
        authenticator: &Authenticator,
        elsewhere: bool,
        has_console: bool,
        now: Timestamp,
    ) -> Result<Self, CliError> {
        let person = |id: UserId| {
            let token = authenticator.mint(&id, TTL, now)?;
            Ok::<_, CliError>(Person { id, token })
        };
        let [alice, bob] = test_users::pair();
        let unknown = |error| CliError::new(format!("cannot read the working directory: {error}"));
        let directory = env::current_dir().map_err(unknown)?;
        let program = env::current_exe().map_err(unknown)?;
        Ok(Self {
            caller: person(alice.id)?,
            callee: person(bob.id)?,
            elsewhere,
            has_console,
            program: quoted(&program_from(&directory, &program)),
            directory: quoted(&directory.to_string_lossy()),
        })
    }

    /// Prints the commands for a server at `url`.
    pub fn print(&self, url: &str) {
        // A closed output does not stop the server.
        let _ = io::stdout().lock().write_all(self.text(url).as_bytes());
    }

    fn text(&self, url: &str) -> String {
        let url_flag = if self.elsewhere {
            format!(" --url {url}")
        } else {
            String::new()
        };
        let body = json!({
            "calleeId": self.callee.id.as_str(), "callType": "VIDEO", "channelId": "first-call"
        });
        format!(
            "
{console}Chattrix listens on {url} for this machine only. All data is in ./{DEV_FOLDER}/.
Ctrl-C stops the server.

To make a call from the command line:

1. In a second terminal, let {callee} listen and accept:

   cd {directory} && {program} listen {callee} --dev --accept{url_flag}

2. In a third terminal, let {caller} call:

   curl -sS {url}/api/v1/calls/initiate \\
     -H 'Authorization: Bearer {caller_token}' \\
     -H 'Content-Type: application/json' \\
     -d '{body}'

   The second terminal prints the invitation. Type end there to hang up.

Tokens, valid for 24 hours:

{caller:width$} {caller_token}
{callee:width$} {callee_token}
",
            console = self.links(url),
            directory = self.directory,
            program = self.program,
            caller = self.caller.id,
            callee = self.callee.id,
            caller_token = self.caller.token.expose_secret(),
            callee_token = self.callee.token.expose_secret(),
            width = self
                .caller
                .id
                .as_str()
                .len()
                .max(self.callee.id.as_str().len()),
        )
    }
}

impl QuickStart {
    /// Returns the links to the pages, if the console is enabled.
    fn links(&self, url: &str) -> String {
        if self.has_console {
            format!(
                "To make a call in the browser, open:\n\n   {url}/console\n\n\
                 Status: {url}/admin. API reference: {url}/docs.\n\n"
            )
        } else {
            String::new()
        }
    }
}

/// Returns the path of `program` from `directory`: a relative one if it is below.
fn program_from(directory: &Path, program: &Path) -> String {
    match program.strip_prefix(directory) {
        Ok(below) => Path::new(".").join(below).to_string_lossy().into_owned(),
        Err(_) => program.to_string_lossy().into_owned(),
    }
}

/// Quotes `text` for a shell.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%,=".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quick_start(elsewhere: bool) -> QuickStart {
        let person = |id: &str, token: &str| Person {
            id: UserId::parse(id).expect("an id"),
            token: SecretString::from(token),
        };
        QuickStart {
            caller: person("alice", "alices.own.token"),
            callee: person("bob", "bobs.own.token"),
            elsewhere,
            has_console: !elsewhere,
            directory: quoted("/home/me/my calls"),
            program: "./target/debug/chattrix".to_owned(),
        }
    }

    #[test]
    fn the_callee_listens_before_the_caller_calls() {
        let text = quick_start(false).text("http://127.0.0.1:8000");
        let listen =
            "cd '/home/me/my calls' && ./target/debug/chattrix listen bob --dev --accept\n";
        let call = "curl -sS http://127.0.0.1:8000/api/v1/calls/initiate";
        let (listen, call) = (text.find(listen), text.find(call));
        assert!(listen.is_some() && listen < call, "{text}");
        assert!(text.contains("Bearer alices.own.token'") && text.contains("bob   bobs.own.token"));
    }

    #[test]
    fn it_begins_with_the_console_and_ends_with_the_tokens() {
        let url = "http://127.0.0.1:8000";
        let text = quick_start(false).text(url);
        let first = text.lines().find(|line| line.contains("://"));
        assert_eq!(first, Some(&*format!("   {url}/console")), "{text}");
        assert!(text.ends_with("\nbob   bobs.own.token\n"), "{text}");
        assert!(!quick_start(true).text(url).contains("/console"));
    }

    #[test]
    fn a_port_given_as_a_flag_is_passed_on() {
        let text = quick_start(true).text("http://127.0.0.1:9000");
        assert!(
            text.contains("--accept --url http://127.0.0.1:9000\n"),
            "{text}"
        );
    }

    #[test]
    fn a_word_is_quoted_where_the_shell_would_take_it_apart() {
        assert_eq!(quoted("/usr/bin/chattrix"), "/usr/bin/chattrix");
        assert_eq!(quoted("it's here"), r"'it'\''s here'");
        assert_eq!(quoted("$HOME"), "'$HOME'");
    }

    #[test]
    fn a_program_below_the_directory_is_called_by_a_short_path() {
        let from = |program: &str| program_from(Path::new("/home/ann/calls"), Path::new(program));
        assert_eq!(
            from("/home/ann/calls/target/debug/chattrix"),
            "./target/debug/chattrix"
        );
        assert_eq!(from("/usr/bin/chattrix"), "/usr/bin/chattrix");
    }
}
