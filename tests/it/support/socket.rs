//! A client's socket.

use hyper::HeaderMap;
use std::collections::VecDeque;
use std::time::Duration;

use futures_util::stream::SplitSink;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_tungstenite::tungstenite;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::Request;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::document::assert_message_documented;
use super::shape::assert_message;
use super::{Address, within};

type Connection = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// A connected socket; every message it reads is checked for its shape. It reads all the time, as clients do, so that
/// pings are answered whatever the test waits for.
pub struct Socket {
    sink: SplitSink<Connection, Message>,
    stream: mpsc::UnboundedReceiver<Result<Message, tungstenite::Error>>,
    reader: JoinHandle<()>,
    /// What came before the server had said that the connection stands.
    early: VecDeque<Value>,
    /// How many events were read.
    events: u64,
    /// How many events the last ping asks to confirm.
    asked: u64,
}

#[derive(Debug)]
enum Incoming {
    Message(Value),
    Closed(u16, String),
    /// The connection ended without a close frame.
    Gone,
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

impl Socket {
    /// Connects with `token` in the query, and waits until the server knows of the session: between
    /// the upgrade and that moment the user does not count as connected.
    pub async fn connect(address: &Address, token: &str) -> Self {
        let request = Self::request(address, &format!("/ws/chat?token={token}"));
        let mut socket = Self::open(request).await;
        socket.settle().await;
        socket
    }

    /// A request for a socket at `path_and_query`, to be given headers.
    pub fn request(address: &Address, path_and_query: &str) -> Request<()> {
        address
            .ws(path_and_query)
            .into_client_request()
            .expect("the address is well formed")
    }

    /// Connects with this request and reads nothing yet.
    pub async fn open(request: Request<()>) -> Self {
        Self::open_with_headers(request).await.0
    }

    /// Connects with this request; returns the headers of the response too.
    pub async fn open_with_headers(request: Request<()>) -> (Self, HeaderMap) {
        // Boxed: with TLS in it, it is larger than all of a test together.
        let opening = within("the upgrade", Box::pin(connect_async(request)));
        let (stream, response) = opening.await.expect("the upgrade is granted");
        (Self::reading(stream), response.headers().clone())
    }

    /// Connects with `token`, and never reads: like a phone that loses its network just then.
    pub async fn connect_frozen(address: &Address, token: &str) -> Self {
        let request = Self::request(address, &format!("/ws/chat?token={token}"));
        let opening = within("the upgrade", Box::pin(connect_async(request)));
        let (stream, _) = opening.await.expect("the upgrade is granted");
        let (sink, incoming) = stream.split();
        let reader = tokio::spawn(async move {
            let _unread = incoming;
            std::future::pending::<()>().await;
        });
        Self {
            sink,
            stream: mpsc::unbounded_channel().1,
            reader,
            early: VecDeque::new(),
            events: 0,
            asked: 0,
        }
    }

    fn reading(stream: Connection) -> Self {
        let (sink, mut incoming) = stream.split();
        let (forward, stream) = mpsc::unbounded_channel();
        let reader = tokio::spawn(async move {
            while let Some(message) = incoming.next().await {
                // The test may have seen enough.
                let _ = forward.send(message);
            }
        });
        Self {
            sink,
            stream,
            reader,
            early: VecDeque::new(),
            events: 0,
            asked: 0,
        }
    }

    /// Waits until the server has answered a first message, and keeps what it sent before.
    async fn settle(&mut self) {
        self.send("heartbeat", &json!({})).await;
        loop {
            match self.read().await {
                Incoming::Message(message) if message["type"] == "heartbeat.ack" => return,
                Incoming::Message(message) => self.early.push_back(message),
                other => panic!("a session that stands was expected, not {other:?}"),
            }
        }
    }

    /// Reads no more, and so answers no ping: like a phone without network.
    pub fn freeze(&self) {
        self.reader.abort();
    }

    /// Sends a message.
    pub async fn send(&mut self, kind: &str, payload: &Value) {
        self.send_json(&json!({ "type": kind, "payload": payload }))
            .await;
    }

    /// Sends any JSON.
    pub async fn send_json(&mut self, message: &Value) {
        self.send_text(message.to_string()).await;
    }

    /// Sends any text.
    pub async fn send_text(&mut self, text: impl Into<String>) {
        self.send_raw(Message::text(text.into())).await;
    }

    /// Sends any WebSocket message.
    pub async fn send_raw(&mut self, message: Message) {
        within("the message to be sent", self.sink.send(message))
            .await
            .expect("the socket takes it");
    }

    /// Sends `call.accept`.
    pub async fn accept(&mut self, call: &str) {
        self.send("call.accept", &json!({ "callId": call })).await;
    }

    /// Sends `call.reject`.
    pub async fn reject(&mut self, call: &str, reason: &str) {
        self.send("call.reject", &json!({ "callId": call, "reason": reason }))
            .await;
    }

    /// Sends `call.end` and leaves the duration to the server.
    pub async fn end(&mut self, call: &str) {
        self.send("call.end", &json!({ "callId": call })).await;
    }

    /// The next message, which must be of this type: whole.
    pub async fn expect_message(&mut self, kind: &str) -> Value {
        self.expect_one_of(&[kind]).await
    }

    /// The next message, which must be of one of these types: whole.
    pub async fn expect_one_of(&mut self, kinds: &[&str]) -> Value {
        let what = kinds.join(" or ");
        match self.next(&what).await {
            Incoming::Message(message) if kinds.iter().any(|kind| message["type"] == *kind) => {
                message
            }
            other => panic!("{what} was expected, not {other:?}"),
        }
    }

