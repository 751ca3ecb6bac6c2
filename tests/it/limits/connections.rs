//! Limits of connections, and a graceful shutdown.

use tokio_tungstenite::{connect_async, tungstenite};

use super::STOPPING;
use crate::support::{RawSocket, Socket, TestServer, eventually};

#[rocket::async_test]
async fn a_connection_over_max_connections_is_503_before_the_upgrade() {
    let server = TestServer::with(|s| s.max_connections = 1).await;
    let first = server.sign_in("alice").socket().await;
    let token = server.token("bob").sign();
    let refused = server.refused_socket(&token).await;
    refused.failure(503, "unavailable");
    drop(first);
    let mut free = async || connect(&server, &token).await.is_ok();
    eventually("the place to be free", &mut free).await;
}

#[rocket::async_test]
async fn connections_over_the_address_limit_are_429() {
    let server = TestServer::with(|s| {
        s.max_connections_per_address = Some(2);
        s.trusted_proxies = vec!["127.0.0.1/32".parse().expect("a network")];
    })
    .await;
    let _first = server.sign_in("alice").socket().await;
    let second = server.sign_in("bob").socket().await;
    let token = server.token("carol").sign();
    let refused = server.refused_socket(&token).await;
    let message = refused.failure(429, "rate_limited");
    assert!(message.contains("address"), "{message}");
    // Whom a trusted proxy speaks for is somewhere else.
    let mut request = Socket::request(server.address(), &format!("/ws/chat?token={token}"));
    let elsewhere = "192.0.2.1".parse().expect("a header");
    request.headers_mut().insert("x-forwarded-for", elsewhere);
    drop(Socket::open(request).await);
    drop(second);
    let mut free = async || connect(&server, &token).await.is_ok();
    eventually("the place to be free", &mut free).await;
}

/// Somebody who opens one connection after another, and reads none to its end, takes a part of the places at most.
#[rocket::async_test]
async fn connections_over_the_user_limit_are_429() {
    let server = TestServer::with(|s| s.max_sessions_per_user = 1).await;
    let tokens: Vec<String> = (0..100).map(|_| server.token("alice").sign()).collect();
    let attempts = tokens.iter().map(|token| connect(&server, token));
    let connected = futures_util::future::join_all(attempts).await;
    let refused = connected.iter().filter_map(|one| one.as_ref().err());
    let statuses: Vec<u16> = refused.copied().collect();
    assert!(
        !statuses.is_empty() && statuses.len() <= 68,
        "{}",
        statuses.len()
    );
    assert!(statuses.iter().all(|status| *status == 429), "{statuses:?}");
    server.sign_in("bob").socket().await;
    drop(connected);
    let mut free = async || connect(&server, &tokens[0]).await.is_ok();
    eventually("alice to have a place again", &mut free).await;
}

/// A connection that reads nothing by itself, or the status of the refusal.
async fn connect(server: &TestServer, token: &str) -> Result<impl Sized, u16> {
    let request = Socket::request(server.address(), &format!("/ws/chat?token={token}"));
    match Box::pin(connect_async(request)).await {
        Ok((stream, _)) => Ok(stream),
        Err(tungstenite::Error::Http(answer)) => Err(answer.status().as_u16()),
        Err(error) => panic!("{error}"),
    }
}

#[rocket::async_test]
async fn a_stopping_server_closes_every_session_with_1012() {
    let mut server = TestServer::start().await;
    let mut sockets = Vec::new();
    for user in ["alice", "alice", "bob", "carol"] {
        sockets.push(server.sign_in(user).socket().await);
    }
    server.begin_to_end();
    for socket in &mut sockets {
        assert_eq!(socket.expect_close().await.0, STOPPING);
    }
    server.wait_for_the_end().await;
}

#[rocket::async_test]
async fn unanswered_close_does_not_hold_up_a_stop() {
    let mut server = TestServer::start().await;
    let _silent = RawSocket::connect(server.address(), &server.token("alice").sign()).await;
    server.stop().await;
}
