//! Errors of calls, in short fixed texts, so that equal ones are counted together.

use std::fmt;

/// Error of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoadError {
    /// REST, or the upgrade of a socket, returned this status and `errorType`.
    Answer(u16, String),
    /// The socket sent `call_error` with this `errorType`.
    CallError(String),
    /// This step timed out.
    Waited(&'static str),
    /// A connection failed or broke, for this reason.
    Lost(String),
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answer(status, word) => write!(f, "{status} {word}"),
            Self::CallError(word) => write!(f, "call_error {word}"),
            Self::Waited(step) => write!(f, "no {step} in time"),
            Self::Lost(reason) => write!(f, "connection: {reason}"),
        }
    }
}

impl From<std::io::Error> for LoadError {
    fn from(error: std::io::Error) -> Self {
        Self::Lost(error.kind().to_string())
    }
}
