//! Raw WebSocket frames (RFC 6455, sections 5 to 8): valid ones, and the close code of each invalid one. The groups are
//! those of the Autobahn test suite.

use serde_json::{Value, json};

use crate::support::{Opcode, RawSocket, TestServer};

const FIN: u8 = 0x80;
const MASKED: u8 = 0x80;
/// A length in the next two bytes, and in the next eight.
const MEDIUM: u8 = 0x7E;
const LONG: u8 = 0x7F;
const TEXT: u8 = 0x1;
const BINARY: u8 = 0x2;
const CONTINUATION: u8 = 0x0;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xA;

const PROTOCOL_ERROR: u16 = 1002;
const NOT_UTF8: u16 = 1007;
const TOO_BIG: u16 = 1009;
/// What stands for a close frame without a code (section 7.4.1).
const NO_CODE: u16 = 1005;

/// A frame of `first` byte and `payload`, masked with a key that is not zero, its length in as few bytes as will do.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    const KEY: [u8; 4] = [0x37, 0xFA, 0x21, 0x3D];
    let mut bytes = vec![first];
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(short @ 0..126), _) => bytes.push(MASKED | short),
        (_, Ok(medium)) => {
            bytes.push(MASKED | MEDIUM);
            bytes.extend(medium.to_be_bytes());
        }
        _ => {
            bytes.push(MASKED | LONG);
            bytes.extend((payload.len() as u64).to_be_bytes());
        }
    }
    bytes.extend(KEY);
    bytes.extend(
        payload
            .iter()
            .zip(KEY.iter().cycle())
            .map(|(byte, key)| byte ^ key),
    );
    bytes
}

/// A close frame of `code` and `reason`.
fn close(code: u16, reason: &[u8]) -> Vec<u8> {
    frame(FIN | CLOSE, &[&code.to_be_bytes(), reason].concat())
}

fn heartbeat(padding: &str) -> String {
    json!({ "type": "heartbeat", "payload": { "padding": padding } }).to_string()
}

async fn connect(server: &TestServer) -> RawSocket {
    RawSocket::connect(server.address(), &server.token("alice").sign()).await
}

/// The next text message.
async fn message(socket: &mut RawSocket) -> Value {
    let (opcode, payload) = socket.frame().await.expect("a frame");
    assert_eq!(
        opcode,
        Opcode::Text,
        "{}",
        String::from_utf8_lossy(&payload)
    );
    serde_json::from_slice(&payload).expect("JSON")
}

/// What is sent, in words and in bytes, and the code that the server closes with.
type Case = (String, Vec<u8>, u16);

fn case(what: impl Into<String>, bytes: Vec<u8>, code: u16) -> Case {
    (what.into(), bytes, code)
}

/// Section 5.1.
fn unmasked() -> Vec<Case> {
    let frames = [
        vec![FIN | TEXT, 2, b'{', b'}'],
        vec![FIN | PING, 0],
        vec![FIN | CLOSE, 0],
    ];
    let cases = frames.into_iter();
    cases
        .map(|bytes| case(format!("unmasked {bytes:?}"), bytes, PROTOCOL_ERROR))
        .collect()
}

/// Section 5.2.
fn reserved() -> Vec<Case> {
    let mut cases = Vec::new();
    for bits in [0x40, 0x20, 0x10, 0x70] {
        for opcode in [TEXT, PING, CLOSE] {
            let bytes = frame(FIN | bits | opcode, b"");
            cases.push(case(
                format!("bits {bits:#x}, opcode {opcode:#x}"),
                bytes,
                PROTOCOL_ERROR,
            ));
        }
    }
    for opcode in (0x3..0x8).chain(0xB..0x10) {
        let bytes = frame(FIN | opcode, b"x");
        let amid = [frame(TEXT, b"{"), bytes.clone()].concat();
        cases.push(case(format!("opcode {opcode:#x}"), bytes, PROTOCOL_ERROR));
        cases.push(case(
            format!("opcode {opcode:#x} amid fragments"),
            amid,
            PROTOCOL_ERROR,
        ));
    }
    cases
}

