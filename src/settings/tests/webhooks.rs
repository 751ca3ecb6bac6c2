//! Settings of webhooks: URLs, secrets, tables.

use std::time::Duration;

use super::resolve;
use crate::webhook_model::EventType;

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
