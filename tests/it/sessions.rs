//! Sessions, one per login on one device: contract section 4.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Device, Socket, TestServer, Token, Users};

/// Closed because another connection took its place.
const REPLACED: u16 = 4000;

/// Says that `other` replaces the connection of `one`.
async fn replaces(server: &TestServer, one: &Token, other: &Token) {
    let mut first = server.socket(one).await;
    let mut second = server.socket(other).await;
    assert_eq!(first.expect_close().await.0, REPLACED);
    second.expect_nothing().await;
}

/// Says that the connections of `one` and of `other` stand beside one another.
async fn coexists(server: &TestServer, one: &Token, other: &Token) {
    let mut first = server.socket(one).await;
    let mut second = server.socket(other).await;
    first.expect_nothing().await;
    second.expect_nothing().await;
}

#[rocket::async_test]
async fn second_connection_replaces_the_first_with_4000() {
    let server = TestServer::start().await;
    let token = server.token("alice");
    replaces(&server, &token, &token).await;
}

#[rocket::async_test]
async fn tokens_with_the_same_sid_are_the_same_session() {
    let server = TestServer::start().await;
    let one = server.token("alice").session("phone").with("jti", "1");
    let other = server.token("alice").session("phone").with("jti", "2");
    replaces(&server, &one, &other).await;
}

#[rocket::async_test]
async fn tokens_with_another_sid_are_another_session() {
    let server = TestServer::start().await;
    let one = server.token("alice").session("phone").with("jti", "1");
    let other = server.token("alice").session("tablet").with("jti", "1");
    coexists(&server, &one, &other).await;
}

#[rocket::async_test]
async fn without_a_sid_the_jti_is_the_session() {
    let server = TestServer::start().await;
    let later = server.now().plus(Duration::from_mins(30));
    let token = |jti: &str| server.token("alice").without("sid").with("jti", jti);
    replaces(&server, &token("1"), &token("1").expiring_at(later)).await;
    coexists(&server, &token("2"), &token("3")).await;
}

#[rocket::async_test]
async fn without_a_sid_and_a_jti_the_token_is_the_session() {
    let server = TestServer::start().await;
    let later = server.now().plus(Duration::from_mins(30));
    let token = server.token("alice").without("sid");
    coexists(&server, &token, &token.clone().expiring_at(later)).await;
    replaces(&server, &token, &token).await;
}

#[rocket::async_test]
async fn the_same_sid_of_another_user_is_another_session() {
    let server = TestServer::start().await;
    let [alices, bobs] = ["alice", "bob"].map(|user| server.token(user).session("phone"));
    coexists(&server, &alices, &bobs).await;
}

#[rocket::async_test]
async fn replaced_connection_gets_no_more_events() {
    let server = TestServer::start().await;
    let bob = server.sign_in("bob");
    let mut old = bob.socket().await;
    let mut new = bob.socket().await;
    let call = server.sign_in("alice").initiate("bob").await.success(201);
    assert_eq!(call["status"], "RINGING");
    assert_eq!(old.expect_close().await.0, REPLACED);
    assert_eq!(new.expect("call_invitation").await["callId"], call["id"]);
    new.expect_nothing().await;
}

#[rocket::async_test]
async fn replacing_a_connection_is_not_leaving() {
    let server = TestServer::start().await;
    let bob = server.sign_in("bob");
    let mut old = bob.socket().await;
    let _new = bob.socket().await;
    old.expect_close().await;
    drop(old);
    let call = server.sign_in("alice").initiate("bob").await.success(201);
    assert_eq!(call["status"], "RINGING");
}

#[rocket::async_test]
async fn a_ninth_session_makes_the_oldest_give_way_with_code_4000() {
    let server = TestServer::start().await;
    let mut sockets = Vec::new();
    for _ in 0..8 {
        sockets.push(server.sign_in("alice").socket().await);
    }
    sockets[0].expect_nothing().await;
    let mut ninth = server.sign_in("alice").socket().await;
    assert_eq!(sockets[0].expect_close().await.0, REPLACED);
    for socket in &mut sockets[1..] {
        socket.expect_nothing().await;
    }
    ninth.expect_nothing().await;
}

#[rocket::async_test]
async fn the_number_of_sessions_is_a_setting_and_each_users_own() {
    let server = TestServer::with(|s| s.max_sessions_per_user = 1).await;
    let mut bob = server.sign_in("bob").socket().await;
    let mut first = server.sign_in("alice").socket().await;
    let mut second = server.sign_in("alice").socket().await;
    assert_eq!(first.expect_close().await.0, REPLACED);
    second.expect_nothing().await;
    bob.expect_nothing().await;
}

