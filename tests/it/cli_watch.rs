//! `chattrix call watch`, beside a running server (contract section 7).

use std::io::{BufRead, BufReader};
use std::process::Child;

use serde_json::{Value, json};

use crate::support::{Cli, Device, TestServer, Users};

/// Running `call watch --json` and its lines.
struct Watch {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Watch {
    /// Starts watching; returns after the server has registered the watcher.
    fn start(cli: &Cli, args: &[&str]) -> Self {
        let mut child = cli
            .command(&[&["call", "watch", "--json"], args].concat())
            .spawn()
            .expect("it starts");
        let talk = child.stderr.take().expect("it is piped");
        let said = BufReader::new(talk)
            .lines()
            .next()
            .expect("a line")
            .expect("text");
        assert!(said.starts_with("watching"), "{said}");
        let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        Self { child, lines }
    }

    fn next(&mut self) -> Value {
        let line = tokio::task::block_in_place(|| self.lines.next());
        serde_json::from_str(&line.expect("a line").expect("text")).expect("JSON")
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[rocket::async_test]
async fn every_transition_is_seen_by_who_watches() {
    let server = TestServer::start().await;
    let mut users = Users::without_bob(&server).await;
    let cli = Cli::beside(&server);
    let mut all = Watch::start(&cli, &[]);
    let mut carols = Watch::start(&cli, &["--user", "carol"]);

    let call = users.alice.call("bob").await;
    users.connect(Device::BobPhone, &users.bob.clone()).await;
    users.bob.reject(&call, "declined").await.success(200);
    let other = users.carol.call("bob").await;

    for (status, cause, actor) in [
        ("INITIATING", "initiate", "alice"),
        ("RINGING", "callee_connected", "system"),
        ("REJECTED", "reject", "bob"),
    ] {
        let change = all.next();
        assert_eq!(change["callId"], *call);
        assert_eq!(
            (&change["status"], &change["cause"], &change["actor"]),
            (&json!(status), &json!(cause), &json!(actor))
        );
    }
    let change = all.next();
    assert_eq!(change["callId"], *other);
    assert_eq!(carols.next(), change);
    let keys: Vec<_> = change.as_object().expect("an object").keys().collect();
    let expected = [
        "actor",
        "at",
        "callId",
        "callType",
        "calleeId",
        "callerId",
        "cause",
        "durationSeconds",
        "reason",
        "status",
        "via",
    ];
    assert_eq!(keys, expected);
}

#[rocket::async_test]
async fn call_watch_filters_by_status_and_type() {
    let server = TestServer::start().await;
    let [alice, bob, carol] = ["alice", "bob", "carol"].map(|user| server.sign_in(user));
    let cli = Cli::beside(&server);
    let mut ends = Watch::start(&cli, &["--status", "ended"]);
    let mut audio = Watch::start(&cli, &["--type", "AUDIO", "--live"]);
    let mut bobs = Watch::start(&cli, &["--user", "bob", "--status", "CONNECTING"]);

    let video = alice.call("bob").await;
    bob.accept(&video).await.success(200);
    alice.end(&video).await.success(200);
    let wish = json!({ "calleeId": "carol", "callType": "AUDIO", "channelId": "c" });
    let made = alice.initiate_with(&wish).await.success(201);
    let audio_call = made["id"].as_str().expect("an id").to_owned();
    carol.accept(&audio_call).await.success(200);
    carol.end(&audio_call).await.success(200);
    let again = bob.call("alice").await;
    alice.accept(&again).await.success(200);
    bob.end(&again).await.success(200);

    let step = |change: Value| {
        let part = |key: &str| change[key].as_str().expect(key).to_owned();
        (part("callId"), part("status"))
    };
    let expected = |call: &str, status: &str| (call.to_owned(), status.to_owned());
    for call in [&video, &audio_call, &again] {
        assert_eq!(step(ends.next()), expected(call, "ENDED"));
    }
    for status in ["INITIATING", "CONNECTING"] {
        assert_eq!(step(audio.next()), expected(&audio_call, status));
    }
    for call in [&video, &again] {
        assert_eq!(step(bobs.next()), expected(call, "CONNECTING"));
    }
}

#[rocket::async_test]
async fn watching_ends_in_a_failure_when_the_server_stops() {
    let mut server = TestServer::start().await;
    let cli = Cli::beside(&server);
    let mut watch = Watch::start(&cli, &[]);
    server.stop().await;
    let ended = tokio::task::block_in_place(|| watch.child.wait()).expect("it ends");
    assert_eq!(ended.code(), Some(1));
    let refused = cli.run(&["call", "watch"]).failure(1);
    assert!(refused.contains("no server runs on"), "{refused}");
}

#[rocket::async_test]
async fn ctrl_c_ends_watching_well() {
    let server = TestServer::start().await;
    let mut watch = Watch::start(&Cli::beside(&server), &[]);
    let pid = rustix::process::Pid::from_child(&watch.child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("it is there");
    let ended = tokio::task::block_in_place(|| watch.child.wait()).expect("it ends");
    assert_eq!(ended.code(), Some(0));
}
