//! Echo server on the WebSocket code of the product, which the Autobahn suite tests (docs/autobahn.md).

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::hub::CloseReason;

use super::closing;
use super::event_loop::{End, PATIENCE};
use super::flood::{ControlFrames, Unfinished};
use super::framing::{self, FrameLimits};

/// The longest message of the suite has 16 MiB; the server would reject it with 1009.
const LIMITS: FrameLimits = FrameLimits {
    message: 16 << 20,
    waiting: 32 << 20,
};

/// How long the echo server runs for the suite.
const SUITE: Duration = Duration::from_mins(30);

/// Echoes the messages of `stream`, framed and closed like those of a session.
async fn echo(mut stream: TcpStream) {
    shake_hands(&mut stream).await;
    let unfinished = Unfinished::default();
    let mut stream = framing::messages(stream, unfinished.clone(), LIMITS).await;
    let mut control_frames = ControlFrames::new(Instant::now());
    let end = loop {
        let message = match stream.next().await {
            Some(Ok(message)) => message,
            Some(Err(error)) => break End::from(error),
            None => break End::Gone,
        };
        unfinished.reset();
        let step = match message {
            Message::Text(_) | Message::Binary(_) => stream.send(message).await.map_err(End::from),
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {
                control_frames.count(Instant::now()).map_err(End::from)
            }
            Message::Close(frame) => Err(End::ByPeer(frame.map(|frame| frame.code.into()))),
        };
        if let Err(end) = step {
            break end;
        }
    };
    closing::close(stream, end, PATIENCE).await;
}

/// Answers the opening handshake of a valid client.
async fn shake_hands(stream: &mut TcpStream) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.expect("a request"));
    }
    let head = String::from_utf8(head).expect("text");
    let key = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("sec-websocket-key")
            .then(|| value.trim())
    });
    let accept = derive_accept_key(key.expect("a key").as_bytes());
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    stream.write_all(answer.as_bytes()).await.expect("answered");
}

/// With `CHATTRIX_ECHO_PORT` set, serves that port until the time is over or the process ends.
#[tokio::test]
async fn echo_returns_messages_and_closes_on_bad_frames() {
    let port = std::env::var("CHATTRIX_ECHO_PORT").ok();
    let port = port.map_or(0, |port| port.parse().expect("a port"));
    let listener = TcpListener::bind(("127.0.0.1", port))
        .await
        .expect("a port");
    let address = listener.local_addr().expect("an address");
    let server = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(echo(stream));
        }
    });
    if port != 0 {
        let _ = timeout(SUITE, server).await;
        return;
    }
    let url = format!("ws://{address}");
    let (mut client, _) = tokio_tungstenite::connect_async(url).await.expect("open");
    for message in [Message::text("one"), Message::binary(vec![0xFF; 70_000])] {
        client.send(message.clone()).await.expect("sent");
        assert_eq!(
            client.next().await.expect("an echo").expect("sound"),
            message
        );
    }
    let stream = client.get_mut();
    stream
        .write_all(&[0xF1, 0x80, 0, 0, 0, 0])
        .await
        .expect("sent");
    let closed = client.next().await.expect("a close");
    let Ok(Message::Close(Some(frame))) = closed else {
        unreachable!("a close frame, not {closed:?}")
    };
    assert_eq!(u16::from(frame.code), CloseReason::ProtocolError.code());
}
