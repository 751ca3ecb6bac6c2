//! `GET /api/v1/calls/statistics`: contract section 5.

use std::time::Duration;

use chattrix::clock::ManualClock;
use serde_json::{Value, json};

use crate::support::{Api, CallFixture, TestServer, initiate_body, wall_clock_hand};

async fn statistics(api: &Api, query: &str) -> Value {
    let path = format!("/api/v1/calls/statistics{query}");
    api.get(&path).await.success(200)
}

/// A call from Alice to Bob that lasted `seconds`.
async fn talk(server: &TestServer, clock: &ManualClock, call_type: &str, seconds: u64) {
    let [alice, bob] = ["alice", "bob"].map(|user| server.sign_in(user));
    let mut body = initiate_body("bob");
    body["callType"] = json!(call_type);
    let call = alice.initiate_with(&body).await.success(201);
    let call = call["id"].as_str().expect("an id");
    bob.accept(call).await.success(200);
    clock.advance(Duration::from_secs(seconds));
    alice.end(call).await.success(200);
}

#[rocket::async_test]
async fn statistics_of_somebody_without_calls_are_all_zero() {
    let server = TestServer::start().await;
    let expected = json!({
        "totalCalls": 0,
        "totalDurationSeconds": 0,
        "averageDurationSeconds": 0.0,
        "callsByType": { "AUDIO": 0, "VIDEO": 0 },
        "callsByStatus": { "COMPLETED": 0, "MISSED": 0, "REJECTED": 0, "CANCELLED": 0 },
    });
    let alice = server.sign_in("alice");
    for period in ["", "?period=day", "?period=all", "?unknown=1"] {
        assert_eq!(statistics(&alice, period).await, expected);
    }
}

#[rocket::async_test]
async fn statistics_count_ones_own_entries_by_type_and_status() {
    let clock = wall_clock_hand();
    let server = TestServer::plan().clock(&clock).start().await;
    let [alice, bob] = ["alice", "bob"].map(|user| server.sign_in(user));
    talk(&server, &clock, "AUDIO", 10).await;
    talk(&server, &clock, "VIDEO", 25).await;
    let cancelled = alice.call("bob").await;
    alice.end(&cancelled).await.success(200);
    let rejected = alice.call("bob").await;
    bob.reject(&rejected, "busy").await.success(200);
    let mut expected = json!({
        "totalCalls": 4,
        "totalDurationSeconds": 35,
        // Over the completed ones alone.
        "averageDurationSeconds": 17.5,
        "callsByType": { "AUDIO": 1, "VIDEO": 3 },
        "callsByStatus": { "COMPLETED": 2, "MISSED": 0, "REJECTED": 1, "CANCELLED": 1 },
    });
    assert_eq!(statistics(&alice, "").await, expected);
    expected["callsByStatus"]["CANCELLED"] = json!(0);
    expected["callsByStatus"]["MISSED"] = json!(1);
    assert_eq!(statistics(&bob, "").await, expected);
    assert_eq!(
        statistics(&server.sign_in("carol"), "").await["totalCalls"],
        0
    );
}

#[rocket::async_test]
async fn statistics_period_counts_calls_by_creation_time() {
    const DAY: Duration = Duration::from_hours(24);
    let clock = wall_clock_hand();
    let server = TestServer::plan().clock(&clock).start().await;
    // Each 1 s older than a period, and one that is new. They last no time, so that their ages are these.
    for days in [365 - 30, 30 - 7, 7 - 1, 1] {
        talk(&server, &clock, "AUDIO", 0).await;
        clock.advance(DAY * days);
    }
    clock.advance(Duration::from_secs(1));
    talk(&server, &clock, "VIDEO", 0).await;
    let alice = server.sign_in("alice");
    for (period, calls) in [
        ("day", 1),
        ("week", 2),
        ("month", 3),
        ("year", 4),
        ("all", 5),
    ] {
        let counted = statistics(&alice, &format!("?period={period}")).await;
        assert_eq!(counted["totalCalls"], calls, "{period}");
    }
    assert_eq!(statistics(&alice, "").await["totalCalls"], 5);
}

#[rocket::async_test]
async fn a_call_as_old_as_the_period_is_in_it() {
    let clock = wall_clock_hand();
    let server = TestServer::plan().clock(&clock).start().await;
    talk(&server, &clock, "AUDIO", 0).await;
    clock.advance(Duration::from_hours(24));
    let counted = statistics(&server.sign_in("alice"), "?period=day").await;
    assert_eq!(counted["totalCalls"], 1);
    clock.advance(Duration::from_millis(1));
    let counted = statistics(&server.sign_in("alice"), "?period=day").await;
    assert_eq!(counted["totalCalls"], 0);
}

#[rocket::async_test]
async fn entries_that_were_deleted_are_not_counted() {
    let fixture = CallFixture::with_call("ENDED").await;
    assert_eq!(statistics(&fixture.alice, "").await["totalCalls"], 1);
    let answer = fixture.alice.delete("/api/v1/calls/history").await;
    answer.success(200);
    assert_eq!(statistics(&fixture.alice, "").await["totalCalls"], 0);
    assert_eq!(statistics(&fixture.bob, "").await["totalCalls"], 1);
}

#[rocket::async_test]
async fn a_wrong_period_is_named_with_what_was_expected() {
    let server = TestServer::start().await;
    let alice = server.sign_in("alice");
    for query in [
        "period=decade",
        "period=",
        "period=Day",
        "period=day&period=day",
    ] {
        let path = format!("/api/v1/calls/statistics?{query}");
        let message = alice.get(&path).await.failure(400, "invalid_request");
        assert!(message.starts_with("period: expected "), "{message}");
    }
}
