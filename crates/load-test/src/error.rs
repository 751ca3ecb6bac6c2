//! Errors of a test, and errors of calls, which are counted.

use std::process::ExitStatus;
use std::{fmt, io};

use crate::server::Server;

/// Error of a test.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The echo server does not start.
    #[error("the echo cannot be started: {0}")]
    EchoStart(io::Error),
    /// The echo server does not respond.
    #[error("the echo broke: {0}")]
    Echo(String),
    /// The disk cannot be measured.
    #[error("{folder} cannot be written: {error}")]
    Disk {
        /// Folder of the database.
        folder: String,
        /// Cause.
        error: io::Error,
    },
    /// The process of the server ended.
    #[error("the server has gone")]
    ServerGone,
    /// The server rejected the first connections.
    #[error("{server} cannot be tested: {error}")]
    Rejected {
        /// Address of the server.
        server: Server,
        /// Its response.
        error: CallError,
    },
    /// The private server does not start.
    #[error("no server can be started: {0}")]
    Spawn(io::Error),
    /// The private server does not listen. With its log.
    #[error("the private server did not start:\n{0}")]
    NotStarted(String),
    /// The private server ended with an error.
    #[error("the private server failed: {0}")]
    ServerFailed(ExitStatus),
    /// The private server does not end.
    #[error("the private server did not stop")]
    NotStopped,
}

/// Error of a call, in short fixed texts, so that equal ones are counted together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallError {
    /// REST, or the upgrade of a socket, returned this status and `errorType`.
    Status(u16, String),
    /// The socket sent `call_error` with this `errorType`.
    Message(String),
    /// This step timed out.
    TimedOut(&'static str),
    /// A connection failed or broke, for this reason.
    Lost(String),
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status, word) => write!(f, "{status} {word}"),
            Self::Message(word) => write!(f, "call_error {word}"),
            Self::TimedOut(step) => write!(f, "no {step} in time"),
            Self::Lost(reason) => write!(f, "connection: {reason}"),
        }
    }
}

impl From<io::Error> for CallError {
    fn from(error: io::Error) -> Self {
        Self::Lost(error.kind().to_string())
    }
}
