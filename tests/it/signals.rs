//! What participants say to each other about the media between them: `call.signal` and `call_signal`.

use serde_json::{Value, json};

use crate::support::{Cast, Device, TestServer, another_call_id, assert_error};

use Device::{AlicePhone, AliceTablet, BobPhone, BobTablet, CarolPhone};

fn offer() -> Value {
    json!({ "description": { "type": "offer", "sdp": "v=0\r\n" } })
}

impl Cast {
    async fn signal(&mut self, device: Device, call: &str, signal: &Value) {
        let payload = json!({ "callId": call, "signal": signal });
        self.at(device).send("call.signal", &payload).await;
    }
}

#[rocket::async_test]
async fn a_signal_reaches_the_session_that_accepted_and_no_other() {
    let server = TestServer::start().await;
    let mut cast = Cast::on(&server).await;
    let call = cast.answer().await;
    cast.signal(AlicePhone, &call, &offer()).await;
    let told = json!({ "callId": call, "from": "alice", "signal": offer() });
    cast.expect_only(&[BobPhone], "call_signal", &told).await;
}

#[rocket::async_test]
async fn a_signal_reaches_the_session_that_initiated_and_no_other() {
    let server = TestServer::start().await;
    let mut cast = Cast::on(&server).await;
    let call = cast.talk().await;
    cast.signal(BobPhone, &call, &json!("anything")).await;
    let told = json!({ "callId": call, "from": "bob", "signal": "anything" });
    cast.expect_only(&[AlicePhone], "call_signal", &told).await;
}

#[rocket::async_test]
async fn whoever_accepts_on_the_socket_is_the_one_who_hears() {
    let server = TestServer::start().await;
    let mut cast = Cast::on(&server).await;
    let call = cast.ring().await;
    cast.at(BobTablet).accept(&call).await;
    for device in [AlicePhone, AliceTablet, BobPhone] {
        cast.at(device).expect("call_accepted").await;
    }
    cast.signal(AlicePhone, &call, &offer()).await;
    let told = json!({ "callId": call, "from": "alice", "signal": offer() });
    cast.expect_only(&[BobTablet], "call_signal", &told).await;
}

#[rocket::async_test]
async fn all_sessions_hear_where_the_one_in_the_call_is_gone() {
    let server = TestServer::start().await;
    let mut cast = Cast::on(&server).await;
    let call = cast.answer().await;
    cast.disconnect(BobPhone);
    let told = json!({ "callId": call, "from": "alice", "signal": 1 });
    // The server learns of the disconnect a moment later.
    loop {
        cast.signal(AlicePhone, &call, &json!(1)).await;
        cast.at(AlicePhone).expect_nothing().await;
        let online = cast.alice.get("/api/v1/users/status/bob").await;
        if online.success(200)["activeSessionCount"] == 1 {
            break;
        }
    }
    cast.signal(AlicePhone, &call, &json!(1)).await;
    assert_eq!(cast.at(BobTablet).expect("call_signal").await, told);
}

#[rocket::async_test]
async fn the_session_in_the_call_is_known_after_a_restart() {
    let mut server = TestServer::start().await;
    let mut cast = Cast::on(&server).await;
    let call = cast.talk().await;
    server.restart().await;
    let (alice, bob) = (cast.alice.clone(), cast.bob.clone());
    let mut cast = Cast::without_bob(&server).await;
    for device in [AlicePhone, AliceTablet] {
        cast.disconnect(device);
    }
    cast.connect(AlicePhone, &alice).await;
    cast.connect(AliceTablet, &server.sign_in("alice")).await;
    cast.connect(BobPhone, &bob).await;
    cast.signal(BobPhone, &call, &offer()).await;
    let told = json!({ "callId": call, "from": "bob", "signal": offer() });
    cast.expect_only(&[AlicePhone], "call_signal", &told).await;
}

