//! Look-up of settings by name, and reading of given values into the settings.

use std::collections::HashMap;

use super::error::Problem;
use super::layers::{Given, Origin};
use super::table::{KEYS, Key, Settings};

/// Where the value of each key that was given comes from.
pub(super) type Origins = HashMap<&'static str, Origin>;

/// The key of that name.
pub(super) fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// The key that somebody who wrote `name` probably meant.
pub(super) fn similar(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_lowercase().replace('-', "_");
    KEYS.iter()
        .map(|key| (strsim::damerau_levenshtein(&name, key.name), key.name))
        .min()
        // A third of its letters wrong is still the same word; more is another one.
        .filter(|(distance, key)| *distance <= key.len() / 3)
        .map(|(_, key)| key)
}

/// Writes what was given, in order, into `settings`, and tells where each value came from.
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
