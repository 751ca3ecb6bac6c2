//! Restart: the state that survives it (contract section 3, "All of it survives a restart").

use std::time::Duration;

use serde_json::json;

use crate::support::{
    CallFixture, Device, TestServer, Users, eventually, initiate_body, wall_clock_hand,
};

#[rocket::async_test]
async fn a_call_in_each_status_is_the_same_after_a_restart() {
    for status in [
        "INITIATING",
        "RINGING",
        "CONNECTING",
        "ACTIVE",
        "ENDED",
        "MISSED",
        "REJECTED",
    ] {
        let mut fixture = CallFixture::with_call(status).await;
        let before = fixture.alice.details(&fixture.call).await.success(200);
        fixture.server.restart().await;
        assert_eq!(
            fixture.alice.details(&fixture.call).await.success(200),
            before
        );
    }
}

#[rocket::async_test]
async fn a_ringing_call_can_be_accepted_after_a_restart() {
    let mut fixture = CallFixture::with_call("RINGING").await;
    fixture.server.restart().await;
    let mut caller = fixture.alice.socket().await;
    let mut callee = fixture.bob.socket().await;
    assert_eq!(
        callee.expect("call_invitation").await["callId"],
        *fixture.call
    );
    callee.accept(&fixture.call).await;
    let accepted = json!({ "callId": fixture.call, "acceptedBy": "bob" });
    assert_eq!(caller.expect("call_accepted").await, accepted);
}

#[rocket::async_test]
async fn connecting_call_survives_a_restart_with_its_duration() {
    let mut fixture = CallFixture::with_call("CONNECTING").await;
    fixture.server.stop().await;
    fixture.clock.advance(Duration::from_secs(20));
    fixture.server.start_again().await;
    let call = fixture.bob.end(&fixture.call).await.success(200);
    assert_eq!(call["durationSeconds"], 20);
}

#[rocket::async_test]
async fn live_calls_keep_their_users_busy_over_a_restart() {
    let mut fixture = CallFixture::with_call("ACTIVE").await;
    fixture.server.restart().await;
    let answer = fixture.alice.initiate("carol").await;
    answer.failure(409, "caller_busy");
    let answer = fixture.carol.initiate("bob").await;
    answer.failure(409, "user_busy");
}

#[rocket::async_test]
async fn ring_timeout_during_downtime_is_missed_on_start() {
    let clock = wall_clock_hand();
    let mut server = TestServer::plan().clock(&clock).start().await;
    let (alice, bob) = (server.sign_in("alice"), server.sign_in("bob"));
    let call = alice.call("bob").await;
    server.stop().await;
    clock.advance(Duration::from_secs(61));
    server.start_again().await;
    let (mut caller, mut callee) = (alice.socket().await, bob.socket().await);
    for socket in [&mut caller, &mut callee] {
        assert_eq!(
            socket.expect("call_timeout").await,
            json!({ "callId": call })
        );
        socket.expect_nothing().await;
    }
    assert_eq!(bob.status_of(&call).await, "MISSED");
    bob.accept(&call).await.failure(400, "invalid_status");
}

#[rocket::async_test]
async fn ringing_call_rings_on_after_a_restart() {
    let clock = wall_clock_hand();
    let mut server = TestServer::plan().clock(&clock).start().await;
    let (alice, bob) = (server.sign_in("alice"), server.sign_in("bob"));
    let call = alice.call("bob").await;
    server.stop().await;
    clock.advance(Duration::from_secs(58));
    server.start_again().await;
    let mut callee = bob.socket().await;
    assert_eq!(callee.expect("call_invitation").await["callId"], *call);
    assert_eq!(alice.status_of(&call).await, "RINGING");
}

#[rocket::async_test]
async fn the_ring_timeout_of_an_earlier_run_still_comes_in_the_next() {
    let plan = TestServer::plan().with(|s| s.ring_timeout = Duration::from_secs(2));
    let mut server = plan.start().await;
    let alice = server.sign_in("alice");
    let call = alice.call("bob").await;
    server.restart().await;
    eventually("the call to be missed", async || {
        alice.status_of(&call).await == "MISSED"
    })
    .await;
}

#[rocket::async_test]
async fn max_duration_during_downtime_ends_the_call_on_start() {
    let mut fixture = CallFixture::with_call("ACTIVE").await;
    fixture.server.stop().await;
    fixture.clock.advance(Duration::from_secs(4 * 3600 + 1));
    fixture.server.start_again().await;
    let alice = fixture.server.sign_in("alice");
    eventually("the call to end", async || {
        alice.status_of(&fixture.call).await == "ENDED"
    })
    .await;
    assert!(alice.active().await.success(200).is_null());
}

#[rocket::async_test]
async fn an_idempotency_key_survives_a_restart() {
    let mut server = TestServer::start().await;
    let alice = server.sign_in("alice");
    let first = alice.initiate_once("key-1", &initiate_body("bob")).await;
    let first = first.success(201);
    server.restart().await;
    let again = alice.initiate_once("key-1", &initiate_body("bob")).await;
    let again = again.success(201);
    assert_eq!(again["id"], first["id"]);
}

#[rocket::async_test]
async fn sessions_come_back_after_a_restart_and_go_on() {
    let mut server = TestServer::start().await;
    let mut users = Users::on(&server).await;
    let call = users.talk().await;
    let (alice, bob) = (users.alice.clone(), users.bob.clone());
    for device in Device::PARTICIPANTS.into_iter().chain([Device::CarolPhone]) {
        users.disconnect(device);
    }
    server.restart().await;
    let (mut at_alice, mut at_bob) = (alice.socket().await, bob.socket().await);
    at_alice.end(&call).await;
    assert_eq!(at_bob.expect("call_ended").await["endedBy"], "alice");
    at_alice.expect_nothing().await;
}