#[rocket::async_test]
async fn signals_arrive_in_their_order_and_after_the_answer() {
    let server = TestServer::start().await;
    let mut cast = Cast::on(&server).await;
    let call = cast.ring().await;
    cast.at(BobPhone).accept(&call).await;
    for number in 0..50 {
        cast.signal(BobPhone, &call, &json!(number)).await;
    }
    cast.at(AlicePhone).expect("call_accepted").await;
    for number in 0..50 {
        let heard = cast.at(AlicePhone).expect("call_signal").await;
        assert_eq!(heard["signal"], number);
    }
    cast.at(BobPhone).end(&call).await;
    cast.at(AlicePhone).expect("call_ended").await;
}

#[rocket::async_test]
async fn a_signal_is_any_json_and_passed_on_as_it_was_sent() {
    let server = TestServer::start().await;
    let mut cast = Cast::on(&server).await;
    let call = cast.answer().await;
    for json in [
        "null",
        "true",
        "[]",
        "12345678901234567890123456789.50",
        r#"{"z": 1, "a": [ {} ], "\u00e9": "\u00e9\n"}"#,
    ] {
        let message =
            format!(r#"{{"type":"call.signal","payload":{{"signal":{json},"callId":"{call}"}}}}"#);
        cast.at(AlicePhone).send_text(message).await;
        let text = cast.at(BobPhone).expect_text("call_signal").await;
        assert!(text.contains(&format!(r#""signal":{json}}}"#)), "{text}");
    }
}

#[rocket::async_test]
async fn a_signal_has_at_most_32_kib() {
    let server = TestServer::start().await;
    let mut cast = Cast::on(&server).await;
    let call = cast.answer().await;
    // With its two quotation marks.
    let longest = Value::from("x".repeat(32 * 1024 - 2));
    cast.signal(AlicePhone, &call, &longest).await;
    let heard = cast.at(BobPhone).expect("call_signal").await;
    assert_eq!(heard["signal"], longest);
    let too_long = Value::from("x".repeat(32 * 1024 - 1));
    cast.signal(AlicePhone, &call, &too_long).await;
    let error = cast.at(AlicePhone).expect("call_error").await;
    assert_error(&error, "parse_error", &*call, "signal: expected any JSON");
    assert_error(&error, "parse_error", &*call, "at most 32768 bytes");
    cast.expect_nothing().await;
}

#[rocket::async_test]
async fn a_signal_without_its_fields_is_a_parse_error() {
    let server = TestServer::start().await;
    let mut cast = Cast::on(&server).await;
    let call = cast.answer().await;
    for (payload, call_id, names) in [
        (json!({ "callId": call }), json!(call), "signal"),
        (json!({ "signal": 1 }), Value::Null, "callId"),
        (json!({ "callId": 1, "signal": 1 }), Value::Null, "callId"),
        (json!([]), Value::Null, "payload"),
    ] {
        cast.at(AlicePhone).send("call.signal", &payload).await;
        let error = cast.at(AlicePhone).expect("call_error").await;
        assert_error(&error, "parse_error", call_id, names);
    }
}

#[rocket::async_test]
async fn only_a_participant_may_signal() {
    let server = TestServer::start().await;
    let mut cast = Cast::on(&server).await;
    let call = cast.answer().await;
    cast.signal(CarolPhone, &call, &offer()).await;
    let error = cast.at(CarolPhone).expect("call_error").await;
    assert_error(
        &error,
        "unauthorized",
        &*call,
        "User is not a participant of this call",
    );
    for unknown in [another_call_id().as_str(), "no-uuid"] {
        cast.signal(AlicePhone, unknown, &offer()).await;
        let error = cast.at(AlicePhone).expect("call_error").await;
        assert_error(&error, "call_not_found", unknown, "Call not found");
    }
    cast.expect_nothing().await;
}

#[rocket::async_test]
async fn a_signal_is_not_kept_for_somebody_who_is_absent() {
    let server = TestServer::start().await;
    let mut cast = Cast::without_bob(&server).await;
    let call = cast.alice.call("bob").await;
    cast.bob.accept(&call).await.success(200);
    cast.at(AlicePhone).expect("call_accepted").await;
    cast.at(AliceTablet).expect("call_accepted").await;
    cast.signal(AlicePhone, &call, &offer()).await;
    cast.at(AlicePhone).expect_nothing().await;
    cast.connect(BobPhone, &cast.bob.clone()).await;
    cast.expect_nothing().await;
}
