//! `/api/v1/users/blocks`: a blocked caller's call rings on no device, and looks to the caller like one without an
//! answer.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    Api, Cli, Device, TestServer, Users, eventually, initiate_body, wall_clock_hand,
};

const BLOCKS: &str = "/api/v1/users/blocks";

async fn block(owner: &Api, user: &str) -> Value {
    owner
        .post(BLOCKS, &json!({ "userId": user }))
        .await
        .success(200)
}

async fn blocked(owner: &Api) -> Vec<String> {
    let list = owner.get(BLOCKS).await.success(200);
    let id = |one: &Value| one["userId"].as_str().expect("an id").to_owned();
    list.as_array().expect("a list").iter().map(id).collect()
}

#[rocket::async_test]
async fn users_are_blocked_listed_and_unblocked() {
    let server = TestServer::start().await;
    let [alice, bob] = ["alice", "bob"].map(|user| server.sign_in(user));
    assert_eq!(blocked(&bob).await, [""; 0]);
    let entry = block(&bob, "alice").await;
    assert_eq!(entry["userId"], "alice");
    assert_eq!(entry["name"], "Alice Archer");
    assert_eq!(entry["avatar"], "https://example.com/alice.jpg");
    block(&bob, "frank").await;
    block(&bob, "carol").await;
    assert_eq!(
        block(&bob, "alice").await,
        entry,
        "a second time changes nothing"
    );
    assert_eq!(blocked(&bob).await, ["alice", "carol", "frank"]);
    assert_eq!(blocked(&alice).await, [""; 0], "it goes one way");

    // By path, by query, and by a body like that of POST.
    bob.delete(&format!("{BLOCKS}/alice")).await.success(200);
    let answer = bob.delete(&format!("{BLOCKS}?userId=carol")).await;
    answer.success(200);
    let by_body = bob
        .request(Method::DELETE, BLOCKS)
        .json(&json!({ "userId": "frank" }));
    bob.send(by_body).await.success(200);
    assert_eq!(blocked(&bob).await, [""; 0]);
    // Whoever repeats it gets the same answer.
    bob.delete(&format!("{BLOCKS}/alice")).await.success(200);
}

#[rocket::async_test]
async fn what_cannot_be_blocked_is_refused_by_name() {
    let server = TestServer::start().await;
    let bob = server.sign_in("bob");
    for (body, names) in [
        (json!({}), "userId"),
        (json!({ "userId": 7 }), "userId"),
        (json!({ "userId": "a b" }), "userId"),
        (json!({ "userId": "bob" }), "oneself"),
        (json!([]), "body"),
    ] {
        let message = bob.post(BLOCKS, &body).await;
        let message = message.failure(400, "invalid_request");
        assert!(message.contains(names), "{message}");
    }
    let nobody = json!({ "userId": "nobody" });
    let answer = bob.post(BLOCKS, &nobody).await;
    answer.failure(404, "user_not_found");
    let answer = bob.delete(&format!("{BLOCKS}/nobody")).await;
    answer.failure(404, "user_not_found");
    bob.delete(BLOCKS).await.failure(400, "invalid_request");
    let answer = bob.delete(&format!("{BLOCKS}?userId=a%20b")).await;
    answer.failure(400, "invalid_request");
    let anonymous = server.anonymous();
    anonymous.get(BLOCKS).await.failure(401, "unauthenticated");
    let answer = anonymous.post(BLOCKS, &json!({ "userId": "bob" })).await;
    answer.failure(401, "unauthenticated");
}

/// What Alice sees of a call to Bob, step by step: all that a client can ask for or is told.
async fn seen_by_a_caller(
    server: &TestServer,
    users: &mut Users,
    pass: impl AsyncFn(),
) -> Vec<Value> {
    let alice = users.alice.clone();
    let mut seen = Vec::new();
    let status = "/api/v1/users/status/bob";
    let mut note = |value: Value| seen.push(value);
    note(alice.get(status).await.success(200));
    note(alice.get("/api/v1/users/status/online").await.success(200));
    let initiated = alice.initiate("bob").await;
    note(json!(initiated.status));
    note(initiated.body.clone());
    let call = initiated.body["data"]["id"].as_str().expect("an id");
    note(alice.details(call).await.success(200));
    note(alice.active().await.success(200));
    let again = server.sign_in("alice").initiate("carol").await;
    note(json!(again.failure(409, "caller_busy")));
    note(json!(alice.accept(call).await.failure(403, "unauthorized")));
    pass().await;
    let told = users
        .at(Device::AlicePhone)
        .expect_message("call_timeout")
        .await;
    note(told);
    note(
        users
            .at(Device::AliceTablet)
            .expect_message("call_timeout")
            .await,
    );
    note(alice.details(call).await.success(200));
    note(json!(alice.end(call).await.failure(400, "invalid_status")));
    note(alice.history("").await.success(200));
    let text = json!(seen).to_string().replace(call, "CALL");
    let Value::Array(seen) = serde_json::from_str(&text).expect("JSON") else {
        panic!("a list")
    };
    seen
}

