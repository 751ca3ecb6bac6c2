//! The reference of the settings, and the `Rocket.toml` of the tree.

use super::super::table::KEYS;
use super::super::{Settings, Value};
use super::{from_file, resolve};

#[test]
fn without_anything_given_the_defaults_hold() {
    let settings = resolve("", &[]).expect("defaults");
    assert_eq!(
        format!("{settings:?}"),
        format!("{:?}", Settings::default())
    );
}

#[test]
fn the_reference_describes_every_key_in_order() {
    let described: Vec<_> = Settings::reference()
        .iter()
        .map(|setting| setting.name)
        .collect();
    let keys: Vec<_> = KEYS.iter().map(|key| key.name).collect();
    assert_eq!(described, keys);
}

#[test]
fn every_default_can_be_written_as_the_reference_shows_it() {
    for setting in Settings::reference() {
        let written = match &setting.value {
            Value::Absent | Value::Secret => continue,
            Value::List(items) => items.join(","),
            Value::Text(_) | Value::Number(_) | Value::Switch(_) => setting.value.to_string(),
        };
        let variable = format!("CHATTRIX_{}", setting.name.to_uppercase());
        let settings = resolve("", &[(&variable, &written)]).expect(&variable);
        assert_eq!(
            format!("{settings:?}"),
            format!("{:?}", Settings::default()),
            "{variable}={written}"
        );
    }
}

#[test]
fn the_file_of_the_tree_names_every_key_and_changes_nothing() {
    let text = include_str!("../../../Rocket.toml");
    let settings = resolve(text, &[]).expect("a good file");
    assert_eq!(
        format!("{settings:?}"),
        format!("{:?}", Settings::default())
    );
    for key in KEYS {
        let named = |line: &str| {
            let line = line.trim_start_matches(['#', ' ']);
            line.strip_prefix(key.name)
                .is_some_and(|rest| rest.trim_start().starts_with('='))
        };
        assert!(
            text.lines().any(named),
            "{} is not in Rocket.toml",
            key.name
        );
    }
}

#[test]
fn commented_lines_of_rocket_toml_are_valid_settings() {
    let text = include_str!("../../../Rocket.toml");
    let (_, ours) = text.split_once("[default.chattrix]").expect("our table");
    let is_setting = |line: &&str| {
        line.split_once('=')
            .is_some_and(|(name, _)| super::super::keys::find(name.trim()).is_some())
    };
    let lines = ours.lines().filter_map(|line| line.strip_prefix('#'));
    // One by one, but for those that go together.
    let (together, alone): (Vec<_>, Vec<_>) = lines
        .filter(is_setting)
        .partition(|line| line.starts_with("agora_"));
    for lines in alone
        .into_iter()
        .map(ToOwned::to_owned)
        .chain([together.join("\n")])
    {
        from_file(&lines).unwrap_or_else(|error| panic!("{lines}: {error}"));
    }
}
