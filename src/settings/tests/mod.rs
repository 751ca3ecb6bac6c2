//! Tests of the settings: fixtures.

mod dev_mode;
mod layers;
mod mistakes;
mod reference;
mod values;
mod webhooks;

use std::ffi::OsString;
use std::num::NonZeroU32;
use std::time::Duration;

use figment::Figment;
use figment::providers::{Format, Toml};

use super::{Overrides, Rate, Settings};

const SECRET: &str = "12345678901234567890123456789012";

fn rocket_toml(text: &str) -> Figment {
    Figment::from(rocket::Config::default())
        .merge(Toml::string(text).nested())
        .select("release")
}

fn variables(pairs: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
    pairs
        .iter()
        .map(|(name, value)| (name.into(), value.into()))
        .collect()
}

fn resolve(file: &str, pairs: &[(&str, &str)]) -> Result<Settings, String> {
    Settings::resolve(rocket_toml(file), variables(pairs), &Overrides::default())
        .map(|(settings, _)| settings)
        .map_err(|error| error.to_string())
}

/// The settings of one key in our table.
fn from_file(line: &str) -> Result<Settings, String> {
    resolve(&format!("[default.chattrix]\n{line}"), &[])
}

fn rate(count: u32, period: Duration) -> Rate {
    let count = NonZeroU32::new(count).expect("not zero");
    Rate { count, period }
}
