//! Signals between participants about their media: `call.signal` and `call_signal`.

use std::num::NonZeroU32;
use std::time::Duration;

use chattrix::settings::Rate;
use serde_json::{Value, json};

use crate::support::{Device, TestServer, Users, another_call_id, assert_error};

use Device::{AlicePhone, AliceTablet, BobPhone, BobTablet, CarolPhone};

fn offer() -> Value {
    json!({ "description": { "type": "offer", "sdp": "v=0\r\n" } })
}

impl Users {
    async fn signal(&mut self, device: Device, call: &str, signal: &Value) {
        let payload = json!({ "callId": call, "signal": signal });
        self.at(device).send("call.signal", &payload).await;
    }
}

#[rocket::async_test]
async fn a_signal_reaches_the_session_that_accepted_and_no_other() {
    let server = TestServer::start().await;
    let mut users = Users::on(&server).await;
    let call = users.answer().await;
    users.signal(AlicePhone, &call, &offer()).await;
    let told = json!({ "callId": call, "from": "alice", "signal": offer() });
    users.expect_only(&[BobPhone], "call_signal", &told).await;
}

#[rocket::async_test]
async fn a_signal_reaches_the_session_that_initiated_and_no_other() {
    let server = TestServer::start().await;
    let mut users = Users::on(&server).await;
    let call = users.talk().await;
    users.signal(BobPhone, &call, &json!("anything")).await;
    let told = json!({ "callId": call, "from": "bob", "signal": "anything" });
    users.expect_only(&[AlicePhone], "call_signal", &told).await;
}

#[rocket::async_test]
async fn whoever_accepts_on_the_socket_is_the_one_who_hears() {
    let server = TestServer::start().await;
    let mut users = Users::on(&server).await;
    let call = users.ring().await;
    users.at(BobTablet).accept(&call).await;
    for device in [AlicePhone, AliceTablet, BobPhone] {
        users.at(device).expect("call_accepted").await;
    }
    users.signal(AlicePhone, &call, &offer()).await;
    let told = json!({ "callId": call, "from": "alice", "signal": offer() });
    users.expect_only(&[BobTablet], "call_signal", &told).await;
}

#[rocket::async_test]
async fn all_sessions_hear_where_the_one_in_the_call_is_gone() {
    let server = TestServer::start().await;
    let mut users = Users::on(&server).await;
    let call = users.answer().await;
    users.disconnect(BobPhone);
    let told = json!({ "callId": call, "from": "alice", "signal": 1 });
    // The server learns of the disconnect a moment later.
    loop {
        users.signal(AlicePhone, &call, &json!(1)).await;
        users.at(AlicePhone).expect_nothing().await;
        let online = users.alice.get("/api/v1/users/status/bob").await;
        if online.success(200)["activeSessionCount"] == 1 {
            break;
        }
    }
    users.signal(AlicePhone, &call, &json!(1)).await;
    assert_eq!(users.at(BobTablet).expect("call_signal").await, told);
}

#[rocket::async_test]
async fn the_session_in_the_call_is_known_after_a_restart() {
    let mut server = TestServer::start().await;
    let mut users = Users::on(&server).await;
    let call = users.talk().await;
    server.restart().await;
    let (alice, bob) = (users.alice.clone(), users.bob.clone());
    let mut users = Users::without_bob(&server).await;
    for device in [AlicePhone, AliceTablet] {
        users.disconnect(device);
    }
    users.connect(AlicePhone, &alice).await;
    users.connect(AliceTablet, &server.sign_in("alice")).await;
    users.connect(BobPhone, &bob).await;
    users.signal(BobPhone, &call, &offer()).await;
    let told = json!({ "callId": call, "from": "bob", "signal": offer() });
    users.expect_only(&[AlicePhone], "call_signal", &told).await;
}

#[rocket::async_test]
async fn signals_arrive_in_their_order_and_after_the_answer() {
    let server = TestServer::start().await;
    let mut users = Users::on(&server).await;
    let call = users.ring().await;
    users.at(BobPhone).accept(&call).await;
    for number in 0..50 {
        users.signal(BobPhone, &call, &json!(number)).await;
    }
    users.at(AlicePhone).expect("call_accepted").await;
    for number in 0..50 {
        let heard = users.at(AlicePhone).expect("call_signal").await;
        assert_eq!(heard["signal"], number);
    }
    users.at(BobPhone).end(&call).await;
    users.at(AlicePhone).expect("call_ended").await;
}

