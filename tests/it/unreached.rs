//! The webhook `call.unreached`: no session of the callee has confirmed the invitation within `confirm_timeout`.

use std::time::Duration;

use chattrix::clock::ManualClock;
use serde_json::{Value, json};

use crate::support::{Api, Receiver, Socket, TestServer, eventually, wall_clock_hand};

struct Setting {
    clock: ManualClock,
    receiver: Receiver,
    server: TestServer,
    alice: Api,
    bob: Api,
}

/// A server on a manual clock that sends the webhooks about calls that need a push.
async fn setting() -> Setting {
    let (clock, receiver) = (wall_clock_hand(), Receiver::start().await);
    let plan = TestServer::plan().telling(&receiver).clock(&clock);
    let plan = plan.with(|settings| {
        let wanted = [
            "call.initiated",
            "call.ringing",
            "call.unreached",
            "call.missed",
        ];
        settings
            .webhook_events
            .retain(|event| wanted.contains(&event.as_str()));
    });
    let server = plan.start().await;
    let [alice, bob] = ["alice", "bob"].map(|user| server.sign_in(user));
    Setting {
        clock,
        receiver,
        server,
        alice,
        bob,
    }
}

async fn frozen_socket(user: &Api) -> Socket {
    let socket = user.socket().await;
    socket.freeze();
    socket
}

/// Waits until a confirmation of the callee is stored.
async fn confirmed(server: &TestServer) {
    eventually("the confirmation", async || {
        let sql = "SELECT count(*) FROM live WHERE confirm_by = 0";
        server.stored().number(sql) > 0
    })
    .await;
}

const TIMEOUT: Duration = Duration::from_secs(5);

#[rocket::async_test]
async fn unconfirmed_invitation_is_reported_once() {
    let mut it = setting().await;
    let _phone = frozen_socket(&it.bob).await;
    let call = it.alice.call("bob").await;
    let initiated = it.receiver.expect("call.initiated").await;
    assert_eq!(initiated.body["data"]["calleeConnected"], true);
    it.clock.advance(TIMEOUT);
    let unreached = it.receiver.expect("call.unreached").await;
    assert_eq!(unreached.call(), call);
    let data = &unreached.body["data"];
    assert_eq!(data["callee"]["id"], "bob");
    assert_eq!(data["call"]["status"], "RINGING");
    assert_eq!(data["calleeConnected"], false);
    assert_eq!(data["calleeSessions"][0]["responsive"], false);
    assert_eq!(data["ringSecondsLeft"], 55);
    assert_eq!(data["ringEndsAt"], "2024-01-15T10:31:00.000Z");
    // Another device that does not confirm is not reported again.
    let _tablet = frozen_socket(&it.server.sign_in("bob")).await;
    it.clock.advance(Duration::from_secs(20));
    it.clock.advance(Duration::from_secs(35));
    it.receiver.expect("call.missed").await;
}

#[rocket::async_test]
async fn invitation_that_one_device_confirms_is_not_reported() {
    let mut it = setting().await;
    let _phone = frozen_socket(&it.bob).await;
    let mut tablet = it.server.sign_in("bob").socket().await;
    it.alice.call("bob").await;
    tablet.expect_message("call_invitation").await;
    confirmed(&it.server).await;
    it.clock.advance(TIMEOUT);
    it.clock.advance(Duration::from_secs(55));
    it.receiver.expect("call.initiated").await;
    it.receiver.expect("call.missed").await;
}

#[rocket::async_test]
async fn answered_call_is_not_reported() {
    let mut it = setting().await;
    let _phone = frozen_socket(&it.bob).await;
    let call = it.alice.call("bob").await;
    it.bob.accept(&call).await.success(200);
    it.alice.end(&call).await.success(200);
    it.clock.advance(TIMEOUT);
    it.clock.advance(Duration::from_mins(1));
    it.receiver.expect("call.initiated").await;
    // Sent after it, if it were sent.
    let next = it.alice.call("carol").await;
    assert_eq!(it.receiver.expect("call.initiated").await.call(), next);
}

#[rocket::async_test]
async fn unreadable_call_does_not_stop_the_reports() {
    let mut it = setting().await;
    let [_phone, _tablet] = [frozen_socket(&it.bob).await, {
        frozen_socket(&it.server.sign_in("dave")).await
    }];
    it.alice.call("bob").await;
    let call = it.server.sign_in("carol").call("dave").await;
    for _ in 0..2 {
        it.receiver.expect("call.initiated").await;
    }
    it.server.stored().change_rows(
        "UPDATE calls SET call_type = 99 WHERE caller = (SELECT key FROM users WHERE id = 'alice')",
    );
    it.clock.advance(TIMEOUT);
    assert_eq!(it.receiver.expect("call.unreached").await.call(), call);
}

#[rocket::async_test]
async fn invitation_on_connecting_is_reported_too() {
    let mut it = setting().await;
    it.alice.call("bob").await;
    let initiated = it.receiver.expect("call.initiated").await;
    assert_eq!(initiated.body["data"]["calleeSessions"], json!([]));
    it.clock.advance(Duration::from_secs(10));
    let _phone = Socket::connect_frozen(it.server.address(), it.bob.token()).await;
    let ringing = it.receiver.expect("call.ringing").await;
    let sessions = &ringing.body["data"]["calleeSessions"];
    assert_eq!(sessions[0]["connectedAt"], "2024-01-15T10:30:10.000Z");
    assert_eq!(sessions.as_array().map(Vec::len), Some(1));
    it.clock.advance(TIMEOUT);
    let unreached = it.receiver.expect("call.unreached").await;
    assert_eq!(unreached.body["data"]["ringSecondsLeft"], 45);
}

#[rocket::async_test]
async fn deadline_of_an_invitation_survives_a_restart() {
    let mut it = setting().await;
    let _phone = frozen_socket(&it.bob).await;
    it.alice.call("bob").await;
    it.receiver.expect("call.initiated").await;
    it.server.restart().await;
    it.clock.advance(TIMEOUT);
    let unreached = it.receiver.expect("call.unreached").await;
    assert_eq!(
        unreached.body["data"]["calleeSessions"],
        Value::Array(Vec::new())
    );
    it.server.restart().await;
    it.clock.advance(Duration::from_secs(55));
    // The stop may have come before the server recorded that the message was delivered.
    let mut next = it.receiver.next().await;
    while next.id == unreached.id {
        next = it.receiver.next().await;
    }
    assert_eq!(next.topic(), "call.missed");
}
