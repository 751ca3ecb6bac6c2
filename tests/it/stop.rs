//! Stop of the real binary: sessions are closed, no acknowledged change is lost, no client holds it up.

use std::collections::HashMap;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use chattrix::call::MAX_SIGNAL_BYTES;
use reqwest::Method;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use crate::support::{
    Address, Api, Process, RawSocket, Socket, eventually, initiate_body, make_database, rounds,
    within,
};

const STOPPING: u16 = 1012;

/// Limit of a stop.
const IN_TIME: Duration = Duration::from_secs(5);

const PAIRS: usize = 8;
const STOPS: usize = 2;
const STOPS_IN_SOAK: usize = 40;

/// Last acknowledged status of each call.
type Acknowledged = Arc<Mutex<HashMap<String, &'static str>>>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stop_under_load_loses_no_acknowledged_change() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = folder.path().join("chattrix.db");
    make_database(&database, (0..PAIRS).flat_map(|n| [caller(n), callee(n)]));
    let acknowledged = Acknowledged::default();
    for _ in 0..rounds(STOPS, STOPS_IN_SOAK) {
        let mut server = Process::start(&database).await;
        let before = acknowledged.lock().expect("no client panicked").len();
        let mut sockets = Vec::new();
        for user in (0..PAIRS).flat_map(|n| [caller(n), callee(n)]) {
            sockets.push(server.sign_in(&user).socket().await);
        }
        let listening: Vec<_> = sockets.into_iter().map(closing_code).collect();
        let calling: Vec<_> = (0..PAIRS)
            .map(|n| {
                let (by_caller, by_callee) =
                    (server.sign_in(&caller(n)), server.sign_in(&callee(n)));
                tokio::spawn(call_until_refused(
                    by_caller,
                    by_callee,
                    callee(n),
                    acknowledged.clone(),
                ))
            })
            .collect();
        eventually("some calls", async || {
            acknowledged.lock().expect("no client panicked").len() > before + 2 * PAIRS
        })
        .await;
        stops_in_time(&mut server).await;
        for code in listening {
            assert_eq!(within("a close", code).await.expect("a reader"), STOPPING);
        }
        for client in calling {
            within("the clients to notice", client).await.expect("done");
        }
    }
    let server = Process::start(&database).await;
    let acknowledged = acknowledged.lock().expect("no client panicked").clone();
    for (call, status) in acknowledged {
        let n = (0..PAIRS).find(|n| call.starts_with(&format!("{n}/")));
        let (n, id) = (n.expect("a pair"), call.split('/').nth(1).expect("an id"));
        let stored = server.sign_in(&caller(n)).status_of(id).await;
        // What was sent last may have been carried out without its answer coming through.
        let reached: &[&str] = match status {
            "INITIATED" => &["INITIATING", "RINGING", "CONNECTING"],
            "CONNECTING" => &["CONNECTING", "ENDED"],
            _ => &["ENDED"],
        };
        assert!(reached.contains(&stored.as_str()), "{status}, now {stored}");
    }
}

pub fn caller(n: usize) -> String {
    format!("caller-{n}")
}

pub fn callee(n: usize) -> String {
    format!("callee-{n}")
}

/// Sends SIGTERM and asserts that the server stops in time.
async fn stops_in_time(server: &mut Process) {
    let began = Instant::now();
    server.signal(Signal::TERM);
    let status = server.ended().await;
    let took = began.elapsed();
    assert_eq!(status.code(), Some(0), "{}", server.log());
    assert!(took < IN_TIME, "{took:?}");
}

/// Reads until the close and returns its code.
fn closing_code(mut socket: Socket) -> JoinHandle<u16> {
    tokio::spawn(async move { socket.close_code().await })
}

/// Makes calls until the server refuses.
async fn call_until_refused(
    by_caller: Api,
    by_callee: Api,
    callee: String,
    acknowledged: Acknowledged,
) {
    let pair = callee.trim_start_matches("callee-").to_owned();
    if let Some(active) = request(&by_caller, Method::GET, "active", None).await
        && let Some(left_over) = active["id"].as_str()
    {
        let end = format!("{left_over}/end");
        if request(&by_caller, Method::POST, &end, None)
            .await
            .is_none()
        {
            return;
        }
        note(&acknowledged, &pair, left_over, "ENDED");
    }
    loop {
        let body = Some(initiate_body(&callee));
        let Some(call) = request(&by_caller, Method::POST, "initiate", body).await else {
            return;
        };
        let id = call["id"].as_str().expect("an id");
        note(&acknowledged, &pair, id, "INITIATED");
        for (api, verb, status) in [
            (&by_callee, "accept", "CONNECTING"),
            (&by_caller, "end", "ENDED"),
        ] {
            let path = format!("{id}/{verb}");
            if request(api, Method::POST, &path, None).await.is_none() {
                return;
            }
            note(&acknowledged, &pair, id, status);
        }
    }
}

fn note(acknowledged: &Acknowledged, pair: &str, call: &str, status: &'static str) {
    let mut acknowledged = acknowledged.lock().expect("no client panicked");
    acknowledged.insert(format!("{pair}/{call}"), status);
}

