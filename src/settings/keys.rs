//! Look-up of settings by name, and reading of given values into the settings.

use std::collections::HashMap;

use super::error::Problem;
use super::layers::{Given, Origin};
use super::table::{KEYS, Key, Settings};

/// Origin of the value of each key that was given.
pub(super) type Origins = HashMap<&'static str, Origin>;

/// Returns the key of that name.
pub(super) fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// Returns the key that was probably meant by `name`.
pub(super) fn similar(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_lowercase().replace('-', "_");
    KEYS.iter()
        .map(|key| (strsim::damerau_levenshtein(&name, key.name), key.name))
        .min()
        // Up to a third of wrong letters is a typing error; more is another word.
        .filter(|(distance, key)| *distance <= key.len() / 3)
        .map(|(_, key)| key)
}

/// Writes the given values, in order, into `settings`, and returns the origin of each.
pub(super) fn apply(
    given: Vec<Given>,
    settings: &mut Settings,
    problems: &mut Vec<Problem>,
) -> Origins {
    let mut origins = Origins::new();
    for Given { name, raw, origin } in given {
        let Some(key) = find(&name) else {
            let suggestion = similar(&name).map(|name| origin.spelling(name));
            problems.push(Problem::Unknown {
                name: origin.spelling(&name),
                origin,
                suggestion,
            });
            continue;
        };
        if let Err(expected) = (key.set)(settings, &raw) {
            let given = (!key.secret).then(|| raw.to_string());
            problems.push(Problem::Invalid {
                name: key.name,
                origin: origin.clone(),
                given,
                expected,
            });
        }
        origins.insert(key.name, origin);
    }
    origins
}
