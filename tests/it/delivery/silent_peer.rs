//! Clients that never answer pings, as old WebSocket libraries and frozen apps do.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{Api, Opcode, RawSocket, TestServer, eventually};

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

async fn is_online(asking: &Api, user: &str) -> bool {
    let path = format!("/api/v1/users/status/{user}");
    asking.get(&path).await.success(200)["isOnline"] == true
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
        !is_online(&alice, "bob").await
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
        !is_online(&alice, "bob").await
    })
    .await;
    let heartbeat = json!({ "type": "heartbeat", "payload": {} }).to_string();
    let began = Instant::now();
    let mut answers = 0;
    while began.elapsed() < IDLE_TIMEOUT + Duration::from_secs(1) {
        let sent = old.send(Opcode::Text, true, heartbeat.as_bytes()).await;
        sent.expect("the connection stands");
        loop {
            let (opcode, payload) = old.frame().await.expect("the connection stands");
            assert_ne!(opcode, Opcode::Close);
            if opcode == Opcode::Text && String::from_utf8_lossy(&payload).contains("heartbeat.ack")
            {
                answers += 1;
                break;
            }
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(answers > 0);
    assert!(
        is_online(&alice, "bob").await,
        "it was heard of a moment ago"
    );
}

#[rocket::async_test]
async fn unresponsive_session_does_not_count_for_the_next_call() {
    let server = server().await;
    let (alice, bob) = (server.sign_in("alice"), server.sign_in("bob"));
    let mut frozen = RawSocket::connect(server.address(), bob.token()).await;
    let call = alice.call("bob").await;
    eventually("the session to be unresponsive", async || {
        !is_online(&alice, "bob").await
    })
    .await;
    alice.end(&call).await.success(200);
    let next = alice.initiate("bob").await.success(201);
    assert_eq!(next["status"], "INITIATING");
    // What it reads late is in order all the same.
    let mut types = Vec::new();
    while types.len() < 2 {
        let (opcode, payload) = frozen.frame().await.expect("the connection stands");
        if opcode == Opcode::Text {
            let message: serde_json::Value = serde_json::from_slice(&payload).expect("JSON");
            types.push(message["type"].as_str().expect("a type").to_owned());
        }
    }
    assert_eq!(types, ["call_invitation", "call_ended"]);
}
