//! Every example of the specification that involves the server, played literally: the request as written, and the
//! expected response. Only the call id and the instants differ.

use std::time::Duration;

use chattrix::clock::ManualClock;
use serde_json::{Value, json};

use crate::support::{Api, CallFixture, Plan, Socket, TestServer, wall_clock_hand};

/// The people of the examples.
async fn cast(ring_timeout: Duration) -> TestServer {
    people(TestServer::plan().with(|s| s.ring_timeout = ring_timeout)).await
}

/// The same, whose clock the test sets.
async fn cast_at(clock: &ManualClock) -> TestServer {
    let plan = TestServer::plan().clock(clock);
    people(plan.with(|s| s.disconnect_grace = None)).await
}

async fn people(plan: Plan) -> TestServer {
    plan.user(
        "user-789",
        "John Doe",
        Some("https://example.com/avatar.jpg"),
    )
    .user("user-456", "The Callee", None)
    .user("user-123", "Jane Smith", None)
    .start()
    .await
}

const MINUTE: Duration = Duration::from_mins(1);

/// How long the calls of the examples last.
const LASTS: Duration = Duration::from_secs(125);

/// `example` with the call id that the server gave in place of the example's.
fn with_call(example: &str, example_id: &str, call: &str) -> Value {
    assert!(
        example.contains(example_id),
        "the example is of another call"
    );
    serde_json::from_str(&example.replace(example_id, call)).expect("the example is JSON")
}

/// Says that the next message is the example, but for the call id and the instant.
async fn hears(socket: &mut Socket, example: &str, example_id: &str, call: &str) {
    let mut expected = with_call(example, example_id, call);
    let kind = expected["type"].as_str().expect("a type").to_owned();
    let heard = socket.expect_message(&kind).await;
    if expected.get("timestamp").is_some() {
        expected["timestamp"] = heard["timestamp"].clone();
    }
    assert_eq!(heard, expected);
}

/// Sends the example, but for the call id.
async fn says(socket: &mut Socket, example: &str, example_id: &str, call: &str) {
    socket
        .send_json(&with_call(example, example_id, call))
        .await;
}

/// Sends the example's body to `initiate` and says that the answer holds all that the example shows.
async fn initiates(caller: &Api, body: &str, answer: &str) -> String {
    let given = caller.post_text("/api/v1/calls/initiate", body).await;
    let call = given.body["data"]["id"].as_str().expect("an id").to_owned();
    let expected = with_call(answer, "call-uuid-123", &call);
    assert_eq!(given.status, 201);
    assert_eq!(given.body["success"], expected["success"]);
    assert_eq!(given.body["message"], expected["message"]);
    for (field, value) in expected["data"].as_object().expect("a call") {
        assert_eq!(given.body["data"][field], *value, "{field}");
    }
    call
}

const ACCEPT: &str = r#"{
  "type": "call.accept",
  "payload": {
    "callId": "call-uuid-123"
  }
}"#;

const END: &str = r#"{
  "type": "call.end",
  "payload": {
    "callId": "call-uuid-123",
    "durationSeconds": 125
  }
}"#;

const ACCEPTED: &str = r#"{
  "type": "call_accepted",
  "data": {
    "callId": "call-uuid-123",
    "acceptedBy": "user-456"
  },
  "timestamp": "2024-01-15T10:30:15Z"
}"#;

const ENDED: &str = r#"{
  "type": "call_ended",
  "data": {
    "callId": "call-uuid-123",
    "endedBy": "user-789",
    "durationSeconds": 125
  },
  "timestamp": "2024-01-15T10:32:05Z"
}"#;

