//! What can be wrong with the settings, as sentences for the person who wrote them.

use std::fmt;

use super::layers::Origin;

/// One thing that is wrong with the settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// A key that does not exist.
    Unknown {
        /// The key as it was written.
        name: String,
        /// Where it was written.
        origin: Origin,
        /// The key that was probably meant, as it would be written there.
        suggestion: Option<String>,
    },
    /// A `CHATTRIX_` variable whose name or text cannot be read.
    Variable {
        /// The variable.
        name: String,
        /// Whether its name is in capitals, as it has to be; its text is to blame then.
        exact: bool,
        /// The variable that was probably meant.
        suggestion: Option<String>,
    },
    /// A value that its key does not take.
    Invalid {
        /// The key.
        name: &'static str,
        /// Where it was given.
        origin: Origin,
        /// What was given; none for a secret.
        given: Option<String>,
        /// What the key takes.
        expected: String,
    },
    /// Two settings that cannot stand together, as a sentence.
    Contradiction(String),
    /// A file that cannot be read, or a table of it that nothing reads, as a sentence.
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

/// Everything that is wrong with the settings; at least one problem.
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