/// Returns the data of a request; `None` if the server stops, with 503 or without an answer.
async fn request(api: &Api, method: Method, path: &str, body: Option<Value>) -> Option<Value> {
    let mut request = api.request(method, &format!("/api/v1/calls/{path}"));
    if let Some(body) = body {
        request = request.json(&body);
    }
    let answer = request.send().await.ok()?;
    if answer.status() == 503 {
        return None;
    }
    let status = answer.status();
    let body: Value = answer.json().await.ok()?;
    assert!(status.is_success(), "{path}: {status} {body}");
    Some(body["data"].clone())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_connections_do_not_hold_up_a_stop() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = Process::start(&folder.path().join("chattrix.db")).await;
    let token = Process::token("alice").sign();
    let beginnings = [
        String::new(),
        "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(),
        "POST /api/v1/calls/initiate HTTP/1.1\r\nHost: x\r\n".to_owned(),
        format!(
            "POST /api/v1/calls/initiate HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\
             Content-Length: 100\r\n\r\n{{"
        ),
    ];
    let mut held = Vec::new();
    for beginning in beginnings.iter().cycle().take(100) {
        let mut stream = TcpStream::connect(server.address().tcp())
            .await
            .expect("connected");
        stream.write_all(beginning.as_bytes()).await.expect("sent");
        held.push(stream);
    }
    // Answered by the same server while they are held.
    server.sign_in("alice").active().await.success(200);
    stops_in_time(&mut server).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn draining_server_serves_requests_for_the_whole_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = folder.path().join("chattrix.db");
    make_database(&database, ["alice", "bob"].map(str::to_owned));
    let settings = [("CHATTRIX_DRAIN_TIME", "3s")];
    let mut server = Process::start_node_with(&settings, &database, folder.path()).await;
    let alice = server.sign_in("alice");
    let socket = alice.socket().await;
    let path = format!("/ws/chat?token={}", Process::token("bob").sign());
    let began = Instant::now();
    server.signal(Signal::TERM);
    assert_eq!(closing_code(socket).await.expect("a code"), STOPPING);
    // Load balancers have time to notice, although no socket is left.
    while began.elapsed() < Duration::from_secs(2) {
        assert_eq!(server.readiness().await, Some(503));
        alice.active().await.success(200);
        let refused = alice.refused_upgrade(&path, &[]).await;
        refused.failure(503, "unavailable");
    }
    let call = alice.call("bob").await;
    alice.end(&call).await.success(200);
    let status = server.ended().await;
    assert_eq!(status.code(), Some(0), "{}", server.log());
    assert!(began.elapsed() >= Duration::from_secs(3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_signal_stops_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = Process::start(&folder.path().join("chattrix.db")).await;
    // It does not answer the close, for which the server waits a second.
    let mut silent = RawSocket::connect(server.address(), &Process::token("bob").sign()).await;
    server.signal(Signal::TERM);
    assert_eq!(silent.close_code().await, Some(STOPPING));
    server.signal(Signal::TERM);
    let status = server.ended().await;
    assert_eq!(status.code(), Some(1), "{}", server.log());
}

/// A client process that connects as `user` and reads, until it is frozen. A shell with the file `/dev/tcp` is
/// all that takes.
fn client_process(address: &Address, user: &str) -> std::process::Child {
    let script = format!(
        "exec 3<>/dev/tcp/127.0.0.1/{}; printf 'GET /ws/chat?token={} HTTP/1.1\\r\\nHost: x\\r\\n\
         Connection: Upgrade\\r\\nUpgrade: websocket\\r\\nSec-WebSocket-Version: 13\\r\\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\\r\\n\\r\\n' >&3; read -r line <&3; exec cat <&3",
        address.tcp().port(),
        Process::token(user).sign(),
    );
    Command::new("bash")
        .args(["-c", &script])
        .stdout(Stdio::null())
        .spawn()
        .expect("bash runs")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_client_delays_nobody_and_does_not_hold_up_a_stop() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = Process::start(&folder.path().join("chattrix.db")).await;
    let [alice, bob] = ["alice", "bob"].map(|user| server.sign_in(user));
    let mut client = client_process(server.address(), "bob");
    let mut bobs = bob.socket().await;
    eventually("the client to be connected", async || {
        let status = alice.get("/api/v1/users/status/bob").await.success(200);
        status["activeSessionCount"] == json!(2)
    })
    .await;
    let frozen = Pid::from_child(&client);
    kill_process(frozen, Signal::STOP).expect("frozen");
    for _ in 0..20 {
        let call = alice.call("bob").await;
        let invited = Instant::now();
        assert_eq!(bobs.expect("call_invitation").await["callId"], *call);
        assert!(invited.elapsed() < Duration::from_secs(5));
        alice.end(&call).await.success(200);
        bobs.expect("call_ended").await;
    }
    stops_in_time(&mut server).await;
    assert_eq!(bobs.expect_close().await.0, STOPPING);
    kill_process(frozen, Signal::CONT).expect("thawed");
    client.kill().expect("ended");
    client.wait().expect("gone");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_readers_do_not_hold_up_a_stop() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = Process::start(&folder.path().join("chattrix.db")).await;
    let bob = server.sign_in("bob");
    bob.active().await.success(200);
    let mut slow = Vec::new();
    for n in 0..3 {
        let reader = server.sign_in(&format!("slow-{n}"));
        let socket = RawSocket::connect(server.address(), reader.token()).await;
        let call = reader.call("bob").await;
        bob.accept(&call).await.success(200);
        signal_until_closed(&bob, &format!("slow-{n}"), &call).await;
        bob.end(&call).await.success(200);
        slow.push(socket);
    }
    let log = server.log();
    assert!(!log.contains("too many events wait"), "one has left: {log}");
    stops_in_time(&mut server).await;
}

/// Sends signals to `reader`, who does not read, until the server has closed its session.
async fn signal_until_closed(by: &Api, reader: &str, call: &str) {
    let mut socket = by.socket().await;
    let status = format!("/api/v1/users/status/{reader}");
    let signal = "x".repeat(MAX_SIGNAL_BYTES - 2);
    let payload = json!({ "callId": call, "signal": signal });
    eventually("the reader to be closed", async || {
        for _ in 0..32 {
            socket.send("call.signal", &payload).await;
        }
        let status = by.get(&status).await.success(200);
        status["isOnline"] == json!(false)
    })
    .await;
}
