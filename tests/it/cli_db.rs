//! `chattrix db`, beside a running server and without one (contract section 7).

use serde_json::{Value, json};

use crate::support::{Cli, TestServer};

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
    assert!(again.err.contains("forgot 0 calls"), "{}", again.err);
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
        "3 calls would be forgotten, over by now\n"
    );
    let done = cli.run(&["db", "prune", "--older-than", "0s"]);
    assert_eq!((done.code, done.out.as_str()), (0, ""));
    assert!(done.err.contains("forgot 3 calls"), "{}", done.err);
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
