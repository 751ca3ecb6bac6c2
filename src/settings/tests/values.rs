//! Values: numbers, durations, rates, origins, networks, words.

use std::time::Duration;

use super::super::{AllowedOrigins, LogFormat, LogLevel, Rate};
use super::{from_file, rate, resolve};
use crate::clock::Timestamp;

#[test]
fn numbers_and_booleans_are_taken_with_and_without_quotes() {
    for line in ["max_connections = 7", "max_connections = '7'"] {
        assert_eq!(from_file(line).expect(line).max_connections, 7);
    }
    for line in ["auto_provision = true", "auto_provision = 'true'"] {
        assert!(from_file(line).expect(line).auto_provision);
    }
    let settings = resolve(
        "",
        &[
            ("CHATTRIX_MAX_CONNECTIONS", "7"),
            ("CHATTRIX_AUTO_PROVISION", "true"),
        ],
    )
    .expect("good");
    assert_eq!(
        (settings.max_connections, settings.auto_provision),
        (7, true)
    );
}

#[test]
fn durations_have_a_unit_and_some_can_be_turned_off() {
    let settings = from_file(
        "ring_timeout = '1m 30s'\nmax_call_duration = '0s'\n\
                              disconnect_grace = 'off'\nretention = '90d'",
    )
    .expect("good");
    assert_eq!(settings.ring_timeout, Duration::from_secs(90));
    assert_eq!(
        (settings.max_call_duration, settings.disconnect_grace),
        (None, None)
    );
    assert_eq!(settings.retention, Some(Duration::from_hours(90 * 24)));
    for bad in [
        "90", "'90'", "'0'", "''", "'soon'", "'-5s'", "'0s'", "'off'", "'500y'", "true", "['60s']",
    ] {
        let error = from_file(&format!("ring_timeout = {bad}")).expect_err(bad);
        assert!(
            error.contains("ring_timeout in ") && error.contains("60s"),
            "{error}"
        );
    }
    let error = from_file("disconnect_grace = '90'").expect_err("no unit");
    assert!(
        error.ends_with(
            "is \"90\": expected a duration such as 60s, 5m or 4h; 0s or off turns it off"
        ),
        "{error}"
    );
}

#[test]
fn a_rate_is_a_count_and_a_time_or_off() {
    for (text, expected) in [
        ("10/1m", Some(rate(10, Duration::from_mins(1)))),
        ("300/m", Some(rate(300, Duration::from_mins(1)))),
        ("5/s", Some(rate(5, Duration::from_secs(1)))),
        ("1 / 2h", Some(rate(1, Duration::from_hours(2)))),
        ("off", None),
    ] {
        let settings = from_file(&format!("initiate_rate = '{text}'")).expect(text);
        assert_eq!(settings.initiate_rate, expected, "{text}");
    }
    for bad in [
        "",
        "10",
        "0/1m",
        "-1/1m",
        "10/",
        "10/60",
        "/1m",
        "10/0s",
        "10/2d",
        "1000001/m",
        "a/m",
    ] {
        let error = from_file(&format!("request_rate = '{bad}'")).expect_err(bad);
        assert!(
            error.contains("request_rate") && error.contains("10/1m"),
            "{error}"
        );
    }
    assert_eq!(rate(10, Duration::from_mins(1)).to_string(), "10/1m");
}

#[test]
fn rate_is_counted_by_its_next_arrival() {
    let rate = Rate::per_minute(2);
    let at = |seconds: i64| Timestamp::from_millis(seconds * 1_000);
    let first = rate.next_arrival(None, at(100)).expect("allowed");
    let second = rate.next_arrival(Some(first), at(100)).expect("allowed");
    let wait = rate.next_arrival(Some(second), at(110));
    assert_eq!(wait, Err(Duration::from_secs(20)));
    assert!(rate.next_arrival(Some(second), at(130)).is_ok());
    // After a long time the whole count is allowed again, and no more.
    let third = rate.next_arrival(Some(second), at(900));
    assert_eq!(third, Ok(930_000_000));
}

