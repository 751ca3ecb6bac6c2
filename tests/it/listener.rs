//! Listener and log with clients and readers that stop half-way.

use std::io::Read as _;
use std::os::unix::net::UnixStream;
use std::process::Stdio;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{Address, Api, Process, eventually, free_port, rounds, serve, within};

/// Connections of an attacker; with those of the test they fit the limit of open files.
const ATTACKERS: usize = 2_000;

/// Memory that they may cost together. Without optimization, each request takes half as much again.
const MORE_KIB: usize = if cfg!(debug_assertions) { 96 } else { 64 } * 1024;

/// After this all are gone: the limit of an idle connection, and some time on a busy machine. If they are opened fast
/// enough to be a crowd, they are gone much earlier.
const GONE_BY: Duration = Duration::from_mins(2);

/// Opens the connections; each sends one of `kinds`, in turn.
async fn attackers(address: &Address, kinds: &[&[u8]]) -> Vec<TcpStream> {
    let mut streams = Vec::new();
    for bytes in kinds.iter().cycle().take(ATTACKERS) {
        let mut stream = TcpStream::connect(address.tcp()).await.expect("connected");
        // The server may refuse the rest of it.
        let _ = stream.write_all(bytes).await;
        streams.push(stream);
    }
    streams
}

/// Waits until the server has closed all of them.
async fn closed(streams: Vec<TcpStream>) {
    let all = async {
        for mut stream in streams {
            let mut rest = Vec::new();
            // A reset is an end too.
            let _ = stream.read_to_end(&mut rest).await;
        }
    };
    tokio::time::timeout(GONE_BY, all)
        .await
        .expect("the server closes the connections");
}

/// Returns the 99th percentile of the latency of another client's requests.
async fn p99(client: &Api) -> Duration {
    let mut latencies = Vec::new();
    for _ in 0..100 {
        let began = Instant::now();
        client.active().await.success(200);
        latencies.push(began.elapsed());
    }
    latencies.sort_unstable();
    latencies[98]
}

/// Asserts that requests take at most twice as long as `before`. Other load on the machine may disturb some of the
/// measurements, not each.
async fn stays_fast(client: &Api, before: Duration) {
    let allowed = 2 * before.max(Duration::from_millis(5));
    let mut measured = Vec::new();
    for _ in 0..5 {
        let now = p99(client).await;
        if now <= allowed {
            return;
        }
        measured.push(now);
    }
    panic!("{before:?} before, then {measured:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_sent_heads_cost_bounded_memory_and_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Process::start(&folder.path().join("chattrix.db")).await;
    let alice = server.sign_in("alice");
    let usual = p99(&alice).await;
    let before = server.resident_kib();
    let head = [
        b"POST /api/v1/calls/initiate HTTP/1.1\r\nHost: x\r\nX: ".to_vec(),
        vec![b'y'; 100_000],
    ]
    .concat();
    let streams = attackers(server.address(), &[&head]).await;
    stays_fast(&alice, usual).await;
    let after = server.resident_kib();
    if let (Some(before), Some(after)) = (before, after) {
        println!("{before} KiB before, {after} KiB with {ATTACKERS} half-sent heads");
        assert!(
            after < before + MORE_KIB,
            "{before} KiB before, {after} after"
        );
    }
    closed(streams).await;
    alice.active().await.success(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unread_responses_cost_bounded_memory_and_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Process::start(&folder.path().join("chattrix.db")).await;
    let alice = server.sign_in("alice");
    let usual = p99(&alice).await;
    let before = server.resident_kib();
    // The kernel takes one answer as if the client had read it, but not all of many.
    let ask = b"GET /api/openapi.json HTTP/1.1\r\nHost: x\r\n\r\n";
    let many = ask.repeat(rounds(50, 100));
    let streams = attackers(server.address(), &[ask, &many]).await;
    stays_fast(&alice, usual).await;
    if let (Some(before), Some(after)) = (before, server.resident_kib()) {
        println!("{before} KiB before, {after} KiB with {ATTACKERS} unread responses");
        assert!(
            after < before + MORE_KIB,
            "{before} KiB before, {after} after"
        );
    }
    // Reading would let them go on: it is asked whether they are gone from the server's side.
    let gone = Instant::now() + GONE_BY;
    while server.open_files().is_some_and(|files| files > 200) {
        assert!(Instant::now() < gone, "unread connections stay open");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    alice.active().await.success(200);
    drop(streams);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn log_that_nobody_reads_stops_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = folder.path().join("chattrix.db");
    let port = free_port();
    let (mut reader, log) = UnixStream::pair().expect("a pair of sockets");
    let full = log.try_clone().expect("a second descriptor");
    let mut child = serve(&[], &database, port)
        .env("CHATTRIX_LOG_LEVEL", "trace")
        .stderr(Stdio::from(std::os::fd::OwnedFd::from(log)))
        .spawn()
        .expect("the binary starts");
    let address = Address::with_port(port);
    let alice = Api::new(&address, Some(Process::token("alice").sign()));
    let client = crate::support::http_client();
    let ready = address.http("/readyz");
    eventually("the binary to be ready", async || {
        client
            .get(&ready)
            .send()
            .await
            .is_ok_and(|answer| answer.status() == 200)
    })
    .await;
    // Far more lines than the socket's buffer and the queue hold.
    for _ in 0..12_000 {
        alice.active().await.success(200);
    }
    let metrics = client.get(address.http("/metrics")).send().await;
    let metrics = metrics.expect("answered").text().await.expect("text");
    let dropped = metrics
        .lines()
        .find_map(|line| line.strip_prefix("chattrix_log_lines_dropped_total "))
        .expect("the metric");
    assert_ne!(dropped, "0");
    let began = Instant::now();
    kill_process(Pid::from_child(&child), Signal::TERM).expect("signalled");
    let ended = tokio::task::spawn_blocking(move || child.wait());
    let status = within("the process to end", ended).await.expect("waited");
    assert!(status.expect("its status").success());
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
    // A start that fails ends as well, though its error cannot be written.
    let failed = serve(&[], &database, port)
        .env("CHATTRIX_DATABASE", ":memory:")
        .stderr(Stdio::from(std::os::fd::OwnedFd::from(full)))
        .spawn();
    let mut failed = failed.expect("the binary starts");
    let ended = tokio::task::spawn_blocking(move || failed.wait());
    let status = within("the failed start to end", ended).await;
    assert_eq!(status.expect("waited").expect("its status").code(), Some(1));
    let mut some = [0; 16];
    assert!(reader.read(&mut some).expect("what was logged") > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unix_socket_serves_requests_and_sockets() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("http.sock");
    let variable = format!("CHATTRIX_UNIX_SOCKET={}", path.display());
    let database = folder.path().join("chattrix.db");
    let mut server = Process::start_through(&["env", &variable], &database).await;
    let request = format!("/ws/chat?token={}", Process::token("bob").sign());
    let url = format!("ws://localhost{request}");
    let stream = tokio::net::UnixStream::connect(&path).await;
    let opening = tokio_tungstenite::client_async(url, stream.expect("connected"));
    let (mut bob, _) = within("the upgrade", opening).await.expect("upgraded");
    let call = server.sign_in("alice").call("bob").await;
    let invitation = within("the invitation", bob.next()).await;
    let invitation = invitation.expect("a message").expect("it is well formed");
    assert!(invitation.to_string().contains(&call), "{invitation}");

    server.signal(Signal::TERM);
    assert!(server.ended().await.success());
    assert!(!path.exists(), "the socket is removed");
}
