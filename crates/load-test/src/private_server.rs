//! Private server of a test: a process that ends with it.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{self, Child};
use tokio::time::{sleep, timeout};

use crate::error::Error;
use crate::process::Process;
use crate::server::Server;

/// Time limit for the start, and the stop.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Running private server. Killed if it is dropped before it is stopped.
pub struct PrivateServer {
    child: Child,
    /// Its address.
    pub server: Server,
    /// Time that it took until it listened.
    pub started_in: Duration,
}

impl PrivateServer {
    /// Runs `command`, which writes its log to `log`, and waits until that log reports the address.
    ///
    /// # Errors
    /// It cannot be started, or does not listen in time.
    pub async fn start(command: Command, log: &Path) -> Result<Self, Error> {
        let began = Instant::now();
        let child = process::Command::from(command)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(log).map_err(Error::Spawn)?)
            .kill_on_drop(true)
            .spawn()
            .map_err(Error::Spawn)?;
        let server = timeout(TIMEOUT, listening(log))
            .await
            .map_err(|_| Error::NotStarted(fs::read_to_string(log).unwrap_or_default()))?;
        Ok(Self {
            child,
            server,
            started_in: began.elapsed(),
        })
    }

    /// Returns its process, if the system shows it.
    pub fn process(&self) -> Option<Process> {
        self.child.id().and_then(Process::of)
    }

    /// Stops the server and waits for its end.
    ///
    /// # Errors
    /// It fails, or does not end in time.
    pub async fn stop(mut self) -> Result<(), Error> {
        let id = self.child.id().and_then(|id| i32::try_from(id).ok());
        if let Some(process) = id.and_then(Pid::from_raw) {
            // A server that has already ended cannot be signalled.
            let _ = kill_process(process, Signal::TERM);
        }
        match timeout(TIMEOUT, self.child.wait()).await {
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(Ok(status)) => Err(Error::ServerFailed(status)),
            Ok(Err(_)) | Err(_) => Err(Error::NotStopped),
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