/// "Example 1: Complete Call Flow (WebSocket)", which also holds the examples of `call.accept`,
/// `call.end`, `call_invitation`, `call_accepted` and `call_ended`.
#[rocket::async_test]
async fn example_1_complete_call_flow() {
    let clock = wall_clock_hand();
    let server = cast_at(&clock).await;
    let caller = server.sign_in("user-789");
    let mut at_caller = caller.socket().await;
    let mut at_callee = server.sign_in("user-456").socket().await;
    let body = r#"{
      "calleeId": "user-456",
      "callType": "VIDEO",
      "channelId": "agora-channel-789"
    }"#;
    let answer = r#"{
      "success": true,
      "message": "Call initiated successfully",
      "data": {
        "id": "call-uuid-123",
        "callerId": "user-789",
        "calleeId": "user-456",
        "callType": "VIDEO",
        "status": "RINGING",
        "channelId": "agora-channel-789"
      }
    }"#;
    let call = initiates(&caller, body, answer).await;
    let invitation = r#"{
      "type": "call_invitation",
      "data": {
        "callId": "call-uuid-123",
        "channelId": "agora-channel-789",
        "callerId": "user-789",
        "callerName": "John Doe",
        "callerAvatar": "https://example.com/avatar.jpg",
        "callType": "VIDEO"
      },
      "timestamp": "2024-01-15T10:30:00Z"
    }"#;
    hears(&mut at_callee, invitation, "call-uuid-123", &call).await;
    says(&mut at_callee, ACCEPT, "call-uuid-123", &call).await;
    hears(&mut at_caller, ACCEPTED, "call-uuid-123", &call).await;
    clock.advance(LASTS);
    says(&mut at_caller, END, "call-uuid-123", &call).await;
    hears(&mut at_callee, ENDED, "call-uuid-123", &call).await;
    at_caller.expect_nothing().await;
    at_callee.expect_nothing().await;
    assert_eq!(
        caller.details(&call).await.success(200)["durationSeconds"],
        125
    );
}

/// The same with the REST endpoints alone, "1. Initiate Call" to "6. Get Call Details".
#[rocket::async_test]
async fn the_rest_endpoints_one_after_another() {
    let clock = wall_clock_hand();
    let server = cast_at(&clock).await;
    let (caller, callee) = (server.sign_in("user-789"), server.sign_in("user-456"));
    let body =
        json!({ "calleeId": "user-456", "callType": "AUDIO", "channelId": "agora-channel-789" });
    let initiated = caller.initiate_with(&body).await.success(201);
    assert_eq!(initiated["status"], "INITIATING");
    let call = initiated["id"].as_str().expect("an id");
    assert_eq!(
        callee.accept(call).await.success(200)["status"],
        "CONNECTING"
    );
    assert_eq!(
        caller.set_status(call, "ACTIVE").await.success(200)["status"],
        "ACTIVE"
    );
    clock.advance(LASTS);
    let ended = callee
        .end_with(call, &json!({ "durationSeconds": 125 }))
        .await
        .success(200);
    assert_eq!(
        (&ended["status"], &ended["durationSeconds"]),
        (&json!("ENDED"), &json!(125))
    );
    let details = caller.details(call).await.success(200);
    for field in [
        "status",
        "startTime",
        "endTime",
        "durationSeconds",
        "createdAt",
        "updatedAt",
    ] {
        assert_eq!(details[field], ended[field], "{field}");
    }
}

/// "Clients can mix both approaches (e.g., initiate via REST, accept/reject/end via WebSocket)."
#[rocket::async_test]
async fn rest_and_sockets_can_be_mixed() {
    let server = cast(MINUTE).await;
    let (caller, callee) = (server.sign_in("user-789"), server.sign_in("user-456"));
    let mut at_caller = caller.socket().await;
    let mut at_callee = callee.socket().await;
    let call = caller.call("user-456").await;
    at_callee.expect("call_invitation").await;
    callee.accept(&call).await.success(200);
    at_caller.expect("call_accepted").await;
    at_caller.end(&call).await;
    at_callee.expect("call_ended").await;
}