#[test]
fn origins_are_a_list_or_a_text_with_commas() {
    let listed =
        |items: &[&str]| AllowedOrigins::Listed(items.iter().map(ToString::to_string).collect());
    for (text, expected) in [
        ("[]", AllowedOrigins::SameOrigin),
        ("''", AllowedOrigins::SameOrigin),
        ("'*'", AllowedOrigins::Any),
        ("['*']", AllowedOrigins::Any),
        (
            "['https://a.example', 'http://localhost:3000']",
            listed(&["https://a.example", "http://localhost:3000"]),
        ),
        (
            "'https://a.example, capacitor://localhost'",
            listed(&["https://a.example", "capacitor://localhost"]),
        ),
        ("'http://[::1]:8080'", listed(&["http://[::1]:8080"])),
        (
            "'https://*.example.com, null, file://'",
            listed(&["https://*.example.com", "null", "file://"]),
        ),
        (
            "'https://[2001:db8::1]'",
            listed(&["https://[2001:db8::1]"]),
        ),
    ] {
        let settings = from_file(&format!("allowed_origins = {text}")).expect(text);
        assert_eq!(settings.allowed_origins, expected, "{text}");
    }
    for bad in [
        "a.example",
        "https://a.example/",
        "https://a.example/app",
        "HTTPS://a.example",
        "https://A.example",
        "https://a.example:443",
        "http://a.example:80",
        "https://a:b",
        "https://a:99999",
        "https://a:08080",
        "https://",
        "https://:80",
        "https://*.example",
        "https://*",
        "https://a.*.example.com",
        "https://*.*.example.com",
        "file:///",
        "https://u@a.example",
        "http://[::1",
        "*, https://a.example",
    ] {
        let error = from_file(&format!("allowed_origins = '{bad}'")).expect_err(bad);
        assert!(
            error.contains("allowed_origins") && error.contains("https://app"),
            "{error}"
        );
    }
}

#[test]
fn proxies_are_addresses_or_networks() {
    let settings =
        from_file("trusted_proxies = ['127.0.0.1', '10.1.2.3/8', 'fd00::/8']").expect("good");
    let shown: Vec<_> = settings
        .trusted_proxies
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(shown, ["127.0.0.1/32", "10.0.0.0/8", "fd00::/8"]);
    let error = from_file("trusted_proxies = ['proxy.example']").expect_err("a name");
    assert!(
        error.contains("trusted_proxies") && error.contains("10.0.0.0/8"),
        "{error}"
    );
}

#[test]
fn sizes_have_bounds() {
    for bad in [
        "max_message_bytes = 100",
        "max_message_bytes = 100000000",
        "max_sessions_per_user = 0",
        "max_connections = -1",
        "max_connections = 1.5",
        "event_queue = 'many'",
        "event_queue = 0",
    ] {
        let error = from_file(bad).expect_err(bad);
        assert!(error.contains("expected a whole number from "), "{error}");
    }
}

#[test]
fn words_are_taken_as_documented() {
    let settings = from_file("log_level = 'trace'\nlog_format = 'json'").expect("good");
    assert_eq!(
        (settings.log_level, settings.log_format),
        (LogLevel::Trace, LogFormat::Json)
    );
    for bad in [
        "log_level = 'loud'",
        "log_format = 'xml'",
        "auto_provision = 'yes'",
    ] {
        assert!(from_file(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_database_is_a_regular_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let fifo = folder.path().join("fifo");
    let made = std::process::Command::new("mkfifo").arg(&fifo).status();
    assert!(made.expect("mkfifo").success());
    let fifo = fifo.to_str().expect("text");
    for (path, kind) in [("/dev/null", "a device"), (fifo, "a FIFO")] {
        let error = resolve("", &[("CHATTRIX_DATABASE", path)]).expect_err(path);
        assert!(
            error.contains(path) && error.contains(kind) && error.contains("regular file"),
            "{error}"
        );
    }
}
