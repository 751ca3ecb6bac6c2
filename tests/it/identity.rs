//! Keys of an identity provider: discovery, key sets, rotation, commands.

use chattrix::auth::{Authenticator, TokenError};
use chattrix::clock::Clock;
use chattrix::settings::{NoProxy, Settings};
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

use crate::support::{
    Cli, IdentityProvider, Page, Plan, SECRET, SigningKey, TestServer, Token, proxy, within,
};

const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

/// Claims of a token of alice from `issuer`, valid for an hour.
pub fn claims(issuer: &str) -> Value {
    let now = Clock::System.now().as_millis() / 1000;
    json!({ "iss": issuer, "sub": "alice", "sid": "login-1", "iat": now, "exp": now + 3600 })
}

/// A server whose only keys are those of `provider`.
pub fn behind(provider: &IdentityProvider) -> Plan {
    let issuer = provider.issuer();
    TestServer::plan().with(|settings| {
        settings.jwt_secret.clear();
        settings.jwt_issuer_url = Some(issuer);
    })
}

pub fn settings(provider: &IdentityProvider) -> Settings {
    Settings {
        jwt_issuer_url: Some(provider.issuer()),
        ..Settings::default()
    }
}

/// An authenticator whose keys are loaded.
pub async fn loaded(settings: &Settings) -> Authenticator {
    let authenticator = Authenticator::from_settings(settings).expect("usable");
    authenticator.fetch().await.expect("keys");
    authenticator
}

pub async fn status(server: &TestServer, token: &str) -> u16 {
    server.client(token).active().await.status
}

#[rocket::async_test]
async fn a_provider_signs_users_in_by_every_algorithm() {
    for algorithm in ALGORITHMS {
        let key = SigningKey::new("a", algorithm);
        let provider = IdentityProvider::start(&[&key]).await;
        let server = behind(&provider).start().await;
        let token = key.sign(&claims(&provider.issuer()));
        assert_eq!(status(&server, &token).await, 200, "{algorithm:?}");
        let anonymous = key.sign_with_header(&claims(&provider.issuer()), &json!({}));
        assert_eq!(
            status(&server, &anonymous).await,
            200,
            "{algorithm:?}, no kid"
        );
    }
}

#[rocket::async_test]
async fn an_rsa_key_without_alg_allows_every_rsa_algorithm() {
    let key = SigningKey::new("a", Algorithm::RS256);
    let provider = IdentityProvider::start(&[]).await;
    let mut jwk = key.jwk();
    jwk.as_object_mut().expect("an object").remove("alg");
    provider.publish("/jwks", json!({ "keys": [jwk] }));
    let authenticator = loaded(&settings(&provider)).await;
    let now = Clock::System.now();
    for algorithm in &ALGORITHMS[..6] {
        let token = SigningKey::new("a", *algorithm).sign(&claims(&provider.issuer()));
        assert!(authenticator.verify(&token, now).is_ok(), "{algorithm:?}");
    }
    // With `alg`, only that one.
    provider.set_keys(&[&key]);
    authenticator.fetch().await.expect("keys");
    let other = SigningKey::new("a", Algorithm::PS256).sign(&claims(&provider.issuer()));
    assert_eq!(
        authenticator.verify(&other, now),
        Err(TokenError::WrongAlgorithm)
    );
}

#[rocket::async_test]
async fn rotated_keys_are_fetched_for_an_unknown_kid() {
    let (old, new) = (
        SigningKey::new("old", Algorithm::RS256),
        SigningKey::other_rsa("new"),
    );
    let provider = IdentityProvider::start(&[&old]).await;
    let server = behind(&provider).start().await;
    let [old_token, new_token] = [&old, &new].map(|key| key.sign(&claims(&provider.issuer())));
    assert_eq!(status(&server, &old_token).await, 200);
    provider.set_keys(&[&old, &new]);
    assert_eq!(status(&server, &new_token).await, 200);
    assert_eq!(status(&server, &old_token).await, 200);
    assert_eq!(provider.fetches(), 2);
}

#[rocket::async_test]
async fn a_withdrawn_key_verifies_no_longer() {
    let (old, new) = (
        SigningKey::new("old", Algorithm::RS256),
        SigningKey::other_rsa("new"),
    );
    let provider = IdentityProvider::start(&[&old, &new]).await;
    let authenticator = loaded(&settings(&provider)).await;
    let now = Clock::System.now();
    let [old_token, new_token] = [&old, &new].map(|key| key.sign(&claims(&provider.issuer())));
    assert!(authenticator.verify(&old_token, now).is_ok());
    provider.set_keys(&[&new]);
    authenticator.fetch().await.expect("keys");
    assert_eq!(
        authenticator.verify(&old_token, now),
        Err(TokenError::UnknownKey)
    );
    assert!(authenticator.verify(&new_token, now).is_ok());
}

