//! The layers, every kind of mistake, and the `Rocket.toml` of the tree.

use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use figment::Figment;
use figment::providers::{Format, Toml};
use secrecy::ExposeSecret;

use super::table::KEYS;
use super::{AllowedOrigins, LogFormat, LogLevel, Overrides, Rate, Settings, Value};
use crate::clock::Timestamp;
use crate::webhook_model::EventType;

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
    let text = include_str!("../../Rocket.toml");
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
    let text = include_str!("../../Rocket.toml");
    let (_, ours) = text.split_once("[default.chattrix]").expect("our table");
    let is_setting = |line: &&str| {
        line.split_once('=')
            .is_some_and(|(name, _)| super::keys::find(name.trim()).is_some())
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

#[test]
fn webhook_urls_and_secrets_follow_standard_webhooks() {
    let good = "[default.chattrix]\nwebhook_url = ['https://a.example/x?k=1', 'http://[::1]:80']\n\
                webhook_secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'\n\
                webhook_events = ['call.missed', 'user.online']\nwebhook_timeout = '250ms'";
    let settings = resolve(good, &[]).expect("good");
    assert_eq!(settings.webhook_url.len(), 2);
    let shown = format!("{settings:?}");
    assert!(shown.contains("https://a.example/[REDACTED]"), "{shown}");
    assert!(!shown.contains("k=1"), "{shown}");
    assert_eq!(settings.webhook_secret.len(), 1);
    assert_eq!(
        settings.webhook_events,
        [EventType::CallMissed, EventType::UserOnline]
    );
    assert_eq!(settings.webhook_timeout, Duration::from_millis(250));
    for (name, bad) in [
        ("CHATTRIX_WEBHOOK_URL", "sesame.example"),
        ("CHATTRIX_WEBHOOK_URL", "ftp://sesame.example/"),
        ("CHATTRIX_WEBHOOK_URL", "https://user:sesame@a.example/"),
        (
            "CHATTRIX_WEBHOOK_URL",
            "https://sesame.example,https://sesame.example",
        ),
        ("CHATTRIX_WEBHOOK_URL", "https://sesame.example:65536/"),
        ("CHATTRIX_WEBHOOK_URL", "https://sesame.example:99999999/"),
        ("CHATTRIX_WEBHOOK_URL", "https://sesame.example:0/"),
        ("CHATTRIX_HTTPS_PROXY", "http://sesame.example:65536"),
        ("CHATTRIX_HTTPS_PROXY", "http://user:sesame@a.example:0"),
        ("CHATTRIX_WEBHOOK_SECRET", "sesame"),
        ("CHATTRIX_WEBHOOK_SECRET", "whsec_sesame"),
        ("CHATTRIX_WEBHOOK_SECRET", "whsec_c2VzYW1l"),
        ("CHATTRIX_WEBHOOK_EVENTS", "call.begun"),
        ("CHATTRIX_WEBHOOK_EVENTS", ""),
        ("CHATTRIX_WEBHOOK_TIMEOUT", "2m"),
    ] {
        let error = resolve("", &[(name, bad)]).expect_err(bad);
        assert!(error.contains(name), "{error}");
        assert!(!error.contains("sesame"), "{error}");
    }
}

#[test]
fn urls_of_providers_have_a_valid_port() {
    for name in ["CHATTRIX_JWT_ISSUER_URL", "CHATTRIX_JWT_JWKS_URL"] {
        for port in ["0", "65536", "99999999"] {
            let url = format!("https://login.example.com:{port}/");
            let error = resolve("", &[(name, &url)]).expect_err(&url);
            assert!(error.contains(name) && error.contains(&url), "{error}");
        }
        resolve("", &[(name, "https://login.example.com:65535")]).expect("a valid port");
    }
}

#[test]
fn webhook_endpoints_may_have_tables_of_their_own() {
    let file = "[[default.chattrix.webhooks]]\nurl = 'https://a.example/x'\nevents = ['call.missed']\n\
                secret = ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw']\n\
                [[default.chattrix.webhooks]]\nurl = 'https://b.example/'\nsecret_file = 'b'";
    let settings = resolve(file, &[]).expect("good");
    let [a, b] = settings.webhooks.as_slice() else {
        panic!("{settings:?}");
    };
    assert_eq!(a.url.host(), Some("a.example"));
    assert_eq!((a.secret.len(), b.secret.len()), (1, 0));
    assert_eq!(a.events.as_deref(), Some(&[EventType::CallMissed][..]));
    assert_eq!(b.events, None);
    assert_eq!(b.secret_file, Some("b".into()));
    let json = r#"[{"url": "https://c.example/", "events": "*"}]"#;
    let settings = resolve(file, &[("CHATTRIX_WEBHOOKS", json)]).expect("good");
    assert_eq!(settings.webhooks.len(), 1);
    assert_eq!(
        settings.webhooks[0].events.as_deref(),
        Some(&EventType::ALL[..])
    );
}

#[test]
fn wrong_tables_of_webhooks_are_refused_by_key() {
    for (bad, names) in [
        (r#"[{"events": "*"}]"#, "url"),
        (r#"[{"url": "sesame"}]"#, "url"),
        (
            r#"[{"url": "https://a.example", "secret": "sesame"}]"#,
            "secret",
        ),
        (
            r#"[{"url": "https://a.example", "events": ["sesame"]}]"#,
            "events",
        ),
        (
            r#"[{"url": "https://a.example", "event": "*"}]"#,
            "no key event",
        ),
        (
            r#"[{"url": "https://a.example"}, {"url": "https://a.example"}]"#,
            "table 2",
        ),
        ("sesame", "a list of tables"),
        (r#"["sesame"]"#, "a list of tables"),
    ] {
        let error = resolve("", &[("CHATTRIX_WEBHOOKS", bad)]).expect_err(bad);
        assert!(
            error.contains("CHATTRIX_WEBHOOKS") && error.contains(names),
            "{error}"
        );
        assert!(!error.contains("sesame"), "{error}");
    }
    let both = "[default.chattrix]\nwebhook_url = 'https://a.example/'\n\
                webhook_secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'\n\
                webhooks = [{ url = 'https://a.example/' }]";
    let error = resolve(both, &[]).expect_err("twice");
    assert!(
        error.contains("webhooks") && error.contains("webhook_url"),
        "{error}"
    );
}

#[test]
fn each_layer_overrides_the_one_before_it() {
    let file = "[default.chattrix]\ndatabase = 'file.db'\nring_timeout = '10s'\nevent_queue = 1\n\
                [release.chattrix]\nring_timeout = '20s'";
    let overrides = Overrides {
        database: Some("flag.db".into()),
        ..Overrides::default()
    };
    let pairs = [
        ("CHATTRIX_DATABASE", "variable.db"),
        ("CHATTRIX_EVENT_QUEUE", "2"),
    ];
    let (settings, _) =
        Settings::resolve(rocket_toml(file), variables(&pairs), &overrides).expect("good");
    assert_eq!(settings.database, PathBuf::from("flag.db"));
    assert_eq!(settings.ring_timeout, Duration::from_secs(20));
    assert_eq!(settings.event_queue, 2);
}

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
fn a_secret_of_digits_stays_the_text_it_is() {
    let digits = "00000000000000000000000000000042";
    let settings = resolve("", &[("CHATTRIX_JWT_SECRET", digits)]).expect("good");
    assert_eq!(settings.jwt_secret[0].expose_secret(), digits);
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

#[test]
fn flags_go_to_rocket_over_its_own_file() {
    let overrides = Overrides {
        address: Some(Ipv4Addr::UNSPECIFIED.into()),
        port: Some(9_000),
        ..Overrides::default()
    };
    let file = "[default]\nport = 7\n[release]\nport = 8";
    let (_, figment) = Settings::resolve(rocket_toml(file), [], &overrides).expect("good");
    assert_eq!(figment.extract_inner::<u16>("port").expect("a port"), 9_000);
    let address: IpAddr = figment.extract_inner("address").expect("an address");
    assert_eq!(address, Ipv4Addr::UNSPECIFIED);
}

#[test]
fn the_dev_mode_is_shut_off_from_production() {
    let overrides = Overrides {
        dev: Some("dev".into()),
        ..Overrides::default()
    };
    let pairs = [
        ("CHATTRIX_DATABASE", "production.db"),
        ("CHATTRIX_JWT_SECRET", SECRET),
        ("CHATTRIX_JWT_ISSUER", "https://login.example"),
        ("CHATTRIX_RING_TIMEOUT", "5s"),
    ];
    let file = rocket_toml("[default]\naddress = '0.0.0.0'");
    let (settings, figment) = Settings::resolve(file, variables(&pairs), &overrides).expect("good");
    assert_eq!(settings.database, PathBuf::from("dev/chattrix.db"));
    assert!(settings.jwt_secret.is_empty() && settings.jwt_issuer.is_none());
    assert_eq!(
        settings.jwt_secret_file,
        [super::dev_secret_file("dev".as_ref())]
    );
    assert_eq!(settings.allowed_origins, AllowedOrigins::Any);
    assert_eq!(settings.ring_timeout, Duration::from_secs(5));
    let address: IpAddr = figment.extract_inner("address").expect("an address");
    assert_eq!(address, Ipv4Addr::LOCALHOST);
}

/// The file of the sources, beside which `scripts/start` works, shows every default.
#[test]
fn dev_mode_enables_its_pages_unless_a_variable_is_set() {
    let overrides = Overrides {
        dev: Some("dev".into()),
        ..Overrides::default()
    };
    let pages = |pairs: &[(&str, &str)]| {
        let file = rocket_toml("[default.chattrix]\nconsole = false\nadmin_page = false");
        let (settings, _) = Settings::resolve(file, variables(pairs), &overrides).expect("good");
        (settings.console, settings.admin_page)
    };
    assert_eq!(pages(&[]), (true, true));
    assert_eq!(pages(&[("CHATTRIX_CONSOLE", "false")]), (false, true));
    assert_eq!(pages(&[("CHATTRIX_ADMIN_PAGE", "false")]), (true, false));
}

#[test]
fn the_dev_mode_tells_receivers_on_this_machine_only() {
    let overrides = Overrides {
        dev: Some("dev".into()),
        ..Overrides::default()
    };
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let here = "http://localhost:1,https://127.0.0.2/x,http://[::1]:2/";
    for (urls, kept) in [
        (here, 3),
        ("https://app.example.com/hooks", 0),
        ("http://127.0.0.1:1,https://10.0.0.1/", 0),
        ("https://localhost.example.com/", 0),
    ] {
        let pairs = [
            ("CHATTRIX_WEBHOOK_URL", urls),
            ("CHATTRIX_WEBHOOK_SECRET", secret),
        ];
        let resolved = Settings::resolve(rocket_toml(""), variables(&pairs), &overrides);
        let (settings, _) = resolved.expect("good");
        assert_eq!(settings.webhook_url.len(), kept, "{urls}");
        assert_eq!(settings.webhook_secret.is_empty(), kept == 0, "{urls}");
    }
    let file =
        "[default.chattrix]\nwebhook_url = 'https://a.example'\nwebhook_secret_file = 'absent'";
    let resolved = Settings::resolve(rocket_toml(file), [], &overrides);
    let (settings, _) = resolved.expect("good");
    assert!(settings.webhook_url.is_empty() && settings.webhook_secret_file.is_none());
}

#[test]
fn the_dev_mode_listens_to_this_machine_only() {
    let overrides = |address: &str| Overrides {
        dev: Some("dev".into()),
        address: Some(address.parse().expect("an address")),
        ..Overrides::default()
    };
    let error = Settings::resolve(rocket_toml(""), [], &overrides("0.0.0.0")).expect_err("open");
    assert!(error.to_string().contains("--address"), "{error}");
    assert!(Settings::resolve(rocket_toml(""), [], &overrides("::1")).is_ok());
}

#[test]
fn variables_of_a_kubernetes_service_are_ignored() {
    let of_kubernetes = [
        ("CHATTRIX_SERVICE_HOST", "10.96.0.12"),
        ("CHATTRIX_SERVICE_PORT", "8000"),
        ("CHATTRIX_SERVICE_PORT_HTTP", "8000"),
        ("CHATTRIX_PORT", "tcp://10.96.0.12:8000"),
        ("CHATTRIX_PORT_8000_TCP", "tcp://10.96.0.12:8000"),
        ("CHATTRIX_PORT_8000_TCP_ADDR", "10.96.0.12"),
        ("CHATTRIX_PORT_8000_TCP_PORT", "8000"),
        ("CHATTRIX_PORT_8000_TCP_PROTO", "tcp"),
        ("CHATTRIX_CANARY_SERVICE_HOST", "10.96.0.13"),
        ("CHATTRIX_CANARY_PORT", "tcp://10.96.0.13:8000"),
    ];
    let mut given = of_kubernetes.to_vec();
    given.push(("CHATTRIX_RING_TIMEOUT", "45s"));
    let settings = resolve("", &given).expect("good");
    assert_eq!(settings.ring_timeout, Duration::from_secs(45));
    let mut names = of_kubernetes.map(|(name, _)| name);
    names.sort_unstable();
    assert_eq!(settings.ignored_variables, names);
    for (name, value) in [
        ("CHATTRIX_PORT", "8000"),
        ("CHATTRIX_PORT", "http://10.96.0.12:8000"),
        ("CHATTRIX_SERVICE", "chattrix"),
        ("CHATTRIX_PORT_HTTP_TCP", "8000"),
    ] {
        let error = resolve("", &[(name, value)]).expect_err(name);
        assert!(error.contains(name), "{error}");
    }
}

#[test]
fn a_list_in_a_variable_may_be_json() {
    for list in [
        "stun:a.example,stun:b.example",
        "[\"stun:a.example\", \"stun:b.example\"]",
        " [ \"stun:a.example\",\"stun:b.example\" ] ",
    ] {
        let settings = resolve("", &[("CHATTRIX_ICE_SERVERS", list)]).expect(list);
        assert_eq!(settings.ice_servers, ["stun:a.example", "stun:b.example"]);
    }
    let none = resolve("", &[("CHATTRIX_METRICS_ALLOW", "[]")]).expect("an empty list");
    assert!(none.metrics_allow.is_empty());
    // A text stays a text, whatever it looks like.
    let issuer = r#"["an issuer"]"#;
    let settings = resolve("", &[("CHATTRIX_JWT_ISSUER", issuer)]).expect("a text");
    assert_eq!(settings.jwt_issuer.as_deref(), Some(issuer));
    let error = resolve("", &[("CHATTRIX_ICE_SERVERS", "[\"stun:a.example\"")]).expect_err("cut");
    assert!(error.contains("CHATTRIX_ICE_SERVERS"), "{error}");
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
