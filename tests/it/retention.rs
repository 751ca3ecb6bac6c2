//! Deletion of old entries: contract section 6, `retention`.

use std::time::Duration;

use chattrix::call::CallId;
use chattrix::clock::{ManualClock, Timestamp};
use chattrix::store::{Database, Forgotten};
use serde_json::{Value, json};

use crate::support::{Api, TestServer, eventually, initiate_body, wall_clock_hand};

const DAY: Duration = Duration::from_hours(24);

async fn server_that_remembers(age: Duration, clock: &ManualClock) -> TestServer {
    let plan = TestServer::plan().clock(clock);
    let plan = plan.with(|settings| settings.retention = Some(age));
    plan.start().await
}

/// A call that Bob answered and that ended at once.
async fn talk(alice: &Api, bob: &Api) -> String {
    let call = alice.call("bob").await;
    bob.accept(&call).await.success(200);
    let report = json!({ "networkQuality": "GOOD" });
    alice.report(&call, &report).await.success(200);
    alice.end(&call).await.success(200);
    call
}

#[rocket::async_test]
async fn retention_prunes_a_call_with_all_its_rows() {
    let clock = wall_clock_hand();
    let mut server = server_that_remembers(DAY, &clock).await;
    let [alice, bob] = ["alice", "bob"].map(|user| server.sign_in(user));
    let old = talk(&alice, &bob).await;
    clock.advance(Duration::from_secs(1));
    let missed = alice.call("bob").await;
    alice.end(&missed).await.success(200);
    clock.advance(DAY);
    let [alice, bob] = ["alice", "bob"].map(|user| server.sign_in(user));
    let young = talk(&alice, &bob).await;
    server.restart().await;
    eventually("the old call to be forgotten", async || {
        alice.details(&old).await.status == 404
    })
    .await;
    alice.details(&old).await.failure(404, "call_not_found");
    alice.quality(&old).await.failure(404, "call_not_found");
    let database = Database::open(&server.database()).expect("the database opens");
    let id = CallId::parse(&old).expect("a call id");
    let reported = database.quality(id).expect("the table can be read");
    assert_eq!(reported.map(|summary| summary.reports), [0, 0]);
    for who in [&alice, &bob] {
        let calls = who.past_calls("").await;
        // The missed one is as old as is remembered, and not older.
        let calls: Vec<_> = calls.iter().map(|item| item["callId"].clone()).collect();
        assert_eq!(calls, [json!(young), json!(missed)]);
    }
    assert_eq!(bob.unseen().await, 1);
    clock.advance(Duration::from_secs(1));
    server.restart().await;
    eventually("the missed call to be forgotten", async || {
        bob.past_calls("").await.len() == 1
    })
    .await;
    assert_eq!(bob.unseen().await, 0);
    assert_eq!(alice.status_of(&young).await, "ENDED");
}

#[rocket::async_test]
async fn a_call_counts_from_its_end() {
    let clock = wall_clock_hand();
    let plan = TestServer::plan().clock(&clock).with(|settings| {
        settings.retention = Some(DAY);
        settings.max_call_duration = None;
        settings.disconnect_grace = None;
    });
    let mut server = plan.start().await;
    let [alice, bob] = ["alice", "bob"].map(|user| server.sign_in(user));
    let short = {
        let [carol, dave] = ["carol", "dave"].map(|user| server.sign_in(user));
        let call = carol.call("dave").await;
        dave.reject(&call, "declined").await.success(200);
        call
    };
    let long = alice.call("bob").await;
    bob.accept(&long).await.success(200);
    clock.advance(DAY * 2);
    let [alice, carol] = ["alice", "carol"].map(|user| server.sign_in(user));
    server.restart().await;
    eventually("the short call to be forgotten", async || {
        carol.details(&short).await.status == 404
    })
    .await;
    assert_eq!(alice.status_of(&long).await, "CONNECTING");
    alice.end(&long).await.success(200);
    server.restart().await;
    assert_eq!(alice.status_of(&long).await, "ENDED");
}

#[rocket::async_test]
async fn without_retention_nothing_is_forgotten() {
    let clock = wall_clock_hand();
    let mut server = TestServer::plan().clock(&clock).start().await;
    let [alice, bob] = ["alice", "bob"].map(|user| server.sign_in(user));
    let call = talk(&alice, &bob).await;
    clock.advance(DAY * 3650);
    server.restart().await;
    let alice = server.sign_in("alice");
    assert_eq!(alice.status_of(&call).await, "ENDED");
    assert_eq!(alice.past_calls("").await.len(), 1);
}

#[rocket::async_test]
async fn calls_are_forgotten_while_the_server_runs() {
    let plan = TestServer::plan();
    let plan = plan.with(|settings| settings.retention = Some(Duration::from_millis(200)));
    let server = plan.start().await;
    let [alice, bob] = ["alice", "bob"].map(|user| server.sign_in(user));
    for _ in 0..50 {
        talk(&alice, &bob).await;
    }
    let live = alice.call("bob").await;
    eventually("the calls to be forgotten", async || {
        alice.past_calls("").await.is_empty() && bob.past_calls("").await.is_empty()
    })
    .await;
    assert_eq!(alice.status_of(&live).await, "INITIATING");
}

#[rocket::async_test]
async fn a_forgotten_call_takes_its_idempotency_key_with_it() {
    let clock = wall_clock_hand();
    let mut server = server_that_remembers(Duration::from_mins(1), &clock).await;
    let alice = server.sign_in("alice");
    let body = initiate_body("bob");
    let call = alice.initiate_once("key", &body).await.success(201);
    let id = call["id"].as_str().expect("an id");
    alice.end(id).await.success(200);
    assert_eq!(
        alice.initiate_once("key", &body).await.success(201)["id"],
        id
    );
    clock.advance(Duration::from_mins(2));
    server.restart().await;
    eventually("the call to be forgotten", async || {
        alice.details(id).await.status == 404
    })
    .await;
    let again = alice.initiate_once("key", &body).await.success(201);
    assert_ne!(again["id"], id);
}

#[rocket::async_test]
async fn db_prune_counts_first_and_deletes_in_batches() {
    let clock = wall_clock_hand();
    let mut server = TestServer::plan().clock(&clock).start().await;
    let [alice, bob] = ["alice", "bob"].map(|user| server.sign_in(user));
    for _ in 0..5 {
        talk(&alice, &bob).await;
        clock.advance(Duration::from_secs(1));
    }
    alice.delete("/api/v1/calls/history").await.success(200);
    let before = server.now();
    let kept = talk(&alice, &bob).await;
    server.stop().await;
    let database = Database::open(&server.database()).expect("the database opens");
    let count = |before: Timestamp| database.count_calls_over(before).expect("counted");
    assert_eq!((count(before), count(Timestamp::MAX)), (5, 6));
    let forget = || database.forget_calls(before, 3).expect("forgotten");
    let forgotten = |calls, entries| Forgotten { calls, entries };
    // Alice's entries are deleted already.
    assert_eq!(forget(), forgotten(3, 3));
    assert_eq!(forget(), forgotten(2, 2));
    assert_eq!(forget(), forgotten(0, 0));
    assert_eq!(count(before), 0);
    drop(database);
    server.start_again().await;
    for who in [&alice, &bob] {
        let calls: Vec<Value> = who.past_calls("").await;
        assert_eq!(calls.len(), 1);
        assert_eq!(calls[0]["callId"], *kept);
    }
}
