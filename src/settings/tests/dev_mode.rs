//! Dev mode: shut off from production.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;

use super::super::dev_secret_file;
use super::super::{AllowedOrigins, Overrides, Settings};
use super::{SECRET, rocket_toml, variables};

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
    assert_eq!(settings.jwt_secret_file, [dev_secret_file("dev".as_ref())]);
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
