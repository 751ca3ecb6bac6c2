//! Server under test, and its users.

use std::fmt;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chattrix::auth::Authenticator;
use chattrix::clock::Clock;
use chattrix::settings::Settings;
use chattrix::store::{self, Database};
use chattrix::user::{Profile, UserId};
use rustix::process::{Pid, Signal, kill_process};
use secrecy::SecretString;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::http::Uri;
use uuid::Uuid;

use super::super::context::Context;
use super::super::control_client::ControlClient;
use super::super::error::CliError;
use super::fault::LoadError;
use super::process::Process;

/// Time limit for the start, and the stop, of the private server.
const PATIENCE: Duration = Duration::from_secs(10);

/// Validity of the tokens: longer than any test.
const TTL: Duration = Duration::from_hours(24);

/// Address of a server, as `host:port`. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Server(Arc<str>);

impl Server {
    /// `host:port`.
    pub fn authority(&self) -> &str {
        &self.0
    }

    /// Opens a connection to it.
    pub async fn connect(&self) -> Result<TcpStream, LoadError> {
        let stream = TcpStream::connect(&*self.0).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}", self.0)
    }
}

impl FromStr for Server {
    type Err = &'static str;

    fn from_str(url: &str) -> Result<Self, Self::Err> {
        let wrong = "expected the server's own URL, without TLS, such as http://127.0.0.1:8000";
        let uri: Uri = url.parse().map_err(|_| wrong)?;
        let plain = matches!(uri.scheme_str(), Some("http" | "ws"));
        let authority = uri.authority().filter(|it| !it.as_str().contains('@'));
        match authority {
            Some(authority) if plain && matches!(uri.path(), "" | "/") && uri.query().is_none() => {
                let port = authority.port_u16().unwrap_or(80);
                Ok(Self(format!("{}:{port}", authority.host()).into()))
            }
            Some(_) | None => Err(wrong),
        }
    }
}

/// A user of the test.
#[derive(Clone)]
pub struct Person {
    pub id: String,
    pub token: SecretString,
}

/// Server under test.
pub struct Target {
    server: Server,
    process: Option<Process>,
    database: PathBuf,
    authenticator: Authenticator,
    people: Vec<Person>,
    private: Option<Private>,
}

/// Private server for this test.
struct Private {
    /// Temporary folder, deleted at the end.
    folder: TempDir,
    secret: String,
    child: Option<Child>,
    started_in: Duration,
    /// Size of the database before the first call.
    bytes: u64,
}

impl Target {
    /// Uses the running `server`, whose settings are those of `context`.
    pub async fn running(server: Server, context: &Context) -> Result<Self, CliError> {
        let database = &context.settings.database;
        let process = match ControlClient::find(database).await? {
            Some(running) => running.process().and_then(Process::of),
            None => None,
        };
        Ok(Self {
            server,
            process,
            database: database.clone(),
            authenticator: Authenticator::from_settings(&context.settings)?,
            people: Vec::new(),
            private: None,
        })
    }

    /// Starts a private server, whose database is on the same disk as that of `context`.
    pub fn private(context: &Context) -> Result<Self, CliError> {
        if store::is_url(&context.settings.database) {
            return Err(CliError::new(
                "a private server needs a database file, and the settings name PostgreSQL",
            )
            .hint("name the running server with --url, or another database with --database FILE"));
        }
        let disk = folder_of(&context.settings.database);
        let made = tempfile::Builder::new()
            .prefix("chattrix-load-test-")
            .tempdir_in(disk);
        let folder = made.map_err(|error| {
            CliError::new(format!("{} cannot be written: {error}", disk.display()))
        })?;
        // The randomness of two ids: 244 bits.
        let secret = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        let settings = Settings {
            jwt_secret: vec![secret.clone().into()],
            ..Settings::default()
        };
        Ok(Self {
            server: Server("127.0.0.1:0".into()),
            process: None,
            database: folder.path().join("calls.db"),
            authenticator: Authenticator::from_settings(&settings)?,
            people: Vec::new(),
            private: Some(Private {
                folder,
                secret,
                child: None,
                started_in: Duration::ZERO,
                bytes: 0,
            }),
        })
    }

    /// Creates `count` users.
    pub fn people(&mut self, count: usize) -> Result<(), CliError> {
        let (database, now) = (Database::open(&self.database)?, Clock::System.now());
        for number in 1..=count {
            let profile = profile(number);
            database.add_user(&profile, now)?;
            self.people.push(Person {
                token: self.authenticator.mint(&profile.id, TTL, now)?,
                id: profile.id.to_string(),
            });
        }
        Ok(())
    }

    /// Takes `count` of the unused users.
    pub fn take(&mut self, count: usize) -> std::vec::IntoIter<Person> {
        self.people
            .split_off(self.people.len().saturating_sub(count))
            .into_iter()
    }

    /// Starts the private server, if it is one.
    pub async fn start(&mut self) -> Result<(), CliError> {
        let Some(private) = &mut self.private else {
            return Ok(());
        };
        private.bytes = size(&self.database)?;
        let (began, log) = (Instant::now(), private.folder.path().join("log"));
        let child = private.spawn(&self.database, &log)?;
        self.process = child.id().and_then(Process::of);
        private.child = Some(child);
        self.server = timeout(PATIENCE, listening(&log)).await.map_err(|_| {
            let log = fs::read_to_string(&log).unwrap_or_default();
            CliError::new(format!("the private server did not start:\n{log}"))
        })?;
        private.started_in = began.elapsed();
        Ok(())
    }

    /// Returns its address.
    pub const fn server(&self) -> &Server {
        &self.server
    }

