//! Expiry and refresh of a session's token.

use std::time::{Duration, Instant};

use serde_json::json;

use super::EXPIRED;
use crate::support::{TestServer, Token, assert_error, eventually};

/// A token that the server takes for one more second or two: it expires 29 s ago, the leeway is 30 s.
fn about_to_close(server: &TestServer, user: &str) -> Token {
    server
        .token(user)
        .expiring_at(server.now().minus(Duration::from_secs(28)))
}

#[rocket::async_test]
async fn a_session_is_closed_with_4001_30_s_after_its_token_expired() {
    let server = TestServer::start().await;
    let mut socket = server.socket(&about_to_close(&server, "alice")).await;
    assert_eq!(socket.expect_close().await.0, EXPIRED);
}

#[rocket::async_test]
async fn an_expired_session_is_closed_even_while_it_is_busy() {
    let server = TestServer::start().await;
    let mut socket = server.socket(&about_to_close(&server, "alice")).await;
    let began = Instant::now();
    let code = loop {
        assert!(
            began.elapsed() < Duration::from_secs(8),
            "the session was not closed"
        );
        if let Some(code) = socket.heartbeat_or_close().await {
            break code;
        }
    };
    assert_eq!(code, EXPIRED);
}

/// Waits until the server refuses `token` over REST, as it does once the token's session is over.
async fn wait_for_expiry(server: &TestServer, token: &Token) {
    let api = server.client(&token.sign());
    eventually("the token to expire", async || {
        api.active().await.status == 401
    })
    .await;
}

#[rocket::async_test]
async fn expired_session_stays_if_close_is_off() {
    let server = TestServer::with(|s| s.close_expired_sessions = false).await;
    let token = about_to_close(&server, "alice");
    let mut socket = server.socket(&token).await;
    wait_for_expiry(&server, &token).await;
    socket.expect_nothing().await;
}

#[rocket::async_test]
async fn session_refresh_keeps_the_session_beyond_its_first_token() {
    let server = TestServer::start().await;
    let token = about_to_close(&server, "alice").session("phone");
    let mut socket = server.socket(&token).await;
    let expiry = server.now().plus(Duration::from_mins(10));
    let fresh = server.token("alice").session("phone").expiring_at(expiry);
    socket
        .send("session.refresh", &json!({ "token": fresh.sign() }))
        .await;
    let refreshed = socket.expect("session.refreshed").await;
    let seconds = expiry.as_millis() / 1000;
    let expected = chattrix::clock::Timestamp::from_millis(seconds * 1000).to_string();
    assert_eq!(refreshed["expiresAt"], expected);
    wait_for_expiry(&server, &token).await;
    socket.expect_nothing().await;
}

#[rocket::async_test]
async fn refresh_with_a_bad_token_changes_nothing() {
    let server = TestServer::start().await;
    let mut socket = server
        .socket(&about_to_close(&server, "alice").session("phone"))
        .await;
    let another_user = server.token("bob").session("phone");
    let another_session = server.token("alice").session("tablet");
    let expired = server
        .token("alice")
        .session("phone")
        .expiring_at(server.now().minus(Duration::from_mins(1)));
    let tokens = [another_user, another_session, expired].map(|token| token.sign());
    for token in tokens.iter().map(String::as_str).chain(["nonsense", ""]) {
        socket
            .send("session.refresh", &json!({ "token": token }))
            .await;
        let error = socket.expect("call_error").await;
        assert_error(&error, "unauthenticated", serde_json::Value::Null, "");
    }
    assert_eq!(socket.expect_close().await.0, EXPIRED);
}
