//! What holds, and where each value comes from: our settings, and those of Rocket's that matter here.

use figment::{Figment, Source};

use super::layers::Origin;
use super::show::{Setting, Value};
use super::{Overrides, Settings, SettingsError};

/// Rocket's own settings that an administrator of this server has to do with.
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
    /// Every setting that holds for this process, with where it was given; Rocket's own that matter here come
    /// last.
    ///
    /// # Errors
    /// As [`Settings::load`].
    pub fn effective(overrides: &Overrides) -> Result<Vec<Setting>, SettingsError> {
        let (settings, figment, mut origins) =
            Self::gather(rocket::Config::figment(), std::env::vars_os(), overrides)?;
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

/// What `figment` has for a key of Rocket's.
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
        // Certificates may stand in the configuration itself, which nobody has to see.
        Ok(_) => Value::Secret,
        Err(_) => Value::Absent,
    }
}

/// Where a key of Rocket's was given.
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
        // Variables have no source, as the default has none, but a name.
        _ => metadata
            .name
            .contains("environment")
            .then_some(Origin::RocketVariable),
    }
}