/// Section 5.2 too. Of what is too long no more is read, and nothing kept.
fn lengths() -> Vec<Case> {
    let blank = |length| vec![b' '; length];
    let in_all = [frame(TEXT, &blank(65_000)), frame(FIN, &blank(537))].concat();
    vec![
        case(
            "a byte too long",
            frame(FIN | TEXT, &blank(65_537)),
            TOO_BIG,
        ),
        case("too long in all", in_all, TOO_BIG),
        case("4 GiB", huge(1 << 32), TOO_BIG),
        case("2^63 - 1", huge(u64::MAX >> 1), TOO_BIG),
        case("2^64 - 1", huge(u64::MAX), TOO_BIG),
    ]
}

/// Section 5.4.
fn fragments() -> Vec<Case> {
    let opens = || frame(TEXT, b"{");
    let then = |frames: &[Vec<u8>]| [vec![opens()], frames.to_vec()].concat().concat();
    let last = || frame(FIN | CONTINUATION, b"}");
    let table = [
        ("the end of nothing", last()),
        ("the middle of nothing", frame(CONTINUATION, b"x")),
        ("text amid fragments", then(&[frame(FIN | TEXT, b"}")])),
        ("binary amid fragments", then(&[frame(BINARY, b"}")])),
        ("more after the last", then(&[last(), last()])),
    ];
    table
        .map(|(what, bytes)| case(what, bytes, PROTOCOL_ERROR))
        .to_vec()
}

/// Section 5.5.
fn control_frames() -> Vec<Case> {
    let mut cases = Vec::new();
    for opcode in [CLOSE, PING, PONG] {
        let (cut, long) = (frame(opcode, b""), frame(FIN | opcode, &[3; 126]));
        cases.push(case(
            format!("{opcode:#x} in fragments"),
            cut,
            PROTOCOL_ERROR,
        ));
        cases.push(case(
            format!("{opcode:#x} of 126 bytes"),
            long,
            PROTOCOL_ERROR,
        ));
    }
    cases
}

/// Sections 5.5.1 and 7.4.
fn closes() -> Vec<Case> {
    let mut cases = vec![case(
        "a close of one byte",
        frame(FIN | CLOSE, &[3]),
        PROTOCOL_ERROR,
    )];
    for code in [
        0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535,
    ] {
        cases.push(case(
            format!("close {code}"),
            close(code, b""),
            PROTOCOL_ERROR,
        ));
    }
    cases
}

/// Section 8.1.
fn not_utf8() -> Vec<Case> {
    let table: [(&str, &[u8]); 6] = [
        ("a lone continuation byte", b"\x80"),
        ("cut in a character", b"\xE2\x82"),
        ("an overlong slash", b"\xC0\xAF"),
        ("a surrogate", b"\xED\xA0\x80"),
        ("beyond Unicode", b"\xF4\x90\x80\x80"),
        ("never in UTF-8", b"\xFE\xFF"),
    ];
    let whole = table.map(|(what, text)| case(what, frame(FIN | TEXT, text), NOT_UTF8));
    let cut = [frame(TEXT, b"\xE2"), frame(FIN, b"\x82")].concat();
    [
        whole.to_vec(),
        vec![case("cut at the end of the last fragment", cut, NOT_UTF8)],
    ]
    .concat()
}

#[rocket::async_test]
async fn protocol_errors_close_with_their_code() {
    let server = TestServer::start().await;
    let tables = [
        unmasked(),
        reserved(),
        lengths(),
        fragments(),
        control_frames(),
        closes(),
        not_utf8(),
    ];
    for (what, bytes, expected) in tables.concat() {
        let mut socket = connect(&server).await;
        // The server may have had enough before the end of it; what it says is there to be read.
        let _ = socket.send_bytes(&bytes).await;
        assert_eq!(socket.close_code().await, Some(expected), "{what}");
    }
    server.sign_in("bob").socket().await.expect_nothing().await;
}

