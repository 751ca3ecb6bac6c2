//! Changes between the settings in force and newly read ones.

use figment::Figment;
use figment::value::Dict;

use super::Settings;
use super::table::KEYS;

/// Why Rocket's own settings need a restart.
const ROCKET_IS_LAUNCHED: &str = "it is read when the server starts";

/// Keys of Rocket's configuration that a reload reads itself: our table, and the files of the certificate.
const RELOADED: [&str; 2] = ["chattrix", "tls"];

/// Changed settings, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Those that a reload puts in force.
    pub reloaded: Vec<String>,
    /// Those that need a restart, with the reason.
    pub restart: Vec<(String, &'static str)>,
}

/// Returns what differs between the settings in force and new ones, Rocket's own included.
#[must_use]
pub fn changes(old: (&Settings, &Figment), new: (&Settings, &Figment)) -> Changes {
    let mut changes = Changes::default();
    for key in KEYS.iter().filter(|key| !(key.same)(old.0, new.0)) {
        match key.restart {
            None => changes.reloaded.push(key.name.to_owned()),
            Some(why) => changes.restart.push((key.name.to_owned(), why)),
        }
    }
    let (old, new) = (rocket_values(old.1), rocket_values(new.1));
    let names = old
        .keys()
        .chain(new.keys().filter(|name| !old.contains_key(*name)));
    let differ = names.filter(|name| old.get(*name) != new.get(*name));
    let changed = differ.map(|name| (name.clone(), ROCKET_IS_LAUNCHED));
    changes.restart.extend(changed);
    changes
}

/// Returns Rocket's own settings; unreadable ones are none, and fail where they are used.
fn rocket_values(figment: &Figment) -> Dict {
    let mut values = figment.extract::<Dict>().unwrap_or_default();
    values.retain(|name, _| !RELOADED.contains(&name.as_str()));
    values
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn changes_are_named_and_a_restart_has_its_reason() {
        let (old, figment) = (Settings::default(), Figment::new().join(("port", 8000)));
        let mut new = Settings::default();
        assert_eq!(
            changes((&old, &figment), (&new, &figment)),
            Changes::default()
        );
        new.ring_timeout = Duration::from_secs(5);
        new.jwt_secret = vec!["a secret that is at least 32 bytes".into()];
        new.event_queue = 7;
        let other_port = Figment::new().join(("port", 9000));
        let found = changes((&old, &figment), (&new, &other_port));
        assert_eq!(found.reloaded, ["jwt_secret", "ring_timeout"]);
        let restart: Vec<_> = found
            .restart
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        assert_eq!(restart, ["event_queue", "port"]);
    }

    #[test]
    fn two_secrets_of_one_length_differ() {
        let with = |secret: &str| Settings {
            turn_secret: Some(secret.into()),
            ..Settings::default()
        };
        let figment = Figment::new();
        let found = changes((&with("north"), &figment), (&with("south"), &figment));
        assert_eq!(found.reloaded, ["turn_secret"]);
    }
}
