//! `GET /api/v1/calls/{callId}`: specification "6. Get Call Details", contract section 2.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{CallFixture, TestServer};

const BEGIN: &str = "2024-01-15T10:30:00.000Z";

/// `[startTime, endTime, durationSeconds]` of the call in `fixture`, the same for both participants.
async fn times(fixture: &CallFixture) -> [Value; 3] {
    let call = fixture.alice.details(&fixture.call).await.success(200);
    assert_eq!(fixture.bob.details(&fixture.call).await.success(200), call);
    ["startTime", "endTime", "durationSeconds"].map(|field| call[field].clone())
}

#[rocket::async_test]
async fn details_show_the_call_as_it_was_initiated() {
    let server = TestServer::start().await;
    let alice = server.sign_in("alice");
    let body = json!({ "calleeId": "bob", "callType": "AUDIO", "channelId": "a channel" });
    let call = alice.initiate_with(&body).await.success(201);
    let details = alice.details(call["id"].as_str().expect("an id")).await;
    let details = details.success(200);
    for field in [
        "id",
        "callerId",
        "calleeId",
        "callType",
        "status",
        "channelId",
        "createdAt",
        "updatedAt",
    ] {
        assert_eq!(details[field], call[field], "{field}");
    }
}

#[rocket::async_test]
async fn details_of_an_unanswered_call_show_no_times_yet() {
    for status in ["INITIATING", "RINGING"] {
        let fixture = CallFixture::with_call(status).await;
        assert_eq!(
            times(&fixture).await,
            [Value::Null, Value::Null, Value::Null]
        );
    }
}

#[rocket::async_test]
async fn details_of_an_answered_call_show_its_start() {
    for status in ["CONNECTING", "ACTIVE"] {
        let fixture = CallFixture::with_call(status).await;
        assert_eq!(
            times(&fixture).await,
            [json!(BEGIN), Value::Null, Value::Null]
        );
    }
}

#[rocket::async_test]
async fn details_of_an_ended_call_show_all_its_times() {
    let fixture = CallFixture::with_call("ACTIVE").await;
    fixture.clock.advance(Duration::from_secs(125));
    fixture.bob.end(&fixture.call).await.success(200);
    let expected = [json!(BEGIN), json!("2024-01-15T10:32:05.000Z"), json!(125)];
    assert_eq!(times(&fixture).await, expected);
}

#[rocket::async_test]
async fn details_of_an_unanswered_ended_call_show_0_seconds() {
    let fixture = CallFixture::with_call("RINGING").await;
    fixture.clock.advance(Duration::from_secs(3));
    fixture.alice.end(&fixture.call).await.success(200);
    let expected = [Value::Null, json!("2024-01-15T10:30:03.000Z"), json!(0)];
    assert_eq!(times(&fixture).await, expected);
}

#[rocket::async_test]
async fn details_of_a_missed_call_show_an_end_and_no_duration() {
    let fixture = CallFixture::with_call("MISSED").await;
    let [start, end, duration] = times(&fixture).await;
    assert_eq!((start, duration), (Value::Null, Value::Null));
    assert_ne!(end, Value::Null);
}

#[rocket::async_test]
async fn details_of_a_rejected_call_show_an_end_and_no_duration() {
    let fixture = CallFixture::with_call("RINGING").await;
    fixture.clock.advance(Duration::from_secs(4));
    fixture.bob.reject(&fixture.call, "busy").await.success(200);
    assert_eq!(
        times(&fixture).await,
        [Value::Null, json!("2024-01-15T10:30:04.000Z"), Value::Null]
    );
}
