//! Events for users who are not connected: contract section 4.

use std::time::Duration;

use chattrix::clock::{ManualClock, Timestamp};
use serde_json::json;

use crate::support::{Api, Socket, TestServer, eventually, wall_clock_hand};

/// A server on a manual clock, with Alice and Bob signed in and not connected.
async fn offline() -> (TestServer, ManualClock, Api, Api) {
    let clock = wall_clock_hand();
    let server = TestServer::plan().clock(&clock).start().await;
    let (alice, bob) = (server.sign_in("alice"), server.sign_in("bob"));
    (server, clock, alice, bob)
}

fn second() -> Duration {
    Duration::from_secs(1)
}

/// The whole message of an event about `call`.
fn event(kind: &str, data: serde_json::Value, at: Timestamp) -> serde_json::Value {
    json!({ "type": kind, "data": data, "timestamp": at.to_string() })
}

#[rocket::async_test]
async fn kept_events_keep_order_and_timestamps() {
    let (_server, clock, alice, bob) = offline().await;
    let call = alice.call("bob").await;
    clock.advance(second());
    let accepted_at = clock.now();
    bob.accept(&call).await.success(200);
    clock.advance(second() * 2);
    let ended_at = clock.now();
    bob.end(&call).await.success(200);
    clock.advance(second());
    let mut socket = alice.socket().await;
    let accepted = json!({ "callId": call, "acceptedBy": "bob" });
    let expected = event("call_accepted", accepted, accepted_at);
    assert_eq!(socket.expect_message("call_accepted").await, expected);
    let ended = json!({ "callId": call, "endedBy": "bob", "durationSeconds": 2 });
    assert_eq!(
        socket.expect_message("call_ended").await,
        event("call_ended", ended, ended_at)
    );
    socket.expect_nothing().await;
}

#[rocket::async_test]
async fn a_rejection_is_kept() {
    let (_server, _clock, alice, bob) = offline().await;
    let call = alice.call("bob").await;
    bob.reject(&call, "unavailable").await.success(200);
    let rejected = json!({ "callId": call, "rejectedBy": "bob", "reason": "unavailable" });
    assert_eq!(alice.socket().await.expect("call_rejected").await, rejected);
}

#[rocket::async_test]
async fn an_end_by_the_system_is_kept_for_both() {
    let (mut server, clock, alice, bob) = offline().await;
    let call = alice.call("bob").await;
    bob.accept(&call).await.success(200);
    server.stop().await;
    let four_hours = Duration::from_hours(4);
    clock.advance(four_hours);
    server.start_again().await;
    let alice = server.sign_in("alice");
    eventually("the call to end", async || {
        alice.status_of(&call).await == "ENDED"
    })
    .await;
    let seconds = four_hours.as_secs();
    let ended = json!({ "callId": call, "endedBy": "system", "durationSeconds": seconds });
    for user in ["alice", "bob"] {
        let mut socket = server.sign_in(user).socket().await;
        assert_eq!(socket.expect("call_ended").await, ended);
        socket.expect_nothing().await;
    }
}

#[rocket::async_test]
async fn call_over_before_connect_is_ended_without_invitation() {
    let (_server, _clock, alice, bob) = offline().await;
    let call = alice.call("bob").await;
    alice.end(&call).await.success(200);
    let mut socket = bob.socket().await;
    let ended = json!({ "callId": call, "endedBy": "alice", "durationSeconds": 0 });
    assert_eq!(socket.expect("call_ended").await, ended);
    socket.expect_nothing().await;
}

#[rocket::async_test]
async fn an_invitation_is_not_kept() {
    let (_server, _clock, alice, bob) = offline().await;
    let call = alice.call("bob").await;
    bob.accept(&call).await.success(200);
    bob.socket().await.expect_nothing().await;
}

#[rocket::async_test]
async fn kept_events_precede_the_invitation() {
    let (server, clock, alice, bob) = offline().await;
    let first = alice.call("bob").await;
    bob.reject(&first, "busy").await.success(200);
    clock.advance(second());
    let second_call = server.sign_in("carol").initiate("alice").await.success(201);
    assert_eq!(second_call["status"], "INITIATING");
    clock.advance(second() * 3);
    let path = format!("/ws/chat?token={}", alice.token());
    let mut socket = Socket::open(Socket::request(server.address(), &path)).await;
    socket.send("heartbeat", &json!({})).await;
    assert_eq!(socket.expect("call_rejected").await["callId"], *first);
    let invitation = socket.expect_message("call_invitation").await;
    assert_eq!(invitation["data"]["callId"], second_call["id"]);
    assert_eq!(invitation["timestamp"], second_call["createdAt"]);
    socket.expect("heartbeat.ack").await;
    socket.expect_nothing().await;
}

#[rocket::async_test]
async fn kept_events_are_delivered_once() {
    let (server, _clock, alice, bob) = offline().await;
    let call = alice.call("bob").await;
    bob.accept(&call).await.success(200);
    let mut first = alice.socket().await;
    first.expect("call_accepted").await;
    server
        .sign_in("alice")
        .socket()
        .await
        .expect_nothing()
        .await;
    first.close().await;
    server
        .sign_in("alice")
        .socket()
        .await
        .expect_nothing()
        .await;
}

#[rocket::async_test]
async fn an_event_is_kept_for_5_minutes() {
    let (_server, clock, alice, bob) = offline().await;
    let call = alice.call("bob").await;
    bob.accept(&call).await.success(200);
    clock.advance(Duration::from_secs(299));
    alice.socket().await.expect("call_accepted").await;
}

