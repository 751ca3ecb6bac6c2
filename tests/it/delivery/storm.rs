//! Connections of one session that replace each other, or leave in order, while events flow.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::support::{Api, Socket, TestServer, eventually, rounds, within};

const CONNECTIONS: usize = 150;
const CONNECTIONS_IN_SOAK: usize = 10_000;

/// Events that no connection has received yet: a server remembers 256 for each user.
const OUTSTANDING: usize = 64;

/// Microseconds between two connections that replace each other.
const GAPS: [u64; 5] = [0, 500, 1_000, 2_000, 10_000];

type Connection = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Type, call and timestamp of an event, by which clients drop doubles.
type Key = (String, String, String);

/// What Bob's connections have received.
#[derive(Default)]
struct Received {
    calls_ended: HashSet<String>,
    twice: Vec<Key>,
}

/// Bob, who connects again and again.
struct Storm {
    server: TestServer,
    bob: Api,
    received: Arc<Mutex<Received>>,
    readers: Vec<JoinHandle<()>>,
}

impl Storm {
    async fn new() -> Self {
        let server = TestServer::start().await;
        let bob = server.sign_in("bob");
        Self {
            server,
            bob,
            received: Arc::default(),
            readers: Vec::new(),
        }
    }

    async fn connect(&self) -> Connection {
        let path = format!("/ws/chat?token={}", self.bob.token());
        let request = Socket::request(self.server.address(), &path);
        let opening = within("the upgrade", Box::pin(connect_async(request)));
        opening.await.expect("the upgrade is granted").0
    }

    /// Starts a connection that reads until the server closes it.
    async fn replace(&mut self) {
        let mut connection = self.connect().await;
        let received = Arc::clone(&self.received);
        self.readers.retain(|reader| !reader.is_finished());
        self.readers.push(tokio::spawn(async move {
            read_to_the_end(&mut connection, &received).await;
        }));
    }

    /// Connects, and leaves in order after `stay`.
    async fn visit(&self, stay: Duration) {
        let mut connection = self.connect().await;
        let mut keys = HashSet::new();
        let until = Instant::now() + stay;
        while Instant::now() < until {
            tokio::select! {
                biased;
                message = connection.next() => record(message, &mut keys, &self.received),
                () = tokio::task::yield_now() => {}
            }
        }
        // The server may have closed it: the next visit replaces none, but the last one may not have ended.
        let _ = connection.close(None).await;
        while let Some(message) = within("the answer to the close", connection.next()).await {
            let ended = message.is_err();
            record(Some(message), &mut keys, &self.received);
            if ended {
                break;
            }
        }
    }

    /// Runs `connecting` while Alice calls and hangs up, then says that Bob received every end once on a connection.
    async fn run(mut self, connecting: impl AsyncFnOnce(&mut Self)) {
        let alice = self.server.sign_in("alice");
        let is_over = Arc::new(AtomicBool::new(false));
        let (stop, received) = (Arc::clone(&is_over), Arc::clone(&self.received));
        let calling = tokio::spawn(async move {
            let mut calls = Vec::new();
            while !stop.load(Ordering::SeqCst) {
                let call = alice.call("bob").await;
                alice.end(&call).await.success(200);
                calls.push(call);
                while missing(&calls, &received) > OUTSTANDING && !stop.load(Ordering::SeqCst) {
                    tokio::task::yield_now().await;
                }
            }
            calls
        });
        connecting(&mut self).await;
        is_over.store(true, Ordering::SeqCst);
        let calls = within("the last call", calling).await.expect("no error");
        self.replace().await;
        let complete = async || missing(&calls, &self.received) == 0;
        eventually("every end to be received", complete).await;
        let received = self.received.lock().expect("no reader panicked");
        assert_eq!(received.twice, [], "received twice on one connection");
        println!("{} calls", calls.len());
    }
}

fn missing(calls: &[String], received: &Mutex<Received>) -> usize {
    let received = received.lock().expect("no reader panicked");
    let missing = calls
        .iter()
        .filter(|call| !received.calls_ended.contains(*call));
    missing.count()
}

async fn read_to_the_end(connection: &mut Connection, received: &Mutex<Received>) {
    let mut keys = HashSet::new();
    while let Some(message) = connection.next().await {
        if message.is_err() {
            return;
        }
        record(Some(message), &mut keys, received);
    }
}

/// Records an event. `keys` are those that the connection has received before.
fn record(
    message: Option<Result<Message, tokio_tungstenite::tungstenite::Error>>,
    keys: &mut HashSet<Key>,
    received: &Mutex<Received>,
) {
    let Some(Ok(Message::Text(text))) = message else {
        return;
    };
    let message: Value = serde_json::from_str(&text).expect("JSON");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let key = (
        text(&message["type"]),
        text(&message["data"]["callId"]),
        text(&message["timestamp"]),
    );
    let mut received = received.lock().expect("no reader panicked");
    if key.0 == "call_ended" {
        received.calls_ended.insert(key.1.clone());
    }
    if !keys.insert(key.clone()) {
        received.twice.push(key);
    }
}

/// Waits for less than the timer's millisecond too.
async fn pause(time: Duration) {
    let until = Instant::now() + time;
    while Instant::now() < until {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replaced_connections_lose_no_event() {
    let count = rounds(CONNECTIONS, CONNECTIONS_IN_SOAK);
    for gap in GAPS.map(Duration::from_micros) {
        let storm = Storm::new().await;
        let connecting = async |storm: &mut Storm| {
            for _ in 0..count / GAPS.len() {
                storm.replace().await;
                pause(gap).await;
            }
        };
        storm.run(connecting).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_left_in_order_lose_no_event() {
    let mut random = StdRng::seed_from_u64(5);
    let connecting = async |storm: &mut Storm| {
        for _ in 0..rounds(CONNECTIONS, CONNECTIONS_IN_SOAK) {
            storm
                .visit(Duration::from_micros(random.random_range(0..5_000)))
                .await;
        }
    };
    Storm::new().await.run(connecting).await;
}
