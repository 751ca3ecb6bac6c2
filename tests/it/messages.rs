//! Valid and invalid messages of a client over its socket: contract section 4, specification "Error Handling" and
//! "Message Ordering".

use std::time::Duration;

use chattrix::clock::Timestamp;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::protocol::Message;

use crate::support::{Device, TestServer, Users, another_call_id, assert_error};

/// Says that `text` is a `parse_error` for `call_id` that names `names`, and that the connection
/// stays open after it.
async fn parse_error(text: &str, call_id: impl Into<Value>, names: &str) {
    let server = TestServer::start().await;
    let mut socket = server.sign_in("alice").socket().await;
    socket.send_text(text).await;
    assert_error(
        &socket.expect("call_error").await,
        "parse_error",
        call_id,
        names,
    );
    socket.expect_nothing().await;
}

#[rocket::async_test]
async fn text_that_is_no_json_is_a_parse_error() {
    for text in ["", "accept", "{", "{\"type\":\"heartbeat\"", "{} {}"] {
        parse_error(text, Value::Null, "").await;
    }
}

#[rocket::async_test]
async fn message_with_a_byte_order_mark_is_read() {
    let server = TestServer::start().await;
    let mut socket = server.sign_in("alice").socket().await;
    let heartbeat = "\u{feff}{\"type\": \"heartbeat\", \"payload\": {}}";
    socket.send_text(heartbeat).await;
    socket.expect("heartbeat.ack").await;
}

#[rocket::async_test]
async fn json_that_is_no_object_is_a_parse_error() {
    for text in ["[]", "null", "7", "\"call.accept\"", "[\"call.accept\",{}]"] {
        parse_error(text, Value::Null, "").await;
    }
}