/// "Example 2: Call Rejection Flow", which also holds the examples of `call.reject` and
/// `call_rejected`.
#[rocket::async_test]
async fn example_2_call_rejection_flow() {
    let server = cast(MINUTE).await;
    let caller = server.sign_in("user-123");
    let mut at_caller = caller.socket().await;
    let mut at_callee = server.sign_in("user-456").socket().await;
    let body =
        json!({ "calleeId": "user-456", "callType": "AUDIO", "channelId": "agora-channel-789" });
    let answer = caller.initiate_with(&body).await.success(201);
    let call = answer["id"].as_str().expect("an id");
    let invitation = r#"{
      "type": "call_invitation",
      "data": {
        "callId": "call-uuid-456",
        "channelId": "agora-channel-789",
        "callerId": "user-123",
        "callerName": "Jane Smith",
        "callerAvatar": null,
        "callType": "AUDIO"
      },
      "timestamp": "2024-01-15T11:00:00Z"
    }"#;
    hears(&mut at_callee, invitation, "call-uuid-456", call).await;
    let reject = r#"{
      "type": "call.reject",
      "payload": {
        "callId": "call-uuid-456",
        "reason": "busy"
      }
    }"#;
    says(&mut at_callee, reject, "call-uuid-456", call).await;
    let rejected = r#"{
      "type": "call_rejected",
      "data": {
        "callId": "call-uuid-456",
        "rejectedBy": "user-456",
        "reason": "busy"
      },
      "timestamp": "2024-01-15T11:00:05Z"
    }"#;
    hears(&mut at_caller, rejected, "call-uuid-456", call).await;
    at_caller.expect_nothing().await;
    at_callee.expect_nothing().await;
}

/// "Example 3: Call Timeout", with a second in place of the sixty.
#[rocket::async_test]
async fn example_3_call_timeout() {
    let server = cast(Duration::from_secs(1)).await;
    let caller = server.sign_in("user-789");
    let mut at_caller = caller.socket().await;
    let mut at_callee = server.sign_in("user-456").socket().await;
    let call = caller.call("user-456").await;
    at_callee.expect("call_invitation").await;
    let timeout = r#"{
      "type": "call_timeout",
      "data": {
        "callId": "call-uuid-789"
      },
      "timestamp": "2024-01-15T11:01:00Z"
    }"#;
    hears(&mut at_caller, timeout, "call-uuid-789", &call).await;
    hears(&mut at_callee, timeout, "call-uuid-789", &call).await;
    assert_eq!(caller.status_of(&call).await, "MISSED");
}

/// "Example 4: Error Handling".
#[rocket::async_test]
async fn example_4_error_handling() {
    let server = cast(MINUTE).await;
    let call = server.sign_in("user-789").call("user-456").await;
    let mut stranger = server.sign_in("user-123").socket().await;
    let accept = r#"{
      "type": "call.accept",
      "payload": {
        "callId": "call-uuid-999"
      }
    }"#;
    says(&mut stranger, accept, "call-uuid-999", &call).await;
    let error = r#"{
      "type": "call_error",
      "payload": {
        "callId": "call-uuid-999",
        "errorType": "unauthorized",
        "message": "User is not the callee of this call"
      }
    }"#;
    hears(&mut stranger, error, "call-uuid-999", &call).await;
    stranger.expect_nothing().await;
}

/// The example of `call_error` in "7. Call Error".
#[rocket::async_test]
async fn the_example_of_a_call_error() {
    let server = cast(MINUTE).await;
    let call = server.sign_in("user-789").call("user-456").await;
    let mut stranger = server.sign_in("user-123").socket().await;
    says(&mut stranger, END, "call-uuid-123", &call).await;
    let error = r#"{
      "type": "call_error",
      "payload": {
        "callId": "call-uuid-123",
        "errorType": "unauthorized",
        "message": "User is not a participant of this call"
      }
    }"#;
    hears(&mut stranger, error, "call-uuid-123", &call).await;
}

/// "Common Causes" in the table of error types.
#[rocket::async_test]
async fn the_common_causes_of_errors() {
    let fixture = CallFixture::with_call("CONNECTING").await;
    let mut at_bob = fixture.bob.socket().await;
    at_bob.accept("call-uuid-123").await;
    at_bob.expect_error("call_not_found").await;
    at_bob.accept(&fixture.call).await;
    at_bob.expect_error("invalid_status").await;
    at_bob.end(&fixture.call).await;
    at_bob.end(&fixture.call).await;
    at_bob.expect_error("invalid_status").await;
    at_bob.send_text("{\"type\":").await;
    at_bob.expect_error("parse_error").await;
    at_bob
        .send("call.reject", &json!({ "callId": fixture.call }))
        .await;
    at_bob.expect_error("parse_error").await;
    let mut at_carol = fixture.carol.socket().await;
    at_carol.end(&fixture.call).await;
    at_carol.expect_error("unauthorized").await;
}
