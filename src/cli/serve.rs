//! `chattrix serve`: the server.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use chattrix::app::{self, App, StartError};
use chattrix::auth::Authenticator;
use chattrix::clock::Clock;
use chattrix::control;
use chattrix::listener::{self, LaunchError};
use chattrix::logging;
use chattrix::settings::{Mode, Overrides, Settings};
use chattrix::store::Database;
use clap::Args;
use figment::Figment;
use rocket::error::ErrorKind;
use rocket::fairing::AdHoc;
use tokio::runtime::{Builder, Runtime};
use tracing::{error, info, warn};

use super::context::{self, Context};
use super::error::CliError;
use super::quick_start::QuickStart;
use super::{GlobalArgs, systemd, test_users};

/// Time for threads that still work after the server has stopped; by then every connection is closed and every
/// change is stored.
const THREAD_GRACE: Duration = Duration::from_millis(500);

/// Files reserved for everything but sockets, or a thirty-second of all if that is more: the database has about
/// twenty, and each REST request in progress is a connection too.
const OTHER_FILES: usize = 64;

/// Pause between attempts of a node to join the others again.
const JOIN_PAUSE: Duration = Duration::from_secs(1);

/// The arguments of `chattrix serve`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    chattrix serve --dev\n  \
    CHATTRIX_JWT_SECRET_FILE=jwt-secret chattrix serve --address 0.0.0.0\n\n\
    --dev listens on this machine only. At the first start it creates a secret and two users, \
    Alice and Bob. It stores all data in ./chattrix-dev/ and prints the commands for a first call.")]
pub struct Serve {
    /// Listen on this address instead of the setting's
    #[arg(long, value_name = "IP")]
    address: Option<IpAddr>,
    /// Listen on this port; 0 takes any free port
    #[arg(long)]
    port: Option<u16>,
}

impl Serve {
    pub fn run(self, global: &GlobalArgs) -> Result<(), CliError> {
        let overrides = Overrides {
            address: self.address,
            port: self.port,
            ..global.overrides()
        };
        // The settings first: a wrong flag must not leave a folder behind.
        let (mut settings, figment) = Settings::load(&overrides)?;
        logging::init(settings.log_level, settings.log_format);
        if !settings.ignored_variables.is_empty() {
            warn!(
                variables = settings.ignored_variables.join(" "),
                "ignored variables that Kubernetes sets for a service named chattrix"
            );
        }
        settings.socket_limit = socket_limit(settings.max_connections, open_files(), settings.mode);
        let context = Context { settings, figment };
        let quick_start = global
            .dev
            .then(|| self.prepare_dev_mode(&context))
            .transpose()?;
        let runtime = runtime(&context.figment)?;
        let result = runtime.block_on(serve(context.settings, context.figment, quick_start));
        runtime.shutdown_timeout(THREAD_GRACE);
        result
    }

    /// Creates the data of dev mode and returns the commands of a first call.
    fn prepare_dev_mode(&self, context: &Context) -> Result<QuickStart, CliError> {
        context::prepare_dev_mode()?;
        let authenticator = Authenticator::from_settings(&context.settings)?;
        let now = Clock::System.now();
        let database = Database::open(&context.settings.database)?;
        for profile in test_users::pair() {
            database.add_user(&profile, now)?;
        }
        // `listen` reads Rocket.toml and does not know these flags.
        let elsewhere = self.address.is_some() || self.port.is_some();
        QuickStart::new(&authenticator, elsewhere, context.settings.console, now)
    }
}

/// Builds the runtime with as many threads as Rocket would start.
fn runtime(figment: &Figment) -> Result<Runtime, CliError> {
    let config =
        rocket::Config::try_from(figment).map_err(|error| CliError::new(error.to_string()))?;
    Builder::new_multi_thread()
        .thread_name("chattrix")
        .worker_threads(config.workers)
        .max_blocking_threads(config.max_blocking)
        .enable_all()
        .build()
        .map_err(|error| CliError::new(format!("cannot start the server's threads: {error}")))
}

/// Raises the limit of open files as far as allowed and returns it.
fn open_files() -> Option<u64> {
    control::raise_open_files_limit().unwrap_or_else(|error| {
        warn!(%error, "cannot raise the limit of open files");
        control::open_files_limit()
    })
}

/// Returns how many sockets fit into a limit of `files` open files.
pub fn room_for_sockets(files: usize) -> usize {
    files.saturating_sub(OTHER_FILES.max(files / 32)).max(1)
}

/// Returns how many sockets fit into a limit of `files` open files, and warns if `wanted` are more and the server is not
/// in dev mode. Without its own limit, a server that runs out of files accepts no connection at all, not even a readiness check.
fn socket_limit(wanted: usize, files: Option<u64>, mode: Mode) -> Option<usize> {
    let files = usize::try_from(files?).ok()?;
    let room = room_for_sockets(files);
    if room < wanted && mode != Mode::Development {
        warn!(
            files,
            max_connections = wanted,
            "the limit of open files allows only {room} sockets, fewer than max_connections"
        );
    }
    Some(room)
}