#[rocket::async_test]
async fn to_the_caller_a_block_looks_like_a_callee_who_never_answers() {
    let mut stories = Vec::new();
    for is_blocked in [false, true] {
        let clock = wall_clock_hand();
        let server = TestServer::plan().clock(&clock).start().await;
        let mut users = Users::without_bob(&server).await;
        if is_blocked {
            // And connected, and even in a call of his own.
            users.connect(Device::BobPhone, &users.bob.clone()).await;
            block(&users.bob, "alice").await;
            users.bob.call("dave").await;
        }
        let pass = async || clock.advance(Duration::from_mins(1));
        stories.push(seen_by_a_caller(&server, &mut users, pass).await);
    }
    assert_eq!(stories[0], stories[1]);
}

#[rocket::async_test]
async fn callee_gets_nothing_from_a_blocked_caller() {
    let clock = wall_clock_hand();
    let server = TestServer::plan().clock(&clock).start().await;
    let mut users = Users::on(&server).await;
    block(&users.bob, "alice").await;
    let call = users.alice.call("bob").await;
    assert_eq!(users.alice.status_of(&call).await, "INITIATING");
    users.expect_nothing().await;
    assert!(users.bob.active().await.success(200).is_null());
    for answer in [
        users.bob.details(&call).await,
        users.bob.ringing(&call).await,
        users.bob.accept(&call).await,
        users.bob.reject(&call, "busy").await,
        users.bob.end(&call).await,
        users.bob.set_status(&call, "CONNECTING").await,
    ] {
        answer.failure(403, "unauthorized");
    }
    // A session that connects finds nothing that rings.
    let mut watch = server.sign_in("bob").socket().await;
    watch.expect_nothing().await;
    assert_eq!(users.alice.status_of(&call).await, "INITIATING");

    clock.advance(Duration::from_mins(1));
    for device in [Device::AlicePhone, Device::AliceTablet] {
        users.at(device).expect("call_timeout").await;
    }
    users.expect_nothing().await;
    watch.expect_nothing().await;
    assert_eq!(users.bob.past_calls("").await, [Value::Null; 0]);
    assert_eq!(users.bob.unseen().await, 0);
    let remembered = users.alice.past_calls("").await;
    assert_eq!(remembered.len(), 1);
    assert_eq!(remembered[0]["status"], "MISSED");
    assert_eq!(remembered[0]["direction"], "OUTGOING");
}

#[rocket::async_test]
async fn nothing_is_kept_for_a_blocker_who_is_away() {
    let clock = wall_clock_hand();
    let server = TestServer::plan().clock(&clock).start().await;
    let mut users = Users::without_bob(&server).await;
    block(&users.bob, "alice").await;
    let missed = users.alice.call("bob").await;
    clock.advance(Duration::from_mins(1));
    users.at(Device::AlicePhone).expect("call_timeout").await;
    assert_eq!(users.alice.status_of(&missed).await, "MISSED");
    let given_up = users.alice.call("bob").await;
    users.alice.end(&given_up).await.success(200);
    users.connect(Device::BobPhone, &users.bob.clone()).await;
    users.at(Device::BobPhone).expect_nothing().await;
    assert_eq!(users.bob.past_calls("").await, [Value::Null; 0]);
    let outcomes = users.alice.past_calls("").await;
    assert_eq!(outcomes[0]["status"], "CANCELLED");
}

