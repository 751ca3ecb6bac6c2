//! Effective settings and the origin of each value: our settings, and those of Rocket's that matter here.

use figment::{Figment, Source};

use super::layers::Origin;
use super::show::{Setting, Value};
use super::{Overrides, Settings, SettingsError};

/// Rocket's own settings that matter to an administrator of this server.
const ROCKETS: [(&str, &str); 6] = [
    ("address", "Where to listen; also `--address`."),
    ("port", "Also `--port`; 0 takes any that is free."),
    ("tls.certs", "A file in PEM: the chain of certificates."),
    ("tls.key", "A file in PEM: its private key."),
    (
        "keep_alive",
        "Seconds for which a connection is kept for a next request.",
    ),
    ("workers", "Threads that serve requests."),
];

impl Settings {
    /// Returns every effective setting with its origin; Rocket's own that matter here come last.
    ///
    /// # Errors
    /// As [`Settings::load`].
    pub fn effective(overrides: &Overrides) -> Result<Vec<Setting>, SettingsError> {
        let (settings, figment, mut origins) =
            Self::gather(super::figment_of(overrides), std::env::vars_os(), overrides)?;
        let mut all = settings.describe();
        for setting in &mut all {
            setting.origin = origins.remove(setting.name);
        }
        all.extend(ROCKETS.map(|(name, purpose)| Setting {
            name,
            value: value(&figment, name),
            origin: origin(&figment, name, overrides),
            purpose,
            group: "Rocket",
            example: None,
            restart: None,
        }));
        Ok(all)
    }
}

/// Returns the value in `figment` of a key of Rocket's.
fn value(figment: &Figment, name: &str) -> Value {
    let found = figment.find_value(name);
    match found {
        Ok(figment::value::Value::String(_, text)) => Value::Text(text),
        Ok(figment::value::Value::Num(_, number)) => {
            let number = number.to_u128_lossy();
            number
                .and_then(|number| u64::try_from(number).ok())
                .map_or(Value::Absent, Value::Number)
        }
        // The configuration may contain certificates themselves, which are not shown.
        Ok(_) => Value::Secret,
        Err(_) => Value::Absent,
    }
}

/// Returns the origin of a key of Rocket's.
fn origin(figment: &Figment, name: &'static str, overrides: &Overrides) -> Option<Origin> {
    let is_flag = match name {
        "address" => overrides.address.is_some(),
        "port" => overrides.port.is_some(),
        _ => false,
    };
    if is_flag {
        return Some(Origin::Flag);
    }
    if name == "address" && overrides.dev.is_some() {
        return Some(Origin::DevWorld);
    }
    let value = figment.find_value(name).ok()?;
    let tag = value.tag();
    let metadata = figment.get_metadata(tag)?;
    match metadata.source {
        Some(Source::File(_)) => {
            let profile = tag.profile().unwrap_or_else(|| figment.profile().clone());
            Some(Origin::rocket(Some(metadata), &profile))
        }
        // Variables have no source, like the default, but they have a name.
        _ => metadata
            .name
            .contains("environment")
            .then_some(Origin::RocketVariable),
    }
}
