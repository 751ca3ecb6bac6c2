//! Pings and idle connections.

use std::time::{Duration, Instant};

use crate::support::{Opcode, RawSocket, TestServer, eventually};

#[rocket::async_test]
async fn the_server_pings() {
    let server = TestServer::with(|s| s.ping_interval = Duration::from_millis(50)).await;
    let mut socket = RawSocket::connect(server.address(), &server.token("alice").sign()).await;
    for _ in 0..3 {
        let (opcode, payload) = socket.frame().await.expect("a ping");
        assert_eq!(opcode, Opcode::Ping);
        let answer = socket.send(Opcode::Pong, true, &payload).await;
        answer.expect("the pong is sent");
    }
}

/// A server that pings often and soon takes silence for absence.
async fn impatient() -> TestServer {
    TestServer::with(|s| {
        s.ping_interval = Duration::from_millis(100);
        s.idle_timeout = Duration::from_millis(800);
    })
    .await
}

#[rocket::async_test]
async fn a_connection_that_is_silent_for_the_idle_timeout_is_closed() {
    let server = impatient().await;
    let began = Instant::now();
    let mut socket = RawSocket::connect(server.address(), &server.token("alice").sign()).await;
    let mut pings = 0;
    while let Some((opcode, _)) = socket.frame().await {
        match opcode {
            Opcode::Ping => pings += 1,
            Opcode::Close => break,
            other => panic!("{other:?}"),
        }
    }
    assert!(
        began.elapsed() >= Duration::from_millis(750),
        "after {:?}",
        began.elapsed()
    );
    assert!(pings >= 2, "{pings} pings");
}

#[rocket::async_test]
async fn a_pong_is_not_silence() {
    let server = impatient().await;
    let mut socket = RawSocket::connect(server.address(), &server.token("alice").sign()).await;
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(2) {
        let (opcode, payload) = socket.frame().await.expect("the connection stands");
        assert_eq!(opcode, Opcode::Ping);
        let answer = socket.send(Opcode::Pong, true, &payload).await;
        answer.expect("the pong is sent");
    }
}

#[rocket::async_test]
async fn a_user_whose_connection_was_silent_is_no_longer_connected() {
    let server = impatient().await;
    let _silent = RawSocket::connect(server.address(), &server.token("bob").sign()).await;
    let alice = server.sign_in("alice");
    eventually("bob to be gone", async || {
        let call = alice.initiate("bob").await.success(201);
        let answer = alice.end(call["id"].as_str().expect("an id")).await;
        answer.success(200);
        call["status"] == "INITIATING"
    })
    .await;
}