#[rocket::async_test]
async fn a_blocker_calls_and_is_called_by_others_meanwhile() {
    let server = TestServer::start().await;
    let mut users = Users::on(&server).await;
    block(&users.bob, "alice").await;
    let suppressed = users.alice.call("bob").await;
    // Carol reaches Bob ...
    let call = users.carol.call("bob").await;
    for device in [Device::BobPhone, Device::BobTablet] {
        let invitation = users.at(device).expect("call_invitation").await;
        assert_eq!(invitation["callId"], *call);
    }
    users.bob.accept(&call).await.success(200);
    users.bob.end(&call).await.success(200);
    // ... and Bob reaches Carol.
    let call = users.bob.call("carol").await;
    users.carol.accept(&call).await.success(200);
    assert_eq!(users.alice.status_of(&suppressed).await, "INITIATING");
    assert_eq!(
        users.alice.active().await.success(200)["id"],
        suppressed.as_str()
    );
    // Of the call that rings nobody its caller alone is in the way of others.
    let answer = server.sign_in("dave").initiate("alice").await;
    answer.failure(409, "user_busy");
}

#[rocket::async_test]
async fn the_other_devices_of_a_blocked_caller_hear_that_it_gave_up() {
    let server = TestServer::start().await;
    let mut users = Users::on(&server).await;
    block(&users.bob, "alice").await;
    let call = users.alice.call("bob").await;
    users.alice.end(&call).await.success(200);
    users
        .expect_ended(&[Device::AliceTablet], &call, "alice")
        .await;
}

#[rocket::async_test]
async fn one_who_was_unblocked_rings_again() {
    let server = TestServer::start().await;
    let mut users = Users::on(&server).await;
    block(&users.bob, "alice").await;
    let answer = users.bob.delete(&format!("{BLOCKS}/alice")).await;
    answer.success(200);
    users.ring().await;
}

#[rocket::async_test]
async fn a_block_counts_for_the_next_call_not_for_the_one_that_rings() {
    let server = TestServer::start().await;
    let mut users = Users::on(&server).await;
    let call = users.ring().await;
    block(&users.bob, "alice").await;
    users.bob.accept(&call).await.success(200);
    users.bob.end(&call).await.success(200);
    let suppressed = users.alice.call("bob").await;
    assert_eq!(users.alice.status_of(&suppressed).await, "INITIATING");
}

#[rocket::async_test]
async fn one_who_has_blocked_a_user_can_still_call_that_user() {
    let server = TestServer::start().await;
    let mut users = Users::on(&server).await;
    block(&users.alice, "bob").await;
    users.ring().await;
}

#[rocket::async_test]
async fn a_repeated_request_of_a_blocked_caller_is_the_same_call() {
    let server = TestServer::start().await;
    let [alice, bob] = ["alice", "bob"].map(|user| server.sign_in(user));
    block(&bob, "alice").await;
    let body = initiate_body("bob");
    let first = alice.initiate_once("key-1", &body).await.success(201);
    let second = alice.initiate_once("key-1", &body).await.success(201);
    assert_eq!(first, second);
}

#[rocket::async_test]
async fn a_withheld_call_is_missed_after_a_restart_too() {
    let clock = wall_clock_hand();
    let mut server = TestServer::plan().clock(&clock).start().await;
    let [alice, bob] = ["alice", "bob"].map(|user| server.sign_in(user));
    block(&bob, "alice").await;
    let call = alice.call("bob").await;
    server.stop().await;
    clock.advance(Duration::from_secs(61));
    server.start_again().await;
    eventually("the call to be missed", async || {
        alice.status_of(&call).await == "MISSED"
    })
    .await;
    let mut at_bob = bob.socket().await;
    at_bob.expect_nothing().await;
    assert_eq!(bob.past_calls("").await, [Value::Null; 0]);
    assert_eq!(blocked(&bob).await, ["alice"]);
}

#[rocket::async_test]
async fn administrator_sees_suppressed_calls() {
    let server = TestServer::start().await;
    let [alice, bob] = ["alice", "bob"].map(|user| server.sign_in(user));
    block(&bob, "alice").await;
    let call = alice.call("bob").await;
    let cli = Cli::beside(&server);
    let shown = cli.json(&["call", "show", &call]);
    assert_eq!(shown["calleeId"], "bob");
    assert_eq!(shown["timeline"][0]["status"], "INITIATING");
    assert_eq!(shown["timeline"][0]["cause"], "caller_blocked");
    let drawn = cli.run(&["call", "show", &call]).success();
    assert!(drawn.contains("caller blocked"), "{drawn}");
    assert_eq!(server.check_database(), [""; 0]);
    cli.run(&["call", "end", &call]).success();
    assert_eq!(server.check_database(), [""; 0]);
    assert_eq!(bob.past_calls("").await, [Value::Null; 0]);
}
