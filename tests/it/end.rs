//! `POST /api/v1/calls/{callId}/end` and `call.end`: specification "4. End Call", contract sections 1
//! to 3.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{CallFixture, Device, TestServer, Users, another_call_id, assert_error};

const NOT_A_PARTICIPANT: &str = "User is not a participant of this call";

#[rocket::async_test]
async fn end_counts_seconds_without_a_client_duration() {
    let absent = json!({});
    let null = json!({ "durationSeconds": null });
    for body in [absent, null] {
        let fixture = CallFixture::with_call("ACTIVE").await;
        fixture.clock.advance(Duration::from_millis(125_999));
        let call = fixture.alice.end_with(&fixture.call, &body).await;
        let call = call.success(200);
        assert_eq!(call["durationSeconds"], 125);
        assert_eq!(call["startTime"], "2024-01-15T10:30:00.000Z");
        assert_eq!(call["endTime"], "2024-01-15T10:32:05.999Z");
        assert_eq!(call["updatedAt"], call["endTime"]);
    }
}

/// Ends a call of `fixture` that has lasted for 100 s; `end_with` sends `seconds`.
async fn end_after_100_s(seconds: &str) -> Value {
    let fixture = CallFixture::with_call("CONNECTING").await;
    fixture.clock.advance(Duration::from_secs(100));
    let path = format!("/api/v1/calls/{}/end", fixture.call);
    let body = format!("{{\"durationSeconds\":{seconds}}}");
    let call = fixture.bob.post_text(&path, body).await.success(200);
    let details = fixture.alice.details(&fixture.call).await.success(200);
    assert_eq!(details["durationSeconds"], call["durationSeconds"]);
    call["durationSeconds"].clone()
}

#[rocket::async_test]
async fn end_keeps_the_duration_that_the_client_sends() {
    for (sent, stored) in [("0", 0), ("3.0", 3), ("9e1", 90), ("160", 160)] {
        assert_eq!(end_after_100_s(sent).await, stored, "{sent}");
    }
}

#[rocket::async_test]
async fn end_replaces_an_impossible_duration_by_its_own_count() {
    let impossible = [
        "161",
        "2147483647",
        "2147483648",
        "1e300",
        "-1",
        "1.5",
        "\"95\"",
        "true",
        "[1]",
        "{}",
    ];
    for sent in impossible {
        assert_eq!(end_after_100_s(sent).await, 100, "{sent}");
    }
}

#[rocket::async_test]
async fn end_before_an_answer_is_ended_with_0_seconds_and_no_start() {
    for status in ["INITIATING", "RINGING"] {
        for by_caller in [true, false] {
            let fixture = CallFixture::with_call(status).await;
            fixture.clock.advance(Duration::from_secs(7));
            let who = if by_caller {
                &fixture.alice
            } else {
                &fixture.bob
            };
            let call = who.end(&fixture.call).await.success(200);
            assert_eq!(call["status"], "ENDED");
            assert_eq!(call["durationSeconds"], 0);
            assert_eq!(call["endTime"], "2024-01-15T10:30:07.000Z");
            assert_eq!(call.get("startTime"), None);
        }
    }
}

#[rocket::async_test]
async fn end_before_an_answer_is_0_seconds_whatever_the_client_sends() {
    let fixture = CallFixture::with_call("RINGING").await;
    let body = json!({ "durationSeconds": 99 });
    let call = fixture.alice.end_with(&fixture.call, &body).await;
    let call = call.success(200);
    assert_eq!(call["durationSeconds"], 0);
}

#[rocket::async_test]
async fn end_needs_neither_a_body_nor_a_content_type() {
    let fixture = CallFixture::with_call("CONNECTING").await;
    let path = format!("/api/v1/calls/{}/end", fixture.call);
    fixture
        .alice
        .send(fixture.alice.request(Method::POST, &path))
        .await
        .success(200);
}

#[rocket::async_test]
async fn end_takes_an_empty_body_that_says_it_is_json() {
    let fixture = CallFixture::with_call("CONNECTING").await;
    let path = format!("/api/v1/calls/{}/end", fixture.call);
    fixture.alice.post_text(&path, "").await.success(200);
}

/// Content types that say something else of a body than that it is JSON.
const OTHER_TYPES: [&str; 4] = [
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "text/plain",
    "nonsense",
];

