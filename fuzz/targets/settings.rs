//! The settings: whatever stands in `Rocket.toml` and the variables is taken, or refused with a sentence that shows no
//! secret.
#![no_main]

use std::ffi::OsString;

use chattrix::settings::{Overrides, Settings};
use figment::Figment;
use figment::providers::{Format as _, Toml};
use libfuzzer_sys::fuzz_target;

const SECRET: &str = "a-secret-that-must-not-be-shown";

fuzz_target!(|input: (&str, &str, &str)| {
    let (file, key, value) = input;
    let figment = Figment::from(rocket::Config::default()).merge(Toml::string(file).nested());
    let variables = [
        (
            OsString::from(format!("CHATTRIX_{key}")),
            OsString::from(value),
        ),
        // Too short by a byte: always refused.
        (
            OsString::from("CHATTRIX_JWT_SECRET"),
            OsString::from(SECRET),
        ),
    ];
    match Settings::resolve(figment, variables, &Overrides::default()) {
        Ok(_) => panic!("a secret that is too short was taken"),
        Err(error) => {
            let said = error.to_string();
            assert!(!said.is_empty() && !said.contains(SECRET), "{said}");
        }
    }
});
