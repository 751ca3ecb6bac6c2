//! `chattrix load-test`.

use serde_json::Value;

use crate::support::{Cli, Receiver, TestServer};

/// What every report has, whatever server it is about.
fn assert_calls_were_measured(report: &Value) {
    assert_eq!(report["errors"], serde_json::json!({}), "{report:#}");
    assert!(report["calls"].as_u64() > Some(0), "{report:#}");
    for hop in [
        "initiate",
        "invitation",
        "accept",
        "end",
        "set-up",
        "whole call",
    ] {
        let times = &report["micros"][hop];
        assert!(times["p50"].as_u64() > Some(0), "{hop}: {report:#}");
        assert!(
            times["p50"].as_u64() <= times["max"].as_u64(),
            "{hop}: {report:#}"
        );
        assert!(times["p50InEchoes"].as_f64() > Some(0.0), "{report:#}");
    }
    assert!(report["echoMicros"]["p50"].is_u64(), "{report:#}");
    assert!(report["diskSyncMicros"]["p50"].is_u64(), "{report:#}");
    assert!(
        report["diskSyncAfterPauseMicros"]["p50"].is_u64(),
        "{report:#}"
    );
}

#[rocket::async_test]
async fn load_test_on_a_private_server_leaves_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let cli = Cli::in_directory(folder.path());
    let report = cli.json(&[
        "load-test",
        "--pairs",
        "2",
        "--duration",
        "1s",
        "--idle",
        "20",
    ]);
    assert_calls_were_measured(&report);
    assert_eq!(report["pairs"], 2);
    assert_eq!(report["isPrivate"], true);
    assert_eq!(report["idleSockets"], 20);
    assert!(report["socketsOpenedPerSecond"].as_f64() > Some(0.0));
    assert!(report["databaseBytesPerCall"].is_u64(), "{report:#}");
    if cfg!(target_os = "linux") {
        assert!(report["serverCpuMicrosPerCall"].as_f64() > Some(0.0));
        assert!(report["serverMemoryBytes"].as_u64() > Some(1_000_000));
    }
    let left = std::fs::read_dir(folder.path()).expect("the folder");
    assert_eq!(left.count(), 0);
}

#[rocket::async_test]
async fn load_test_private_server_ignores_nearby_settings() {
    let receiver = Receiver::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let settings = format!(
        "[default.chattrix]\njwt_secret_file = 'jwt-secret'\nwebhook_url = '{}'\n\
         webhook_secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'\nwebhook_allow_private = true",
        receiver.url()
    );
    let write = |name, text: &str| std::fs::write(folder.path().join(name), text).expect("a file");
    write("Rocket.toml", &settings);
    write("jwt-secret", "a secret of the deployment, 32 bytes or more");
    let cli = Cli::in_directory(folder.path());
    let report = cli.json(&["load-test", "--pairs", "1", "--duration", "1s"]);
    assert_calls_were_measured(&report);
    // A message would have come within milliseconds of the first call.
    assert!(receiver.is_empty(), "a call was told");
}

#[rocket::async_test]
async fn load_test_on_a_running_server_keeps_its_users() {
    let server = TestServer::start().await;
    let cli = Cli::beside(&server);
    let users = cli.json(&["user", "list"]);
    let url = format!("http://{}", server.address().tcp());
    let report = cli.json(&[
        "load-test",
        "--url",
        &url,
        "--rate",
        "20",
        "--duration",
        "1s",
    ]);
    assert_calls_were_measured(&report);
    assert_eq!(report["rate"], 20);
    assert_eq!(report["isPrivate"], false);
    assert_eq!(cli.json(&["user", "list"]), users);
}

#[rocket::async_test]
async fn load_test_needs_the_key_of_the_server() {
    let server = TestServer::start().await;
    let url = format!("http://{}", server.address().tcp());
    let another = "another secret than the server's, of more than 32 bytes";
    let cli = Cli::beside(&server).with("CHATTRIX_JWT_SECRET", another);
    let said = cli
        .run(&["load-test", "--url", &url, "--duration", "1s"])
        .failure(1);
    assert!(said.contains("401"), "{said}");
    assert!(said.contains("run this where its settings are"), "{said}");
}

#[rocket::async_test]
async fn load_test_rejects_conflicting_options_and_tls() {
    let folder = tempfile::tempdir().expect("a folder");
    let cli = Cli::in_directory(folder.path());
    for wrong in [
        &["load-test", "--pairs", "2", "--rate", "2"][..],
        &["load-test", "--url", "https://calls.example.com"],
        &["load-test", "--pairs", "0"],
    ] {
        cli.run(wrong).failure(2);
    }
}
