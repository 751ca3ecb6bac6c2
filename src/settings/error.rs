//! Errors in the settings, as sentences for the administrator.

use std::fmt;

use super::layers::Origin;

/// One error in the settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// A key that does not exist.
    Unknown {
        /// The key as it was written.
        name: String,
        /// Its origin.
        origin: Origin,
        /// The key that was probably meant, in the notation of that origin.
        suggestion: Option<String>,
    },
    /// A `CHATTRIX_` variable whose name or text cannot be read.
    Variable {
        /// The variable.
        name: String,
        /// Whether its name is in capitals, as required; if so, its text is the error.
        exact: bool,
        /// The variable that was probably meant.
        suggestion: Option<String>,
    },
    /// A value that is not valid for its key.
    Invalid {
        /// The key.
        name: &'static str,
        /// Its origin.
        origin: Origin,
        /// The given value; none for a secret.
        given: Option<String>,
        /// The expected value.
        expected: String,
    },
    /// Two settings that contradict each other, as a sentence.
    Contradiction(String),
    /// A file that cannot be read, or a table in it that is not used, as a sentence.
    File(String),
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown {
                name,
                origin,
                suggestion,
            } => {
                match origin {
                    Origin::Rocket { source, profile } => {
                        write!(f, "unknown setting {name} ({source}, [{profile}.chattrix])")?;
                    }
                    Origin::Variable | Origin::RocketVariable => {
                        write!(f, "unknown variable {name}")?;
                    }
                    Origin::Flag | Origin::DevWorld => write!(f, "unknown flag {name}")?,
                }
                did_you_mean(f, suggestion.as_deref())
            }
            Self::Variable {
                name,
                exact: false,
                suggestion,
            } => {
                write!(f, "unknown variable {name}: names are in capitals")?;
                did_you_mean(f, suggestion.as_deref())
            }
            Self::Variable {
                name,
                exact: true,
                suggestion: _,
            } => {
                write!(f, "the variable {name} is not UTF-8")
            }
            Self::Invalid {
                name,
                origin,
                given: Some(given),
                expected,
            } => {
                write!(f, "{} is {given}: expected {expected}", origin.place(name))
            }
            Self::Invalid {
                name,
                origin,
                given: None,
                expected,
            } => {
                write!(
                    f,
                    "{} is not valid: expected {expected}",
                    origin.place(name)
                )
            }
            Self::Contradiction(sentence) | Self::File(sentence) => f.write_str(sentence),
        }
    }
}

fn did_you_mean(f: &mut fmt::Formatter<'_>, suggestion: Option<&str>) -> fmt::Result {
    suggestion.map_or(Ok(()), |name| write!(f, "; did you mean {name}?"))
}

/// Every error in the settings; at least one problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsError(Vec<Problem>);

impl SettingsError {
    pub(super) fn unless_empty(problems: Vec<Problem>) -> Result<(), Self> {
        if problems.is_empty() {
            Ok(())
        } else {
            Err(Self(problems))
        }
    }

    /// The problems, in the order of the layers.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.0
    }
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [problem] = self.0.as_slice() {
            return problem.fmt(f);
        }
        write!(f, "{} settings are wrong:", self.0.len())?;
        self.0
            .iter()
            .try_for_each(|problem| write!(f, "\n  - {problem}"))
    }
}

impl std::error::Error for SettingsError {}
