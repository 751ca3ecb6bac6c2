//! Commands with `--server`: the same output over the server API as on the server's machine.

use serde_json::{Value, json};

use crate::support::{Cli, Receiver, TestServer, another_call_id, eventually};

/// Commands beside a server, and commands elsewhere that use its server API with a key of these scopes.
fn both(server: &TestServer, scopes: &str) -> (Cli, Cli, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let key = server.api_key("elsewhere", scopes, None);
    let elsewhere = Cli::in_directory(folder.path()).with("CHATTRIX_API_KEY", &key);
    (Cli::beside(server), elsewhere, folder)
}

/// `args` with `--server`.
fn with_server<'a>(args: &[&'a str], url: &'a str) -> Vec<&'a str> {
    [args, &["--server", url]].concat()
}

#[rocket::async_test]
async fn output_is_the_same_over_the_server_api() {
    let server = TestServer::start().await;
    let (here, elsewhere, _folder) = both(&server, "all");
    let url = server.address().http("/");
    let [alice, bob] = ["alice", "bob"].map(|user| server.sign_in(user));
    let mut at_alice = alice.socket().await;
    let call = alice.call("bob").await;
    bob.accept(&call).await.success(200);
    at_alice.expect("call_accepted").await;
    at_alice.expect_nothing().await;
    alice.end(&call).await.success(200);
    let rejected = bob.call("carol").await;
    server
        .sign_in("carol")
        .reject(&rejected, "busy")
        .await
        .success(200);
    for args in [
        &["user", "list"][..],
        &["user", "show", "alice"],
        &["user", "export"],
        &["call", "list"],
        &[
            "call", "list", "--user", "alice", "--status", "ended", "--limit", "1",
        ],
        &["call", "list", "--cursor", &rejected],
        &["call", "list", "--until", "1h"],
        &["call", "show", &call],
        &["session", "list", "--user", "alice"],
        &["session", "list"],
    ] {
        let json = |cli: &Cli, args: &[&str]| cli.json(args);
        assert_eq!(
            json(&elsewhere, &with_server(args, &url)),
            json(&here, args),
            "{args:?}"
        );
        // Ages may differ by a second.
        let text = elsewhere.run(&with_server(args, &url)).success();
        let lines = |text: &str| text.lines().count();
        assert_eq!(lines(&text), lines(&here.run(args).success()), "{args:?}");
    }
}

#[rocket::async_test]
async fn changes_go_through_the_server_api() {
    let server = TestServer::start().await;
    let (here, elsewhere, folder) = both(&server, "all");
    let url = server.address().http("");
    let run = |args: &[&str]| {
        let done = elsewhere.run(&with_server(args, &url));
        assert_eq!(done.code, 0, "{args:?}: {}", done.err);
        done
    };
    let grace = || here.json(&["user", "show", "grace"]);
    assert_eq!(
        run(&["user", "add", "grace", "--name", "Grace"]).err,
        "added grace\n"
    );
    run(&[
        "user", "set", "grace", "--name", "Grace H.", "--status", "disabled",
    ]);
    assert_eq!(
        [&grace()["name"], &grace()["standing"]],
        [&json!("Grace H."), &json!("disabled")]
    );
    assert_eq!(run(&["user", "enable", "grace"]).err, "grace is active\n");
    std::fs::write(
        folder.path().join("more.csv"),
        "id,name\nhal,Hal\ngrace,Grace\n",
    )
    .expect("a file");
    let imported = run(&["user", "import", "more.csv", "--json"]);
    let report: Value = serde_json::from_str(&imported.out).expect("JSON");
    assert_eq!(
        [&report["added"], &report["updated"]],
        [&json!(1), &json!(1)]
    );

    let token = run(&["token", "grace", "--ttl", "5m"]).out;
    let grace_signed_in = server.client(token.trim());
    let mut socket = grace_signed_in.socket().await;
    let call = grace_signed_in.call("bob").await;
    let busy = elsewhere
        .run(&with_server(&["user", "remove", "grace"], &url))
        .failure(1);
    assert!(busy.contains("grace is in call"), "{busy}");
    let ended = run(&["call", "end", &call[..18]]);
    assert_eq!(ended.err, format!("ended {call}\n"));
    socket.expect("call_ended").await;
    run(&["session", "disconnect", "grace"]);
    assert_eq!(socket.expect_close().await.0, 4003);
    assert_eq!(run(&["user", "remove", "grace"]).err, "removed grace\n");
}

