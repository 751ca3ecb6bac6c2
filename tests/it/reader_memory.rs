//! Memory of the real binary for a client that does not read.

use chattrix::call::MAX_SIGNAL_BYTES;
use serde_json::{Value, json};

use crate::stop::{callee, caller};
use crate::support::{Api, Process, RawSocket, Socket, rounds};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_of_a_stuck_reader_is_bounded() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Process::start(&folder.path().join("chattrix.db")).await;
    let mut witness = server.sign_in("witness").socket().await;
    let text =
        json!({ "type": "heartbeat", "payload": { "padding": " ".repeat(200) } }).to_string();
    let before = server.resident_kib();
    let many = rounds(5, 100);
    let mut slow = Vec::new();
    for n in 0..many {
        let token = Process::token(&format!("slow-{n}")).sign();
        let mut socket = RawSocket::connect(server.address(), &token).await;
        socket.stuff(&text, &mut witness).await;
        slow.push(socket);
    }
    if let (Some(before), Some(after)) = (before, server.resident_kib()) {
        let each = after.saturating_sub(before) / many;
        println!("{each} KiB for each of {many} slow readers");
        assert!(each < 1024, "{before} KiB before, {after} KiB after");
    }
}

/// KiB of signals that may wait for a session (docs/architecture.md).
const WAITING_KIB: usize = 1024;

/// KiB that a session takes beside them: what has been written and is not sent, 256 KiB, the event that is next, and
/// what the allocator adds.
const BESIDE_KIB: usize = 640;

/// Signals between two checks whether one was dropped.
const STEP: usize = 4;

/// Reader in a call that does not read, and the other participant, who signals to it.
struct Unread {
    /// Open until the drop.
    _reader: RawSocket,
    status: String,
    by: Api,
    by_socket: Socket,
    payload: Value,
}

impl Unread {
    async fn begin(server: &Process, n: usize) -> Self {
        let (reader, by) = (server.sign_in(&callee(n)), server.sign_in(&caller(n)));
        let by_socket = by.socket().await;
        let raw = RawSocket::connect(server.address(), reader.token()).await;
        let call = by.call(&callee(n)).await;
        reader.accept(&call).await.success(200);
        let signal = "x".repeat(MAX_SIGNAL_BYTES - 2);
        let mut unread = Self {
            _reader: raw,
            status: format!("/api/v1/users/status/{}", callee(n)),
            by,
            by_socket,
            payload: json!({ "callId": call, "signal": signal }),
        };
        unread.by_socket.expect("call_accepted").await;
        unread
    }

    /// Sends `count` signals; none is refused.
    async fn signal(&mut self, count: usize) {
        for _ in 0..count {
            self.by_socket.send("call.signal", &self.payload).await;
        }
        self.by_socket.send("heartbeat", &json!({})).await;
        self.by_socket.expect("heartbeat.ack").await;
    }

    async fn is_connected(&self) -> bool {
        let status = self.by.get(&self.status).await.success(200);
        status["isOnline"] == json!(true)
    }

    /// Signals until one is dropped because the reader's queue is full.
    async fn fill(&mut self) {
        let before = self.dropped().await;
        while self.dropped().await == before {
            self.signal(STEP).await;
        }
    }

    /// Returns how many events readers have missed because they read too slowly.
    async fn dropped(&self) -> String {
        let metrics = self.by.get("/metrics").await.body;
        let metrics = metrics.as_str().expect("text");
        let mut lines = metrics.lines();
        let line = lines.find(|line| line.starts_with(DROPPED));
        line.unwrap_or_default().to_owned()
    }
}

const DROPPED: &str = "chattrix_events_dropped_total{reason=\"slow_reader\"}";

/// A server for which a reader that confirms nothing stays connected: `isOnline` tells whether it was closed.
const PATIENT: [&str; 3] = [
    "env",
    "CHATTRIX_CONFIRM_TIMEOUT=1h",
    "CHATTRIX_IDLE_TIMEOUT=1h",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_of_a_queue_full_of_signals_is_bounded() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = folder.path().join("chattrix.db");
    let server = Process::start_through(&PATIENT, &database).await;
    let many = rounds(16, 64);
    let mut readers = Vec::new();
    for n in 0..many {
        let mut reader = Unread::begin(&server, n).await;
        // The sender's own buffers are not what is measured.
        reader.signal(STEP).await;
        readers.push(reader);
    }
    let before = server.resident_kib();
    for reader in &mut readers {
        reader.fill().await;
    }
    let after = server.resident_kib();
    if let (Some(before), Some(after)) = (before, after) {
        let each = after.saturating_sub(before) / many;
        println!("{each} KiB for each of {many} readers");
        let promised = WAITING_KIB / 2..WAITING_KIB + BESIDE_KIB;
        assert!(
            promised.contains(&each),
            "{before} KiB before, {after} KiB after: {each}"
        );
    }
    // A participant cannot close the other's session.
    for reader in &readers {
        assert!(reader.is_connected().await);
    }
}
