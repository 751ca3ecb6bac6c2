//! `/api/v1/users/me/availability`: do not disturb. A call rings on no device, looks to the caller like one to a user
//! who is not connected, and is missed as usual.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Api, Cli, Device, Receiver, Reply, TestServer, Users, wall_clock_hand};

const AVAILABILITY: &str = "/api/v1/users/me/availability";

async fn set(user: &Api, body: Value) -> Value {
    user.put(AVAILABILITY, &body).await.success(200)
}

async fn do_not_disturb(user: &Api) {
    set(user, json!({"status": "do_not_disturb"})).await;
}

#[rocket::async_test]
async fn availability_is_set_and_shown_until_it_ends() {
    let clock = wall_clock_hand();
    let server = TestServer::plan().clock(&clock).start().await;
    let [alice, bob] = ["alice", "bob"].map(|user| server.sign_in(user));
    let shown = async || bob.get(AVAILABILITY).await.success(200);
    let available = json!({"status": "available", "until": null});
    assert_eq!(shown().await, available);
    do_not_disturb(&bob).await;
    let without_end = json!({"status": "do_not_disturb", "until": null});
    assert_eq!(shown().await, without_end);
    let until = json!({"status": "do_not_disturb", "until": "2024-01-15T11:30:00.000Z"});
    let asked = json!({"status": "do_not_disturb", "until": "2024-01-15T12:30:00+01:00"});
    assert_eq!(set(&bob, asked).await, until);
    assert_eq!(shown().await, until);
    let of_alice = alice.get(AVAILABILITY).await.success(200);
    assert_eq!(of_alice, available, "it is the user's own");
    clock.advance(Duration::from_hours(1));
    assert_eq!(shown().await, available);
    do_not_disturb(&bob).await;
    assert_eq!(set(&bob, json!({"status": "available"})).await, available);
    assert_eq!(shown().await, available);
}

#[rocket::async_test]
async fn user_who_is_added_again_is_available() {
    let server = TestServer::start().await;
    let bob = server.sign_in("bob");
    do_not_disturb(&bob).await;
    let cli = Cli::beside(&server);
    cli.run(&["user", "remove", "bob"]).success();
    cli.run(&["user", "add", "bob", "--name", "Bob"]).success();
    // With a token that was issued after the removal.
    let shown = server.sign_in("bob").get(AVAILABILITY).await.success(200);
    assert_eq!(shown["status"], "available");
}

#[rocket::async_test]
async fn wrong_availability_is_refused_by_field() {
    let server = TestServer::start().await;
    let bob = server.sign_in("bob");
    for (body, names) in [
        (json!({}), "status"),
        (json!({"status": "busy"}), "status"),
        (
            json!({"status": "do_not_disturb", "until": "tonight"}),
            "until",
        ),
        (
            json!({"status": "do_not_disturb", "until": "2020-01-01T00:00:00Z"}),
            "until",
        ),
        (
            json!({"status": "available", "until": "2999-01-01T00:00:00Z"}),
            "until",
        ),
        (json!([]), "body"),
    ] {
        let answer = bob.put(AVAILABILITY, &body).await;
        let message = answer.failure(400, "invalid_request");
        assert!(message.contains(names), "{message}");
    }
    let anonymous = server.anonymous();
    let answer = anonymous.get(AVAILABILITY).await;
    answer.failure(401, "unauthenticated");
}

#[rocket::async_test]
async fn call_to_an_undisturbed_callee_rings_nobody() {
    let clock = wall_clock_hand();
    let server = TestServer::plan().clock(&clock).start().await;
    let mut users = Users::on(&server).await;
    do_not_disturb(users.api(Device::BobPhone)).await;
    let call = users.alice.call("bob").await;
    assert_eq!(users.alice.status_of(&call).await, "INITIATING");
    users.expect_nothing().await;
    // A device that connects is not invited either.
    let mut late = server.sign_in("bob").socket().await;
    late.expect_nothing().await;
    assert_eq!(users.alice.status_of(&call).await, "INITIATING");
    clock.advance(Duration::from_mins(1));
    for device in [Device::AlicePhone, Device::BobPhone] {
        users.at(device).expect_message("call_timeout").await;
    }
    let missed = users.api(Device::BobPhone).past_calls("").await;
    assert_eq!(missed[0]["callId"], call.as_str());
    assert_eq!(missed[0]["status"], "MISSED");
    assert_eq!(users.api(Device::BobPhone).unseen().await, 1);
}

#[rocket::async_test]
async fn waiting_call_rings_when_the_callee_is_available() {
    let server = TestServer::start().await;
    let mut users = Users::on(&server).await;
    let bob = users.api(Device::BobPhone).clone();
    do_not_disturb(&bob).await;
    let call = users.alice.call("bob").await;
    set(&bob, json!({"status": "available"})).await;
    for device in [Device::BobPhone, Device::BobTablet] {
        let invitation = users.at(device).expect_message("call_invitation").await;
        assert_eq!(invitation["data"]["callId"], call.as_str());
        assert_eq!(invitation["data"]["callerName"], "Alice Archer");
    }
    assert_eq!(users.alice.status_of(&call).await, "RINGING");
    // Again changes nothing.
    set(&bob, json!({"status": "available"})).await;
    bob.accept(&call).await.success(200);
}

#[rocket::async_test]
async fn ringing_call_goes_on_when_do_not_disturb_begins() {
    let server = TestServer::start().await;
    let mut users = Users::on(&server).await;
    let call = users.ring().await;
    let bob = users.api(Device::BobPhone).clone();
    do_not_disturb(&bob).await;
    assert_eq!(users.alice.status_of(&call).await, "RINGING");
    let mut late = server.sign_in("bob").socket().await;
    late.expect_message("call_invitation").await;
    bob.accept(&call).await.success(200);
}

#[rocket::async_test]
async fn webhooks_say_do_not_disturb_and_no_push_rings() {
    let mut receiver = Receiver::start().await;
    receiver.answer(|_| Reply::status(200).body("{\"delivered\": true}"));
    let plan = TestServer::plan().telling(&receiver).with(|settings| {
        settings
            .webhook_events
            .retain(|event| event.as_str().starts_with("call."));
    });
    let server = plan.start().await;
    let [alice, bob] = ["alice", "bob"].map(|user| server.sign_in(user));
    do_not_disturb(&bob).await;
    let _phone = bob.socket().await;
    let call = alice.call("bob").await;
    let initiated = receiver.expect("call.initiated").await;
    let data = &initiated.body["data"];
    assert_eq!(data["calleeAvailability"], "do_not_disturb");
    assert_eq!(data["calleeConnected"], true);
    alice.end(&call).await.success(200);
    // After it in the order of the call, if a push could make it ring.
    let ended = receiver.expect("call.ended").await;
    assert_eq!(ended.body["data"]["call"]["status"], "ENDED");
}