#[rocket::async_test]
async fn a_message_without_a_type_is_a_parse_error_that_names_it() {
    parse_error(r#"{"payload":{}}"#, Value::Null, "type").await;
    parse_error(r#"{"payload":{"callId":"call-1"}}"#, "call-1", "type").await;
}

#[rocket::async_test]
async fn a_message_with_a_wrong_type_is_a_parse_error_that_names_it() {
    parse_error(r#"{"type":7,"payload":{}}"#, Value::Null, "type").await;
    parse_error(r#"{"type":null,"payload":{}}"#, Value::Null, "type").await;
}

#[rocket::async_test]
async fn a_message_of_an_unknown_type_is_a_parse_error_that_names_it() {
    parse_error(
        r#"{"type":"call.hold","payload":{"callId":"call-1"}}"#,
        "call-1",
        "call.hold",
    )
    .await;
    parse_error(
        r#"{"type":"Call.Accept","payload":{}}"#,
        Value::Null,
        "Call.Accept",
    )
    .await;
    parse_error(
        r#"{"type":"call_accepted","payload":{}}"#,
        Value::Null,
        "call_accepted",
    )
    .await;
}

#[rocket::async_test]
async fn a_message_without_a_payload_is_a_parse_error_that_names_it() {
    for kind in ["call.accept", "call.reject", "call.end", "session.refresh"] {
        parse_error(&json!({ "type": kind }).to_string(), Value::Null, "payload").await;
    }
}

#[rocket::async_test]
async fn a_payload_that_is_no_object_is_a_parse_error_that_names_it() {
    for payload in [json!(7), json!("call-1"), json!([]), json!(null)] {
        let message = json!({ "type": "call.accept", "payload": payload });
        parse_error(&message.to_string(), Value::Null, "payload").await;
    }
}

#[rocket::async_test]
async fn a_payload_without_a_call_id_is_a_parse_error_that_names_it() {
    for kind in ["call.accept", "call.reject", "call.end"] {
        let message = json!({ "type": kind, "payload": { "reason": "busy" } });
        parse_error(&message.to_string(), Value::Null, "callId").await;
    }
}

#[rocket::async_test]
async fn a_rejection_without_a_reason_is_a_parse_error_that_names_it() {
    let message = json!({ "type": "call.reject", "payload": { "callId": "call-1" } });
    parse_error(&message.to_string(), "call-1", "reason").await;
}

#[rocket::async_test]
async fn reject_message_with_a_wrong_reason_is_a_parse_error() {
    for reason in [json!("Busy"), json!("tired"), json!(1), json!(null)] {
        let payload = json!({ "callId": "call-1", "reason": reason });
        let message = json!({ "type": "call.reject", "payload": payload });
        parse_error(&message.to_string(), "call-1", "reason").await;
    }
}

#[rocket::async_test]
async fn a_refresh_without_a_token_is_a_parse_error_that_names_it() {
    parse_error(
        r#"{"type":"session.refresh","payload":{}}"#,
        Value::Null,
        "token",
    )
    .await;
    parse_error(
        r#"{"type":"session.refresh","payload":{"token":7}}"#,
        Value::Null,
        "token",
    )
    .await;
}

#[rocket::async_test]
async fn binary_message_is_a_parse_error() {
    let server = TestServer::start().await;
    let mut socket = server.sign_in("alice").socket().await;
    let heartbeat = json!({ "type": "heartbeat", "payload": {} }).to_string();
    for bytes in [heartbeat.into_bytes(), Vec::new(), vec![0xff, 0x00]] {
        socket.send_raw(Message::binary(bytes)).await;
        assert_error(
            &socket.expect("call_error").await,
            "parse_error",
            Value::Null,
            "",
        );
        socket.expect_nothing().await;
    }
}

#[rocket::async_test]
async fn unknown_fields_are_ignored() {
    let server = TestServer::start().await;
    let mut users = Users::on(&server).await;
    let call = users.ring().await;
    let message = json!({
        "type": "call.accept",
        "payload": { "callId": call, "sdp": "v=0", "nested": { "a": [1] } },
        "id": 17,
    });
    users.at(Device::BobPhone).send_json(&message).await;
    users.at(Device::AlicePhone).expect("call_accepted").await;
}

#[rocket::async_test]
async fn heartbeat_is_answered_with_the_user_and_the_time() {
    let server = TestServer::start().await;
    let mut socket = server.sign_in("alice").socket().await;
    // The server measures time that passes by another clock than the test.
    let tolerance = Duration::from_secs(1);
    let before = server.now().minus(tolerance);
    socket.send("heartbeat", &json!({})).await;
    let ack = socket.expect("heartbeat.ack").await;
    let after = server.now().plus(tolerance);
    assert_eq!(ack["userId"], "alice");
    let timestamp = ack["timestamp"].as_str().and_then(Timestamp::parse);
    let timestamp = timestamp.expect("an instant");
    assert!(
        before <= timestamp && timestamp <= after,
        "{before} {timestamp} {after}"
    );
}

#[rocket::async_test]
async fn a_call_id_that_is_no_uuid_is_call_not_found_with_that_id() {
    let server = TestServer::start().await;
    let mut socket = server.sign_in("alice").socket().await;
    socket.accept("call-uuid-999").await;
    assert_error(
        &socket.expect("call_error").await,
        "call_not_found",
        "call-uuid-999",
        "",
    );
    socket.reject("call-uuid-999", "busy").await;
    assert_error(
        &socket.expect("call_error").await,
        "call_not_found",
        "call-uuid-999",
        "",
    );
    socket.end("").await;
    assert_error(&socket.expect("call_error").await, "call_not_found", "", "");
}

#[rocket::async_test]
async fn an_error_leaves_the_connection_and_the_session_as_they_were() {
    let server = TestServer::start().await;
    let mut users = Users::on(&server).await;
    let call = users.ring().await;
    let phone = users.at(Device::BobPhone);
    phone.send_text("nonsense").await;
    phone.expect_error("parse_error").await;
    phone.accept(&another_call_id()).await;
    phone.expect_error("call_not_found").await;
    phone.accept(&call).await;
    users.at(Device::AlicePhone).expect("call_accepted").await;
}

#[rocket::async_test]
async fn messages_of_one_session_are_handled_in_order() {
    let server = TestServer::start().await;
    let mut users = Users::on(&server).await;
    for _ in 0..10 {
        let call = users.ring().await;
        let phone = users.at(Device::BobPhone);
        phone.accept(&call).await;
        phone.reject(&call, "busy").await;
        phone.end(&call).await;
        phone.accept(&call).await;
        phone.send_text("nonsense").await;
        phone.send("heartbeat", &json!({})).await;
        phone.accept("unknown").await;
        phone.expect_error("invalid_status").await;
        phone.expect_error("invalid_status").await;
        phone.expect_error("parse_error").await;
        phone.expect("heartbeat.ack").await;
        phone.expect_error("call_not_found").await;
        for device in [Device::AlicePhone, Device::AliceTablet, Device::BobTablet] {
            users.at(device).expect("call_accepted").await;
            users.at(device).expect("call_ended").await;
        }
    }
    users.expect_nothing().await;
}

#[rocket::async_test]
async fn pipelined_messages_are_answered_in_order() {
    let server = TestServer::start().await;
    let mut socket = server.sign_in("alice").socket().await;
    for number in 0..100 {
        socket.accept(&format!("call-{number}")).await;
    }
    for number in 0..100 {
        let error = socket.expect("call_error").await;
        assert_error(&error, "call_not_found", format!("call-{number}"), "");
    }
}
