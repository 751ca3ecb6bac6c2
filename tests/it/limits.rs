//! The limits of a socket: contract section 4, from the size of a message to the end of its token.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio_tungstenite::tungstenite::protocol::Message;
use tokio_tungstenite::{connect_async, tungstenite};

use crate::support::{
    Api, Opcode, RawSocket, Socket, TestServer, Token, assert_error, eventually, warnings,
};

const FLOOD: u16 = 1008;
const TOO_BIG: u16 = 1009;
const STOPPING: u16 = 1012;
const TOO_SLOW: u16 = 1013;
const EXPIRED: u16 = 4001;

/// The largest message there may be by default (contract section 4).
const MESSAGE_LIMIT: usize = 64 * 1024;

/// A heartbeat of exactly `length` bytes.
fn heartbeat(length: usize) -> String {
    let bare = json!({ "type": "heartbeat", "payload": { "padding": "" } }).to_string();
    let padding = " ".repeat(length - bare.len());
    json!({ "type": "heartbeat", "payload": { "padding": padding } }).to_string()
}

/// A message that is answered by a longer one, so that the buffers to a client that does not read are soon full.
fn long_answer() -> String {
    json!({ "type": "call.accept", "payload": { "callId": "x".repeat(2_000) } }).to_string()
}

#[rocket::async_test]
async fn a_message_of_64_kib_is_taken() {
    let server = TestServer::start().await;
    let mut socket = server.sign_in("alice").socket().await;
    socket.send_text(heartbeat(MESSAGE_LIMIT)).await;
    socket.expect("heartbeat.ack").await;
}

#[rocket::async_test]
async fn a_message_over_64_kib_closes_with_1009() {
    let server = TestServer::start().await;
    for message in [
        Message::text(heartbeat(MESSAGE_LIMIT + 1)),
        Message::binary(vec![0; MESSAGE_LIMIT + 1]),
    ] {
        let mut socket = server.sign_in("alice").socket().await;
        socket.send_raw(message).await;
        assert_eq!(socket.expect_close().await.0, TOO_BIG);
    }
}

#[rocket::async_test]
async fn a_message_in_fragments_over_64_kib_closes_with_1009() {
    let server = TestServer::start().await;
    let mut socket = RawSocket::connect(server.address(), &server.token("alice").sign()).await;
    let half = vec![b' '; MESSAGE_LIMIT / 2 + 1];
    let answer = socket.send(Opcode::Text, false, &half).await;
    answer.expect("the first half is sent");
    let answer = socket.send(Opcode::Continuation, true, &half).await;
    answer.expect("the second half is sent");
    assert_eq!(socket.close_code().await, Some(TOO_BIG));
}

#[rocket::async_test]
async fn a_message_in_many_fragments_is_one_message() {
    let server = TestServer::start().await;
    let mut socket = RawSocket::connect(server.address(), &server.token("alice").sign()).await;
    let message = heartbeat(2000);
    let mut opcode = Opcode::Text;
    for fragment in message.as_bytes().chunks(7) {
        socket.send(opcode, false, fragment).await.expect("sent");
        opcode = Opcode::Continuation;
    }
    socket.send(opcode, true, b"").await.expect("sent");
    let (opcode, answer) = socket.frame().await.expect("an answer");
    assert_eq!(opcode, Opcode::Text);
    assert!(String::from_utf8_lossy(&answer).contains("heartbeat.ack"));
}

/// Messages are not limited in number; what carries none is.
#[rocket::async_test]
async fn a_flood_of_empty_fragments_is_closed_with_1008() {
    let server = TestServer::with(|s| s.max_message_bytes = 1024).await;
    let mut socket = RawSocket::connect(server.address(), &server.token("alice").sign()).await;
    socket.send(Opcode::Text, false, b"{").await.expect("sent");
    flood(&mut socket, Opcode::Continuation, false).await;
}

#[rocket::async_test]
async fn a_flood_of_pings_is_closed_with_1008() {
    let server = TestServer::start().await;
    let mut socket = RawSocket::connect(server.address(), &server.token("alice").sign()).await;
    flood(&mut socket, Opcode::Ping, true).await;
}