/// Serves until a signal stops the server. A node that the others have removed begins anew.
async fn serve(
    settings: Settings,
    figment: Figment,
    mut quick_start: Option<QuickStart>,
) -> Result<(), CliError> {
    let mut app = app::build(&settings, figment.clone(), Clock::System)
        .map_err(|error| CliError::new(error.to_string()))?;
    loop {
        let stopped = app.stop.clone();
        launch(app, quick_start.take()).await?;
        match stopped.failure() {
            None => return Ok(()),
            Some(failure) if !stopped.was_removed() => return Err(CliError::new(failure)),
            Some(_) => app = join_again(&settings, &figment).await?,
        }
    }
}

/// Builds the server again, as soon as PostgreSQL is reachable.
async fn join_again(settings: &Settings, figment: &Figment) -> Result<App, CliError> {
    loop {
        match app::build(settings, figment.clone(), Clock::System) {
            Ok(app) => return Ok(app),
            Err(StartError::Store(error)) => {
                warn!(%error, "this node cannot join the others, and tries again");
            }
            Err(error) => return Err(CliError::new(error.to_string())),
        }
        tokio::time::sleep(JOIN_PAUSE).await;
    }
}

/// Serves until the server stops.
async fn launch(app: App, quick_start: Option<QuickStart>) -> Result<(), CliError> {
    let App {
        rocket,
        stop,
        reload,
    } = app;
    let liftoff = AdHoc::on_liftoff("Announce address", |rocket| {
        Box::pin(async move {
            // Before the server reports that it runs: from then on a signal may arrive.
            if let Err(error) = stop.on_signals(reload) {
                error!(%error, "cannot handle signals: a signal will stop the server without closing connections");
            }
            let config = rocket.config();
            let url = context::base_url(config.tls_enabled(), config.address, config.port);
            info!(address = %config.address, port = config.port, "listening on {url}");
            if let Some(quick_start) = quick_start {
                quick_start.print(&url);
            }
            systemd::ready();
            tokio::spawn(systemd::feed_watchdog(rocket.state().cloned()));
        })
    });
    listener::launch(rocket.attach(liftoff), listener::Limits::default())
        .await
        .map_err(launch_failure)
}

/// Returns the error for the administrator.
fn launch_failure(error: LaunchError) -> CliError {
    match error {
        LaunchError::Bind { address, error } => bind_failure(&error, address),
        LaunchError::Rocket(error) => match error.kind() {
            ErrorKind::FailedFairings(failed) => {
                let names: Vec<_> = failed.iter().map(|fairing| fairing.name).collect();
                CliError::new(format!(
                    "the server could not start: {} failed",
                    names.join(", ")
                ))
                .hint("the log above says why")
            }
            other => CliError::new(format!("the server could not start: {other}")),
        },
        LaunchError::Settings(_) | LaunchError::Tls(_) | LaunchError::UnixSocket { .. } => {
            CliError::new(format!("the server could not start: {error}"))
        }
    }
}

/// Returns why the server cannot listen on `address`.
pub fn bind_failure(error: &io::Error, address: SocketAddr) -> CliError {
    match error.kind() {
        io::ErrorKind::AddrInUse => CliError::new(format!("{address} is already in use"))
            .hint("stop the other server, or choose another port with --port"),
        io::ErrorKind::PermissionDenied => {
            CliError::new(format!("this user may not listen on {address}")).hint(
                "ports below 1024 need administrator rights: choose a higher one with --port, behind a \
                 proxy",
            )
        }
        io::ErrorKind::AddrNotAvailable => {
            CliError::new(format!("{} is not an address of this machine", address.ip())).hint(
                "--address 127.0.0.1 listens on this machine only, --address 0.0.0.0 on all its networks",
            )
        }
        _ => CliError::new(format!("the server cannot listen on {address}: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_leave_files_for_everything_else() {
        let limit = |files| socket_limit(20_000, files, Mode::Production);
        assert_eq!(limit(None), None);
        assert_eq!(limit(Some(20_000)), Some(19_375));
        assert_eq!(limit(Some(120)), Some(56));
        assert_eq!(limit(Some(10)), Some(1));
    }

    #[test]
    fn a_bind_error_names_the_address_and_a_hint() {
        let address = SocketAddr::from(([127, 0, 0, 1], 8000));
        let taken = bind_failure(&io::ErrorKind::AddrInUse.into(), address).to_string();
        assert!(
            taken.starts_with("127.0.0.1:8000 is already in use\nhint: "),
            "{taken}"
        );
        let denied = bind_failure(&io::ErrorKind::PermissionDenied.into(), address).to_string();
        assert!(
            denied.contains("may not listen on 127.0.0.1:8000"),
            "{denied}"
        );
    }
}
