//! Layers: defaults, file, variables, flags.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;

use secrecy::ExposeSecret;

use super::super::{Overrides, Settings};
use super::{resolve, rocket_toml, variables};

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
fn a_secret_of_digits_stays_the_text_it_is() {
    let digits = "00000000000000000000000000000042";
    let settings = resolve("", &[("CHATTRIX_JWT_SECRET", digits)]).expect("good");
    assert_eq!(settings.jwt_secret[0].expose_secret(), digits);
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