#[rocket::async_test]
async fn a_signal_is_any_json_and_passed_on_as_it_was_sent() {
    let server = TestServer::start().await;
    let mut users = Users::on(&server).await;
    let call = users.answer().await;
    for json in [
        "null",
        "true",
        "[]",
        "12345678901234567890123456789.50",
        r#"{"z": 1, "a": [ {} ], "\u00e9": "\u00e9\n"}"#,
    ] {
        let message =
            format!(r#"{{"type":"call.signal","payload":{{"signal":{json},"callId":"{call}"}}}}"#);
        users.at(AlicePhone).send_text(message).await;
        let text = users.at(BobPhone).expect_text("call_signal").await;
        assert!(text.contains(&format!(r#""signal":{json}}}"#)), "{text}");
    }
}

#[rocket::async_test]
async fn a_signal_has_at_most_32_kib() {
    let server = TestServer::start().await;
    let mut users = Users::on(&server).await;
    let call = users.answer().await;
    // With its two quotation marks.
    let longest = Value::from("x".repeat(32 * 1024 - 2));
    users.signal(AlicePhone, &call, &longest).await;
    let heard = users.at(BobPhone).expect("call_signal").await;
    assert_eq!(heard["signal"], longest);
    let too_long = Value::from("x".repeat(32 * 1024 - 1));
    users.signal(AlicePhone, &call, &too_long).await;
    let error = users.at(AlicePhone).expect("call_error").await;
    assert_error(&error, "parse_error", &*call, "signal: expected any JSON");
    assert_error(&error, "parse_error", &*call, "at most 32768 bytes");
    users.expect_nothing().await;
}

#[rocket::async_test]
async fn a_signal_without_its_fields_is_a_parse_error() {
    let server = TestServer::start().await;
    let mut users = Users::on(&server).await;
    let call = users.answer().await;
    for (payload, call_id, names) in [
        (json!({ "callId": call }), json!(call), "signal"),
        (json!({ "signal": 1 }), Value::Null, "callId"),
        (json!({ "callId": 1, "signal": 1 }), Value::Null, "callId"),
        (json!([]), Value::Null, "payload"),
    ] {
        users.at(AlicePhone).send("call.signal", &payload).await;
        let error = users.at(AlicePhone).expect("call_error").await;
        assert_error(&error, "parse_error", call_id, names);
    }
}

#[rocket::async_test]
async fn only_a_participant_may_signal() {
    let server = TestServer::start().await;
    let mut users = Users::on(&server).await;
    let call = users.answer().await;
    users.signal(CarolPhone, &call, &offer()).await;
    let error = users.at(CarolPhone).expect("call_error").await;
    assert_error(
        &error,
        "unauthorized",
        &*call,
        "User is not a participant of this call",
    );
    for unknown in [another_call_id().as_str(), "no-uuid"] {
        users.signal(AlicePhone, unknown, &offer()).await;
        let error = users.at(AlicePhone).expect("call_error").await;
        assert_error(&error, "call_not_found", unknown, "Call not found");
    }
    users.expect_nothing().await;
}

#[rocket::async_test]
async fn a_signal_is_not_kept_for_somebody_who_is_absent() {
    let server = TestServer::start().await;
    let mut users = Users::without_bob(&server).await;
    let call = users.alice.call("bob").await;
    users.bob.accept(&call).await.success(200);
    users.at(AlicePhone).expect("call_accepted").await;
    users.at(AliceTablet).expect("call_accepted").await;
    users.signal(AlicePhone, &call, &offer()).await;
    users.at(AlicePhone).expect_nothing().await;
    users.connect(BobPhone, &users.bob.clone()).await;
    users.expect_nothing().await;
}

#[rocket::async_test]
async fn signals_beyond_their_rate_are_refused_then_closed_1008() {
    // So slow that nothing comes back while the test runs.
    let rate = Rate {
        count: NonZeroU32::new(3).expect("not zero"),
        period: Duration::from_hours(1),
    };
    let server = TestServer::with(|s| s.message_rate = Some(rate)).await;
    let mut users = Users::on(&server).await;
    let call = users.answer().await;
    for number in 0..3 {
        users.signal(AlicePhone, &call, &json!(number)).await;
        users.at(BobPhone).expect("call_signal").await;
    }
    for _ in 0..100 {
        users.signal(AlicePhone, &call, &json!("more")).await;
        users.at(AlicePhone).expect_error("rate_limited").await;
    }
    users.signal(AlicePhone, &call, &json!("more")).await;
    let sender = users.at(AlicePhone);
    sender.expect_error("rate_limited").await;
    let close = (1008, "message rate exceeded".to_owned());
    assert_eq!(sender.expect_close().await, close);
    users.at(BobPhone).expect_nothing().await;
}
