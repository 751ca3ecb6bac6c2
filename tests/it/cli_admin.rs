//! `chattrix status`, `session`, `user set` and `--config`; tables at a terminal.

use serde_json::json;

use crate::support::{Cli, TestServer, eventually};

#[rocket::async_test]
async fn status_shows_the_server_and_says_when_none_runs() {
    let mut server = TestServer::start().await;
    let cli = Cli::beside(&server);
    let alice = server.sign_in("alice");
    let _socket = alice.socket().await;
    alice.call("bob").await;
    let status = cli.json(&["status"]);
    assert_eq!(
        [&status["running"], &status["ready"], &status["liveCalls"]],
        [&json!(true), &json!(true), &json!(1)]
    );
    assert_eq!(status["sessions"], 1);
    assert_eq!(status["version"], env!("CARGO_PKG_VERSION"));
    assert!(status["attention"].is_array() && status["upSince"].is_string());
    assert_eq!(cli.json(&["status"])["upSince"], status["upSince"]);
    let shown = cli.run(&["status"]).success();
    for name in [
        "server",
        "up since",
        "live calls   1",
        "last backup",
        "attention",
    ] {
        assert!(shown.contains(name), "{name} is not in:\n{shown}");
    }
    if !chattrix::store::is_url(&server.database()) {
        assert_eq!(status["lastBackup"], json!(null));
        cli.run(&["db", "backup", "copy.db"]).success();
        let backup = &cli.json(&["status"])["lastBackup"];
        assert!(backup["at"].is_string(), "{backup}");
        let file = backup["file"].as_str().expect("a file");
        assert!(file.ends_with("/copy.db"), "{file}");
    }
    server.stop().await;
    let none = cli.run(&["status"]).failure(1);
    assert!(none.contains("no server runs on"), "{none}");
    let none = cli.run(&["status", "--json"]);
    assert_eq!(none.code, 1);
    assert!(none.out.contains("\"running\": false"), "{}", none.out);
}

#[rocket::async_test]
async fn sessions_are_listed_and_disconnected() {
    let server = TestServer::start().await;
    let cli = Cli::beside(&server);
    let connect =
        async |user: &str, session: &str| server.socket(&server.token(user).session(session)).await;
    let mut phone = connect("bob", "phone").await;
    let mut tablet = connect("bob", "tablet").await;
    let mut of_alice = connect("alice", "laptop").await;
    server.let_nodes_agree().await;
    let listed = cli.json(&["session", "list"]);
    let names = ["laptop", "phone", "tablet"];
    for (at, name) in names.into_iter().enumerate() {
        assert_eq!(listed[at]["sessionId"], name, "{listed}");
    }
    assert_eq!(listed[0]["userId"], "alice");
    assert_eq!(listed[0]["responsive"], true);
    let of_bob = cli.json(&["session", "list", "--user", "bob"]);
    assert_eq!(of_bob.as_array().map(Vec::len), Some(2));
    let unknown = cli
        .run(&["session", "disconnect", "bob", "watch"])
        .failure(1);
    assert!(unknown.contains("no connected session watch"), "{unknown}");
    cli.run(&["session", "disconnect", "bob", "phone"])
        .success();
    assert_eq!(phone.expect_close().await, (4003, "signed out".to_owned()));
    let all = cli.run(&["session", "disconnect", "bob", "--reconnect"]);
    assert_eq!(all.err, "disconnected 1 session\n");
    assert_eq!(tablet.expect_close().await, (4003, "reconnect".to_owned()));
    of_alice.expect_nothing().await;
    eventually("only alice to be listed", async || {
        let table = cli.run(&["session", "list"]).success();
        table.contains("laptop") && !table.contains("bob")
    })
    .await;
}

#[rocket::async_test]
async fn user_set_changes_the_named_fields_only() {
    let server = TestServer::start().await;
    let cli = Cli::beside(&server);
    let shown = || cli.json(&["user", "show", "bob"]);
    let before = shown();
    let avatar = "https://example.com/b.png";
    let bob = server.sign_in("bob");
    bob.active().await.success(200);
    let set = |args: &[&str]| {
        let done = cli.run(&[&["user", "set", "bob"], args].concat());
        assert_eq!(done.err, "changed bob\n");
    };
    set(&["--avatar", avatar, "--status", "disabled"]);
    assert_eq!(shown()["avatar"], avatar);
    assert_eq!(shown()["name"], before["name"]);
    bob.active().await.failure(401, "unauthenticated");
    set(&["--name", "Robert", "--no-avatar", "--status", "active"]);
    assert_eq!(
        shown(),
        json!({ "id": "bob", "name": "Robert", "avatar": null, "standing": "active" })
    );
    bob.active().await.success(200);
    cli.run(&["user", "set", "bob"]).failure(2);
    cli.run(&["user", "set", "nobody", "--name", "N"])
        .failure(1);
}

#[rocket::async_test]
async fn tables_fit_the_terminal() {
    let server = TestServer::start().await;
    let cli = Cli::beside(&server).with("NO_COLOR", "1");
    let alice = server.sign_in("alice");
    let _socket = server
        .socket(
            &server
                .token("alice")
                .session("e3b0c44298fc1c149afbf4c8996fb924"),
        )
        .await;
    let call = alice.call("bob").await;
    let long = ["user", "set", "carol", "--name"];
    cli.run(
        &[
            &long[..],
            &["Carolina Wilhelmina Amalia Theodora von und zu Habsburg"],
        ]
        .concat(),
    )
    .success();
    cli.run(&["apikey", "create", "backend-of-the-website"])
        .success();
    cli.run(&["contact", "add", "alice", "carol"]).success();
    let tables = [
        "call list",
        "user list",
        "session list",
        "apikey list",
        "contact list alice",
        "keys list",
        "config",
        "db stats",
    ];
    for width in [60, 80, 120, 200] {
        let commands = tables.map(|table| format!("chattrix {table}; "));
        let shell = format!("stty cols {width}; {}", commands.concat());
        let shown = cli.shell_at_a_terminal(&shell, "").success();
        for line in shown.lines() {
            // A spinner deletes its line.
            let line = line
                .rsplit("\u{1b}[2K")
                .next()
                .unwrap_or_default()
                .trim_end();
            // A path cannot be shortened.
            let is_path = line.starts_with("database");
            let fits = line.chars().count() <= width || is_path;
            assert!(fits, "{width}: {line}\n{shown}");
        }
        assert!(
            shown.contains(&call[..13]) && !shown.contains("error"),
            "{shown}"
        );
    }
    let wide = cli.shell_at_a_terminal("stty cols 60; chattrix call list --wide", "");
    assert!(
        wide.out.contains(&call) && wide.out.contains("LASTED"),
        "{}",
        wide.out
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn config_names_the_settings_file_of_every_command() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("calls.toml");
    std::fs::write(&file, "[default.chattrix]\ndatabase = 'other.db'\n").expect("a file");
    let cli = Cli::in_directory(folder.path());
    let with = ["--config", "calls.toml"];
    let shown = cli.json(&[&["config"], &with[..]].concat());
    assert_eq!(shown["database"]["value"], "other.db");
    cli.run(&[&["user", "add", "grace", "--name", "Grace"], &with[..]].concat())
        .success();
    assert!(folder.path().join("other.db").exists());
    let missing = cli
        .run(&["user", "list", "--config", "absent.toml"])
        .failure(1);
    assert!(missing.contains("--config names absent.toml"), "{missing}");
    assert_eq!(missing.matches("absent.toml").count(), 1, "{missing}");
}