#[rocket::async_test]
async fn an_event_is_not_kept_for_longer_than_5_minutes() {
    let (_server, clock, alice, bob) = offline().await;
    let call = alice.call("bob").await;
    bob.accept(&call).await.success(200);
    clock.advance(Duration::from_mins(4));
    bob.end(&call).await.success(200);
    clock.advance(Duration::from_secs(61));
    let mut socket = alice.socket().await;
    assert_eq!(socket.expect("call_ended").await["durationSeconds"], 240);
    socket.expect_nothing().await;
}

#[rocket::async_test]
async fn nothing_is_kept_for_the_one_who_acted() {
    let (_server, _clock, alice, bob) = offline().await;
    let call = alice.call("bob").await;
    bob.accept(&call).await.success(200);
    alice.end(&call).await.success(200);
    let mut at_bob = bob.socket().await;
    at_bob.expect("call_ended").await;
    at_bob.expect_nothing().await;
    let mut at_alice = alice.socket().await;
    at_alice.expect("call_accepted").await;
    at_alice.expect_nothing().await;
}

#[rocket::async_test]
async fn nothing_is_kept_for_a_user_with_a_connected_session() {
    let (server, _clock, alice, bob) = offline().await;
    let mut connected = alice.socket().await;
    let call = alice.call("bob").await;
    bob.accept(&call).await.success(200);
    connected.expect("call_accepted").await;
    server
        .sign_in("alice")
        .socket()
        .await
        .expect_nothing()
        .await;
}

#[rocket::async_test]
async fn a_user_whose_last_session_has_left_is_not_connected() {
    let (_server, _clock, alice, bob) = offline().await;
    let call = alice.call("bob").await;
    alice.socket().await.close().await;
    bob.accept(&call).await.success(200);
    assert_eq!(
        alice.socket().await.expect("call_accepted").await["callId"],
        *call
    );
}

#[rocket::async_test]
async fn kept_events_are_each_users_own() {
    let (server, _clock, alice, bob) = offline().await;
    let call = alice.call("bob").await;
    bob.accept(&call).await.success(200);
    server
        .sign_in("carol")
        .socket()
        .await
        .expect_nothing()
        .await;
    alice.socket().await.expect("call_accepted").await;
}

#[rocket::async_test]
async fn kept_events_survive_a_restart() {
    let (mut server, clock, alice, bob) = offline().await;
    let call = alice.call("bob").await;
    bob.accept(&call).await.success(200);
    let accepted_at = clock.now();
    clock.advance(second() * 9);
    server.restart().await;
    let mut socket = alice.socket().await;
    let accepted = json!({ "callId": call, "acceptedBy": "bob" });
    let expected = event("call_accepted", accepted, accepted_at);
    assert_eq!(socket.expect_message("call_accepted").await, expected);
    socket.expect_nothing().await;
}

/// Waits until sessions have confirmed `events` events since the start of the server.
async fn confirmed(server: &TestServer, events: u64) {
    eventually("the confirmations", async || {
        let count = "chattrix_event_confirmation_seconds_count";
        server.metric(count).await == events
    })
    .await;
}

#[rocket::async_test]
async fn a_session_that_was_away_gets_what_another_confirmed() {
    let (server, clock, alice, phone) = offline().await;
    let (backend, tablet) = (server.backend("events"), server.sign_in("bob"));
    let (mut at_phone, mut at_tablet) = (phone.socket().await, tablet.socket().await);
    let call = alice.call("bob").await;
    confirmed(&server, 2).await;
    at_phone.expect("call_invitation").await;
    at_tablet.expect("call_invitation").await;
    at_tablet.close().await;
    clock.advance(second());
    let news = json!({ "type": "app.news", "data": {}, "keepFor": 60 });
    let path = "/api/server/v1/users/bob/events";
    backend.post(path, &news).await.success(200);
    clock.advance(second());
    alice.end(&call).await.success(200);
    confirmed(&server, 4).await;
    at_phone.expect("app.news").await;
    at_phone.expect("call_ended").await;
    let mut at_tablet = tablet.socket().await;
    at_tablet.expect("app.news").await;
    assert_eq!(at_tablet.expect("call_ended").await["callId"], *call);
    at_tablet.expect_nothing().await;
    confirmed(&server, 6).await;
    at_tablet.close().await;

    // The other device answers.
    let call = alice.call("bob").await;
    at_phone.expect("call_invitation").await;
    clock.advance(second());
    phone.accept(&call).await.success(200);
    at_phone.expect_nothing().await;
    let mut at_tablet = tablet.socket().await;
    assert_eq!(at_tablet.expect("call_accepted").await["callId"], *call);
    at_tablet.expect_nothing().await;
    confirmed(&server, 8).await;

    // Both are away: the event is stored, and each gets it.
    at_phone.close().await;
    at_tablet.close().await;
    clock.advance(second());
    alice.end(&call).await.success(200);
    for (device, confirmations) in [(&phone, 9), (&tablet, 10)] {
        let mut socket = device.socket().await;
        assert_eq!(socket.expect("call_ended").await["callId"], *call);
        socket.expect_nothing().await;
        confirmed(&server, confirmations).await;
    }
    let laptop = server.sign_in("bob");
    for device in [&laptop, &phone, &tablet] {
        device.socket().await.expect_nothing().await;
    }
}