/// Ends a call with `body`, declared as `content_type`; returns the call.
async fn end_with(content_type: &str, body: &'static str) -> Value {
    let fixture = CallFixture::with_call("CONNECTING").await;
    let path = format!("/api/v1/calls/{}/end", fixture.call);
    let request = fixture.alice.request(Method::POST, &path);
    let request = request.header("content-type", content_type).body(body);
    fixture.alice.send(request).await.success(200)
}

#[rocket::async_test]
async fn end_takes_an_empty_body_of_any_content_type() {
    for content_type in OTHER_TYPES {
        end_with(content_type, "").await;
    }
}

#[rocket::async_test]
async fn json_is_read_whatever_its_content_type() {
    for content_type in OTHER_TYPES {
        let call = end_with(content_type, " {\"durationSeconds\": 0}").await;
        assert_eq!(call["status"], "ENDED", "{content_type}: {call}");
    }
}

#[rocket::async_test]
async fn end_reads_a_body_with_a_byte_order_mark() {
    let fixture = CallFixture::with_call("CONNECTING").await;
    let path = format!("/api/v1/calls/{}/end", fixture.call);
    let body = "\u{feff}{\"durationSeconds\": 5}";
    let call = fixture.alice.post_text(&path, body).await.success(200);
    assert_eq!(call["durationSeconds"], 5);
}

#[rocket::async_test]
async fn end_with_a_compressed_body_is_415() {
    let fixture = CallFixture::with_call("CONNECTING").await;
    let path = format!("/api/v1/calls/{}/end", fixture.call);
    for (coding, status) in [("gzip", 415), ("br", 415), ("identity", 200)] {
        let request = fixture.alice.request(Method::POST, &path);
        let request = request.header("content-encoding", coding).body("{}");
        assert_eq!(fixture.alice.send(request).await.status, status, "{coding}");
    }
}

#[rocket::async_test]
async fn end_takes_a_duration_without_a_content_type() {
    let fixture = CallFixture::with_call("CONNECTING").await;
    let path = format!("/api/v1/calls/{}/end", fixture.call);
    let request = fixture
        .alice
        .request(Method::POST, &path)
        .body(r#"{"durationSeconds": 5}"#);
    let call = fixture.alice.send(request).await.success(200);
    assert_eq!(call["durationSeconds"], 5);
}

#[rocket::async_test]
async fn end_of_a_final_call_is_an_invalid_status() {
    for status in ["ENDED", "MISSED", "REJECTED"] {
        let fixture = CallFixture::with_call(status).await;
        let before = fixture.alice.details(&fixture.call).await.success(200);
        fixture.clock.advance(Duration::from_secs(3));
        for who in [&fixture.alice, &fixture.bob] {
            who.end(&fixture.call).await.failure(400, "invalid_status");
        }
        assert_eq!(
            fixture.alice.details(&fixture.call).await.success(200),
            before
        );
    }
}

#[rocket::async_test]
async fn socket_end_counts_seconds_without_a_possible_duration() {
    let impossible = [json!(-1), json!("42"), json!(1_000_000)].map(Some);
    for duration in [None, Some(Value::Null)].into_iter().chain(impossible) {
        let fixture = CallFixture::with_call("ACTIVE").await;
        let mut at_alice = fixture.alice.socket().await;
        let mut at_bob = fixture.bob.socket().await;
        at_alice.expect("call_accepted").await;
        fixture.clock.advance(Duration::from_millis(42_500));
        let mut payload = json!({ "callId": fixture.call });
        if let Some(duration) = duration {
            payload["durationSeconds"] = duration;
        }
        at_bob.send("call.end", &payload).await;
        assert_eq!(at_alice.expect("call_ended").await["durationSeconds"], 42);
    }
}

#[rocket::async_test]
async fn end_over_the_socket_fails_with_the_same_words_as_over_rest() {
    let server = TestServer::start().await;
    let mut users = Users::on(&server).await;
    let call = users.ring().await;
    users.at(Device::CarolPhone).end(&call).await;
    let error = users.at(Device::CarolPhone).expect("call_error").await;
    assert_error(&error, "unauthorized", call.as_str(), NOT_A_PARTICIPANT);
    let other = another_call_id();
    users.at(Device::AlicePhone).end(&other).await;
    let error = users.at(Device::AlicePhone).expect("call_error").await;
    assert_error(&error, "call_not_found", other, "");
    users.alice.end(&call).await.success(200);
    users.at(Device::AlicePhone).end(&call).await;
    let error = users.at(Device::AlicePhone).expect("call_error").await;
    assert_error(&error, "invalid_status", call, "");
}