/// Sends empty frames until the server has had enough, which must be said with 1008.
async fn flood(socket: &mut RawSocket, opcode: Opcode, last: bool) {
    for _ in 0..5000 {
        // The server may have closed the connection already; why is there to be read.
        if socket.send(opcode, last, b"").await.is_err() {
            break;
        }
    }
    assert_eq!(socket.close_code().await, Some(FLOOD));
}

#[rocket::async_test]
async fn five_thousand_messages_in_a_row_are_all_answered() {
    let server = TestServer::start().await;
    let mut socket = server.sign_in("alice").socket().await;
    for _ in 0..50 {
        for _ in 0..100 {
            socket.send("heartbeat", &json!({})).await;
        }
        for _ in 0..100 {
            socket.expect("heartbeat.ack").await;
        }
    }
}

#[rocket::async_test]
async fn the_largest_message_is_a_setting() {
    let server = TestServer::with(|s| s.max_message_bytes = 2048).await;
    let mut socket = server.sign_in("alice").socket().await;
    socket.send_text(heartbeat(2048)).await;
    socket.expect("heartbeat.ack").await;
    socket.send_text(heartbeat(2049)).await;
    assert_eq!(socket.expect_close().await.0, TOO_BIG);
}

/// How many of `user`'s sessions are connected, as `viewer` sees it.
async fn sessions_of(user: &str, viewer: &Api) -> u64 {
    let path = format!("/api/v1/users/status/{user}");
    let status = viewer.get(&path).await.success(200);
    status["activeSessionCount"].as_u64().expect("a number")
}

/// Causes events for Alice's sessions, one after another, until no more than `left` of them are connected: how
/// many.
async fn cause_events(alice: &Api, bob: &Api, left: u64) -> usize {
    let mut caused = 0;
    eventually("the slow session to be closed", async || {
        let call = alice.call("bob").await;
        bob.reject(&call, "busy").await.success(200);
        caused += 1;
        sessions_of("alice", bob).await <= left
    })
    .await;
    caused
}

#[rocket::async_test]
async fn slow_reader_with_a_full_queue_is_closed_1013() {
    let server = TestServer::with(|s| s.event_queue = 8).await;
    let (alice, bob) = (server.sign_in("alice"), server.sign_in("bob"));
    let mut slow = RawSocket::connect(server.address(), &server.token("alice").sign()).await;
    let caused = slow
        .stuff_during(&long_answer(), cause_events(&alice, &bob, 0))
        .await;
    assert!(caused > 8, "{caused}");
    assert_eq!(slow.close_code().await, Some(TOO_SLOW));
}

#[rocket::async_test]
async fn a_slow_reader_holds_up_nobody_else() {
    let server = TestServer::with(|s| s.event_queue = 8).await;
    let (alice, bob) = (server.sign_in("alice"), server.sign_in("bob"));
    let mut slow = RawSocket::connect(server.address(), &server.token("alice").sign()).await;
    let mut other = server.sign_in("alice").socket().await;
    let heard = async {
        let caused = cause_events(&alice, &bob, 1).await;
        for _ in 0..caused {
            other.expect("call_rejected").await;
        }
    };
    Box::pin(slow.stuff_during(&long_answer(), heard)).await;
    other.expect_nothing().await;
}

/// How many connections the server has, those that are being closed among them.
async fn connections(server: &TestServer) -> String {
    let metrics = server.anonymous().get("/metrics").await;
    let mut lines = metrics.body.as_str().expect("plain text").lines();
    let line = lines.find_map(|line| line.strip_prefix("chattrix_connections "));
    line.expect("they are measured").to_owned()
}

/// Who lets more slow sessions wait for their end than it may have sessions keeps no place by it: the first has time
/// to read why it was closed, the one beyond has 6 s.
#[rocket::async_test]
async fn lingering_slow_readers_are_limited_per_user() {
    let server = TestServer::with(|s| {
        s.event_queue = 8;
        s.max_sessions_per_user = 1;
    })
    .await;
    let (alice, bob) = (server.sign_in("alice"), server.sign_in("bob"));
    let mut slow = Vec::new();
    for _ in 0..2 {
        let token = server.token("alice").sign();
        let mut one = RawSocket::connect(server.address(), &token).await;
        one.stuff_during(&long_answer(), cause_events(&alice, &bob, 0))
            .await;
        slow.push(one);
    }
    eventually("the one beyond to be left behind", async || {
        connections(&server).await == "1"
    })
    .await;
    assert_eq!(slow[1].close_code().await, None);
    assert_eq!(slow[0].close_code().await, Some(TOO_SLOW));
}

