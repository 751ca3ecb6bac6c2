//! Memory that a client which does not read costs the real binary.

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

/// KiB that a session takes beside them: what has been written and is not sent, 256 KiB, and the event that is next.
const BESIDE_KIB: usize = 512;

/// Signals between two checks whether the reader was closed for them.
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

    /// Signals until the reader is closed. Returns the number of signals.
    async fn signal_until_closed(&mut self) -> usize {
        let mut count = 0;
        while self.is_connected().await {
            self.signal(STEP).await;
            count += STEP;
        }
        count
    }
}

/// A server for which a reader that confirms nothing stays connected: `isOnline` tells when it is closed.
const PATIENT: [&str; 2] = ["env", "CHATTRIX_CONFIRM_TIMEOUT=1h"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_of_a_queue_full_of_signals_is_bounded() {
    let folder = tempfile::tempdir().expect("a folder");
    // Two servers: the others would reuse the memory that the first reader frees.
    let trial = Process::start_through(&PATIENT, &folder.path().join("trial.db")).await;
    let one_too_many = Unread::begin(&trial, 0).await.signal_until_closed().await;
    let server = Process::start_through(&PATIENT, &folder.path().join("chattrix.db")).await;
    let many = rounds(16, 64);
    let mut readers = Vec::new();
    for n in 0..many {
        readers.push(Unread::begin(&server, n).await);
    }
    let before = server.resident_kib();
    for reader in &mut readers {
        reader.signal(one_too_many - STEP).await;
    }
    let after = server.resident_kib();
    // Most were one or two steps from being closed, so their queues were full.
    let mut full = 0;
    for reader in &mut readers {
        let more = reader.signal_until_closed().await;
        full += usize::from((1..=3 * STEP).contains(&more));
    }
    assert!(full * 2 >= many, "{full} of {many}");
    if let (Some(before), Some(after)) = (before, after) {
        let each = after.saturating_sub(before) / many;
        println!("{each} KiB for each of {many} readers, after {one_too_many} signals");
        let promised = WAITING_KIB / 2..WAITING_KIB + BESIDE_KIB;
        assert!(
            promised.contains(&each),
            "{before} KiB before, {after} KiB after: {each}"
        );
    }
}
