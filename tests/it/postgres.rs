//! PostgreSQL: commits without answers, and copies of the data between the engines. The other tests run on PostgreSQL
//! too if `TEST_DATABASE_URL` names a server; these need one.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tokio_postgres::NoTls;

use crate::support::{
    Cli, CommitCutter, Cut, Process, SECRET, TestDatabase, TestServer, free_port, initiate_body,
    make_database, rounds, serve,
};

/// Time limit for a node that starts, on a loaded machine.
const START: Duration = Duration::from_mins(1);

/// Returns a database on PostgreSQL with users; none without a server.
fn postgres(folder: &Path) -> Option<TestDatabase> {
    let database = TestDatabase::new(folder);
    database.is_postgres().then(|| {
        make_database(&database.path(), ["alice", "bob"].map(str::to_owned));
        database
    })
}

async fn until_ready(node: &Process) {
    let began = Instant::now();
    while node.readiness().await != Some(200) {
        assert!(began.elapsed() < START, "{}", node.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Most round trips to PostgreSQL for a call that was answered and ended: each of its three changes reads once and
/// commits.
const MOST_ROUND_TRIPS: u64 = 6;

#[tokio::test(flavor = "multi_thread")]
async fn a_call_takes_few_round_trips() {
    if std::env::var_os("TEST_DATABASE_URL").is_none() {
        return;
    }
    let server = TestServer::start().await;
    let [alice, bob] = ["alice", "bob"].map(|user| server.sign_in(user));
    let _sockets = (alice.socket().await, bob.socket().await);
    let measured = "chattrix_writer_round_trips_total";
    let mut costs = Vec::new();
    for _ in 0..8 {
        let before = server.metric(measured).await;
        let call = alice.call("bob").await;
        bob.accept(&call).await.success(200);
        alice.end(&call).await.success(200);
        let after = server.metric(measured).await;
        costs.push(after - before);
    }
    let least = costs.iter().min().expect("a call");
    assert!((1..=MOST_ROUND_TRIPS).contains(least), "{costs:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_without_an_answer_is_settled() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(database) = postgres(folder.path()) else {
        return;
    };
    let cutter = CommitCutter::to(&database.path()).await;
    let node = Process::start_node(cutter.url(), folder.path()).await;
    until_ready(&node).await;
    let alice = node.sign_in("alice");
    let (body, mut calls) = (initiate_body("bob"), BTreeSet::new());
    let rounds = rounds(8, 200);
    for round in 0..rounds {
        let key = format!("call-{round}");
        let cut = [Cut::BeforeCommit, Cut::AfterCommit][round % 2];
        cutter.cut(cut);
        let answer = alice.initiate_once(&key, &body).await;
        assert!(cutter.has_cut(), "{}", node.log());
        let made = match cut {
            Cut::BeforeCommit => {
                answer.failure(503, "unavailable");
                assert!(alice.active().await.success(200).is_null());
                None
            }
            Cut::AfterCommit => Some(answer.success(201)["id"].clone()),
        };
        let repeated = alice.initiate_once(&key, &body).await.success(201);
        let id = repeated["id"].as_str().expect("an id");
        assert!(made.is_none_or(|made| made == repeated["id"]));
        assert!(calls.insert(id.to_owned()), "{id} was made twice");
        alice.end(id).await.success(200);
    }
    let statistics = alice.get("/api/v1/calls/statistics?period=all").await;
    assert_eq!(statistics.success(200)["totalCalls"], rounds);
}

#[tokio::test(flavor = "multi_thread")]
async fn write_that_postgres_holds_up_is_refused_in_time() {
    let patience = Duration::from_secs(3);
    let plan = TestServer::plan().with(|settings| settings.database_patience = patience);
    let server = plan.start().await;
    let stored = server.stored();
    if !stored.is_postgres() {
        return;
    }
    let url = stored.path().display().to_string();
    let (other, connection) = tokio_postgres::connect(&url, NoTls)
        .await
        .expect("connected");
    tokio::spawn(connection);
    let run = async |sql| other.batch_execute(sql).await.expect("done");
    // The row that each transaction of the server changes first.
    run("BEGIN; SELECT FROM turn FOR UPDATE").await;
    let alice = server.sign_in("alice");
    let refused = alice.initiate("bob").await;
    refused.failure(503, "unavailable");
    run("ROLLBACK").await;
    // The write was not carried out later: Alice is in no call.
    alice.call("bob").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_required_standby_is_missed() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(database) = postgres(folder.path()) else {
        return;
    };
    let start = || {
        let mut node = serve(&[], &database.path(), free_port());
        node.current_dir(folder.path())
            .env("CHATTRIX_REQUIRE_SYNCHRONOUS_STANDBY", "true");
        node.stderr(Stdio::piped()).output().expect("it runs")
    };
    let refused = start();
    let error = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1), "{error}");
    assert!(error.contains("PostgreSQL waits for none"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_work_or_name_the_tool_of_postgres() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(database) = postgres(folder.path()) else {
        return;
    };
    let node = Process::start_node(&database.path(), folder.path()).await;
    until_ready(&node).await;
    let url = database.path().display().to_string();
    make_database(&folder.path().join("first.db"), []);
    let cli = Cli::in_directory(folder.path())
        .with("CHATTRIX_DATABASE", &url)
        .with("CHATTRIX_JWT_SECRET", SECRET);
    for (args, said) in [
        (&["db", "backup", "copy.db"][..], "pg_dump"),
        (&["db", "restore", "copy.db", "--yes"], "pg_restore"),
        (&["db", "copy", "--from", &url, "--to", "copy.db"], "in use"),
        (
            &["db", "copy", "--from", "first.db", "--to", &url],
            "in use",
        ),
    ] {
        let refused = cli.run(args).failure(1);
        assert!(refused.contains(said), "{args:?}: {refused}");
    }
    cli.run(&["db", "check"]).success();
    let nodes = cli.json(&["db", "nodes"]);
    assert_eq!(nodes.as_array().map(Vec::len), Some(1), "{nodes}");
    assert_eq!(nodes[0]["active"], true, "{nodes}");
    let call = node.sign_in("alice").call("bob").await;
    cli.run(&["call", "end", &call]).success();
    assert_eq!(cli.json(&["call", "show", &call])["status"], "ENDED");
    let users = cli.json(&["user", "list"]);
    assert_eq!(users.as_array().map(Vec::len), Some(2), "{users}");
    assert!(cli.json(&["db", "stats"])["tables"].is_array());
    assert_eq!(cli.json(&["db", "migrate", "--status"])["pending"], 0);
    let pruned = cli.json(&["db", "prune", "--older-than", "0s"]);
    assert_eq!(pruned["calls"], 1, "{pruned}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_to_postgres_and_back_has_the_same_rows() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = TestDatabase::new(folder.path());
    if !database.is_postgres() {
        return;
    }
    let file = folder.path().join("first.db");
    make_database(&file, ["alice", "bob"].map(str::to_owned));
    {
        let server = Process::start(&file).await;
        let call = server.sign_in("alice").call("bob").await;
        server.sign_in("bob").accept(&call).await.success(200);
        server.sign_in("alice").end(&call).await.success(200);
        server.sign_in("alice").call("bob").await;
    }
    let back = folder.path().join("second.db");
    for (from, to) in [(&file, &database.path()), (&database.path(), &back)] {
        let copied = Command::new(env!("CARGO_BIN_EXE_chattrix"))
            .args(["db", "copy", "--from"])
            .arg(from)
            .arg("--to")
            .arg(to)
            .output()
            .expect("the program runs");
        assert!(copied.status.success(), "{copied:?}");
    }
    let [first, second] = [&file, &back].map(|file| {
        let conn = rusqlite::Connection::open(file).expect("opened");
        let mut rows = Vec::new();
        for table in ["users", "calls", "live", "history", "kept_notices"] {
            let mut statement = conn
                .prepare(&format!("SELECT * FROM {table} ORDER BY 1, 2"))
                .expect("SQL");
            let width = statement.column_count();
            let read = statement.query_map([], |row| {
                (0..width)
                    .map(|place| row.get::<_, rusqlite::types::Value>(place))
                    .collect::<Result<Vec<_>, _>>()
            });
            for row in read.expect("rows") {
                rows.push(format!("{table} {:?}", row.expect("a row")));
            }
        }
        rows
    });
    assert!(first.len() > 5);
    assert_eq!(first, second);
}