#[rocket::async_test]
async fn slow_reader_recovers_by_reconnect_and_get() {
    let server = TestServer::with(|s| s.event_queue = 2).await;
    let (alice, bob) = (server.sign_in("alice"), server.sign_in("bob"));
    let mut slow = RawSocket::connect(server.address(), bob.token()).await;
    let until_closed = async {
        let mut calls = vec![alice.call("bob").await];
        eventually("the slow session to be closed", async || {
            let before = calls.last().expect("a call");
            alice.end(before).await.success(200);
            calls.push(alice.call("bob").await);
            sessions_of("bob", &alice).await == 0
        })
        .await;
        calls
    };
    let mut calls = slow.stuff_during(&long_answer(), until_closed).await;
    assert_eq!(slow.close_code().await, Some(TOO_SLOW));
    let mut socket = bob.socket().await;
    let call = calls.pop().expect("the last call");
    // What the session has not confirmed comes first.
    let invitation = loop {
        let message = socket
            .expect_one_of(&["call_ended", "call_invitation"])
            .await;
        if message["type"] == "call_invitation" {
            break message;
        }
    };
    assert_eq!(invitation["data"]["callId"], *call);
    assert_eq!(bob.status_of(&call).await, "RINGING");
    for earlier in calls {
        assert_eq!(bob.status_of(&earlier).await, "ENDED");
    }
}

#[rocket::async_test]
async fn the_server_pings() {
    let server = TestServer::with(|s| s.ping_interval = Duration::from_millis(50)).await;
    let mut socket = RawSocket::connect(server.address(), &server.token("alice").sign()).await;
    for _ in 0..3 {
        let (opcode, payload) = socket.frame().await.expect("a ping");
        assert_eq!(opcode, Opcode::Ping);
        let answer = socket.send(Opcode::Pong, true, &payload).await;
        answer.expect("the pong is sent");
    }
}

/// A server that pings often and soon takes silence for absence.
async fn impatient() -> TestServer {
    TestServer::with(|s| {
        s.ping_interval = Duration::from_millis(100);
        s.idle_timeout = Duration::from_millis(800);
    })
    .await
}

#[rocket::async_test]
async fn a_connection_that_is_silent_for_the_idle_timeout_is_closed() {
    let server = impatient().await;
    let began = Instant::now();
    let mut socket = RawSocket::connect(server.address(), &server.token("alice").sign()).await;
    let mut pings = 0;
    while let Some((opcode, _)) = socket.frame().await {
        match opcode {
            Opcode::Ping => pings += 1,
            Opcode::Close => break,
            other => panic!("{other:?}"),
        }
    }
    assert!(
        began.elapsed() >= Duration::from_millis(750),
        "after {:?}",
        began.elapsed()
    );
    assert!(pings >= 2, "{pings} pings");
}

#[rocket::async_test]
async fn a_pong_is_not_silence() {
    let server = impatient().await;
    let mut socket = RawSocket::connect(server.address(), &server.token("alice").sign()).await;
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(2) {
        let (opcode, payload) = socket.frame().await.expect("the connection stands");
        assert_eq!(opcode, Opcode::Ping);
        let answer = socket.send(Opcode::Pong, true, &payload).await;
        answer.expect("the pong is sent");
    }
}

#[rocket::async_test]
async fn a_user_whose_connection_was_silent_is_no_longer_connected() {
    let server = impatient().await;
    let _silent = RawSocket::connect(server.address(), &server.token("bob").sign()).await;
    let alice = server.sign_in("alice");
    eventually("bob to be gone", async || {
        let call = alice.initiate("bob").await.success(201);
        let answer = alice.end(call["id"].as_str().expect("an id")).await;
        answer.success(200);
        call["status"] == "INITIATING"
    })
    .await;
}

/// A token that the server takes for one more second or two: it expires 29 s ago, the leeway is 30 s.
fn about_to_close(server: &TestServer, user: &str) -> Token {
    server
        .token(user)
        .expiring_at(server.now().minus(Duration::from_secs(28)))
}