#[rocket::async_test]
async fn a_public_key_is_no_secret_and_fits_one_algorithm() {
    let (rsa, ec) = (
        SigningKey::new("rsa", Algorithm::RS256),
        SigningKey::new("rsa", Algorithm::ES256),
    );
    let provider = IdentityProvider::start(&[&rsa]).await;
    let authenticator = loaded(&settings(&provider)).await;
    let now = Clock::System.now();
    let claims = claims(&provider.issuer());
    // HS256 with the public key as the secret, as PEM and as JSON.
    let pem = include_bytes!("keys/rsa.pub.pem").to_vec();
    for secret in [
        pem,
        rsa.jwk().to_string().into_bytes(),
        rsa.jwk()["n"].to_string().into_bytes(),
    ] {
        let key = jsonwebtoken::EncodingKey::from_secret(&secret);
        let header = jsonwebtoken::Header {
            kid: Some("rsa".to_owned()),
            ..jsonwebtoken::Header::default()
        };
        let token = jsonwebtoken::encode(&header, &claims, &key).expect("signs");
        assert_eq!(
            authenticator.verify(&token, now),
            Err(TokenError::WrongAlgorithm)
        );
    }
    assert_eq!(
        authenticator.verify(&ec.sign(&claims), now),
        Err(TokenError::WrongAlgorithm)
    );
}

#[rocket::async_test]
async fn unusable_keys_of_a_set_are_left_out() {
    let key = SigningKey::new("good", Algorithm::RS256);
    let with = |changes: Value| {
        let mut jwk = key.jwk();
        for (name, value) in changes.as_object().expect("an object") {
            jwk[name] = value.clone();
        }
        jwk
    };
    let short = "s".repeat(171);
    let provider = IdentityProvider::start(&[]).await;
    provider.publish(
        "/jwks",
        json!({ "keys": [
            with(json!({ "kid": "enc", "use": "enc" })),
            with(json!({ "kid": "ops", "key_ops": ["encrypt"] })),
            with(json!({ "kid": "short", "n": short })),
            with(json!({ "kid": "exponent", "e": "AQ" })),
            with(json!({ "kid": "confused", "alg": "ES256" })),
            with(json!({ "kid": "oaep", "alg": "RSA-OAEP" })),
            { "kid": "oct", "kty": "oct", "k": "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0", "alg": "HS256" },
            { "kid": "p521", "kty": "EC", "crv": "P-521", "x": "AA", "y": "AA" },
            { "kid": "off-curve", "kty": "EC", "crv": "P-256", "x": "AA", "y": "AA" },
            { "kid": "x", "kty": "OKP", "crv": "X25519", "x": "AA" },
            { "kid": 7, "kty": "RSA" },
            "not an object",
            with(json!({})),
        ] }),
    );
    let authenticator = loaded(&settings(&provider)).await;
    let kids: Vec<_> = authenticator
        .keys()
        .into_iter()
        .filter_map(|key| key.kid)
        .collect();
    assert_eq!(kids, ["good"]);
    // HS256 with the published secret.
    let secret = jsonwebtoken::EncodingKey::from_secret(b"secretsecretsecretsecretsecret");
    let header = jsonwebtoken::Header {
        kid: Some("oct".to_owned()),
        ..jsonwebtoken::Header::default()
    };
    let token = jsonwebtoken::encode(&header, &claims(&provider.issuer()), &secret).expect("signs");
    let now = Clock::System.now();
    assert_eq!(
        authenticator.verify(&token, now),
        Err(TokenError::WrongAlgorithm)
    );
}

#[rocket::async_test]
async fn issuer_of_discovery_is_required_of_its_tokens_only() {
    let key = SigningKey::new("a", Algorithm::EdDSA);
    let provider = IdentityProvider::start(&[&key]).await;
    let plan = behind(&provider).with(|settings| {
        settings.jwt_secret = vec![SECRET.to_owned().into()];
        settings.jwt_issuer = Some("https://old.example".to_owned());
    });
    let server = plan.start().await;
    let of = |issuer: &str| key.sign(&claims(issuer));
    assert_eq!(status(&server, &of(&provider.issuer())).await, 200);
    assert_eq!(status(&server, &of("https://old.example")).await, 401);
    let old = Token::of("bob", server.now()).with("iss", "https://old.example");
    assert_eq!(status(&server, &old.sign()).await, 200);
    let wrong = Token::of("bob", server.now()).with("iss", provider.issuer());
    assert_eq!(status(&server, &wrong.sign()).await, 401);
}

#[rocket::async_test]
async fn keys_come_from_a_url_or_a_file_too() {
    let key = SigningKey::new("a", Algorithm::ES384);
    let provider = IdentityProvider::start(&[&key]).await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("jwks.json");
    std::fs::write(&file, json!({ "keys": [key.jwk()] }).to_string()).expect("written");
    let now = Clock::System.now();
    for settings in [
        Settings {
            jwt_jwks_url: Some(format!("{}/jwks", provider.issuer())),
            ..Settings::default()
        },
        Settings {
            jwt_jwks_file: Some(file.clone()),
            ..Settings::default()
        },
    ] {
        let authenticator = loaded(&settings).await;
        let token = key.sign(&claims("anyone"));
        let claims = authenticator.verify(&token, now).expect("accepted");
        assert_eq!(claims.key.kid.as_deref(), Some("a"));
        assert!(!authenticator.can_mint());
    }
}

