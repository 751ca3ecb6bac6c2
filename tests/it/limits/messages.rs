//! Size and number of messages.

use serde_json::json;
use tokio_tungstenite::tungstenite::protocol::Message;

use super::{FLOOD, TOO_BIG};
use crate::support::{Opcode, RawSocket, TestServer};

/// The largest message there may be by default (contract section 4).
const MESSAGE_LIMIT: usize = 64 * 1024;

/// A heartbeat of exactly `length` bytes.
fn heartbeat(length: usize) -> String {
    let bare = json!({ "type": "heartbeat", "payload": { "padding": "" } }).to_string();
    let padding = " ".repeat(length - bare.len());
    json!({ "type": "heartbeat", "payload": { "padding": padding } }).to_string()
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
