//! `chattrix db`, beside a running server and without one (contract section 7).

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chattrix::store::{Database, Lock};
use rusqlite::Connection;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::support::{Cli, SECRET, TestServer, eventually, within};

/// Calls of Alice and Bob that are over.
async fn ended_calls(server: &TestServer, count: usize) -> Vec<String> {
    let [alice, bob] = ["alice", "bob"].map(|user| server.sign_in(user));
    let mut calls = Vec::new();
    for _ in 0..count {
        let call = alice.call("bob").await;
        bob.accept(&call).await.success(200);
        alice.end(&call).await.success(200);
        calls.push(call);
    }
    calls
}

#[rocket::async_test]
async fn prune_goes_through_the_running_server_and_leaves_live_calls() {
    let server = TestServer::start().await;
    let cli = Cli::beside(&server);
    let [alice, carol] = ["alice", "carol"].map(|user| server.sign_in(user));
    let old = ended_calls(&server, 30).await;
    let live = alice.call("carol").await;

    let young = cli.json(&["db", "prune", "--older-than", "1h"]);
    assert_eq!(
        (&young["calls"], &young["historyEntries"]),
        (&json!(0), &json!(0))
    );

    let counted = cli.json(&["db", "prune", "--older-than", "0s", "--dry-run"]);
    assert_eq!(
        (&counted["calls"], &counted["dryRun"]),
        (&json!(30), &json!(true))
    );
    assert_eq!(counted["historyEntries"], Value::Null);
    assert_eq!(alice.status_of(&old[0]).await, "ENDED");

    let pruned = cli.json(&["db", "prune", "--older-than", "0s"]);
    assert_eq!(
        (&pruned["calls"], &pruned["historyEntries"]),
        (&json!(30), &json!(60))
    );
    assert_eq!(pruned["dryRun"], false);
    alice.details(&old[0]).await.failure(404, "call_not_found");
    assert!(alice.past_calls("").await.is_empty());
    assert_eq!(carol.status_of(&live).await, "INITIATING");

    let again = cli.run(&["db", "prune", "--older-than", "0s", "--yes"]);
    assert_eq!((again.code, again.out.as_str()), (0, ""));
    assert!(again.err.contains("deleted 0 calls"), "{}", again.err);
}

#[rocket::async_test]
async fn prune_works_on_the_file_where_no_server_runs() {
    let mut server = TestServer::start().await;
    let cli = Cli::beside(&server);
    ended_calls(&server, 3).await;
    server.stop().await;
    let counted = cli.run(&["db", "prune", "--older-than", "0s", "--dry-run"]);
    assert_eq!(
        counted.success(),
        "would delete 3 calls that ended before now\n"
    );
    let done = cli.run(&["db", "prune", "--older-than", "0s"]);
    assert_eq!((done.code, done.out.as_str()), (0, ""));
    assert!(done.err.contains("deleted 3 calls"), "{}", done.err);
    assert_eq!(cli.json(&["call", "list"]), json!([]));
    assert_eq!(
        cli.json(&["db", "check"]),
        json!({ "ok": true, "findings": [] })
    );
}

#[rocket::async_test]
async fn prune_wants_an_age() {
    let server = TestServer::start().await;
    let cli = Cli::beside(&server);
    for wrong in [
        &["db", "prune"][..],
        &["db", "prune", "--older-than"],
        &["db", "prune", "--older-than", "yesterday"],
        &["db", "prune", "--older-than", "30"],
        &["db", "prune", "--older-than=-1d"],
    ] {
        cli.run(wrong).failure(2);
    }
    let elsewhere = cli.run(&["db", "prune", "--older-than", "1d", "--database", "no.db"]);
    assert!(elsewhere.failure(1).contains("there is no database no.db"));
}

/// Two pairs who call one another without a pause.
struct Load {
    stop: Arc<AtomicBool>,
    pairs: Vec<JoinHandle<usize>>,
}