#[rocket::async_test]
async fn https_provider_is_reached_through_the_proxy() {
    let (proxy, mut requests) = proxy("502 Bad Gateway").await;
    let mut settings = Settings {
        jwt_jwks_url: Some("https://keys.example.com/jwks".to_owned()),
        https_proxy: Some(proxy),
        ..Settings::default()
    };
    let fetch = async |settings: &Settings| {
        let authenticator = Authenticator::from_settings(settings).expect("usable");
        authenticator.fetch().await.expect_err("no provider")
    };
    fetch(&settings).await;
    let request = within("a request", requests.recv()).await;
    let request = request.expect("the proxy stands").to_lowercase();
    assert!(
        request.starts_with("connect keys.example.com:443 http/1.1"),
        "{request}"
    );
    let authorization = "proxy-authorization: basic dxnlcjpwyxnz";
    assert!(request.contains(authorization), "{request}");
    settings.jwt_jwks_url = Some("https://localhost:1/jwks".to_owned());
    settings.no_proxy = vec![NoProxy::Domain("localhost".to_owned())];
    let problem = fetch(&settings).await;
    assert!(problem.contains("refused"), "{problem}");
    assert!(requests.try_recv().is_err());
}

#[rocket::async_test]
async fn new_settings_keep_the_keys_of_the_same_provider() {
    let key = SigningKey::new("a", Algorithm::ES256);
    let mut provider = IdentityProvider::start(&[&key]).await;
    let before = loaded(&settings(&provider)).await;
    provider.stop().await;
    let settings = Settings {
        jwt_audience: vec!["calls".to_owned()],
        ..settings(&provider)
    };
    let after = before.for_settings(&settings).expect("usable");
    drop(before);
    let now = Clock::System.now();
    let mut claims = claims(&provider.issuer());
    assert_eq!(
        after.verify(&key.sign(&claims), now),
        Err(TokenError::MissingClaim("aud".into()))
    );
    claims["aud"] = json!("calls");
    assert!(after.verify(&key.sign(&claims), now).is_ok());
}

#[rocket::async_test]
async fn the_command_line_shows_keys_and_checks_the_provider() {
    let key = SigningKey::new("k-1", Algorithm::ES256);
    let mut provider = IdentityProvider::start(&[&key]).await;
    let issuer = provider.issuer();
    let server = behind(&provider).start().await;
    let cli = Cli::beside(&server).with("CHATTRIX_JWT_ISSUER_URL", &issuer);
    let listed = cli.json(&["keys", "list"]);
    let named = format!("jwt_issuer_url {issuer}");
    assert_eq!(
        (&listed["keys"][0]["kid"], &listed["keys"][0]["source"]),
        (&json!("k-1"), &json!(named))
    );
    assert_eq!(listed["keys"][0]["algorithms"], json!(["ES256"]));
    assert_eq!(listed["provider"]["keys"], 1);
    assert!(listed["keys"][0]["refreshedAt"].is_string());

    let mut claims = claims(&issuer);
    let good = cli.json(&["token", "check", &key.sign(&claims)]);
    assert_eq!(good["key"], json!({ "source": named, "kid": "k-1" }));
    claims["iss"] = json!("https://other.example");
    claims["exp"] = json!(1.5);
    let bad = cli.run(&["token", "check", &key.sign(&claims), "--json"]);
    let verdict: Value = serde_json::from_str(&bad.out).expect("JSON");
    let problems: Vec<_> = verdict["problems"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| &one["problem"])
        .collect();
    assert_eq!(problems, ["expired", "wrong_issuer"]);

    let check = |cli: &Cli, name: &str| {
        let checked = cli.run(&["config", "check", "--json"]);
        let report: Value = serde_json::from_str(&checked.out).expect("JSON");
        let checks = report["checks"].as_array().expect("a list");
        checks
            .iter()
            .find(|one| one["check"] == name)
            .expect("the check")
            .clone()
    };
    let checked = check(&cli, "provider");
    assert_eq!(checked["ok"], true);
    assert!(
        checked["message"]
            .to_string()
            .contains("1 keys loaded: k-1; set jwt_audience"),
        "{checked}"
    );
    let about = |cli: &Cli| {
        let report: Value =
            serde_json::from_str(&cli.run(&["doctor", "--json"]).out).expect("JSON");
        let findings = report["findings"].as_array().expect("a list");
        findings
            .iter()
            .find(|one| one["about"] == "provider")
            .expect("a finding")
            .clone()
    };
    assert_eq!(about(&cli)["ok"], true);
    let wrong_clock = Page::Json(
        json!({ "keys": [key.jwk()] }),
        vec![("Date", "Mon, 15 Jan 2024 10:30:00 GMT".to_owned())],
    );
    provider.respond_with("/jwks", wrong_clock);
    assert_eq!(about(&cli)["ok"], false);
    provider.stop().await;
    assert_eq!(check(&cli, "provider")["ok"], false);
    assert_eq!(about(&cli)["ok"], false);
}
