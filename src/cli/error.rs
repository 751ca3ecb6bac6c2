//! Error of a command, with an optional hint.

use std::process::ExitCode;
use std::sync::mpsc::sync_channel;
use std::time::Duration;
use std::{fmt, io, thread};

use chattrix::auth::{KeyError, MintError};
use chattrix::settings::SettingsError;
use chattrix::store;

use super::output::{Tint, tell, tinted_talk};

/// Error of a command: what failed, and a hint what to do.
#[derive(Debug)]
pub struct CliError {
    sentence: String,
    hint: Option<String>,
    closed_output: bool,
    usage: bool,
}

impl CliError {
    /// Creates an error with exit code 1.
    pub fn new(sentence: impl Into<String>) -> Self {
        Self {
            sentence: sentence.into(),
            hint: None,
            closed_output: false,
            usage: false,
        }
    }

    /// Creates a usage error, with exit code 2.
    pub fn usage(sentence: impl Into<String>) -> Self {
        Self {
            usage: true,
            ..Self::new(sentence)
        }
    }

    /// Adds a hint what to do.
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self {
            hint: Some(hint.into()),
            ..self
        }
    }

    /// Returns what failed, without the hint.
    pub fn sentence(&self) -> &str {
        &self.sentence
    }

    /// Returns whether the reader of the output closed it (`chattrix … | head`), which is not an error.
    pub fn is_closed_output(&self) -> bool {
        self.closed_output
    }

    /// Prints the error and returns the exit code: 1 error, 2 usage error.
    pub fn tell(&self) -> ExitCode {
        tell(&format!("{} {self}", tinted_talk("error:", Tint::Bad)));
        ExitCode::from(if self.usage { 2 } else { 1 })
    }

    /// Like [`CliError::tell`], but waits for at most `time`: the reader of standard error may have stopped.
    pub fn tell_within(self, time: Duration) -> ExitCode {
        let code = ExitCode::from(if self.usage { 2 } else { 1 });
        let (told, is_told) = sync_channel(1);
        thread::spawn(move || {
            self.tell();
            let _ = told.send(());
        });
        let _ = is_told.recv_timeout(time);
        code
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)?;
        self.hint
            .as_ref()
            .map_or(Ok(()), |hint| write!(f, "\nhint: {hint}"))
    }
}

/// From writing to standard output; errors of other files name the file.
impl From<io::Error> for CliError {
    fn from(error: io::Error) -> Self {
        let closed_output = error.kind() == io::ErrorKind::BrokenPipe;
        Self {
            closed_output,
            ..Self::new(format!("cannot write the output: {error}"))
        }
    }
}

impl From<SettingsError> for CliError {
    fn from(error: SettingsError) -> Self {
        Self::new(error.to_string())
    }
}

impl From<KeyError> for CliError {
    fn from(error: KeyError) -> Self {
        Self::new(error.to_string())
    }
}

impl From<MintError> for CliError {
    fn from(error: MintError) -> Self {
        Self::new(error.to_string())
    }
}

impl From<store::Error> for CliError {
    fn from(error: store::Error) -> Self {
        Self::new(error.to_string())
    }
}
