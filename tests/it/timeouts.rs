//! Timeouts of the server: contract sections 3 and 6. Real time, short settings.

use std::time::Duration;

use serde_json::json;

use crate::support::{Device, SHORT, TestServer, Users};

/// Waits until the disconnect grace of whoever left before has passed for certain: a grace that
/// begins only now, in a call of Erin and Frank, passes.
async fn outlast_the_grace(server: &TestServer) {
    let (erin, frank) = (server.sign_in("erin"), server.sign_in("frank"));
    let (mut at_erin, at_frank) = (erin.socket().await, frank.socket().await);
    let call = erin.call("frank").await;
    frank.accept(&call).await.success(200);
    at_erin.expect("call_accepted").await;
    drop(at_frank);
    assert_eq!(at_erin.expect("call_ended").await["endedBy"], "frank");
}

#[rocket::async_test]
async fn a_call_that_was_answered_does_not_time_out() {
    let server = TestServer::with(|s| s.ring_timeout = SHORT).await;
    let mut users = Users::on(&server).await;
    let answered = users.answer().await;
    // A later call that does time out says that the earlier deadline has passed.
    let (dave, mut erin) = (
        server.sign_in("dave"),
        server.sign_in("erin").socket().await,
    );
    let missed = dave.call("erin").await;
    assert_eq!(erin.expect("call_invitation").await["callId"], *missed);
    assert_eq!(erin.expect("call_timeout").await["callId"], *missed);
    assert_eq!(users.alice.status_of(&answered).await, "CONNECTING");
    users.expect_nothing().await;
}

#[rocket::async_test]
async fn nearer_deadline_of_a_later_call_comes_first() {
    let server = TestServer::with(|s| s.max_call_duration = Some(SHORT)).await;
    let mut users = Users::on(&server).await;
    // The sweeper now sleeps until the ring timeout, a minute away.
    server.sign_in("dave").call("erin").await;
    let call = users.answer().await;
    users
        .expect_ended(&Device::PARTICIPANTS, &call, "system")
        .await;
}

#[rocket::async_test]
async fn many_simultaneous_timeouts_notify_everybody() {
    let pairs = 40;
    let mut plan = TestServer::plan().with(|s| s.ring_timeout = Duration::from_millis(500));
    for pair in 0..pairs {
        plan = plan.user(&format!("caller-{pair}"), "Caller", None);
        plan = plan.user(&format!("callee-{pair}"), "Callee", None);
    }
    let server = plan.start().await;
    let mut sockets = Vec::new();
    for pair in 0..pairs {
        let caller = server.sign_in(&format!("caller-{pair}"));
        let at_caller = caller.socket().await;
        let call = caller.call(&format!("callee-{pair}")).await;
        sockets.push((at_caller, call));
    }
    for (socket, call) in &mut sockets {
        assert_eq!(socket.expect("call_timeout").await["callId"], **call);
    }
}

#[rocket::async_test]
async fn reconnect_within_the_grace_keeps_the_call() {
    let server = TestServer::with(|s| s.disconnect_grace = Some(Duration::from_secs(1))).await;
    let mut users = Users::on(&server).await;
    let call = users.talk().await;
    users.disconnect(Device::BobTablet);
    users.disconnect(Device::BobPhone);
    users.connect(Device::BobPhone, &users.bob.clone()).await;
    outlast_the_grace(&server).await;
    assert_eq!(users.alice.status_of(&call).await, "ACTIVE");
    users.expect_nothing().await;
}

#[rocket::async_test]
async fn a_participant_with_one_session_left_is_not_gone() {
    let server = TestServer::with(|s| s.disconnect_grace = Some(SHORT)).await;
    let mut users = Users::on(&server).await;
    let call = users.talk().await;
    users.disconnect(Device::BobPhone);
    users.disconnect(Device::AlicePhone);
    outlast_the_grace(&server).await;
    assert_eq!(users.alice.status_of(&call).await, "ACTIVE");
}

#[rocket::async_test]
async fn a_participant_who_never_had_a_connected_session_is_not_gone() {
    let server = TestServer::with(|s| s.disconnect_grace = Some(SHORT)).await;
    let mut users = Users::without_bob(&server).await;
    let call = users.alice.call("bob").await;
    users.bob.accept(&call).await.success(200);
    outlast_the_grace(&server).await;
    assert_eq!(users.bob.status_of(&call).await, "CONNECTING");
    let accepted = json!({ "callId": call, "acceptedBy": "bob" });
    let told = [Device::AlicePhone, Device::AliceTablet];
    users.expect_only(&told, "call_accepted", &accepted).await;
}

#[rocket::async_test]
async fn the_grace_does_not_touch_a_call_that_is_still_ringing() {
    let server = TestServer::with(|s| s.disconnect_grace = Some(SHORT)).await;
    let mut users = Users::on(&server).await;
    let call = users.ring().await;
    users.disconnect(Device::BobPhone);
    users.disconnect(Device::BobTablet);
    outlast_the_grace(&server).await;
    assert_eq!(users.alice.status_of(&call).await, "RINGING");
    users.expect_nothing().await;
}

#[rocket::async_test]
async fn the_caller_may_be_the_one_who_is_gone() {
    let server = TestServer::with(|s| s.disconnect_grace = Some(SHORT)).await;
    let mut users = Users::on(&server).await;
    let call = users.talk().await;
    users.disconnect(Device::AlicePhone);
    users.disconnect(Device::AliceTablet);
    let told = [Device::BobPhone, Device::BobTablet];
    users.expect_ended(&told, &call, "alice").await;
    users
        .connect(Device::AlicePhone, &users.alice.clone())
        .await;
    users.expect_nothing().await;
}

#[rocket::async_test]
async fn a_grace_that_is_off_ends_nothing() {
    let server = TestServer::with(|s| {
        s.disconnect_grace = None;
        s.max_call_duration = Some(Duration::from_secs(2));
    })
    .await;
    let mut users = Users::on(&server).await;
    let call = users.talk().await;
    users.disconnect(Device::BobPhone);
    users.disconnect(Device::BobTablet);
    // What ends it in the end is its length, not Bob's absence.
    let told = [Device::AlicePhone, Device::AliceTablet];
    users.expect_ended(&told, &call, "system").await;
}

#[rocket::async_test]
async fn a_longest_duration_that_is_off_ends_nothing() {
    let server = TestServer::with(|s| {
        s.max_call_duration = None;
        s.disconnect_grace = Some(SHORT);
    })
    .await;
    let mut users = Users::on(&server).await;
    let call = users.talk().await;
    outlast_the_grace(&server).await;
    assert_eq!(users.alice.status_of(&call).await, "ACTIVE");
}
