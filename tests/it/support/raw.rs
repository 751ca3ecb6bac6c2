//! Raw socket for clients with behaviour that a WebSocket library does not allow: no pongs, no reads, half a message.

use std::convert::Infallible;
use std::future::pending;
use std::pin::pin;

use futures_util::{StreamExt, stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpSocket, TcpStream};

use super::{Address, Socket, within};

/// What a frame is (RFC 6455, section 5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opcode {
    Continuation = 0x0,
    Text = 0x1,
    Close = 0x8,
    Ping = 0x9,
    Pong = 0xA,
}

/// A connected socket that answers nothing by itself.
pub struct RawSocket {
    stream: BufReader<TcpStream>,
}

impl RawSocket {
    /// Connects with `token`, with a receive buffer so small that the server soon feels a client that
    /// does not read.
    pub async fn connect(address: &Address, token: &str) -> Self {
        let tcp = TcpSocket::new_v4().expect("a TCP socket");
        tcp.set_recv_buffer_size(4096).expect("a small buffer");
        let stream = tcp.connect(address.tcp()).await;
        let stream = stream.expect("the server listens");
        let mut stream = BufReader::new(stream);
        let request = format!(
            "GET /ws/chat?token={token} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n\
             Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        let answer = stream.write_all(request.as_bytes()).await;
        answer.expect("the request is sent");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(
                within("the upgrade", stream.read_u8())
                    .await
                    .expect("an answer"),
            );
        }
        assert!(
            head.starts_with(b"HTTP/1.1 101 "),
            "{}",
            String::from_utf8_lossy(&head)
        );
        Self { stream }
    }

    /// The next frame, or none where the connection has ended.
    pub async fn frame(&mut self) -> Option<(Opcode, Vec<u8>)> {
        within("a frame or the end", self.read_frame()).await
    }

    /// Reads to the end: the code of the close frame, if one came.
    pub async fn close_code(&mut self) -> Option<u16> {
        while let Some((opcode, payload)) = self.frame().await {
            if opcode == Opcode::Close {
                let code = payload
                    .first_chunk()
                    .map_or(1005, |code| u16::from_be_bytes(*code));
                return Some(code);
            }
        }
        None
    }

    /// Sends a frame, masked with zeros.
    pub async fn send(
        &mut self,
        opcode: Opcode,
        last: bool,
        payload: &[u8],
    ) -> std::io::Result<()> {
        self.stream.write_all(&encode(opcode, last, payload)).await
    }

    /// Sends these bytes, whatever they are.
    pub async fn send_bytes(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// Sends text again and again without reading, until the server takes no more of it: what it has
    /// to say is then stuck on its side, or nearly so. TCP may make a pause, take it up again, and let some
    /// more through; whoever has to be sure asks the server, by [`RawSocket::stuff_during`].
    ///
    /// That it takes no more, and is not merely slow, is known from `witness`: another socket, to
    /// which the server goes on talking all the while.
    pub async fn stuff(&mut self, text: &str, witness: &mut Socket) {
        let frame = encode(Opcode::Text, true, text.as_bytes());
        let rounds = stream::unfold(witness, async |witness| {
            witness.expect_nothing().await;
            Some(((), witness))
        });
        let mut rounds = pin!(rounds);
        let (mut sent, mut rounds_without_progress) = (0, 0);
        while rounds_without_progress < 50 {
            tokio::select! {
                biased;
                written = self.stream.write(&frame[sent..]) => {
                    sent = (sent + written.expect("the connection stands")) % frame.len();
                    rounds_without_progress = 0;
                }
                _ = rounds.next() => rounds_without_progress += 1,
            }
        }
    }

    /// Sends text again and again without reading, for as long as `doing` takes: what that gives.
    pub async fn stuff_during<T>(&mut self, text: &str, doing: impl Future<Output = T>) -> T {
        let frame = encode(Opcode::Text, true, text.as_bytes());
        let stuffing = async {
            // Once the server has closed it, there is nothing more to send.
            while self.stream.write_all(&frame).await.is_ok() {}
            pending::<Infallible>().await
        };
        tokio::select! {
            done = doing => done,
            never = stuffing => match never {},
        }
    }

    async fn read_frame(&mut self) -> Option<(Opcode, Vec<u8>)> {
        let opcode = match self.stream.read_u8().await.ok()? & 0x0F {
            0x0 => Opcode::Continuation,
            0x1 => Opcode::Text,
            0x8 => Opcode::Close,
            0x9 => Opcode::Ping,
            0xA => Opcode::Pong,
            other => panic!("no opcode that the server sends: {other:#x}"),
        };
        let length = match self.stream.read_u8().await.ok()? {
            126 => u64::from(self.stream.read_u16().await.ok()?),
            127 => self.stream.read_u64().await.ok()?,
            short => u64::from(short),
        };
        let mut payload = vec![0; usize::try_from(length).expect("a frame fits the memory")];
        self.stream.read_exact(&mut payload).await.ok()?;
        Some((opcode, payload))
    }
}

fn encode(opcode: Opcode, last: bool, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![u8::from(last) << 7 | opcode as u8];
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(short @ 0..126), _) => frame.push(0x80 | short),
        (_, Ok(medium)) => {
            frame.push(0x80 | 0x7e);
            frame.extend(medium.to_be_bytes());
        }
        _ => {
            frame.push(0x80 | 127);
            frame.extend((payload.len() as u64).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}