#[rocket::async_test]
async fn a_session_is_closed_with_4001_30_s_after_its_token_expired() {
    let server = TestServer::start().await;
    let mut socket = server.socket(&about_to_close(&server, "alice")).await;
    assert_eq!(socket.expect_close().await.0, EXPIRED);
}

#[rocket::async_test]
async fn an_expired_session_is_closed_even_while_it_is_busy() {
    let server = TestServer::start().await;
    let mut socket = server.socket(&about_to_close(&server, "alice")).await;
    let began = Instant::now();
    let code = loop {
        assert!(
            began.elapsed() < Duration::from_secs(8),
            "the session was not closed"
        );
        if let Some(code) = socket.heartbeat_or_close().await {
            break code;
        }
    };
    assert_eq!(code, EXPIRED);
}

/// Waits until the server refuses `token` over REST, as it does once the token's session is over.
async fn wait_for_expiry(server: &TestServer, token: &Token) {
    let api = server.client(&token.sign());
    eventually("the token to expire", async || {
        api.active().await.status == 401
    })
    .await;
}

#[rocket::async_test]
async fn expired_session_stays_if_close_is_off() {
    let server = TestServer::with(|s| s.close_expired_sessions = false).await;
    let token = about_to_close(&server, "alice");
    let mut socket = server.socket(&token).await;
    wait_for_expiry(&server, &token).await;
    socket.expect_nothing().await;
}

#[rocket::async_test]
async fn session_refresh_keeps_the_session_beyond_its_first_token() {
    let server = TestServer::start().await;
    let token = about_to_close(&server, "alice").session("phone");
    let mut socket = server.socket(&token).await;
    let expiry = server.now().plus(Duration::from_mins(10));
    let fresh = server.token("alice").session("phone").expiring_at(expiry);
    socket
        .send("session.refresh", &json!({ "token": fresh.sign() }))
        .await;
    let refreshed = socket.expect("session.refreshed").await;
    let seconds = expiry.as_millis() / 1000;
    let expected = chattrix::clock::Timestamp::from_millis(seconds * 1000).to_string();
    assert_eq!(refreshed["expiresAt"], expected);
    wait_for_expiry(&server, &token).await;
    socket.expect_nothing().await;
}

#[rocket::async_test]
async fn refresh_with_a_bad_token_changes_nothing() {
    let server = TestServer::start().await;
    let mut socket = server
        .socket(&about_to_close(&server, "alice").session("phone"))
        .await;
    let another_user = server.token("bob").session("phone");
    let another_session = server.token("alice").session("tablet");
    let expired = server
        .token("alice")
        .session("phone")
        .expiring_at(server.now().minus(Duration::from_mins(1)));
    let tokens = [another_user, another_session, expired].map(|token| token.sign());
    for token in tokens.iter().map(String::as_str).chain(["nonsense", ""]) {
        socket
            .send("session.refresh", &json!({ "token": token }))
            .await;
        let error = socket.expect("call_error").await;
        assert_error(&error, "unauthenticated", serde_json::Value::Null, "");
    }
    assert_eq!(socket.expect_close().await.0, EXPIRED);
}

#[rocket::async_test]
async fn a_connection_over_max_connections_is_503_before_the_upgrade() {
    let server = TestServer::with(|s| s.max_connections = 1).await;
    let first = server.sign_in("alice").socket().await;
    let token = server.token("bob").sign();
    let refused = server.refused_socket(&token).await;
    refused.failure(503, "unavailable");
    drop(first);
    let mut free = async || connect(&server, &token).await.is_ok();
    eventually("the place to be free", &mut free).await;
}

#[rocket::async_test]
async fn connections_over_the_address_limit_are_429() {
    let server = TestServer::with(|s| {
        s.max_connections_per_address = Some(2);
        s.trusted_proxies = vec!["127.0.0.1/32".parse().expect("a network")];
    })
    .await;
    let _first = server.sign_in("alice").socket().await;
    let second = server.sign_in("bob").socket().await;
    let token = server.token("carol").sign();
    let refused = server.refused_socket(&token).await;
    let message = refused.failure(429, "rate_limited");
    assert!(message.contains("address"), "{message}");
    // Whom a trusted proxy speaks for is somewhere else.
    let mut request = Socket::request(server.address(), &format!("/ws/chat?token={token}"));
    let elsewhere = "192.0.2.1".parse().expect("a header");
    request.headers_mut().insert("x-forwarded-for", elsewhere);
    drop(Socket::open(request).await);
    drop(second);
    let mut free = async || connect(&server, &token).await.is_ok();
    eventually("the place to be free", &mut free).await;
}