#[rocket::async_test]
async fn a_replacement_does_not_count_as_one_more_session() {
    let server = TestServer::with(|s| s.max_sessions_per_user = 2).await;
    let mut phone = server.sign_in("alice").socket().await;
    let tablet = server.sign_in("alice");
    let mut old = tablet.socket().await;
    let mut new = tablet.socket().await;
    assert_eq!(old.expect_close().await.0, REPLACED);
    phone.expect_nothing().await;
    new.expect_nothing().await;
}

#[rocket::async_test]
async fn a_session_that_has_left_makes_room() {
    let server = TestServer::with(|s| s.max_sessions_per_user = 2).await;
    let mut phone = server.sign_in("alice").socket().await;
    let mut tablet = server.sign_in("alice").socket().await;
    tablet.close().await;
    let mut laptop = server.sign_in("alice").socket().await;
    phone.expect_nothing().await;
    laptop.expect_nothing().await;
}

/// The devices that did not act stop ringing, and the one that did hears nothing: over REST it is
/// known by its token.
#[rocket::async_test]
async fn rest_action_without_a_socket_notifies_own_sessions() {
    let server = TestServer::start().await;
    let mut users = Users::on(&server).await;
    let call = users.ring().await;
    server.sign_in("bob").accept(&call).await.success(200);
    let accepted = json!({ "callId": call, "acceptedBy": "bob" });
    users
        .expect_only(&Device::PARTICIPANTS, "call_accepted", &accepted)
        .await;
}

#[rocket::async_test]
async fn a_callers_other_sessions_are_not_invited_to_the_own_call() {
    let server = TestServer::start().await;
    let mut users = Users::without_bob(&server).await;
    users.at(Device::AliceTablet).expect_nothing().await;
    users.alice.call("carol").await;
    users.at(Device::CarolPhone).expect("call_invitation").await;
    users.expect_nothing().await;
}

/// What a client does that was told `call_accepted` for a call that another device answered: nothing.
/// What it would do with `call_ended` is to end the call.
#[rocket::async_test]
async fn answered_elsewhere_sends_no_call_ended() {
    let server = TestServer::start().await;
    let mut users = Users::on(&server).await;
    let call = users.ring().await;
    users.at(Device::BobPhone).accept(&call).await;
    let told = users.at(Device::BobTablet).expect("call_accepted").await;
    assert_eq!(told, json!({ "callId": call, "acceptedBy": "bob" }));
    users.at(Device::BobTablet).expect_nothing().await;
}

#[rocket::async_test]
async fn a_close_by_the_client_is_answered() {
    let server = TestServer::start().await;
    let mut socket: Socket = server.sign_in("alice").socket().await;
    assert_eq!(socket.close().await, 1000);
}

#[rocket::async_test]
async fn a_token_may_come_as_a_subprotocol() {
    let server = TestServer::start().await;
    let token = server.token("alice").sign();
    let mut request = Socket::request(server.address(), "/ws/chat");
    let offered = format!("chattrix.v1, bearer.{token}").parse();
    let offered = offered.expect("a header's value");
    request
        .headers_mut()
        .insert("Sec-WebSocket-Protocol", offered);
    // The client library fails unless the server selects one of the offered subprotocols.
    let mut socket = Socket::open(request).await;
    socket.send("heartbeat", &json!({})).await;
    assert_eq!(socket.expect("heartbeat.ack").await["userId"], "alice");
}

#[rocket::async_test]
async fn a_handshake_has_version_13_and_a_nonce_of_16_bytes() {
    let server = TestServer::start().await;
    let nonce = "dGhlIHNhbXBsZSBub25jZQ==";
    for (version, key) in [
        ("8", nonce),
        ("13", "abc"),
        // Without its padding, 15 bytes, 17 bytes.
        ("13", nonce.trim_end_matches('=')),
        ("13", "dGhlIHNhbXBsZSBub25j"),
        ("13", "dGhlIHNhbXBsZSBub25jZSE="),
    ] {
        let request = reqwest::Client::new()
            .get(server.address().http("/ws/chat"))
            .bearer_auth(server.token("alice").sign())
            .header("connection", "Upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", version)
            .header("sec-websocket-key", key);
        let response = request.send().await.expect("a response");
        assert_eq!(response.status(), 400, "{version} {key}");
        assert_eq!(response.headers()["sec-websocket-version"], "13");
        let body: Value = response.json().await.expect("the envelope");
        assert_eq!(body["errorType"], "invalid_request");
        let message = body["message"].as_str().expect("a message");
        assert!(message.contains("Sec-WebSocket-Key"), "{message}");
    }
}