    /// The next message, which must be of this type: its `data` or its `payload`.
    pub async fn expect(&mut self, kind: &str) -> Value {
        let mut message = self.expect_message(kind).await;
        let body = if message.get("data").is_some() {
            "data"
        } else {
            "payload"
        };
        message[body].take()
    }

    /// The same for an event that may take `limit`.
    pub async fn expect_within(&mut self, limit: Duration, kind: &str) -> Value {
        let waiting = tokio::time::timeout(limit, async {
            if self.early.is_empty() {
                let next = self.read().await;
                let Incoming::Message(message) = next else {
                    panic!("{kind} was expected, not {next:?}")
                };
                self.early.push_back(message);
            }
        });
        waiting
            .await
            .unwrap_or_else(|_| panic!("waited {limit:?} for {kind}"));
        self.expect(kind).await
    }

    /// The next message, which must be of this type, as the text that came.
    pub async fn expect_text(&mut self, kind: &str) -> String {
        let text = within(kind, async {
            loop {
                match self.stream.recv().await {
                    Some(Ok(Message::Text(text))) => return text.to_string(),
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                    other => panic!("{kind} was expected, not {other:?}"),
                }
            }
        });
        let text = text.await;
        let message = serde_json::from_str(&text).expect("the server sends JSON");
        assert_message(&message);
        assert_eq!(message["type"], kind, "{message}");
        text
    }

    /// The payload of the next message, which must be a `call_error` of this `errorType`.
    pub async fn expect_error(&mut self, error_type: &str) -> Value {
        let payload = self.expect("call_error").await;
        assert_eq!(payload["errorType"], error_type, "{payload}");
        payload
    }

    /// Says that nothing is on its way to this session: heartbeats come back with nothing before them.
    ///
    /// An event that was published before is in the session's queue by now. A session that takes from
    /// its queue and from its client by turns may answer one heartbeat first, hardly three.
    pub async fn expect_nothing(&mut self) {
        for _ in 0..3 {
            self.send("heartbeat", &json!({})).await;
            self.expect("heartbeat.ack").await;
        }
    }

    /// Waits until the server has read the confirmation of every event: a ping that follows a burst of them comes a moment
    /// later. Nothing else may come.
    pub async fn confirm_events(&mut self) {
        let confirming = async {
            loop {
                let is_asked = self.asked == self.events;
                // If it is, the pong goes out before the last of these heartbeats.
                self.expect_nothing().await;
                if is_asked {
                    return;
                }
                sleep(Duration::from_millis(5)).await;
            }
        };
        within("the events to be confirmed", confirming).await;
    }

    /// The code and the reason with which the server closes the socket, as the next thing it does.
    pub async fn expect_close(&mut self) -> (u16, String) {
        match self.next("a close frame").await {
            Incoming::Closed(code, reason) => (code, reason),
            other => panic!("a close frame was expected, not {other:?}"),
        }
    }

    /// Reads whatever comes, to the code with which the server closes the socket.
    pub async fn close_code(&mut self) -> u16 {
        loop {
            match self.read().await {
                Incoming::Message(_) => {}
                Incoming::Closed(code, _) => return code,
                Incoming::Gone => panic!("the connection ended without a close frame"),
            }
        }
    }

    /// Sends a heartbeat and waits for what comes of it: none for the answer to it, or the code with
    /// which the server closes the socket.
    pub async fn heartbeat_or_close(&mut self) -> Option<u16> {
        let heartbeat = json!({ "type": "heartbeat", "payload": {} }).to_string();
        // A socket that the server has just closed may refuse it; what was sent before can be read.
        let _ = self.sink.send(Message::text(heartbeat)).await;
        match self.next("an answer or a close frame").await {
            Incoming::Message(message) => assert_eq!(message["type"], "heartbeat.ack", "{message}"),
            Incoming::Closed(code, _) => return Some(code),
            Incoming::Gone => panic!("the connection ended without a close frame"),
        }
        None
    }

    /// Closes the socket as a client does that leaves: the code with which the server agrees.
    pub async fn close(&mut self) -> u16 {
        let frame = CloseFrame {
            code: CloseCode::Normal,
            reason: "".into(),
        };
        self.send_raw(Message::Close(Some(frame))).await;
        self.expect_close().await.0
    }

    async fn next(&mut self, what: &str) -> Incoming {
        match self.early.pop_front() {
            Some(message) => Incoming::Message(message),
            None => within(what, self.read()).await,
        }
    }

    async fn read(&mut self) -> Incoming {
        loop {
            match self.stream.recv().await {
                Some(Ok(Message::Text(text))) => {
                    let message = serde_json::from_str(&text).expect("the server sends JSON");
                    assert_message(&message);
                    assert_message_documented(&message);
                    self.events += u64::from(message.get("data").is_some());
                    return Incoming::Message(message);
                }
                Some(Ok(Message::Close(frame))) => {
                    let (code, reason) = frame.map_or((1005, String::new()), |frame| {
                        (frame.code.into(), frame.reason.to_string())
                    });
                    return Incoming::Closed(code, reason);
                }
                Some(Ok(Message::Ping(payload))) => {
                    // Keep-alive pings are empty.
                    let asked = payload[..].try_into().map(u64::from_be_bytes);
                    self.asked = asked.unwrap_or(self.asked);
                }
                Some(Ok(Message::Pong(_) | Message::Frame(_))) => {}
                Some(Ok(Message::Binary(_))) => panic!("the server sends text only"),
                Some(Err(_)) | None => return Incoming::Gone,
            }
        }
    }
}
