//! Slow readers: closed with 1013, and limited per user.

use serde_json::json;

use super::{TOO_SLOW, sessions_of};
use crate::support::{Api, RawSocket, TestServer, eventually};

/// A message that is answered by a longer one, so that the buffers to a client that does not read are soon full.
fn long_answer() -> String {
    json!({ "type": "call.accept", "payload": { "callId": "x".repeat(2_000) } }).to_string()
}

/// Causes events for Alice's sessions, one after another, until no more than `left` of them are connected: how
/// many.
async fn cause_events(alice: &Api, bob: &Api, left: u64) -> usize {
    let mut caused = 0;
    eventually("the slow session to be closed", async || {
        let call = alice.call("bob").await;
        bob.reject(&call, "busy").await.success(200);
        caused += 1;
        sessions_of("alice", bob).await <= left
    })
    .await;
    caused
}

#[rocket::async_test]
async fn slow_reader_with_a_full_queue_is_closed_1013() {
    let server = TestServer::with(|s| s.event_queue = 8).await;
    let (alice, bob) = (server.sign_in("alice"), server.sign_in("bob"));
    let mut slow = RawSocket::connect(server.address(), &server.token("alice").sign()).await;
    let caused = slow
        .stuff_during(&long_answer(), cause_events(&alice, &bob, 0))
        .await;
    assert!(caused > 8, "{caused}");
    assert_eq!(slow.close_code().await, Some(TOO_SLOW));
}

#[rocket::async_test]
async fn a_slow_reader_holds_up_nobody_else() {
    let server = TestServer::with(|s| s.event_queue = 8).await;
    let (alice, bob) = (server.sign_in("alice"), server.sign_in("bob"));
    let mut slow = RawSocket::connect(server.address(), &server.token("alice").sign()).await;
    let mut other = server.sign_in("alice").socket().await;
    let heard = async {
        let caused = cause_events(&alice, &bob, 1).await;
        for _ in 0..caused {
            other.expect("call_rejected").await;
        }
    };
    Box::pin(slow.stuff_during(&long_answer(), heard)).await;
    other.expect_nothing().await;
}

/// How many connections the server has, those that are being closed among them.
async fn connections(server: &TestServer) -> String {
    let metrics = server.anonymous().get("/metrics").await;
    let mut lines = metrics.body.as_str().expect("plain text").lines();
    let line = lines.find_map(|line| line.strip_prefix("chattrix_connections "));
    line.expect("they are measured").to_owned()
}

/// Who lets more slow sessions wait for their end than it may have sessions keeps no place by it: the first has time
/// to read why it was closed, the one beyond has 6 s.
#[rocket::async_test]
async fn lingering_slow_readers_are_limited_per_user() {
    let server = TestServer::with(|s| {
        s.event_queue = 8;
        s.max_sessions_per_user = 1;
    })
    .await;
    let (alice, bob) = (server.sign_in("alice"), server.sign_in("bob"));
    let mut slow = Vec::new();
    for _ in 0..2 {
        let token = server.token("alice").sign();
        let mut one = RawSocket::connect(server.address(), &token).await;
        one.stuff_during(&long_answer(), cause_events(&alice, &bob, 0))
            .await;
        slow.push(one);
    }
    eventually("the one beyond to be left behind", async || {
        connections(&server).await == "1"
    })
    .await;
    assert_eq!(slow[1].close_code().await, None);
    assert_eq!(slow[0].close_code().await, Some(TOO_SLOW));
}

#[rocket::async_test]
async fn slow_reader_recovers_by_reconnect_and_get() {
    let server = TestServer::with(|s| s.event_queue = 2).await;
    let (alice, bob) = (server.sign_in("alice"), server.sign_in("bob"));
    let mut slow = RawSocket::connect(server.address(), bob.token()).await;
    let until_closed = async {
        let mut calls = vec![alice.call("bob").await];
        eventually("the slow session to be closed", async || {
            let before = calls.last().expect("a call");
            alice.end(before).await.success(200);
            calls.push(alice.call("bob").await);
            sessions_of("bob", &alice).await == 0
        })
        .await;
        calls
    };
    let mut calls = slow.stuff_during(&long_answer(), until_closed).await;
    assert_eq!(slow.close_code().await, Some(TOO_SLOW));
    let mut socket = bob.socket().await;
    let call = calls.pop().expect("the last call");
    // What the session has not confirmed comes first.
    let invitation = loop {
        let message = socket
            .expect_one_of(&["call_ended", "call_invitation"])
            .await;
        if message["type"] == "call_invitation" {
            break message;
        }
    };
    assert_eq!(invitation["data"]["callId"], *call);
    assert_eq!(bob.status_of(&call).await, "RINGING");
    for earlier in calls {
        assert_eq!(bob.status_of(&earlier).await, "ENDED");
    }
}
