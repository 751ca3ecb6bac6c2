//! `chattrix serve`: the server.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use chattrix::app::{self, App};
use chattrix::auth::Authenticator;
use chattrix::clock::Clock;
use chattrix::logging;
use chattrix::settings::{Overrides, Settings};
use chattrix::store::Database;
use clap::Args;
use figment::Figment;
use rocket::error::ErrorKind;
use rocket::fairing::AdHoc;
use tokio::runtime::{Builder, Runtime};
use tracing::info;

use super::failure::Failure;
use super::quick_start::QuickStart;
use super::world::{self, World};
use super::{Place, people, supervisor};

/// How long threads that still work on something may keep the process after the server has
/// stopped; by then every connection is closed and every change is stored.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// The arguments of `chattrix serve`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    chattrix serve --dev\n  \
    CHATTRIX_JWT_SECRET_FILE=jwt-secret chattrix serve --address 0.0.0.0 --port 8080\n\n\
    --dev listens to this machine only, makes a secret and two users, Alice and Bob, at the first \
    start, keeps it all in ./chattrix-dev/ and says how to make a first call.")]
pub struct Serve {
    /// The address to listen on, over Rocket's setting `address`
    #[arg(long, value_name = "IP")]
    address: Option<IpAddr>,
    /// The port to listen on, over Rocket's setting `port`; 0 takes any that is free
    #[arg(long)]
    port: Option<u16>,
}

impl Serve {
    pub fn run(self, place: &Place) -> Result<(), Failure> {
        let overrides = Overrides {
            address: self.address,
            port: self.port,
            ..place.overrides()
        };
        // The settings first: a wrong flag must not leave a folder behind.
        let (settings, figment) = Settings::load(&overrides)?;
        logging::init(settings.log_level, settings.log_format);
        let world = World { settings, figment };
        let quick_start = place
            .dev
            .then(|| self.prepare_dev_world(&world))
            .transpose()?;
        let runtime = runtime(&world.figment)?;
        let result = runtime.block_on(serve(world.settings, world.figment, quick_start));
        runtime.shutdown_timeout(LAST_WORDS);
        result
    }

    /// Makes what the development world needs, and says what to do in it.
    fn prepare_dev_world(&self, world: &World) -> Result<QuickStart, Failure> {
        world::prepare_dev_world()?;
        let authenticator = Authenticator::from_settings(&world.settings)?;
        let now = Clock::System.now();
        let database = Database::open(&world.settings.database)?;
        for profile in people::pair() {
            database.add_user(&profile, now)?;
        }
        // `listen` sees what stands in Rocket.toml, not what was said here.
        let elsewhere = self.address.is_some() || self.port.is_some();
        QuickStart::new(&authenticator, elsewhere, now)
    }
}

/// The threads that the server runs on, as many as Rocket would start.
fn runtime(figment: &Figment) -> Result<Runtime, Failure> {
    let config =
        rocket::Config::try_from(figment).map_err(|error| Failure::new(error.to_string()))?;
    Builder::new_multi_thread()
        .thread_name("chattrix")
        .worker_threads(config.workers)
        .max_blocking_threads(config.max_blocking)
        .enable_all()
        .build()
        .map_err(|error| Failure::new(format!("the server's threads cannot be started: {error}")))
}

/// Serves until a signal says stop.
async fn serve(
    settings: Settings,
    figment: Figment,
    quick_start: Option<QuickStart>,
) -> Result<(), Failure> {
    let App { rocket, stop } = app::build(&settings, figment, Clock::System)
        .map_err(|error| Failure::new(error.to_string()))?;
    tokio::spawn(stop.on_signals());
    let liftoff = AdHoc::on_liftoff("say where the server listens", |rocket| {
        Box::pin(async move {
            let config = rocket.config();
            let url = world::base_url(config.tls_enabled(), config.address, config.port);
            info!(address = %config.address, port = config.port, "listening on {url}");
            if let Some(quick_start) = quick_start {
                quick_start.print(&url);
            }
            supervisor::ready();
            tokio::spawn(supervisor::keep_assured(rocket.state().cloned()));
        })
    });
    let asked = rocket.figment().clone();
    let launched = rocket.attach(liftoff).launch().await;
    launched
        .map(|_| ())
        .map_err(|error| launch_failure(error.kind(), &asked))
}

/// Why the server did not start, or did not stop well, in a sentence.
fn launch_failure(kind: &ErrorKind, figment: &Figment) -> Failure {
    match kind {
        ErrorKind::Bind(error) | ErrorKind::Io(error) => {
            let address = figment
                .extract_inner("address")
                .unwrap_or([127, 0, 0, 1].into());
            let port = figment.extract_inner("port").unwrap_or_default();
            bind_failure(error, SocketAddr::new(address, port))
        }
        ErrorKind::FailedFairings(failed) => {
            let names: Vec<_> = failed.iter().map(|fairing| fairing.name).collect();
            Failure::new(format!(
                "the server could not start: {} failed",
                names.join(", ")
            ))
            .hint("the log above says why")
        }
        ErrorKind::Shutdown(..) => {
            Failure::new("the server stopped before every connection was closed")
        }
        other => Failure::new(format!("the server could not start: {other}")),
    }
}

/// Why the server cannot listen there.
pub fn bind_failure(error: &io::Error, address: SocketAddr) -> Failure {
    match error.kind() {
        io::ErrorKind::AddrInUse => Failure::new(format!("{address} is in use already"))
            .hint("another server runs there; stop it, or take another port with --port"),
        io::ErrorKind::PermissionDenied => {
            Failure::new(format!("this user may not listen on {address}")).hint(
                "ports below 1024 are the administrator's: take a higher one with --port, and put \
                 a proxy in front",
            )
        }
        io::ErrorKind::AddrNotAvailable => {
            Failure::new(format!("{} is no address of this machine", address.ip())).hint(
                "--address 127.0.0.1 is this machine only, --address 0.0.0.0 all its networks",
            )
        }
        _ => Failure::new(format!("the server cannot listen on {address}: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_is_taken_is_named_with_what_to_do() {
        let address = SocketAddr::from(([127, 0, 0, 1], 8000));
        let taken = bind_failure(&io::ErrorKind::AddrInUse.into(), address).to_string();
        assert!(
            taken.starts_with("127.0.0.1:8000 is in use already\nhint: "),
            "{taken}"
        );
        let denied = bind_failure(&io::ErrorKind::PermissionDenied.into(), address).to_string();
        assert!(
            denied.contains("may not listen on 127.0.0.1:8000"),
            "{denied}"
        );
    }
}