/// The beginning of a frame that says that `length` bytes follow.
fn huge(length: u64) -> Vec<u8> {
    let mut bytes = vec![FIN | TEXT, MASKED | LONG];
    bytes.extend(length.to_be_bytes());
    bytes.extend([0; 4]);
    bytes
}

#[rocket::async_test]
async fn a_close_frame_is_answered_with_its_code() {
    let server = TestServer::start().await;
    let mut table = vec![(frame(FIN | CLOSE, b""), NO_CODE)];
    for code in [
        1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999,
    ] {
        table.push((close(code, b""), code));
        table.push((close(code, "schönen Tag".as_bytes()), code));
        table.push((close(code, &[b'x'; 123]), code));
    }
    for (bytes, expected) in table {
        let mut socket = connect(&server).await;
        // Nothing is heard after a close, a ping least of all.
        socket
            .send_bytes(&[bytes, frame(FIN | PING, b"late")].concat())
            .await
            .expect("sent");
        assert_eq!(
            socket.frame().await.map(|(opcode, _)| opcode),
            Some(Opcode::Close),
            "{expected}"
        );
        assert!(socket.frame().await.is_none(), "{expected}");
        let mut socket = connect(&server).await;
        let bytes = if expected == NO_CODE {
            frame(FIN | CLOSE, b"")
        } else {
            close(expected, b"")
        };
        socket.send_bytes(&bytes).await.expect("sent");
        assert_eq!(socket.close_code().await, Some(expected));
    }
}

#[rocket::async_test]
async fn pings_are_answered_with_their_payload_wherever_they_come() {
    let server = TestServer::start().await;
    let mut socket = connect(&server).await;
    for payload in [&b""[..], b"x", &[0xFE; 125]] {
        let answer = socket.send_bytes(&frame(FIN | PING, payload)).await;
        answer.expect("sent");
        assert_eq!(socket.frame().await, Some((Opcode::Pong, payload.to_vec())));
    }
    // Amid the fragments of a message, and all of it one byte at a time.
    let text = heartbeat("é");
    let (first, second) = text.as_bytes().split_at(text.find('é').expect("there") + 1);
    let bytes = [
        frame(TEXT, first),
        frame(FIN | PING, b"amid"),
        frame(FIN | PONG, b"nobody asked"),
        frame(FIN | CONTINUATION, second),
    ]
    .concat();
    for byte in &bytes {
        socket.send_bytes(&[*byte]).await.expect("sent");
    }
    assert_eq!(socket.frame().await, Some((Opcode::Pong, b"amid".to_vec())));
    assert_eq!(message(&mut socket).await["type"], "heartbeat.ack");
}

#[rocket::async_test]
async fn messages_of_every_length_and_in_every_cut_are_understood() {
    let server = TestServer::start().await;
    let mut socket = connect(&server).await;
    let bare = heartbeat("").len();
    for length in [125, 126, 127, 128, 1024, 65_534, 65_535, 65_536] {
        let text = heartbeat(&" ".repeat(length - bare));
        for fragment in [length, 1000, 125] {
            if fragment == 125 && length > 2000 {
                continue;
            }
            let parts: Vec<&[u8]> = text.as_bytes().chunks(fragment).collect();
            let mut bytes = Vec::new();
            for (n, part) in parts.iter().enumerate() {
                let opcode = if n == 0 { TEXT } else { CONTINUATION };
                let fin = if n + 1 == parts.len() { FIN } else { 0 };
                bytes.extend(frame(fin | opcode, part));
            }
            socket.send_bytes(&bytes).await.expect("sent");
            let answer = message(&mut socket).await;
            assert_eq!(answer["type"], "heartbeat.ack", "{length} by {fragment}");
        }
    }
    // Empty ones are messages too, and no JSON.
    for bytes in [frame(FIN | TEXT, b""), frame(FIN | BINARY, b"")] {
        socket.send_bytes(&bytes).await.expect("sent");
        assert_eq!(
            message(&mut socket).await["payload"]["errorType"],
            "parse_error"
        );
    }
}