    /// Returns true if it is private to this test.
    pub const fn is_private(&self) -> bool {
        self.private.is_some()
    }

    /// Returns the time that the private server took until it listened.
    pub fn started_in(&self) -> Option<Duration> {
        self.private.as_ref().map(|private| private.started_in)
    }

    /// Returns its process, if that is on this machine.
    pub const fn process(&self) -> Option<Process> {
        self.process
    }

    /// Returns the path of its database, if known.
    pub fn folder(&self) -> &Path {
        folder_of(&self.database)
    }

    /// Returns the bytes that each of `calls` takes on the private server's disk. Stops the server for that.
    pub async fn database_bytes_per_call(&mut self, calls: u64) -> Result<Option<u64>, CliError> {
        let Some(private) = &mut self.private else {
            return Ok(None);
        };
        private.stop().await?;
        let grown = size(&self.database)?.saturating_sub(private.bytes);
        Ok(grown.checked_div(calls))
    }

    /// Removes the users of the test.
    pub async fn leave(mut self) -> Result<(), CliError> {
        if let Some(mut private) = self.private.take() {
            return private.stop().await;
        }
        let database = Database::open(&self.database)?;
        for number in 1.. {
            let user = profile(number).id;
            if database.user(&user)?.is_none() {
                break;
            }
            database.remove_user(&user, Clock::System.now())?;
        }
        Ok(())
    }

    /// Returns why the test cannot begin, if the first connections were rejected.
    pub fn unfit(&self, fault: &LoadError) -> CliError {
        let failure = CliError::new(format!("{} cannot be tested: {fault}", self.server));
        match fault {
            LoadError::Answer(401, _) => failure.hint(
                "the secret and the database have to be those of that server: run this where its \
                 settings are",
            ),
            LoadError::Answer(..)
            | LoadError::CallError(_)
            | LoadError::Waited(_)
            | LoadError::Lost(_) => failure,
        }
    }
}

impl Private {
    /// Starts the server with settings of its own: of the current ones it keeps only Rocket's threads.
    fn spawn(&self, database: &Path, log: &Path) -> Result<Child, CliError> {
        let failed =
            |error: std::io::Error| CliError::new(format!("no server can be started: {error}"));
        // Rocket looks for one upwards from its working directory, and would find that of the current settings.
        File::create(self.folder.path().join("Rocket.toml")).map_err(failed)?;
        let mut command = Command::new(std::env::current_exe().map_err(failed)?);
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy();
            let is_setting = name.starts_with("CHATTRIX_") || name.starts_with("ROCKET_");
            if is_setting && name != "ROCKET_WORKERS" {
                command.env_remove(&*name);
            }
        }
        command
            .args(["serve", "--address", "127.0.0.1", "--port", "0"])
            .arg("--database")
            .arg(database)
            .current_dir(self.folder.path())
            .env("CHATTRIX_JWT_SECRET", &self.secret)
            .envs(
                ["REQUEST_RATE", "INITIATE_RATE", "AUTH_FAILURE_RATE"]
                    .map(|limit| (format!("CHATTRIX_{limit}"), "off")),
            )
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(log).map_err(failed)?)
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)
    }

    /// Stops the server, if it runs, and waits for its end.
    async fn stop(&mut self) -> Result<(), CliError> {
        let Some(mut child) = self.child.take() else {
            return Ok(());
        };
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        if let Some(process) = id.and_then(Pid::from_raw) {
            // A server that has already ended cannot be signalled.
            let _ = kill_process(process, Signal::TERM);
        }
        match timeout(PATIENCE, child.wait()).await {
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(Ok(status)) => Err(CliError::new(format!(
                "the private server failed: {status}"
            ))),
            Ok(Err(_)) | Err(_) => Err(CliError::new("the private server did not stop")),
        }
    }
}

/// Waits until the server that writes `log` reports its address.
async fn listening(log: &Path) -> Server {
    loop {
        let text = fs::read_to_string(log).unwrap_or_default();
        let said = text.split_once("listening on ").map(|(_, rest)| rest);
        // A whole word only: the line may still be being written.
        if let Some((url, _)) = said.and_then(|rest| rest.split_once(char::is_whitespace))
            && let Ok(server) = url.parse()
        {
            return server;
        }
        sleep(Duration::from_millis(1)).await;
    }
}

/// Returns the user of that number: always the same, so that an aborted test leaves no additional users.
fn profile(number: usize) -> Profile {
    let id = UserId::parse(&format!("load-test-{number:05}")).expect("letters, digits, hyphens");
    Profile {
        id,
        name: format!("Load test {number}"),
        avatar: None,
    }
}

fn folder_of(file: &Path) -> &Path {
    match file.parent().filter(|_| !store::is_url(file)) {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        Some(_) | None => Path::new("."),
    }
}

fn size(file: &Path) -> Result<u64, CliError> {
    let found = fs::metadata(file).map(|file| file.len());
    found.map_err(|error| CliError::new(format!("{} cannot be read: {error}", file.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_named_by_its_own_url() {
        for (url, authority) in [
            ("http://127.0.0.1:8000", "127.0.0.1:8000"),
            ("http://[::1]:8000/", "[::1]:8000"),
            ("ws://localhost", "localhost:80"),
        ] {
            let server: Server = url.parse().expect(url);
            assert_eq!(server.authority(), authority);
        }
        for bad in [
            "",
            "localhost:8000",
            "https://a",
            "http://a/b",
            "http://u:p@a",
        ] {
            assert!(bad.parse::<Server>().is_err(), "{bad}");
        }
    }
}
