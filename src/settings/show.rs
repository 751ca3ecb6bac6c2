//! Values as they are shown and written, and the reference of all settings.

use std::fmt::{self, Display};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;
use secrecy::{ExposeSecret, SecretSlice, SecretString};

use crate::call::CallPolicy;
use crate::store;
use crate::webhook_model::EventType;

use super::Origin;
use super::identity::RequiredClaim;
use super::proxy::{NoProxy, Proxy};
use super::table::{KEYS, Settings};
use super::value::{AllowedOrigins, LogFormat, LogLevel, Rate};
use super::webhook::{Endpoint, WebhookSettings};

/// Setting with its effective value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its key in `Rocket.toml`.
    pub name: &'static str,
    /// Effective value.
    pub value: Value,
    /// Origin of the value; none for the default.
    pub origin: Option<Origin>,
    /// Purpose, in Markdown.
    pub purpose: &'static str,
    /// Heading of the settings that belong together.
    pub group: &'static str,
    /// Value in TOML that `Rocket.toml` shows if there is no default.
    pub example: Option<&'static str>,
    /// Why a change needs a restart; none if `chattrix config reload` puts it in force.
    pub restart: Option<&'static str>,
}

/// Value in the notation of `Rocket.toml`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Not set.
    Absent,
    /// Set, and never shown.
    Secret,
    /// A text, a time or a rate.
    Text(String),
    /// A number.
    Number(u64),
    /// Yes or no.
    Switch(bool),
    /// A list of texts.
    List(Vec<String>),
}

impl Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("none"),
            Self::Secret => f.write_str("********"),
            Self::Text(text) => f.write_str(text),
            Self::Number(number) => number.fmt(f),
            Self::Switch(switch) => switch.fmt(f),
            Self::List(items) if items.is_empty() => f.write_str("none"),
            Self::List(items) => f.write_str(&items.join(", ")),
        }
    }
}

impl Settings {
    /// Returns every setting with its default, in the order of contract section 6.
    #[must_use]
    pub fn reference() -> Vec<Setting> {
        Self::default().describe()
    }

    /// Returns every setting with its value, in the order of contract section 6.
    pub(super) fn describe(&self) -> Vec<Setting> {
        let describe = |key: &super::table::Key| Setting {
            name: key.name,
            value: (key.show)(self),
            origin: None,
            purpose: key.purpose.trim_start(),
            group: key.group,
            example: key.example,
            restart: key.restart,
        };
        KEYS.iter().map(describe).collect()
    }
}

/// Type of a setting: how its value is shown.
pub(super) trait Show {
    /// True if the value is never shown.
    const SECRET: bool = false;

    /// Returns the value in the notation of `Rocket.toml`.
    fn show(&self) -> Value;

    /// Whether both are the same value.
    fn same(&self, other: &Self) -> bool {
        self.show() == other.show()
    }
}

/// Implements [`Show`] for types of which one expression makes the value.
macro_rules! show {
    ($($type:ty: |$value:ident| $shown:expr;)+) => {$(
        impl Show for $type {
            fn show(&self) -> Value {
                let $value = self;
                $shown
            }
        }
    )+};
}

/// Implements [`Show`] for types whose values are secret; the first expression says whether there is one, the second
/// returns what it is compared by.
macro_rules! show_masked {
    ($($type:ty: |$value:ident| $is_set:expr, $content:expr;)+) => {$(
        impl Show for $type {
            const SECRET: bool = true;

            fn show(&self) -> Value {
                let $value = self;
                if $is_set { Value::Secret } else { Value::Absent }
            }

            fn same(&self, other: &Self) -> bool {
                let content = |$value: &Self| $content;
                content(self) == content(other)
            }
        }
    )+};
}

