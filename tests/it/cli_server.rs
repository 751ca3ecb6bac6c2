//! Commands with `--server`: the same output over the server API as on the server's machine.

use serde_json::{Value, json};

use crate::support::{Cli, TestServer, another_call_id};

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
async fn what_the_server_api_refuses_is_explained() {
    let server = TestServer::start().await;
    let (_here, elsewhere, folder) = both(&server, "calls");
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
