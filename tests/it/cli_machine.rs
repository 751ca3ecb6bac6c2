//! `chattrix healthcheck`, `doctor` and `man`.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use crate::support::{Cli, Process, TestServer, make_database};

#[rocket::async_test]
async fn healthcheck_tells_whether_requests_are_served() {
    let mut server = TestServer::start().await;
    let cli = Cli::beside(&server);
    let healthy = cli.run(&["healthcheck"]);
    assert_eq!(
        (healthy.code, healthy.out.as_str(), healthy.err.as_str()),
        (0, "", "ready\n")
    );
    assert_eq!(cli.json(&["healthcheck"])["status"], "ready");
    server.stop().await;
    let gone = cli.run(&["healthcheck"]).failure(1);
    assert!(gone.contains("no server responds at 127.0.0.1:"), "{gone}");
}

#[rocket::async_test]
async fn healthcheck_is_not_taken_in_by_another_server() {
    let stranger = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let port = stranger
        .local_addr()
        .expect("an address")
        .port()
        .to_string();
    tokio::spawn(async move {
        loop {
            let (stream, _) = stranger.accept().await.expect("a connection");
            let greeting = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
            stream.writable().await.expect("it is connected");
            let _ = stream.try_write(greeting);
        }
    });
    let folder = tempfile::tempdir().expect("a folder");
    let cli = Cli::in_directory(folder.path());
    let fooled = cli.run(&["healthcheck", "--port", &port]).failure(1);
    assert!(
        fooled.contains("not a Chattrix server") || fooled.contains("closed the connection"),
        "{fooled}"
    );
}

/// The finding of `doctor` about one thing.
fn finding(cli: &Cli, about: &str) -> Value {
    let done = cli.run(&["doctor", "--json"]);
    let report: Value = serde_json::from_str(&done.out).expect("JSON");
    let findings = report["findings"].as_array().expect("a list");
    let all_well = findings.iter().all(|finding| finding["ok"] == true);
    assert_eq!(
        (&report["ok"], done.code),
        (&json!(all_well), i32::from(!all_well))
    );
    let found = findings.iter().find(|finding| finding["about"] == about);
    found
        .unwrap_or_else(|| panic!("nothing about {about}: {report}"))
        .clone()
}

#[rocket::async_test]
async fn doctor_looks_at_the_running_server_and_its_limits() {
    let server = TestServer::start().await;
    let cli = Cli::beside(&server).with("CHATTRIX_MAX_CONNECTIONS", "10");
    let about = |name| finding(&cli, name);
    assert!(
        about("server")["message"]
            .as_str()
            .is_some_and(|text| text.contains("ready"))
    );
    assert_eq!(about("open files")["ok"], true);
    assert_eq!(about("clock")["ok"], true);
    let greedy = cli.clone().with("CHATTRIX_MAX_CONNECTIONS", "1000000");
    let files = finding(&greedy, "open files");
    assert_eq!(files["ok"], false);
    assert!(
        files["advice"]
            .as_str()
            .is_some_and(|text| text.contains("LimitNOFILE="))
    );
    let open = cli.clone().with("ROCKET_ADDRESS", "0.0.0.0");
    assert_eq!(finding(&open, "proxy")["ok"], false);
    let behind = open.with("CHATTRIX_TRUSTED_PROXIES", "10.0.0.1");
    assert_eq!(finding(&behind, "proxy")["ok"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_names_who_reads_a_long_log() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = folder.path().join("chattrix.db");
    make_database(&database, [String::from("alice")]);
    let _server = Process::start(&database).await;
    let cli = Cli::in_directory(folder.path());
    assert_eq!(finding(&cli, "database")["ok"], true);
    let reader = rusqlite::Connection::open(&database).expect("opened");
    let script = "BEGIN; SELECT count(*) FROM users;";
    reader.execute_batch(script).expect("a transaction");
    let log = fs::File::options()
        .write(true)
        .open(folder.path().join("chattrix.db-wal"));
    // SQLite ignores what follows its last frame.
    log.expect("a log").set_len(65 << 20).expect("longer");
    let found = finding(&cli, "database");
    assert_eq!(found["ok"], false);
    let reader = format!("(process {})", std::process::id());
    let message = found["message"].as_str().expect("a text");
    assert!(message.contains(&reader), "{message}");
}

#[test]
fn doctor_finds_nothing_on_a_new_machine() {
    let folder = tempfile::tempdir().expect("a folder");
    // A shell with a low limit of open files is a stock one.
    let program = env!("CARGO_BIN_EXE_chattrix");
    let shell = format!("ulimit -n 1024 && exec '{program}' doctor --json");
    let output = std::process::Command::new("sh")
        .args(["-c", &shell])
        .current_dir(&folder)
        .env_clear()
        .output()
        .expect("a shell");
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let findings = report["findings"].as_array().expect("a list");
    // The disk of the test's machine may be full.
    let mut others = findings.iter().filter(|one| one["about"] != "disk");
    assert!(others.all(|one| one["ok"] == true), "{report}");
}

#[rocket::async_test]
async fn doctor_finds_a_proxy_that_is_not_named_in_the_settings() {
    let server = TestServer::start().await;
    let cli = Cli::beside(&server);
    assert_eq!(finding(&cli, "proxy")["ok"], true);
    let answer = crate::support::http_client()
        .get(server.address().http("/api/v1/calls/active"))
        .header("X-Forwarded-For", "9.9.9.9")
        .bearer_auth("no token")
        .send()
        .await
        .expect("an answer");
    assert_eq!(answer.status(), 401);
    let found = finding(&cli, "proxy");
    assert_eq!(found["ok"], false);
    let advice = found["advice"].as_str().expect("an advice");
    assert!(advice.contains("trusted_proxies"), "{advice}");
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_finds_a_world_readable_secret() {
    let folder = tempfile::tempdir().expect("a folder");
    let secret = "a secret that must never be shown to anybody";
    let file = folder.path().join("jwt-secret");
    fs::write(&file, secret).expect("a file");
    let cli = Cli::in_directory(folder.path()).with("CHATTRIX_JWT_SECRET_FILE", "jwt-secret");
    for (mode, ok) in [(0o644, false), (0o640, true)] {
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).expect("it is ours");
        assert_eq!(finding(&cli, "secret")["ok"], ok, "{mode:o}");
    }
    let done = cli.run(&["doctor"]);
    assert!(!done.out.contains(secret) && !done.err.contains(secret));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_manual_has_a_page_for_each_command() {
    let folder = tempfile::tempdir().expect("a folder");
    let cli = Cli::in_directory(folder.path());
    let first = cli.run(&["man"]).success();
    assert!(first.contains(".TH chattrix 1"), "{first}");
    assert_eq!(cli.run(&["man", "--to", "."]).success(), "");
    for page in ["chattrix.1", "chattrix-call-list.1", "chattrix-db-prune.1"] {
        let text = fs::read_to_string(folder.path().join(page)).expect(page);
        assert!(text.contains(".SH NAME"), "{page}");
    }
    let nowhere = cli.run(&["man", "--to", "no/folder"]).failure(1);
    assert!(nowhere.contains("no/folder"), "{nowhere}");
}
