//! Server of a load test, and its users.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use chattrix::auth::Authenticator;
use chattrix::clock::Clock;
use chattrix::settings::Settings;
use chattrix::store::{self, Database};
use chattrix::user::{Profile, UserId};
use chattrix_load_test::{Load, PrivateServer, Process, Report, Server, Target, User};
use tempfile::TempDir;
use uuid::Uuid;

use super::super::context::Context;
use super::super::control_client::ControlClient;
use super::super::error::CliError;

/// Validity of the tokens: longer than any test.
const TTL: Duration = Duration::from_hours(24);

/// Runs `load` on the running `server`, whose settings are those of `context`. Adds test users to its database, and
/// removes them at the end, also after an error.
pub async fn run_on(
    server: Server,
    context: &Context,
    load: Load,
    progress: impl Fn(Duration, Duration),
) -> Result<Report, CliError> {
    let file = &context.settings.database;
    let process = match ControlClient::find(file).await? {
        Some(running) => running.process().and_then(Process::of),
        None => None,
    };
    let authenticator = Authenticator::from_settings(&context.settings)?;
    let measured = match add_users(file, &authenticator, load.users()) {
        Ok(users) => {
            let target = Target {
                server,
                process,
                users,
                folder: folder_of(file).to_owned(),
            };
            run(load, target, progress).await
        }
        Err(error) => Err(error),
    };
    remove_users(file).and(measured)
}

/// Runs `load` on a private server, whose database is on the same disk as that of `context`.
pub async fn run_privately(
    context: &Context,
    load: Load,
    progress: impl Fn(Duration, Duration),
) -> Result<Report, CliError> {
    let private = PrivateSetup::new(&context.settings.database)?;
    let users = add_users(&private.database, &private.authenticator()?, load.users())?;
    let bytes = size(&private.database)?;
    let server =
        PrivateServer::start(private.command()?, &private.folder.path().join("log")).await?;
    let started_in = server.started_in;
    let target = Target {
        server: server.server.clone(),
        process: server.process(),
        users,
        folder: private.folder.path().to_owned(),
    };
    let measured = run(load, target, progress).await;
    server.stop().await?;
    let grown = size(&private.database)?.saturating_sub(bytes);
    Ok(measured?.of_private_server(started_in, grown))
}

/// Runs `load` until it ends or the user interrupts it.
async fn run(
    load: Load,
    target: Target,
    progress: impl Fn(Duration, Duration),
) -> Result<Report, CliError> {
    tokio::select! {
        report = load.run(target, progress) => Ok(report?),
        _ = tokio::signal::ctrl_c() => Err(CliError::new("interrupted")),
    }
}

/// Files and secret of a private server.
struct PrivateSetup {
    /// Temporary folder, deleted at the end.
    folder: TempDir,
    database: PathBuf,
    secret: String,
}

impl PrivateSetup {
    /// Creates the folder beside `configured`, a database that is not touched.
    fn new(configured: &Path) -> Result<Self, CliError> {
        if store::is_url(configured) {
            return Err(CliError::new(
                "a private server needs a database file, and the settings name PostgreSQL",
            )
            .hint("name the running server with --url, or another database with --database FILE"));
        }
        let disk = folder_of(configured);
        let made = tempfile::Builder::new()
            .prefix("chattrix-load-test-")
            .tempdir_in(disk);
        let folder = made.map_err(|error| {
            CliError::new(format!("{} cannot be written: {error}", disk.display()))
        })?;
        Ok(Self {
            database: folder.path().join("calls.db"),
            folder,
            // The randomness of two ids: 244 bits.
            secret: format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple()),
        })
    }

    fn authenticator(&self) -> Result<Authenticator, CliError> {
        let settings = Settings {
            jwt_secret: vec![self.secret.clone().into()],
            ..Settings::default()
        };
        Ok(Authenticator::from_settings(&settings)?)
    }

    /// Returns the command of the server, with settings of its own: of the current ones it keeps only Rocket's threads.
    fn command(&self) -> Result<Command, CliError> {
        let failed = |error: io::Error| CliError::new(format!("no server can be started: {error}"));
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
            .arg(&self.database)
            .current_dir(self.folder.path())
            .env("CHATTRIX_JWT_SECRET", &self.secret)
            .envs(
                ["REQUEST_RATE", "INITIATE_RATE", "AUTH_FAILURE_RATE"]
                    .map(|limit| (format!("CHATTRIX_{limit}"), "off")),
            );
        Ok(command)
    }
}

/// Adds `count` users to the database `file`.
fn add_users(
    file: &Path,
    authenticator: &Authenticator,
    count: usize,
) -> Result<Vec<User>, CliError> {
    let (database, now) = (Database::open(file)?, Clock::System.now());
    (1..=count)
        .map(|number| {
            let profile = profile(number);
            database.add_user(&profile, now)?;
            Ok(User {
                token: authenticator.mint(&profile.id, TTL, now)?,
                id: profile.id.to_string(),
            })
        })
        .collect()
}

/// Removes the users of the test from the database `file`.
fn remove_users(file: &Path) -> Result<(), CliError> {
    let database = Database::open(file)?;
    for number in 1.. {
        let user = profile(number).id;
        if database.user(&user)?.is_none() {
            break;
        }
        database.remove_user(&user, Clock::System.now())?;
    }
    Ok(())
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
