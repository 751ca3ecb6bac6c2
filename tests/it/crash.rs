//! The real binary, killed in the middle of its work: no acknowledged change is lost.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use reqwest::Method;
use rusqlite::{Connection, OpenFlags};
use serde_json::json;

use crate::support::{Api, Process, eventually, make_database, rounds, within};

/// Pairs of users who call each other all the time.
const PAIRS: usize = 16;
/// Acknowledged changes after which the server is killed, and how often that is done.
const CHANGES: usize = 300;
const CRASHES: usize = 5;
const CRASHES_IN_SOAK: usize = 100;

/// How far each call came, as the server acknowledged it: its pair, and an index into [`LIFE`].
type Acknowledged = Arc<Mutex<HashMap<String, (usize, usize)>>>;

const LIFE: [&str; 4] = ["INITIATING", "CONNECTING", "ACTIVE", "ENDED"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_server_loses_no_acknowledged_change() {
    let directory = tempfile::tempdir().expect("a directory");
    let database = directory.path().join("chattrix.db");
    make_database(&database, users());
    let acknowledged = Acknowledged::default();
    for _ in 0..rounds(CRASHES, CRASHES_IN_SOAK) {
        let mut server = Process::start(&database).await;
        let before = count(&acknowledged);
        let clients: Vec<_> = (0..PAIRS)
            .map(|pair| {
                let (caller, callee) =
                    (server.sign_in(&caller(pair)), server.sign_in(&callee(pair)));
                tokio::spawn(call_until_the_crash(
                    caller,
                    callee,
                    pair,
                    acknowledged.clone(),
                ))
            })
            .collect();
        let done = async || count(&acknowledged) >= before + CHANGES;
        eventually("enough changes to be acknowledged", done).await;
        server.kill();
        for client in clients {
            let answer = within("the clients to notice", client).await;
            answer.expect("a client without an error");
        }
        check_integrity(&database);
    }
    let server = Process::start(&database).await;
    nothing_is_lost(&server, &acknowledged).await;
}

fn caller(pair: usize) -> String {
    format!("caller-{pair}")
}

fn callee(pair: usize) -> String {
    format!("callee-{pair}")
}

/// Every caller and callee.
fn users() -> impl Iterator<Item = String> {
    (0..PAIRS).flat_map(|pair| [caller(pair), callee(pair)])
}

/// The number of changes that were acknowledged.
fn count(acknowledged: &Acknowledged) -> usize {
    let calls = acknowledged.lock().expect("no client panicked");
    calls.values().map(|(_, step)| step + 1).sum()
}

/// Makes one call after another, and notes each change that the server says it has made.
async fn call_until_the_crash(
    by_caller: Api,
    by_callee: Api,
    pair: usize,
    acknowledged: Acknowledged,
) {
    let note = |call: &str, step: usize| {
        acknowledged
            .lock()
            .expect("no client panicked")
            .insert(call.to_owned(), (pair, step));
    };
    // A call that the last crash left in the middle is in the way of the next one.
    if let Some(Some(call)) = request(&by_caller, Method::GET, "active", None).await {
        let Some(_) = request(&by_caller, Method::POST, &format!("{call}/end"), None).await else {
            return;
        };
        note(&call, 3);
    }
    loop {
        let body = json!({ "calleeId": callee(pair), "callType": "AUDIO", "channelId": "load" });
        let Some(Some(call)) = request(&by_caller, Method::POST, "initiate", Some(body)).await
        else {
            return;
        };
        note(&call, 0);
        let Some(_) = request(&by_callee, Method::POST, &format!("{call}/accept"), None).await
        else {
            return;
        };
        note(&call, 1);
        let active = json!({ "status": "ACTIVE" });
        let Some(_) = request(
            &by_callee,
            Method::PATCH,
            &format!("{call}/status"),
            Some(active),
        )
        .await
        else {
            return;
        };
        note(&call, 2);
        let Some(_) = request(&by_caller, Method::POST, &format!("{call}/end"), None).await else {
            return;
        };
        note(&call, 3);
    }
}

/// Sends a request that must succeed if it is answered at all: the id of the call in the answer, or
/// none where the server was killed before it answered.
async fn request(
    api: &Api,
    method: Method,
    path: &str,
    body: Option<serde_json::Value>,
) -> Option<Option<String>> {
    let mut request = api.request(method, &format!("/api/v1/calls/{path}"));
    if let Some(body) = body {
        request = request.json(&body);
    }
    let answer = request.send().await.ok()?;
    let status = answer.status();
    let body: serde_json::Value = answer.json().await.ok()?;
    assert!(status.is_success(), "{path}: {status} {body}");
    Some(body["data"]["id"].as_str().map(str::to_owned))
}

/// Looks at the file as the crash left it, in a copy, so that the server finds its own recovery to do.
fn check_integrity(database: &Path) {
    let copies = tempfile::tempdir().expect("a directory");
    for suffix in ["", "-wal"] {
        let mut from = database.as_os_str().to_owned();
        from.push(suffix);
        if PathBuf::from(&from).exists() {
            std::fs::copy(&from, copies.path().join(format!("copy.db{suffix}"))).expect("a copy");
        }
    }
    let copy = copies.path().join("copy.db");
    let connection = Connection::open_with_flags(copy, OpenFlags::SQLITE_OPEN_READ_WRITE)
        .expect("the copy opens");
    let verdict: String = connection
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .expect("the check runs");
    assert_eq!(verdict, "ok");
}

/// Says that every call is at least where it was acknowledged to be: the change in flight when the
/// server died may have been made as well.
async fn nothing_is_lost(server: &Process, acknowledged: &Acknowledged) {
    let calls = acknowledged.lock().expect("no client panicked").clone();
    for (call, (pair, step)) in calls {
        let status = server.sign_in(&caller(pair)).status_of(&call).await;
        // On a slow machine a call that nobody accepted may have rung for its whole minute by now.
        let status = if status == "MISSED" { LIFE[0] } else { &status };
        let reached = LIFE.iter().position(|known| *known == status);
        let reached = reached.unwrap_or_else(|| panic!("{call} is {status}"));
        assert!(reached >= step, "{call} was {} and is {status}", LIFE[step]);
    }
}
