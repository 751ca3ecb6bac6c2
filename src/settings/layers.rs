//! Layers of settings: names, values in plain text, and the origin of each value.

use std::collections::BTreeMap;
use std::fmt;

use figment::value::Value;
use figment::{Metadata, Profile};

/// Our table within a profile of `Rocket.toml`.
pub(super) const TABLE: &str = "chattrix";
/// Prefix of our variables.
pub(super) const PREFIX: &str = "CHATTRIX_";

/// Value before it is read: the same in TOML, a variable or a flag.
#[derive(Clone, Debug)]
pub(super) enum Raw {
    /// A string, a number or a boolean, as text.
    Text(String),
    /// The text of a variable that is a list in JSON, and its items.
    Json(String, Vec<String>),
    /// A list of raw values.
    List(Vec<String>),
    /// A list of tables.
    Tables(Vec<BTreeMap<String, Raw>>),
    /// A value that no setting takes.
    Table,
}

impl Raw {
    /// Returns the value of a variable, which may be a list in JSON.
    pub(super) fn of_variable(text: String) -> Self {
        if let Ok(items) = serde_json::from_str(&text) {
            return Self::Json(text, items);
        }
        // A list of objects is a list of tables.
        let tables = text.starts_with('[').then(|| serde_json::from_str(&text));
        match tables {
            Some(Ok(tables @ Value::Array(..))) => match Self::from(&tables) {
                Self::Table => Self::Text(text),
                tables => tables,
            },
            Some(Ok(_) | Err(_)) | None => Self::Text(text),
        }
    }

    /// Returns the text, if it is one.
    pub(super) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::Json(text, _) => Some(text.trim()),
            Self::List(_) | Self::Tables(_) | Self::Table => None,
        }
    }

    /// Returns the items of a list, or of a text separated by commas.
    pub(super) fn items(&self) -> Option<Vec<&str>> {
        match self {
            Self::Text(text) if text.trim().is_empty() => Some(Vec::new()),
            Self::Text(text) => Some(text.split(',').map(str::trim).collect()),
            Self::Json(_, items) | Self::List(items) => {
                Some(items.iter().map(String::as_str).collect())
            }
            Self::Tables(_) | Self::Table => None,
        }
    }
}

impl From<&Value> for Raw {
    fn from(value: &Value) -> Self {
        match value {
            Value::Array(_, items) => {
                let list = items.iter().map(scalar).collect::<Option<_>>();
                let tables = || items.iter().map(table).collect::<Option<_>>();
                list.map(Self::List)
                    .or_else(|| tables().map(Self::Tables))
                    .unwrap_or(Self::Table)
            }
            scalar_or_table => scalar(scalar_or_table).map_or(Self::Table, Self::Text),
        }
    }
}

fn table(value: &Value) -> Option<BTreeMap<String, Raw>> {
    let fields = value.as_dict()?.iter();
    Some(
        fields
            .map(|(name, value)| (name.clone(), value.into()))
            .collect(),
    )
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(_, text) => Some(text.clone()),
        Value::Char(_, letter) => Some(letter.to_string()),
        Value::Bool(_, switch) => Some(switch.to_string()),
        Value::Num(_, number) => number
            .to_i128()
            .map(|number| number.to_string())
            .or_else(|| number.to_u128().map(|number| number.to_string()))
            .or_else(|| number.to_f64().map(|number| number.to_string())),
        Value::Empty(..) | Value::Dict(..) | Value::Array(..) => None,
    }
}

impl fmt::Display for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) | Self::Json(text, _) => write!(f, "{text:?}"),
            Self::List(items) => write!(f, "{items:?}"),
            Self::Tables(_) => f.write_str("a list of tables"),
            Self::Table => f.write_str("a table"),
        }
    }
}

/// Origin of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A file or another source of Rocket's, and the table within it.
    Rocket {
        /// The file, or the name of the source.
        source: String,
        /// The profile of the table.
        profile: String,
    },
    /// An environment variable.
    Variable,
    /// A variable of Rocket's own.
    RocketVariable,
    /// A flag.
    Flag,
    /// A default of `--dev`.
    DevWorld,
}

impl Origin {
    /// Returns the source of Rocket's that `metadata` describes.
    pub(super) fn rocket(metadata: Option<&Metadata>, profile: &Profile) -> Self {
        let source = metadata.map_or_else(
            || "Rocket.toml".to_owned(),
            |metadata| match &metadata.source {
                Some(source) => source.to_string(),
                None => metadata.name.to_string(),
            },
        );
        Self::Rocket {
            source,
            profile: profile.as_str().as_str().to_owned(),
        }
    }

    /// Returns the name of a key in the notation of this origin.
    pub(super) fn spelling(&self, name: &str) -> String {
        match self {
            Self::Rocket { .. } | Self::DevWorld => name.to_owned(),
            Self::RocketVariable => {
                // A table is one variable: `ROCKET_TLS={certs=…, key=…}`.
                let table = name.split('.').next().unwrap_or(name);
                format!("ROCKET_{}", table.to_ascii_uppercase())
            }
            Self::Variable => format!("{PREFIX}{}", name.to_ascii_uppercase()),
            Self::Flag => format!("--{}", name.replace('_', "-")),
        }
    }

    /// Returns the origin in short form: `Rocket.toml [default.chattrix]`, `CHATTRIX_RING_TIMEOUT`, `--database`.
    #[must_use]
    pub fn short(&self, name: &str) -> String {
        match self {
            Self::Rocket { source, profile } => format!("{source} [{profile}]"),
            Self::Variable | Self::RocketVariable | Self::Flag => self.spelling(name),
            Self::DevWorld => "--dev".to_owned(),
        }
    }

    /// Returns a key with its origin: `ring_timeout in Rocket.toml, [default.chattrix]`.
    pub(super) fn place(&self, name: &str) -> String {
        let spelling = self.spelling(name);
        match self {
            Self::Rocket { source, profile } => {
                format!("{spelling} in {source}, [{profile}.{TABLE}]")
            }
            Self::Variable | Self::RocketVariable => format!("the variable {spelling}"),
            Self::Flag => format!("the flag {spelling}"),
            Self::DevWorld => format!("{spelling} of --dev"),
        }
    }
}

/// One value of one layer.
#[derive(Debug)]
pub(super) struct Given {
    pub(super) name: String,
    pub(super) raw: Raw,
    pub(super) origin: Origin,
}
