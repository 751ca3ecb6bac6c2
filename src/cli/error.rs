//! What a command says when it fails.

use std::process::ExitCode;
use std::{fmt, io};

use chattrix::auth::{KeyError, MintError};
use chattrix::settings::SettingsError;
use chattrix::store;

use super::output::{Tint, tell, tinted_talk};

/// Why a command failed, with what to do about it where there is something.
#[derive(Debug)]
pub struct CliError {
    sentence: String,
    hint: Option<String>,
    closed_output: bool,
    usage: bool,
}

impl CliError {
    /// A failure that says `sentence`.
    pub fn new(sentence: impl Into<String>) -> Self {
        Self {
            sentence: sentence.into(),
            hint: None,
            closed_output: false,
            usage: false,
        }
    }

    /// The command line was wrong: it lacks what `sentence` says.
    pub fn usage(sentence: impl Into<String>) -> Self {
        Self {
            usage: true,
            ..Self::new(sentence)
        }
    }

    /// The same, with what to do about it.
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self {
            hint: Some(hint.into()),
            ..self
        }
    }

    /// What failed, without what to do about it.
    pub fn sentence(&self) -> &str {
        &self.sentence
    }

    /// Whether the reader of our output went away (`chattrix … | head`), which is no failure.
    pub fn is_closed_output(&self) -> bool {
        self.closed_output
    }

    /// Says it: what the program leaves with, 1 where it failed and 2 where the command line was wrong.
    pub fn tell(&self) -> ExitCode {
        tell(&format!("{} {self}", tinted_talk("error:", Tint::Bad)));
        ExitCode::from(if self.usage { 2 } else { 1 })
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

/// Of writing to standard output; other files say their name.
impl From<io::Error> for CliError {
    fn from(error: io::Error) -> Self {
        let closed_output = error.kind() == io::ErrorKind::BrokenPipe;
        Self {
            closed_output,
            ..Self::new(format!("the output could not be written: {error}"))
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