impl Load {
    fn on(server: &TestServer) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let pairs = [("alice", "bob"), ("carol", "dave")];
        let pairs = pairs.map(|(caller, callee)| {
            let stop = Arc::clone(&stop);
            let [caller, answerer] = [caller, callee].map(|user| server.sign_in(user));
            tokio::spawn(async move {
                let mut calls = 0;
                while !stop.load(Ordering::Relaxed) {
                    let call = caller.call(callee).await;
                    answerer.accept(&call).await.success(200);
                    caller.end(&call).await.success(200);
                    calls += 1;
                }
                calls
            })
        });
        Self {
            stop,
            pairs: pairs.into(),
        }
    }

    /// Ends it: how many calls were made, every step of which was answered as it should be.
    async fn calls(self) -> usize {
        self.stop.store(true, Ordering::Relaxed);
        let mut calls = 0;
        for pair in self.pairs {
            calls += within("the last call", pair).await.expect("no step failed");
        }
        calls
    }
}

/// How many calls a database has.
fn count(cli: &Cli, more: &[&str]) -> usize {
    let all = [&["call", "list", "--limit", "1000000"], more].concat();
    cli.json(&all).as_array().expect("a list").len()
}

#[rocket::async_test]
async fn a_backup_under_load_is_the_database_of_one_instant() {
    let server = TestServer::start().await;
    let cli = Cli::beside(&server);
    let load = Load::on(&server);
    let mut least = 0;
    for name in ["first.db", "second.db", "third.db"] {
        eventually("calls to be made", async || count(&cli, &[]) > least + 5).await;
        let copied = cli.run(&["db", "backup", name]);
        assert_eq!(
            (copied.code, copied.out.as_str()),
            (0, ""),
            "{}",
            copied.err
        );
        assert!(copied.err.contains("checked and on disk"), "{}", copied.err);
        let whole = cli.json(&["db", "check", "--database", name]);
        assert_eq!(whole, json!({ "ok": true, "findings": [] }));
        let copied = count(&cli, &["--database", name]);
        assert!(copied > least, "{name}: {copied} calls");
        least = copied;
        // It never overwrites.
        let before = fs::read(server.database().with_file_name(name)).expect("a copy");
        let refused = cli.run(&["db", "backup", name]).failure(1);
        assert!(
            refused.contains("already exists and was not changed"),
            "{refused}"
        );
        let after = fs::read(server.database().with_file_name(name)).expect("a copy");
        assert!(before == after);
    }
    let calls = load.calls().await;
    assert_eq!(count(&cli, &[]), calls);
}

#[rocket::async_test]
async fn check_stats_and_migrate_look_at_a_database_under_load() {
    let server = TestServer::start().await;
    let cli = Cli::beside(&server);
    let load = Load::on(&server);
    eventually("a call to be made", async || count(&cli, &[]) > 1).await;
    for _ in 0..3 {
        assert_eq!(
            cli.json(&["db", "check"]),
            json!({ "ok": true, "findings": [] })
        );
        let stats = cli.json(&["db", "stats"]);
        let rows = |name: &str| {
            let tables = stats["tables"].as_array().expect("a list");
            let table = tables.iter().find(|table| table["name"] == name);
            table.expect(name)["rows"].as_u64().expect("a number")
        };
        assert!(rows("calls") > 0 && rows("users") == 6);
        assert!(stats["fileBytes"].as_u64() > Some(0) && stats["walBytes"].as_u64() > Some(0));
        assert_eq!(cli.json(&["db", "migrate", "--status"])["pending"], 0);
    }
    assert!(load.calls().await > 0);
}

