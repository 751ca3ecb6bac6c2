//! Warnings about sessions with too many messages or errors.

use serde_json::json;

use crate::support::{Socket, TestServer, Token, eventually, warnings};

#[rocket::async_test]
async fn errors_over_20_a_minute_are_logged_once() {
    let server = TestServer::start().await;
    let token = server.token("frank");
    let mut socket = server.socket(&token).await;
    for _ in 0..30 {
        socket.send_text("nonsense").await;
        socket.expect_error("parse_error").await;
    }
    abuse_is_logged_once(&token, "frank").await;
    socket.expect_nothing().await;
}

#[rocket::async_test]
async fn over_50_messages_a_second_are_logged_once() {
    let server = TestServer::start().await;
    let token = server.token("erin");
    let mut socket = server.socket(&token).await;
    for _ in 0..500 {
        socket.send("heartbeat", &json!({})).await;
    }
    for _ in 0..500 {
        socket.expect("heartbeat.ack").await;
    }
    abuse_is_logged_once(&token, "erin").await;
    socket.expect_nothing().await;
}

/// The warning names the user and the session; there is one a minute at most.
async fn abuse_is_logged_once(token: &Token, user: &str) {
    let logged = || warnings(token.sid()).len();
    eventually("a warning", async || logged() > 0).await;
    let warnings = warnings(token.sid());
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains(user), "{warnings:?}");
}

#[rocket::async_test]
async fn a_well_behaved_session_is_not_logged() {
    let server = TestServer::start().await;
    let token = server.token("alice");
    let mut socket: Socket = server.socket(&token).await;
    for _ in 0..5 {
        socket.send_text("nonsense").await;
        socket.expect_error("parse_error").await;
    }
    assert_eq!(warnings(token.sid()), Vec::<String>::new());
}
