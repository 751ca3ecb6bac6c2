//! Load generator: plays complete calls against a server and measures each step.
//!
//! It knows the server by its address, and its users by their tokens. [`Load::run`] measures in this order: the machine
//! without the server (`baseline`), idle users (`idle`), then calls (`play`) between pairs of users (`pair`) over their
//! connections (`http`, `socket`). `process` samples the resources of the server, `report` summarises the results.

mod baseline;
mod error;
mod http;
mod idle;
mod pair;
mod play;
mod private_server;
mod process;
mod report;
mod server;
mod socket;

use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
use tokio::runtime::{Builder, Runtime};

pub use error::{CallError, Error};
pub use play::LoadModel;
pub use private_server::PrivateServer;
pub use process::Process;
pub use report::{Report, Spread, Step};
pub use server::Server;

use baseline::{Echo, Syncs};
use idle::Idle;
use report::Before;

/// Load of a test.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Number or rate of calls.
    pub model: LoadModel,
    /// Length of the measurement, which a ramp of a tenth of it precedes.
    pub duration: Duration,
    /// Number of idle sockets.
    pub idle: u16,
}

/// User of a test.
#[derive(Clone)]
pub struct User {
    /// User id.
    pub id: String,
    /// Token that the server accepts for this user.
    pub token: SecretString,
}

/// Server under test, and its users.
pub struct Target {
    /// Its address.
    pub server: Server,
    /// Its process, if that is on this machine.
    pub process: Option<Process>,
    /// Unused users; a test takes as many as [`Load::users`].
    pub users: Vec<User>,
    /// Folder of its database, whose disk is measured.
    pub folder: PathBuf,
}

impl Target {
    /// Takes `count` of the unused users.
    fn take(&mut self, count: usize) -> std::vec::IntoIter<User> {
        self.users
            .split_off(self.users.len().saturating_sub(count))
            .into_iter()
    }

    /// Returns why the test cannot begin, if the first connections were rejected.
    fn rejected(&self, error: CallError) -> Error {
        Error::Rejected {
            server: self.server.clone(),
            error,
        }
    }
}

impl Load {
    /// Returns the number of users that it needs.
    #[must_use]
    pub fn users(&self) -> usize {
        self.model.pairs() * 2 + usize::from(self.idle)
    }

    /// Runs the load on `target`. Passes the time done and the total time to `progress` while calls are played.
    ///
    /// # Errors
    /// The test cannot begin, or the server ended. Errors of calls are results, in the report.
    pub async fn run(
        self,
        mut target: Target,
        progress: impl Fn(Duration, Duration),
    ) -> Result<Report, Error> {
        let syncs = Syncs::measure(&target.folder)?;
        let echo = Echo::start()?;
        let fresh = target.process.map(Process::usage).transpose()?;
        let idle = Idle::open(&mut target, self.idle).await?;
        let before = Before {
            syncs,
            fresh,
            idle: idle.opened(),
            waiting: target.process.map(Process::usage).transpose()?,
        };
        let played = play::play(&mut target, self, &echo, progress).await?;
        Ok(Report::new(target.server.to_string(), self, before, played))
    }
}

/// Returns the runtime of the generator, with half of the machine's threads: the other half is for the server.
///
/// # Errors
/// The system has no threads left.
pub fn runtime() -> std::io::Result<Runtime> {
    Builder::new_multi_thread()
        .thread_name("load-test")
        .worker_threads(threads())
        .enable_all()
        .build()
}

/// Returns the number of threads of the generator.
#[must_use]
pub fn threads() -> usize {
    (cores() / 2).max(1)
}

/// Returns the processors available to this process.
#[must_use]
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