#[rocket::async_test]
async fn prune_under_load_takes_what_is_over_and_nothing_that_lives() {
    let server = TestServer::start().await;
    let cli = Cli::beside(&server);
    let erin = server.sign_in("erin");
    let live = erin.call("frank").await;
    let load = Load::on(&server);
    let mut pruned = 0;
    for _ in 0..5 {
        // Three of them may be live, and stay.
        eventually("calls to be made", async || count(&cli, &[]) > 8).await;
        let report = cli.json(&["db", "prune", "--older-than", "0s"]);
        pruned += report["calls"].as_u64().expect("a number");
    }
    let calls = load.calls().await;
    assert!(pruned >= 5 * 5, "{pruned} of {calls}");
    assert_eq!(count(&cli, &[]) as u64, calls as u64 + 1 - pruned);
    assert_eq!(erin.status_of(&live).await, "INITIATING");
    assert_eq!(
        cli.json(&["db", "check"]),
        json!({ "ok": true, "findings": [] })
    );
}

#[rocket::async_test]
async fn restore_needs_a_stopped_server() {
    let mut server = TestServer::start().await;
    let cli = Cli::beside(&server);
    ended_calls(&server, 2).await;
    cli.run(&["db", "backup", "copy.db"]).success();
    let load = Load::on(&server);
    eventually("calls to be made", async || count(&cli, &[]) > 5).await;
    let refused = cli.run(&["db", "restore", "copy.db", "--yes"]).failure(1);
    assert!(
        refused.contains("in use") && refused.contains("stop the server"),
        "{refused}"
    );
    let calls = load.calls().await;
    assert_eq!(count(&cli, &[]), calls + 2);

    server.stop().await;
    let restored = cli.run(&["db", "restore", "copy.db", "--yes"]);
    assert_eq!(
        (restored.code, restored.out.as_str()),
        (0, ""),
        "{}",
        restored.err
    );
    let kept = restored
        .err
        .split("is kept as ")
        .nth(1)
        .expect("where it is");
    assert_eq!(count(&cli, &[]), 2);
    assert_eq!(count(&cli, &["--database", kept.trim()]), calls + 2);
    server.start_again().await;
    assert_eq!(server.sign_in("alice").past_calls("").await.len(), 2);
}

#[rocket::async_test]
async fn commands_that_need_a_server_or_have_to_do_without_say_so() {
    let mut server = TestServer::start().await;
    let cli = Cli::beside(&server);
    ended_calls(&server, 1).await;
    // As if it had no socket: it can neither be asked nor be passed by.
    let socket = chattrix::control::socket_path(&server.database());
    fs::remove_file(&socket).expect("the socket is there");
    let refused = cli.run(&["db", "prune", "--older-than", "0s"]).failure(1);
    assert!(
        refused.contains("a server uses") && refused.contains("hint: "),
        "{refused}"
    );
    assert_eq!(count(&cli, &[]), 1);
    server.stop().await;
    cli.run(&["db", "prune", "--older-than", "0s"]).success();
    assert_eq!(count(&cli, &[]), 0);
}

/// A newer program beside a server that knows an older version only.
#[test]
fn writing_command_never_migrates_a_file_in_use() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("chattrix.db");
    let old = Connection::open(&path).expect("made");
    old.execute_batch(include_str!("../../schema.sql"))
        .and_then(|()| old.pragma_update(None, "application_id", 0x4348_5458))
        .and_then(|()| old.pragma_update(None, "user_version", 1))
        .expect("version 1");
    let version = || old.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0));
    let cli = Cli::in_directory(folder.path()).with("CHATTRIX_JWT_SECRET", SECRET);
    let writers: [&[&str]; 3] = [
        &["user", "add", "alice", "--name", "Alice"],
        &["seed"],
        &["user", "disable", "alice"],
    ];
    let server = Lock::take(&path).expect("nobody else's");
    for command in writers {
        let refused = cli.run(command).failure(1);
        assert!(refused.contains("schema version 1"), "{refused}");
        assert!(
            refused.contains("Use the program of the server"),
            "{refused}"
        );
        assert_eq!(version(), Ok(1), "{command:?}");
    }
    drop(server);
    cli.run(writers[0]).success();
    assert_eq!(version(), Ok(Database::KNOWN_VERSION));
}
