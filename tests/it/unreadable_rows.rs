//! Rows that cannot be read: they are skipped and reported, and everything else goes on.

use std::time::Duration;

use rusqlite::Connection;
use serde_json::Value;

use crate::support::{Cli, Process, TestServer, eventually, make_database, wall_clock_hand};

async fn readiness(server: &TestServer) -> Value {
    let answer = server.anonymous().get("/readyz").await;
    assert_eq!(answer.status, 200);
    answer.body
}

#[rocket::async_test]
async fn one_impossible_call_does_not_stop_the_timeouts() {
    // A status, a type and a channel that cannot be; a call that is over and has a deadline; an id of another length.
    for damage in [
        "status = 99",
        "call_type = 7",
        "channel = ''",
        "status = 4, ended_at = 1, duration_seconds = 0",
        "id = x'00'",
    ] {
        let hand = wall_clock_hand();
        let server = TestServer::plan().clock(&hand).start().await;
        let is_postgres = server.stored().is_postgres();
        if is_postgres && damage.starts_with("id") {
            // The type of the column allows no other length.
            continue;
        }
        let [alice, carol] = ["alice", "carol"].map(|user| server.sign_in(user));
        alice.call("bob").await;
        let damaging = format!("UPDATE calls SET {damage}");
        server.stored().change_rows(&damaging);
        let call = carol.call("dave").await;
        hand.advance(Duration::from_secs(61));
        eventually("the other call to be missed", async || {
            carol.status_of(&call).await == "MISSED"
        })
        .await;
        let ready = readiness(&server).await;
        assert_eq!(ready["status"], "degraded", "{damage}");
        assert_eq!(ready["database"]["unreadableRows"], 1, "{damage}");
        let metrics = server.anonymous().get("/metrics").await;
        let text = metrics.body.as_str().expect("plain text");
        assert!(text.contains("\nchattrix_unreadable_rows 1\n"), "{text}");
        let checked = Cli::beside(&server).run(&["db", "check"]);
        assert_eq!(checked.code, 1, "{damage}");
        assert_ne!(checked.out, "", "{damage}: {}", checked.err);
        if !is_postgres {
            let listed = Cli::beside(&server).run(&["call", "list", "--json"]);
            assert!(listed.success().contains(&call), "{damage}");
        }
    }
}

#[rocket::async_test]
async fn call_that_cannot_be_changed_does_not_stop_the_timeouts() {
    let hand = wall_clock_hand();
    let server = TestServer::plan().clock(&hand).start().await;
    let [alice, carol] = ["alice", "carol"].map(|user| server.sign_in(user));
    alice.call("bob").await;
    // What its end would write is there already.
    server.stored().change_rows(
        "INSERT INTO history (owner, kind, call, remote)
         SELECT callee, kind, id, caller FROM calls, (SELECT 4 AS kind UNION SELECT 6) AS kinds",
    );
    let call = carol.call("dave").await;
    hand.advance(Duration::from_secs(61));
    eventually("the other call to be missed", async || {
        carol.status_of(&call).await == "MISSED"
    })
    .await;
    assert_eq!(readiness(&server).await["status"], "degraded");
}

#[rocket::async_test]
async fn one_impossible_event_does_not_keep_a_user_away() {
    let server = TestServer::start().await;
    let [alice, bob] = ["alice", "bob"].map(|user| server.sign_in(user));
    for _ in 0..2 {
        let call = alice.call("bob").await;
        bob.reject(&call, "declined").await.success(200);
    }
    server.stored().change_rows(
        "UPDATE kept_notices SET kind = 99 WHERE seq = (SELECT min(seq) FROM kept_notices)",
    );
    let mut socket = alice.socket().await;
    socket.expect("call_rejected").await;
    assert_eq!(readiness(&server).await["status"], "degraded");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn server_starts_on_a_file_with_an_impossible_row_and_logs_it_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = folder.path().join("chattrix.db");
    make_database(
        &database,
        ["alice", "bob", "carol", "dave"].map(str::to_owned),
    );
    let mut server = Process::start(&database).await;
    let call = server.sign_in("alice").call("bob").await;
    server.kill();
    let conn = Connection::open(&database).expect("opened");
    let damage = "UPDATE calls SET call_type = 9, deadline = 1";
    conn.execute_batch(damage).expect("changed");
    drop(conn);
    let server = Process::start(&database).await;
    let told = || {
        let log = server.log();
        let lines = log.lines().filter(|line| line.contains("cannot be used"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    eventually("the row to be logged", async || !told().is_empty()).await;
    // The sweeper has looked at it again by then.
    let call_of_others = server.sign_in("carol").call("dave").await;
    server
        .sign_in("carol")
        .end(&call_of_others)
        .await
        .success(200);
    let lines = told();
    assert_eq!(lines.len(), 1, "{lines:#?}");
    for part in ["table=\"calls\"", "call_type", &call] {
        assert!(lines[0].contains(part), "{part}: {}", lines[0]);
    }
}
