//! Clients that never answer pings, as old WebSocket libraries and frozen apps do.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Opcode, RawSocket, TestServer, eventually};

const CONFIRM_TIMEOUT: Duration = Duration::from_millis(200);
const IDLE_TIMEOUT: Duration = Duration::from_secs(3);

async fn server() -> TestServer {
    TestServer::with(|settings| {
        settings.confirm_timeout = CONFIRM_TIMEOUT;
        settings.idle_timeout = IDLE_TIMEOUT;
        settings.ping_interval = Duration::from_millis(500);
    })
    .await
}

/// Whether some node knows `user` as connected.
async fn is_online(server: &TestServer, user: &str) -> bool {
    let path = format!("/api/v1/users/status/{user}");
    for asking in server.at_each_node(&server.sign_in("alice")) {
        if asking.get(&path).await.success(200)["isOnline"] == true {
            return true;
        }
    }
    false
}

#[rocket::async_test]
async fn peer_without_pongs_is_unresponsive_and_closed_by_the_idle_timeout() {
    let server = server().await;
    let (alice, bob) = (server.sign_in("alice"), server.sign_in("bob"));
    let began = Instant::now();
    let mut frozen = RawSocket::connect(server.address(), bob.token()).await;
    let call = alice.initiate("bob").await.success(201);
    assert_eq!(call["status"], "RINGING");
    eventually("the session to be unresponsive", async || {
        !is_online(&server, "bob").await
    })
    .await;
    assert_eq!(frozen.close_code().await, Some(1001));
    assert!(began.elapsed() >= IDLE_TIMEOUT, "closed early");
}

#[rocket::async_test]
async fn peer_without_pongs_that_sends_messages_is_not_closed() {
    let server = server().await;
    let (alice, bob) = (server.sign_in("alice"), server.sign_in("bob"));
    let mut old = RawSocket::connect(server.address(), bob.token()).await;
    alice.initiate("bob").await.success(201);
    eventually("the session to be unresponsive", async || {
        !is_online(&server, "bob").await
    })
    .await;
    let heartbeat = json!({ "type": "heartbeat", "payload": {} }).to_string();
    let began = Instant::now();
    let mut was_online = false;
    while began.elapsed() < IDLE_TIMEOUT + Duration::from_secs(1) {
        let sent = old.send(Opcode::Text, true, heartbeat.as_bytes()).await;
        sent.expect("the connection stands");
        loop {
            let (opcode, payload) = old.frame().await.expect("the connection stands");
            assert_ne!(opcode, Opcode::Close);
            if opcode == Opcode::Text && String::from_utf8_lossy(&payload).contains("heartbeat.ack")
            {
                break;
            }
        }
        was_online = was_online || is_online(&server, "bob").await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(was_online, "it was heard of again and again");
}

#[rocket::async_test]
async fn unresponsive_session_is_invited_to_the_next_call_once_it_is_heard() {
    let server = TestServer::with(|settings| settings.confirm_timeout = CONFIRM_TIMEOUT).await;
    let (alice, bob) = (server.sign_in("alice"), server.sign_in("bob"));
    let mut frozen = RawSocket::connect(server.address(), bob.token()).await;
    let call = alice.call("bob").await;
    eventually("the session to be unresponsive", async || {
        !is_online(&server, "bob").await
    })
    .await;
    alice.end(&call).await.success(200);
    let next = alice.initiate("bob").await.success(201);
    assert_eq!(next["status"], "INITIATING");
    // What it reads late is in order all the same.
    assert_eq!(next_message(&mut frozen).await["type"], "call_invitation");
    assert_eq!(next_message(&mut frozen).await["type"], "call_ended");
    let next = next["id"].as_str().expect("an id");
    assert_eq!(alice.status_of(next).await, "INITIATING");
    // Twice unresponsive, and invited once.
    for is_invited in [true, false] {
        let sent = frozen.send(Opcode::Pong, true, b"").await;
        sent.expect("the connection stands");
        if is_invited {
            let invitation = next_message(&mut frozen).await;
            assert_eq!(invitation["type"], "call_invitation");
            assert_eq!(invitation["data"]["callId"], next);
            assert_eq!(alice.status_of(next).await, "RINGING");
        }
        eventually("the session to be unresponsive", async || {
            !is_online(&server, "bob").await
        })
        .await;
    }
    alice.end(next).await.success(200);
    assert_eq!(next_message(&mut frozen).await["type"], "call_ended");
}

/// The next message that is no control frame.
async fn next_message(peer: &mut RawSocket) -> Value {
    loop {
        let (opcode, payload) = peer.frame().await.expect("the connection stands");
        if opcode == Opcode::Text {
            return serde_json::from_slice(&payload).expect("JSON");
        }
    }
}
