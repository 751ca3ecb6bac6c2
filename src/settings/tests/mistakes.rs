//! Mistakes: all at once, each with its place and a hint.

use std::path::PathBuf;

use secrecy::ExposeSecret;

use super::{SECRET, from_file, resolve};

#[test]
fn a_misspelt_key_is_named_with_its_place_and_what_was_meant() {
    let error = from_file("ring_timeut = '60s'").expect_err("unknown");
    assert!(
        error.starts_with("unknown setting ring_timeut ("),
        "{error}"
    );
    assert!(error.contains("[default.chattrix]"), "{error}");
    assert!(error.ends_with("did you mean ring_timeout?"), "{error}");
    let error = resolve("", &[("CHATTRIX_RING_TIMEUT", "60s")]).expect_err("unknown");
    assert_eq!(
        error,
        "unknown variable CHATTRIX_RING_TIMEUT; did you mean CHATTRIX_RING_TIMEOUT?"
    );
    let error = resolve("", &[("CHATTRIX_COLOUR_OF_THE_SKY", "blue")]).expect_err("unknown");
    assert_eq!(error, "unknown variable CHATTRIX_COLOUR_OF_THE_SKY");
}

#[test]
fn a_variable_in_lower_case_is_not_silently_ignored() {
    let error = resolve("", &[("chattrix_database", "x")]).expect_err("lower case");
    assert!(
        error.ends_with("did you mean CHATTRIX_DATABASE?"),
        "{error}"
    );
}

#[test]
fn a_wrong_value_is_named_with_its_source() {
    let error = resolve("", &[("CHATTRIX_EVENT_QUEUE", "x")]).expect_err("wrong");
    assert_eq!(
        error,
        "the variable CHATTRIX_EVENT_QUEUE is \"x\": expected a whole number from 1 to 65536"
    );
    let error = resolve("[release.chattrix]\nevent_queue = 'x'", &[]).expect_err("wrong");
    assert!(error.contains("[release.chattrix] is \"x\""), "{error}");
}

#[test]
fn every_mistake_is_told_at_once() {
    let error = resolve(
        "[default.chattrix]\nevent_queue = 0",
        &[("CHATTRIX_NONSENSE", "1")],
    )
    .expect_err("wrong");
    assert!(
        error.starts_with("2 settings are wrong:\n  - event_queue in "),
        "{error}"
    );
    assert!(
        error.contains("\n  - unknown variable CHATTRIX_NONSENSE"),
        "{error}"
    );
}

#[test]
fn no_message_and_no_debug_output_shows_a_secret() {
    let short = "hunter2hunter2";
    for error in [
        resolve("", &[("CHATTRIX_JWT_SECRET", short)]).expect_err("short"),
        from_file(&format!("jwt_secret = '{short}'")).expect_err("short"),
        from_file(&format!("jwt_secret = ['{short}']")).expect_err("a list"),
        from_file(&format!("jwt_secret = {short}")).expect_err("no TOML"),
        from_file(&format!("jwt_secret = '{short}")).expect_err("no TOML"),
    ] {
        assert!(!error.contains(short), "{error}");
    }
    let settings = resolve("", &[("CHATTRIX_JWT_SECRET", SECRET)]).expect("good");
    assert!(!format!("{settings:?}").contains(SECRET));
}

#[test]
fn keys_are_lists_and_stand_side_by_side() {
    let other = "another secret, with a comma and 32 bytes";
    let both = format!("[{SECRET:?}, {other:?}]");
    let settings = resolve(
        "",
        &[
            ("CHATTRIX_JWT_SECRET", both.as_str()),
            ("CHATTRIX_JWT_SECRET_FILE", "new,old"),
            ("CHATTRIX_JWT_PUBLIC_KEY_FILE", "key.pem"),
        ],
    )
    .expect("good");
    let secrets: Vec<_> = settings
        .jwt_secret
        .iter()
        .map(ExposeSecret::expose_secret)
        .collect();
    assert_eq!(secrets, [SECRET, other]);
    assert_eq!(settings.jwt_secret_file, ["new", "old"].map(PathBuf::from));
    assert_eq!(settings.jwt_public_key_file, [PathBuf::from("key.pem")]);
    let one = resolve("", &[("CHATTRIX_JWT_SECRET", other)]).expect("one");
    assert_eq!(one.jwt_secret.len(), 1);
    for bad in [format!("[{SECRET:?}, \"short\"]"), "[]".to_owned()] {
        let error = resolve("", &[("CHATTRIX_JWT_SECRET", bad.as_str())]).expect_err(&bad);
        assert!(
            error.contains("at least 32 bytes") && !error.contains(SECRET),
            "{error}"
        );
    }
}

#[test]
fn pings_come_before_silence_counts() {
    let error = from_file("idle_timeout = '25s'").expect_err("equal");
    assert!(
        error.contains("ping_interval (the default) and idle_timeout in "),
        "{error}"
    );
    assert!(from_file("idle_timeout = '26s'").is_ok());
}

#[test]
fn settings_beside_our_table_are_not_silently_ignored() {
    for (file, hint) in [
        ("[chattrix]\nring_timeout = '5s'", "[default.chattrix]"),
        (
            "[default]\nring_timeout = '5s'",
            "expected it in [default.chattrix]",
        ),
        (
            "[default.chatrix]\nring_timeout = '5s'",
            "did you mean [default.chattrix]?",
        ),
        ("[default]\nchattrix = 5", "expected a table"),
    ] {
        let error = resolve(file, &[]).expect_err(file);
        assert!(error.contains(hint), "{file}: {error}");
    }
}

#[test]
fn rockets_own_settings_are_checked_before_it_starts() {
    let error = resolve("[default]\nport = 'http'", &[]).expect_err("no port");
    assert!(error.contains("port"), "{error}");
}

#[test]
fn a_file_that_is_named_and_not_there_is_told() {
    let error = resolve("", &[("ROCKET_CONFIG", "no/such/Rocket.toml")]).expect_err("absent");
    assert!(error.contains("no/such/Rocket.toml"), "{error}");
}