#[rocket::async_test]
async fn webhook_commands_are_the_same_over_the_server_api() {
    let mut receiver = Receiver::start().await;
    let plan = TestServer::plan().with(|settings| settings.webhook_allow_private = true);
    let server = plan.start().await;
    let (here, elsewhere, _folder) = both(&server, "all");
    let server_url = server.address().http("");
    let run = |there: bool, args: &[&str]| {
        if there {
            elsewhere.run(&with_server(args, &server_url))
        } else {
            here.run(args)
        }
    };
    // A command's exit code, output and errors are the same both ways; the second one undoes nothing.
    let same = |args: &[&str]| {
        let [local, remote] = [false, true].map(|there| run(there, args));
        assert_eq!(
            (local.code, &local.out, &local.err),
            (remote.code, &remote.out, &remote.err)
        );
        local
    };
    let no_endpoints = same(&["webhook", "pause"]).err;
    assert!(no_endpoints.contains("no webhooks"), "{no_endpoints}");
    for there in [false, true] {
        let url = receiver.url();
        let create = ["webhook", "create", &url, "--event", "call.ended", "--json"];
        let made: Value = serde_json::from_str(&run(there, &create).out).expect("JSON");
        assert_eq!(made["events"], json!(["call.ended"]));
        let id = &*made["receiver"].to_string();
        let taken = same(&["webhook", "create", &url]).err;
        assert!(taken.contains("no other webhook endpoint"), "{taken}");
        let rotated = run(there, &["webhook", "rotate", id]).out;
        assert!(rotated.starts_with("whsec_"), "{rotated}");
        assert_ne!(made["secret"], rotated.trim());
        assert_eq!(run(there, &["webhook", "test", id]).code, 0);
        receiver.expect("webhook.test").await;
        assert_eq!(
            run(there, &["webhook", "pause"]).err,
            "1 receivers paused\n"
        );
        assert_eq!(same(&["webhook", "pause", id]).err, "0 receivers paused\n");
        same(&["webhook", "list", "--json"]);
        assert_eq!(
            run(there, &["webhook", "resume", id]).err,
            "1 receivers resumed\n"
        );
        let alice = server.sign_in("alice");
        let call = alice.call("bob").await;
        alice.end(&call).await.success(200);
        receiver.expect("call.ended").await;
        let sent = || here.json(&["webhook", "list", "--messages"]);
        eventually("the attempt", async || sent()[0]["state"] == "delivered").await;
        same(&[
            "webhook",
            "list",
            "--messages",
            "--state",
            "delivered",
            "--json",
        ]);
        assert_eq!(
            same(&["webhook", "retry"]).err,
            "0 deliveries are tried again\n"
        );
        let sent = sent();
        let message = sent[0]["id"].as_str().expect("an id");
        assert_eq!(run(there, &["webhook", "retry", message]).code, 0);
        assert_eq!(receiver.expect("call.ended").await.id, message);
        same(&["webhook", "retry", "msg_0192f0c17a4b7c3d8e5f0123456789ab"]);
        same(&["webhook", "test", "7"]);
        assert_eq!(run(there, &["webhook", "delete", id]).code, 0);
        same(&["webhook", "delete", id]);
        same(&["webhook", "list"]);
    }
}

#[rocket::async_test]
async fn what_the_server_api_refuses_is_explained() {
    let server = TestServer::start().await;
    let (here, elsewhere, folder) = both(&server, "calls");
    let url = server.address().http("");
    let refused = |cli: &Cli, args: &[&str], code, part: &str| {
        let said = cli.run(&with_server(args, &url)).failure(code);
        assert!(said.contains(part), "{args:?}: {said}");
        assert!(!said.contains("cxk_"), "{said}");
    };
    refused(
        &elsewhere,
        &["call", "show", &another_call_id()],
        1,
        "there is no call",
    );
    refused(
        &elsewhere,
        &["call", "end", &another_call_id()],
        1,
        "Call not found",
    );
    refused(&elsewhere, &["user", "list"], 1, "users");
    let nobody = here
        .run(&["session", "list", "--user", "nobody"])
        .failure(1);
    assert!(nobody.contains("User nobody not found"), "{nobody}");
    refused(&elsewhere, &["user", "show", ".."], 1, "in a URL");
    refused(&elsewhere, &["session", "disconnect", "."], 1, "in a URL");
    refused(&elsewhere, &["call", "watch"], 2, "--server");
    refused(&elsewhere, &["token", "check", "x"], 2, "--server");
    refused(&elsewhere, &["call", "list", "--dev"], 2, "--dev");
    let without_key = Cli::in_directory(folder.path());
    refused(&without_key, &["call", "list"], 2, "CHATTRIX_API_KEY");
    let wrong = without_key.clone().with("CHATTRIX_API_KEY", "cxk_wrong");
    refused(&wrong, &["call", "list"], 1, "chattrix apikey list");
    let nowhere = ["call", "list", "--server", "http://127.0.0.1:1"];
    let said = elsewhere.run(&nowhere).failure(1);
    assert!(said.contains("cannot reach http://127.0.0.1:1"), "{said}");
    elsewhere
        .run(&["call", "list", "--server", "calls.example.com"])
        .failure(2);
    // The variable with the key is no setting.
    elsewhere.run(&["config"]).success();
}
