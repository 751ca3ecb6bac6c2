//! The running server, as commands reach it: by the control socket beside its database.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chattrix::control::socket_path;
use chattrix::store::Lock;
use chattrix::wire::control::{Answer, Request, Status};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::runtime::{Builder, Runtime};

use super::error::CliError;

/// How long the server may take for an answer: longer than its writer's queue ever is.
const PATIENCE: Duration = Duration::from_secs(10);

/// A connection to the running server.
pub struct ControlClient {
    stream: BufReader<UnixStream>,
    database: PathBuf,
}

impl ControlClient {
    /// The server of `database`, if one runs.
    ///
    /// # Errors
    /// One runs and cannot be reached.
    pub async fn find(database: &Path) -> Result<Option<Self>, CliError> {
        let path = socket_path(database);
        let error = match UnixStream::connect(&path).await {
            Ok(stream) => {
                return Ok(Some(Self {
                    stream: BufReader::new(stream),
                    database: database.to_owned(),
                }));
            }
            Err(error) => error,
        };
        if !Lock::is_held(database)? {
            return Ok(None);
        }
        Err(unreachable(database, &path, &error))
    }

    /// The server of `database`, which has to run, because `purpose` goes through it.
    ///
    /// # Errors
    /// None runs, or it cannot be reached.
    pub async fn required(database: &Path, purpose: &str) -> Result<Self, CliError> {
        Self::find(database).await?.ok_or_else(|| {
            let file = database.display();
            CliError::new(format!("no server runs on {file}, and {purpose}")).hint(
                "start it with `chattrix serve`; --database FILE names the database of another \
                 one, --dev that of the development server",
            )
        })
    }

    /// The id of its process, where the system tells.
    pub fn process(&self) -> Option<u32> {
        let peer = self.stream.get_ref().peer_cred().ok()?;
        u32::try_from(peer.pid()?).ok()
    }

    /// How the server is; none where it answers otherwise than a server of this version.
    ///
    /// # Errors
    /// As [`ControlClient::ask`].
    pub async fn status(&mut self) -> Result<Option<Status>, CliError> {
        Ok(match self.ask(&Request::Status).await? {
            Answer::Status(status) => Some(status),
            Answer::Done
            | Answer::Watching
            | Answer::Change(_)
            | Answer::Missed { .. }
            | Answer::Counted { .. }
            | Answer::Tested { .. }
            | Answer::Forgetting { .. }
            | Answer::Forgotten { .. }
            | Answer::Failed { .. } => None,
        })
    }

    /// Sends `request`: the first answer.
    ///
    /// # Errors
    /// The server did not do it, or did not answer.
    pub async fn ask(&mut self, request: &Request) -> Result<Answer, CliError> {
        self.ask_patiently(request, Duration::ZERO).await
    }

    /// The same, where the server may need so much longer.
    ///
    /// # Errors
    /// As [`ControlClient::ask`].
    pub async fn ask_patiently(
        &mut self,
        request: &Request,
        longer: Duration,
    ) -> Result<Answer, CliError> {
        let patience = PATIENCE + longer;
        let answered = async {
            let line = request.to_line();
            let sent = self.stream.get_mut().write_all(line.as_bytes()).await;
            sent.map_err(|error| self.gone(&error))?;
            self.next().await
        };
        let answer = tokio::time::timeout(patience, answered).await;
        answer.unwrap_or_else(|_| {
            let waited = patience.as_secs();
            Err(CliError::new(format!(
                "the server did not answer within {waited} s"
            )))
        })
    }

    /// The next answer.
    ///
    /// # Errors
    /// The server did not do it, or has left.
    pub async fn next(&mut self) -> Result<Answer, CliError> {
        let mut line = String::new();
        match self.stream.read_line(&mut line).await {
            Ok(0) => Err(CliError::new("the server has stopped")),
            Ok(_) => match Answer::read(&line).map_err(CliError::new)? {
                Answer::Failed { message } => Err(CliError::new(message)),
                answer => Ok(answer),
            },
            Err(error) => Err(self.gone(&error)),
        }
    }

    fn gone(&self, error: &io::Error) -> CliError {
        let file = self.database.display();
        CliError::new(format!("the server of {file} has gone: {error}"))
    }
}

/// Why the server, which runs, cannot be reached.
fn unreachable(database: &Path, path: &Path, error: &io::Error) -> CliError {
    let failure = CliError::new(format!(
        "a server holds {}, but cannot be reached at {}: {error}",
        database.display(),
        path.display()
    ));
    failure.hint(match error.kind() {
        io::ErrorKind::PermissionDenied => {
            "its control socket is for the user that the server runs as: become that user"
        }
        io::ErrorKind::InvalidInput => {
            "the path is too long for a socket: give the database a shorter one, or name it from \
             a directory nearer to it"
        }
        _ => {
            "another command may hold the database for itself; else the server's log says at its \
             start why it has no control socket"
        }
    })
}

/// The thread on which a command talks to the server.
pub fn runtime() -> Result<Runtime, CliError> {
    Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| CliError::new(format!("the connection cannot be started: {error}")))
}
