//! Client of the running server, over the control socket beside its database.

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

/// Time limit for a response: longer than a full writer queue takes.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(10);

/// Connection to the running server.
pub struct ControlClient {
    stream: BufReader<UnixStream>,
    database: PathBuf,
}

impl ControlClient {
    /// Connects to the server of `database`, if one runs.
    ///
    /// # Errors
    /// A server runs but does not respond.
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

    /// Connects to the server of `database`, which `purpose` needs: a verb phrase such as "end a call".
    ///
    /// # Errors
    /// No server runs, or it does not respond.
    pub async fn required(database: &Path, purpose: &str) -> Result<Self, CliError> {
        Self::find(database).await?.ok_or_else(|| {
            let file = database.display();
            CliError::new(format!("cannot {purpose}: no server runs on {file}")).hint(
                "start it with `chattrix serve`; --database FILE selects another server's database, \
                 --dev that of dev mode",
            )
        })
    }

    /// Returns the process id of the server, if the system provides it.
    pub fn process(&self) -> Option<u32> {
        let peer = self.stream.get_ref().peer_cred().ok()?;
        u32::try_from(peer.pid()?).ok()
    }

    /// Returns the server's status, or none from a server of another version.
    ///
    /// # Errors
    /// As [`ControlClient::ask`].
    pub async fn status(&mut self) -> Result<Option<Status>, CliError> {
        Ok(match self.ask(&Request::Status).await? {
            Answer::Status(status) => Some(status),
            _ => None,
        })
    }

    /// Sends `request` and returns the first response.
    ///
    /// # Errors
    /// The request failed, or the server did not respond.
    pub async fn ask(&mut self, request: &Request) -> Result<Answer, CliError> {
        self.ask_with_timeout(request, Duration::ZERO).await
    }

    /// Like [`ControlClient::ask`], with `longer` added to the time limit.
    ///
    /// # Errors
    /// As [`ControlClient::ask`].
    pub async fn ask_with_timeout(
        &mut self,
        request: &Request,
        longer: Duration,
    ) -> Result<Answer, CliError> {
        done(self.exchange(request, RESPONSE_TIMEOUT + longer).await?)
    }

    /// Sends `request` and returns the first response, which may be [`Answer::Failed`].
    ///
    /// # Errors
    /// The server did not respond.
    pub async fn attempt(&mut self, request: &Request) -> Result<Answer, CliError> {
        self.exchange(request, RESPONSE_TIMEOUT).await
    }

    async fn exchange(&mut self, request: &Request, limit: Duration) -> Result<Answer, CliError> {
        let answered = async {
            let line = request.to_line();
            let sent = self.stream.get_mut().write_all(line.as_bytes()).await;
            sent.map_err(|error| self.gone(&error))?;
            self.receive().await
        };
        let answer = tokio::time::timeout(limit, answered).await;
        answer.unwrap_or_else(|_| {
            let waited = limit.as_secs();
            Err(CliError::new(format!(
                "the server did not respond within {waited} s"
            )))
        })
    }

    /// Reads the next response.
    ///
    /// # Errors
    /// The request failed, or the server stopped.
    pub async fn next(&mut self) -> Result<Answer, CliError> {
        done(self.receive().await?)
    }

    async fn receive(&mut self) -> Result<Answer, CliError> {
        let mut line = String::new();
        match self.stream.read_line(&mut line).await {
            Ok(0) => Err(CliError::new("the server stopped")),
            Ok(_) => Answer::read(&line).map_err(CliError::new),
            Err(error) => Err(self.gone(&error)),
        }
    }

    fn gone(&self, error: &io::Error) -> CliError {
        let file = self.database.display();
        CliError::new(format!(
            "lost the connection to the server of {file}: {error}"
        ))
    }
}

/// Returns `answer`, unless it says that the request failed.
fn done(answer: Answer) -> Result<Answer, CliError> {
    match answer {
        Answer::Failed { message } => Err(CliError::new(message)),
        answer => Ok(answer),
    }
}

/// Returns why a running server does not respond.
fn unreachable(database: &Path, path: &Path, error: &io::Error) -> CliError {
    let failure = CliError::new(format!(
        "a server uses {}, but its control socket {} does not respond: {error}",
        database.display(),
        path.display()
    ));
    failure.hint(match error.kind() {
        io::ErrorKind::PermissionDenied => {
            "run this command as the user of the server"
        }
        io::ErrorKind::InvalidInput => {
            "the path is too long for a socket: use a shorter one, or a relative path from a nearer \
             directory"
        }
        _ => {
            "another command may be using the database; otherwise see the start of the server's log \
             for the cause"
        }
    })
}

/// Builds the single-threaded runtime of a command.
pub fn runtime() -> Result<Runtime, CliError> {
    Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| CliError::new(format!("cannot start the connection: {error}")))
}