/// Somebody who opens one connection after another, and reads none to its end, takes a part of the places at most.
#[rocket::async_test]
async fn connections_over_the_user_limit_are_429() {
    let server = TestServer::with(|s| s.max_sessions_per_user = 1).await;
    let tokens: Vec<String> = (0..100).map(|_| server.token("alice").sign()).collect();
    let attempts = tokens.iter().map(|token| connect(&server, token));
    let connected = futures_util::future::join_all(attempts).await;
    let refused = connected.iter().filter_map(|one| one.as_ref().err());
    let statuses: Vec<u16> = refused.copied().collect();
    assert!(
        !statuses.is_empty() && statuses.len() <= 68,
        "{}",
        statuses.len()
    );
    assert!(statuses.iter().all(|status| *status == 429), "{statuses:?}");
    server.sign_in("bob").socket().await;
    drop(connected);
    let mut free = async || connect(&server, &tokens[0]).await.is_ok();
    eventually("alice to have a place again", &mut free).await;
}

/// A connection that reads nothing by itself, or the status of the refusal.
async fn connect(server: &TestServer, token: &str) -> Result<impl Sized, u16> {
    let request = Socket::request(server.address(), &format!("/ws/chat?token={token}"));
    match Box::pin(connect_async(request)).await {
        Ok((stream, _)) => Ok(stream),
        Err(tungstenite::Error::Http(answer)) => Err(answer.status().as_u16()),
        Err(error) => panic!("{error}"),
    }
}

#[rocket::async_test]
async fn a_stopping_server_closes_every_session_with_1012() {
    let mut server = TestServer::start().await;
    let mut sockets = Vec::new();
    for user in ["alice", "alice", "bob", "carol"] {
        sockets.push(server.sign_in(user).socket().await);
    }
    server.begin_to_end();
    for socket in &mut sockets {
        assert_eq!(socket.expect_close().await.0, STOPPING);
    }
    server.wait_for_the_end().await;
}

#[rocket::async_test]
async fn unanswered_close_does_not_hold_up_a_stop() {
    let mut server = TestServer::start().await;
    let _silent = RawSocket::connect(server.address(), &server.token("alice").sign()).await;
    server.stop().await;
}

#[rocket::async_test]
async fn errors_over_20_a_minute_are_logged_once() {
    let server = TestServer::start().await;
    let token = server.token("frank");
    let mut socket = server.socket(&token).await;
    for _ in 0..30 {
        socket.send_text("nonsense").await;
        socket.expect_error("parse_error").await;
    }
    abuse_is_logged_once(&token, "frank").await;
    socket.expect_nothing().await;
}

#[rocket::async_test]
async fn over_50_messages_a_second_are_logged_once() {
    let server = TestServer::start().await;
    let token = server.token("erin");
    let mut socket = server.socket(&token).await;
    for _ in 0..500 {
        socket.send("heartbeat", &json!({})).await;
    }
    for _ in 0..500 {
        socket.expect("heartbeat.ack").await;
    }
    abuse_is_logged_once(&token, "erin").await;
    socket.expect_nothing().await;
}

/// The warning names the user and the session; there is one a minute at most.
async fn abuse_is_logged_once(token: &Token, user: &str) {
    let logged = || warnings(token.sid()).len();
    eventually("a warning", async || logged() > 0).await;
    let warnings = warnings(token.sid());
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains(user), "{warnings:?}");
}

#[rocket::async_test]
async fn a_well_behaved_session_is_not_logged() {
    let server = TestServer::start().await;
    let token = server.token("alice");
    let mut socket: Socket = server.socket(&token).await;
    for _ in 0..5 {
        socket.send_text("nonsense").await;
        socket.expect_error("parse_error").await;
    }
    assert_eq!(warnings(token.sid()), Vec::<String>::new());
}
