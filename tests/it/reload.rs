//! Reload of the settings in the running binary: by SIGHUP and by `config reload`.

use std::fs;
use std::path::Path;
use std::time::Duration;

use jsonwebtoken::{Algorithm, EncodingKey};
use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::identity::claims;
use crate::support::{
    Address, Api, Cli, Process, Receiver, SigningKey, WEBHOOK_SECRET, eventually, make_database,
    within,
};

const OLD: &str = "the old secret is 32 bytes long..";
const NEW: &str = "the new secret is 32 bytes long..";

/// Server with its settings in a file, and commands beside it.
pub struct Server {
    folder: TempDir,
    process: Process,
    cli: Cli,
}

impl Server {
    async fn start(settings: &str) -> Self {
        Self::start_in(settings, |_| ()).await
    }

    /// Starts a server in a folder that `prepare` has filled.
    pub async fn start_in(settings: &str, prepare: impl FnOnce(&Path)) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        prepare(folder.path());
        let database = folder.path().join("chattrix.db");
        make_database(&database, ["alice", "bob"].map(str::to_owned));
        write(&folder, settings);
        let wrapper = ["CHATTRIX_JWT_SECRET", "CHATTRIX_REQUEST_RATE"];
        let wrapper = wrapper.map(|name| ["-u", name]).concat();
        let process = Process::start_through(&[&["env"], &wrapper[..]].concat(), &database).await;
        let cli = Cli::in_directory(folder.path());
        Self {
            folder,
            process,
            cli,
        }
    }

    /// The folder of the server.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Commands beside the server.
    pub const fn cli(&self) -> &Cli {
        &self.cli
    }

    /// The address of the server.
    pub const fn address(&self) -> &Address {
        self.process.address()
    }

    /// Writes its settings.
    pub fn write(&self, settings: &str) {
        write(&self.folder, settings);
    }

    /// A client with a token that `secret` signs.
    fn sign_in(&self, user: &str, secret: &str) -> Api {
        let key = EncodingKey::from_secret(secret.as_bytes());
        let token = Process::token(user).sign_with(Algorithm::HS256, &key);
        Api::new(self.process.address(), Some(token))
    }

    /// Changes the settings and sends SIGHUP; waits until the log has one more line with `line`.
    async fn hang_up(&self, settings: &str, line: &str) {
        let before = self.process.log().matches(line).count();
        write(&self.folder, settings);
        self.process.signal(Signal::HUP);
        eventually("the reload", async || {
            self.process.log().matches(line).count() > before
        })
        .await;
    }
}

fn write(folder: &TempDir, settings: &str) {
    let text = format!("[default.chattrix]\n{settings}\n");
    fs::write(folder.path().join("Rocket.toml"), text).expect("it can be written");
}

