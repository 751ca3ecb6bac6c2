//! Failures of an identity provider: down, slow, wrong responses, floods of unknown keys.

use std::time::Duration;

use chattrix::auth::TokenError;
use chattrix::clock::Clock;
use chattrix::settings::Settings;
use jsonwebtoken::Algorithm;
use serde_json::json;
use tokio::time::{Instant, timeout};

use crate::identity::{behind, claims, loaded, settings, status};
use crate::support::{IdentityProvider, Page, SECRET, SigningKey, eventually};

#[rocket::async_test]
async fn known_keys_are_used_while_the_provider_is_down() {
    let key = SigningKey::new("a", Algorithm::ES256);
    let mut provider = IdentityProvider::start(&[&key]).await;
    let server = behind(&provider).start().await;
    let token = key.sign(&claims(&provider.issuer()));
    assert_eq!(status(&server, &token).await, 200);
    provider.stop().await;
    // An unknown kid makes the server ask, in vain.
    let unknown = SigningKey::other_rsa("b").sign(&claims(&provider.issuer()));
    assert_eq!(status(&server, &unknown).await, 401);
    assert_eq!(status(&server, &token).await, 200);
    let ready = server.anonymous().get("/readyz").await;
    assert_eq!(ready.status, 200);
    assert_eq!(ready.body["identityProvider"]["state"], "failing");
    let metrics = server.anonymous().get("/metrics").await.body.to_string();
    assert!(
        metrics.contains("chattrix_identity_key_refreshes_total{result=\\\"failed\\\"} 1"),
        "{metrics}"
    );
    assert!(metrics.contains("chattrix_identity_keys 1"), "{metrics}");
}

#[rocket::async_test]
async fn before_the_first_keys_tokens_get_503() {
    let key = SigningKey::new("a", Algorithm::ES256);
    let mut provider = IdentityProvider::start(&[&key]).await;
    provider.stop().await;
    let plan =
        behind(&provider).with(|settings| settings.jwt_secret = vec![SECRET.to_owned().into()]);
    let began = Instant::now();
    let server = plan.start().await;
    assert!(
        began.elapsed() < Duration::from_secs(30),
        "the start waits 10 s at most"
    );
    let token = key.sign(&claims(&provider.issuer()));
    let answer = server.client(&token).active().await;
    answer.failure(503, "unavailable");
    let socket = server.refused_socket(&token).await;
    socket.failure(503, "unavailable");
    // A static key beside the provider is judged.
    assert_eq!(status(&server, &server.token("bob").sign()).await, 200);
    let ready = server.anonymous().get("/readyz").await;
    assert_eq!(ready.body["identityProvider"]["state"], "unavailable");
    provider.start_again().await;
    eventually("the keys to be loaded", async || {
        status(&server, &token).await == 200
    })
    .await;
}

#[rocket::async_test]
async fn keys_older_than_their_max_age_are_not_used() {
    let key = SigningKey::new("a", Algorithm::ES256);
    let provider = IdentityProvider::start(&[&key]).await;
    let settings = Settings {
        jwt_keys_max_age: Duration::from_millis(300),
        ..settings(&provider)
    };
    let authenticator = loaded(&settings).await;
    let token = key.sign(&claims(&provider.issuer()));
    eventually("the keys to be too old", async || {
        authenticator.verify(&token, Clock::System.now()) == Err(TokenError::KeysUnavailable)
    })
    .await;
}

#[rocket::async_test]
async fn ten_thousand_unknown_kids_cause_one_fetch() {
    let key = SigningKey::new("a", Algorithm::ES256);
    let provider = IdentityProvider::start(&[&key]).await;
    let authenticator = loaded(&settings(&provider)).await;
    let before = provider.fetches();
    let now = Clock::System.now();
    let claims = claims(&provider.issuer());
    let tokens = (0..10_000).map(|n| {
        let authenticator = authenticator.clone();
        // The header decides; a signature of another key will do.
        let token = key.sign_with_header(&claims, &json!({ "kid": format!("unknown-{n}") }));
        tokio::spawn(async move { authenticator.authenticate(&token, now).await })
    });
    for judged in tokens.collect::<Vec<_>>() {
        assert_eq!(judged.await.expect("no panic"), Err(TokenError::UnknownKey));
    }
    assert_eq!(provider.fetches(), before + 1);
}

#[rocket::async_test]
async fn a_provider_that_misbehaves_gives_no_keys() {
    const DISCOVERY: &str = "/.well-known/openid-configuration";
    let key = SigningKey::new("a", Algorithm::ES256);
    let provider = IdentityProvider::start(&[&key]).await;
    let authenticator = loaded(&settings(&provider)).await;
    let issuer = provider.issuer();
    let page = |document| Page::Json(document, Vec::new());
    for (path, page, words) in [
        (
            DISCOVERY,
            Page::Text(200, "{\"issuer\":".to_owned()),
            "got no JSON",
        ),
        (
            DISCOVERY,
            page(json!({ "issuer": format!("{issuer}/"), "jwks_uri": format!("{issuer}/jwks") })),
            "set jwt_issuer_url to exactly that issuer",
        ),
        (
            DISCOVERY,
            page(json!({ "jwks_uri": format!("{issuer}/jwks") })),
            "has no issuer",
        ),
        (
            DISCOVERY,
            page(json!({ "issuer": issuer })),
            "has no jwks_uri",
        ),
        (
            DISCOVERY,
            page(json!({ "issuer": issuer, "jwks_uri": "http://keys.example/" })),
            "expected https",
        ),
        (DISCOVERY, Page::Text(500, String::new()), "HTTP 500"),
        (
            "/jwks",
            Page::Redirect(format!("{issuer}/elsewhere")),
            "redirects to",
        ),
        (
            "/jwks",
            Page::Text(200, "x".repeat(600 * 1024)),
            "larger than",
        ),
        ("/jwks", Page::Text(200, "<html>".to_owned()), "got no JSON"),
        ("/jwks", page(json!([])), "a list \"keys\""),
        ("/jwks", page(json!({ "keys": [] })), "no usable key"),
        ("/jwks", Page::Silence, "no complete response within 4.5 s"),
    ] {
        provider.respond_with(path, page);
        let problem = authenticator.fetch().await.expect_err(words);
        assert!(problem.contains(words), "{words}: {problem}");
        provider.recover();
    }
    // The keys of before are still there.
    let token = key.sign(&claims(&issuer));
    assert!(authenticator.verify(&token, Clock::System.now()).is_ok());
}

#[rocket::async_test]
async fn a_silent_provider_delays_the_start_by_10_s_at_most() {
    let key = SigningKey::new("a", Algorithm::ES256);
    let provider = IdentityProvider::start(&[&key]).await;
    provider.respond_with("/jwks", Page::Silence);
    let server = timeout(Duration::from_secs(40), behind(&provider).start()).await;
    let server = server.expect("the server starts without keys");
    assert_eq!(
        status(&server, &key.sign(&claims(&provider.issuer()))).await,
        503
    );
}
