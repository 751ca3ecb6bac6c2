//! What goes wrong with a call, in few words, so that the same is counted together.

use std::fmt;

/// Why a call did not come to its end as it should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoadError {
    /// REST, or the request for a socket, was answered with this status and `errorType`.
    Answer(u16, String),
    /// The socket said `call_error` with this `errorType`.
    CallError(String),
    /// Nothing came of this step in time.
    Waited(&'static str),
    /// A connection could not be made or broke, for this reason.
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