fn secrets(secrets: &[&str]) -> String {
    format!("jwt_secret = {secrets:?}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rotated_secret_closes_only_sessions_of_the_old_one() {
    let server = Server::start(&secrets(&[OLD])).await;
    let alice = server.sign_in("alice", OLD);
    let mut alice_socket = alice.socket().await;
    let refused = server.sign_in("bob", NEW).active().await;
    assert_eq!(refused.status, 401);

    server
        .hang_up(&secrets(&[NEW, OLD]), "settings reloaded")
        .await;
    let bob = server.sign_in("bob", NEW);
    let mut bob_socket = bob.socket().await;
    let call = alice.call("bob").await;
    bob_socket.expect("call_invitation").await;
    assert_eq!(bob.accept(&call).await.status, 200);
    alice_socket.expect("call_accepted").await;

    server.hang_up(&secrets(&[NEW]), "settings reloaded").await;
    let (code, _) = within("the close", alice_socket.expect_close()).await;
    assert_eq!(code, 4001);
    assert_eq!(alice.active().await.status, 401);
    assert_eq!(bob_socket.heartbeat_or_close().await, None, "it stays open");
    assert_eq!(bob.status_of(&call).await, "CONNECTING");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_file_changes_nothing_and_is_reported() {
    let server = Server::start(&secrets(&[OLD])).await;
    let alice = server.sign_in("alice", OLD);
    let wrong = format!("{}\nring_timeout = \"soon\"", secrets(&[NEW]));
    server.hang_up(&wrong, "settings not reloaded").await;
    assert!(server.process.log().contains("ring_timeout"));
    assert_eq!(alice.active().await.status, 200);
    let failed = server.cli.run(&["config", "reload"]);
    assert_eq!(failed.code, 1);
    assert!(failed.err.contains("ring_timeout"), "{}", failed.err);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn command_names_what_changed_and_what_needs_a_restart() {
    let server = Server::start(&secrets(&[OLD])).await;
    let alice = server.sign_in("alice", OLD);
    let settings = format!(
        "{}\nconsole = true\nrequest_rate = \"2/1h\"\nevent_queue = 7",
        secrets(&[OLD])
    );
    write(&server.folder, &settings);
    let report = server.cli.json(&["config", "reload"]);
    assert_eq!(report["changed"], json!(["request_rate", "console"]));
    assert_eq!(report["restart"][0]["setting"], "event_queue");
    let text = server.cli.run(&["config", "reload"]).success();
    assert!(text.contains("none has changed"), "{text}");
    assert!(text.contains("event_queue needs a restart"), "{text}");

    let console = server.process.address().http("/console");
    let client = reqwest::Client::builder().no_proxy().build();
    let page = client.expect("a client").get(console).send().await;
    assert_eq!(page.expect("an answer").status(), 200);
    for status in [200, 200, 429] {
        assert_eq!(alice.active().await.status, status);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reload_under_load_loses_no_call_and_no_socket() {
    let server = Server::start(&secrets(&[OLD])).await;
    let (alice, bob) = (server.sign_in("alice", OLD), server.sign_in("bob", OLD));
    let (mut caller, mut callee) = (alice.socket().await, bob.socket().await);
    for round in 0..20 {
        let rate = format!(
            "{}\nrequest_rate = \"{}/1m\"",
            secrets(&[OLD]),
            10_000 + round
        );
        write(&server.folder, &rate);
        server.process.signal(Signal::HUP);
        let call = alice.call("bob").await;
        let invitation: Value = callee.expect("call_invitation").await;
        assert_eq!(invitation["callId"], call);
        callee.accept(&call).await;
        caller.expect("call_accepted").await;
        assert_eq!(alice.end(&call).await.status, 200);
        callee.expect("call_ended").await;
    }
    eventually("the reloads", async || {
        server.process.log().contains("settings reloaded")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigquit_stops_politely() {
    let mut server = Server::start(&secrets(&[OLD])).await;
    let mut socket = server.sign_in("alice", OLD).socket().await;
    server.process.signal(Signal::QUIT);
    assert_eq!(within("the close", socket.close_code()).await, 1012);
    let status = tokio::time::timeout(Duration::from_secs(5), server.process.ended()).await;
    assert!(status.expect("it ends in time").success());
}

fn with_endpoint(receiver: &Receiver) -> String {
    format!(
        "{}\nwebhook_url = \"{}\"\nwebhook_secret = \"{WEBHOOK_SECRET}\"\nwebhook_allow_private = true",
        secrets(&[OLD]),
        receiver.url()
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn webhooks_go_to_the_endpoints_of_the_last_reload() {
    let (mut first, mut second) = (Receiver::start().await, Receiver::start().await);
    let server = Server::start(&secrets(&[OLD])).await;
    let alice = server.sign_in("alice", OLD);
    for receiver in [&mut first, &mut second] {
        write(&server.folder, &with_endpoint(receiver));
        server.cli.run(&["config", "reload"]).success();
        let call = alice.call("bob").await;
        assert_eq!(receiver.expect("call.initiated").await.call(), call);
        assert_eq!(alice.end(&call).await.status, 200);
        assert_eq!(receiver.expect("call.ended").await.call(), call);
    }
    assert!(first.is_empty(), "it is no longer an endpoint");
    write(&server.folder, &secrets(&[OLD]));
    server.cli.run(&["config", "reload"]).success();
    let call = alice.call("bob").await;
    assert_eq!(alice.end(&call).await.status, 200);
    assert!(second.is_empty(), "webhooks are off");
}

fn publish(server: &Server, keys: &[&SigningKey]) {
    let keys: Vec<_> = keys.iter().map(|key| key.jwk()).collect();
    let text = json!({ "keys": keys }).to_string();
    fs::write(server.folder.path().join("jwks.json"), text).expect("it can be written");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn key_file_is_read_again_and_withdrawn_keys_close_sessions() {
    let server = Server::start(&secrets(&[OLD])).await;
    let first = SigningKey::new("first", Algorithm::RS256);
    let second = SigningKey::other_rsa("second");
    publish(&server, &[&first]);
    server
        .hang_up("jwt_jwks_file = \"jwks.json\"", "settings reloaded")
        .await;
    let sign_in = |key: &SigningKey| {
        let token = key.sign(&claims("https://login.example"));
        Api::new(server.process.address(), Some(token))
    };
    let mut socket = sign_in(&first).socket().await;

    fs::write(server.folder.path().join("jwks.json"), "{").expect("it can be written");
    let failed = server.cli.run(&["config", "reload"]);
    assert_eq!(failed.code, 1);
    assert!(failed.err.contains("jwks.json"), "{}", failed.err);
    assert_eq!(sign_in(&first).active().await.status, 200);

    publish(&server, &[&second]);
    server.cli.run(&["config", "reload"]).success();
    let (code, _) = within("the close", socket.expect_close()).await;
    assert_eq!(code, 4001);
    assert_eq!(sign_in(&first).active().await.status, 401);
    assert_eq!(sign_in(&second).active().await.status, 200);
}