show! {
    PathBuf: |path| show_path(path);
    Vec<PathBuf>: |paths| match paths.as_slice() {
        [] => Value::Absent,
        [path] => path.show(),
        paths => Value::List(paths.iter().map(|path| path.display().to_string()).collect()),
    };
    Option<PathBuf>: |path| path.as_ref().map_or(Value::Absent, Show::show);
    Option<String>: |text| text.clone().map_or(Value::Absent, Value::Text);
    bool: |switch| Value::Switch(*switch);
    usize: |number| Value::Number(*number as u64);
    Option<usize>: |number| number.as_ref().map_or_else(off, Show::show);
    Duration: |duration| show_duration(*duration);
    Option<Duration>: |duration| duration.map_or_else(off, show_duration);
    Option<Rate>: |rate| rate.map_or_else(off, text);
    CallPolicy: |policy| text(policy.as_str());
    Vec<String>: |texts| Value::List(texts.clone());
    Vec<RequiredClaim>: |claims| Value::List(claims.iter().map(ToString::to_string).collect());
    Vec<NoProxy>: |hosts| Value::List(hosts.iter().map(ToString::to_string).collect());
    Vec<IpNet>: |networks| Value::List(networks.iter().map(show_network).collect());
    Vec<EventType>: |events| Value::List(if *events == EventType::ALL {
        vec!["*".to_owned()]
    } else {
        events.iter().map(ToString::to_string).collect()
    });
    AllowedOrigins: |origins| Value::List(match origins {
        AllowedOrigins::SameOrigin => Vec::new(),
        AllowedOrigins::Any => vec!["*".to_owned()],
        AllowedOrigins::Listed(origins) => origins.clone(),
    });
    LogLevel: |level| text(match level {
        LogLevel::Error => "error",
        LogLevel::Warn => "warn",
        LogLevel::Info => "info",
        LogLevel::Debug => "debug",
        LogLevel::Trace => "trace",
    });
    LogFormat: |format| text(match format {
        LogFormat::Text => "text",
        LogFormat::Json => "json",
    });
}

show_masked! {
    Option<SecretString>: |secret| secret.is_some(), secret.as_ref().map(|one| one.expose_secret().to_owned());
    Vec<SecretString>: |secrets| !secrets.is_empty(), exposed(secrets);
    Vec<SecretSlice<u8>>: |secrets| !secrets.is_empty(), exposed(secrets);
    Vec<Endpoint>: |urls| !urls.is_empty(), urls.clone();
    Vec<WebhookSettings>: |tables| !tables.is_empty(), tables.iter().map(WebhookSettings::content).collect::<Vec<_>>();
    // The URL may hold a password.
    Option<Proxy>: |proxy| proxy.is_some(), proxy.as_ref().map(Proxy::content);
}

/// Returns copies of `secrets`, for a comparison.
fn exposed<T: ToOwned + ?Sized, S: ExposeSecret<T>>(secrets: &[S]) -> Vec<T::Owned> {
    secrets
        .iter()
        .map(|one| one.expose_secret().to_owned())
        .collect()
}

fn text(text: impl Display) -> Value {
    Value::Text(text.to_string())
}

fn off() -> Value {
    text("off")
}

/// Returns a network, or the address if it has only one.
fn show_network(network: &IpNet) -> String {
    if network.prefix_len() == network.max_prefix_len() {
        return network.addr().to_string();
    }
    network.to_string()
}

/// Shows a path, or the URL of a database without the password that it may contain by mistake.
fn show_path(path: &Path) -> Value {
    if store::has_password(path) {
        Value::Secret
    } else {
        text(path.display())
    }
}

/// Returns a duration in the largest unit without a remainder: `250ms`, `75s`, `5m`, `4h`, `90d`. A minute is
/// `60s`, as the specification writes it.
fn show_duration(duration: Duration) -> Value {
    let seconds = duration.as_secs();
    let (amount, unit) = match seconds {
        _ if duration.subsec_nanos() > 0 => {
            return text(humantime::format_duration(duration));
        }
        60 => (60, "s"),
        _ if seconds.is_multiple_of(86_400) => (seconds / 86_400, "d"),
        _ if seconds.is_multiple_of(3_600) => (seconds / 3_600, "h"),
        _ if seconds.is_multiple_of(60) => (seconds / 60, "m"),
        _ => (seconds, "s"),
    };
    text(format_args!("{amount}{unit}"))
}
