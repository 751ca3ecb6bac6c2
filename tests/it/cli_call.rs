//! `chattrix call`, beside a running server (contract section 7).

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;

use chattrix::control::socket_path;
use serde_json::{Value, json};

use crate::support::{CallFixture, Cli, Device, TestServer, Users, another_call_id, eventually};

#[rocket::async_test]
async fn calls_are_listed_newest_first_and_filtered() {
    let server = TestServer::start().await;
    let cli = Cli::beside(&server);
    let [alice, bob, carol] = ["alice", "bob", "carol"].map(|user| server.sign_in(user));
    let ended = alice.call("bob").await;
    bob.accept(&ended).await.success(200);
    alice.end(&ended).await.success(200);
    let rejected = carol.call("bob").await;
    bob.reject(&rejected, "busy").await.success(200);
    let live = alice.call("carol").await;

    let ids = |args: &[&str]| -> Vec<String> {
        let listed = cli.json(&[&["call", "list"], args].concat());
        let calls = listed.as_array().expect("a list");
        let id = |call: &Value| call["id"].as_str().expect("an id").to_owned();
        calls.iter().map(id).collect()
    };
    let (ended, rejected, live) = (&ended[..], &rejected[..], &live[..]);
    assert_eq!(ids(&[]), [live, rejected, ended]);
    assert_eq!(ids(&["--limit", "2"]), [live, rejected]);
    assert_eq!(ids(&["--live"]), [live]);
    assert_eq!(ids(&["--user", "alice"]), [live, ended]);
    assert_eq!(ids(&["--user", "bob", "--status", "rejected"]), [rejected]);
    assert_eq!(ids(&["--status", "INITIATING"]), [live]);
    assert_eq!(ids(&["--type", "video"]), [live, rejected, ended]);
    assert_eq!(ids(&["--type", "AUDIO"]), [""; 0]);
    assert_eq!(ids(&["--user", "nobody"]), [""; 0]);
    assert_eq!(ids(&["--since", "1h"]).len(), 3);
    assert_eq!(ids(&["--since", "2100-01-01T00:00:00Z"]).len(), 0);
    let created = alice.details(live).await.success(200)["createdAt"].clone();
    let since = created.as_str().expect("an instant");
    assert_eq!(
        ids(&["--since", since]).first().map(String::as_str),
        Some(live)
    );

    let table = cli.run(&["call", "list"]).success();
    let lines: Vec<&str> = table.lines().collect();
    assert!(
        lines[0].starts_with(" ID") && lines[0].contains("CALLER"),
        "{table}"
    );
    assert!(
        lines[1].contains(live) && lines[1].contains("INITIATING"),
        "{table}"
    );
    assert_eq!(lines.len(), 4, "{table}");
}

#[rocket::async_test]
async fn call_list_continues_at_a_cursor_and_stops_at_a_time() {
    let server = TestServer::start().await;
    let cli = Cli::beside(&server);
    let (alice, bob) = (server.sign_in("alice"), server.sign_in("bob"));
    let mut made = Vec::new();
    for _ in 0..3 {
        let call = alice.call("bob").await;
        bob.reject(&call, "busy").await.success(200);
        made.push(call);
    }
    let ids = |args: &[&str]| -> Vec<String> {
        let listed = cli.json(&[&["call", "list"], args].concat());
        let calls = listed.as_array().expect("a list");
        let id = |call: &Value| call["id"].as_str().expect("an id").to_owned();
        calls.iter().map(id).collect()
    };
    assert_eq!(ids(&["--cursor", &made[2]]), [&*made[1], &*made[0]]);
    assert_eq!(ids(&["--cursor", &made[1], "--limit", "1"]), [&*made[0]]);
    assert_eq!(ids(&["--until", "2100-01-01T00:00:00Z"]).len(), 3);
    assert_eq!(ids(&["--until", "1h"]).len(), 0);
    let first = cli.run(&["call", "list", "--limit", "2"]);
    assert!(
        first.err.contains(&format!("--cursor {}", made[1])),
        "{}",
        first.err
    );
}

#[rocket::async_test]
async fn prefix_selects_a_call_or_lists_the_candidates() {
    let server = TestServer::start().await;
    let cli = Cli::beside(&server);
    let alice = server.sign_in("alice");
    let first = alice.call("bob").await;
    alice.end(&first).await.success(200);
    let second = alice.call("bob").await;
    let shared = first
        .bytes()
        .zip(second.bytes())
        .take_while(|(one, other)| one == other);
    let shared = shared.count();
    let shown = cli.json(&["call", "show", &first[..=shared]]);
    assert_eq!(shown["id"], json!(first));
    let ambiguous = cli.run(&["call", "end", &first[..4]]).failure(1);
    assert!(
        ambiguous.contains(&first) && ambiguous.contains(&second),
        "{ambiguous}"
    );
    let unknown = cli.run(&["call", "show", "ffff"]).failure(1);
    assert!(
        unknown.contains("no call that begins with ffff"),
        "{unknown}"
    );
    let ended = cli.run(&["call", "end", &second.replace('-', "")]);
    assert_eq!(ended.err, format!("ended {second}\n"));
}

#[rocket::async_test]
async fn several_calls_are_ended_at_once() {
    let server = TestServer::start().await;
    let cli = Cli::beside(&server);
    let [alice, carol] = ["alice", "carol"].map(|user| server.sign_in(user));
    let of_alice = alice.call("bob").await;
    let of_carol = carol.call("dave").await;
    let old = cli.run(&["call", "end", "--all", "--older-than", "1h"]);
    assert_eq!((old.code, &*old.err), (0, "no live calls\n"));
    let asked = cli.at_a_terminal(&["call", "end", "--all"], "n\n");
    assert!(
        asked.out.contains("End 2 live calls? [y/N]"),
        "{}",
        asked.out
    );
    assert_eq!(alice.status_of(&of_alice).await, "INITIATING");
    let ended = cli.run(&["call", "end", "--user", "bob"]);
    assert_eq!(ended.err, format!("ended {of_alice}\n"));
    let ended = cli.run(&["call", "end", "--all"]);
    assert_eq!(ended.err, format!("ended {of_carol}\n"));
    assert_eq!(carol.status_of(&of_carol).await, "ENDED");
    for wrong in [
        &["call", "end"][..],
        &["call", "end", "--older-than", "1h"],
        &["call", "end", &of_alice, "--all"],
    ] {
        cli.run(wrong).failure(2);
    }
}

#[rocket::async_test]
async fn call_list_json_has_details_and_ended_by() {
    let fixture = CallFixture::with_call("ENDED").await;
    let cli = Cli::beside(&fixture.server);
    let mut expected = fixture.alice.details(&fixture.call).await.success(200);
    expected["endedBy"] = json!("alice");
    expected["reason"] = json!(null);
    assert_eq!(cli.json(&["call", "list"]), json!([expected]));
}

#[rocket::async_test]
async fn no_calls_are_an_empty_list_and_a_word_on_standard_error() {
    let server = TestServer::start().await;
    let cli = Cli::beside(&server);
    assert_eq!(cli.json(&["call", "list"]), json!([]));
    let listed = cli.run(&["call", "list"]);
    assert_eq!(
        (listed.code, &*listed.out, &*listed.err),
        (0, "", "no calls\n")
    );
}

#[rocket::async_test]
async fn a_calls_timeline_has_an_entry_for_each_transition() {
    let server = TestServer::start().await;
    let mut users = Users::without_bob(&server).await;
    let call = users.alice.call("bob").await;
    users.connect(Device::BobPhone, &users.bob.clone()).await;
    users.at(Device::BobPhone).accept(&call).await;
    users.at(Device::AlicePhone).expect("call_accepted").await;
    users.alice.set_status(&call, "ACTIVE").await.success(200);
    users.alice.end(&call).await.success(200);

    let cli = Cli::beside(&server);
    let shown = cli.json(&["call", "show", &call]);
    let timeline = shown["timeline"].as_array().expect("a list");
    let steps: Vec<_> = timeline
        .iter()
        .map(|entry| ["status", "actor", "via", "cause"].map(|key| entry[key].as_str().expect(key)))
        .collect();
    assert_eq!(
        steps,
        [
            ["INITIATING", "alice", "rest", "initiate"],
            ["RINGING", "system", "websocket", "callee_connected"],
            ["CONNECTING", "bob", "websocket", "accept"],
            ["ACTIVE", "alice", "rest", "activate"],
            ["ENDED", "alice", "rest", "end"],
        ]
    );
    assert_eq!(timeline[0]["at"], shown["createdAt"]);
    assert_eq!(timeline[4]["at"], shown["endTime"]);
    assert_eq!(
        (&shown["id"], &shown["status"]),
        (&json!(call), &json!("ENDED"))
    );

    let drawn = cli.run(&["call", "show", &call]).success();
    for part in [
        "alice (Alice Archer)",
        "ENDED by alice",
        "── accept ──",
        "connect ─",
        "│",
    ] {
        assert!(drawn.contains(part), "{part} is not in:\n{drawn}");
    }
}

#[rocket::async_test]
async fn call_show_has_the_deliveries_of_a_recent_call() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.sign_in("alice"), server.sign_in("bob"));
    let mut at_alice = alice.socket().await;
    let call = alice.call("bob").await;
    let mut at_bob = bob.socket().await;
    at_bob.expect("call_invitation").await;
    at_bob.close().await;
    bob.accept(&call).await.success(200);
    at_alice.expect("call_accepted").await;
    at_alice.expect_nothing().await;
    let cli = Cli::beside(&server);
    let shown = cli.json(&["call", "show", &call]);
    let delivery = shown["delivery"].as_array().expect("a list");
    let events: Vec<_> = delivery
        .iter()
        .map(|one| ["type", "userId", "status"].map(|key| one[key].as_str().expect(key)))
        .collect();
    assert_eq!(events[1], ["call_accepted", "alice", "confirmed"]);
    assert_eq!(events[0][..2], ["call_invitation", "bob"]);
    let session = &delivery[1]["sessions"][0];
    assert_eq!(session["timesSent"], 1);
    assert!(session["sentAt"].is_string() && session["confirmedAt"].is_string());
    let drawn = cli.run(&["call", "show", &call]).success();
    let line = drawn
        .lines()
        .find(|line| line.contains(" to alice, session "));
    let line = line.unwrap_or_else(|| panic!("no delivery in:\n{drawn}"));
    assert!(
        line.contains("call_accepted ") && line.contains(", confirmed +"),
        "{line}"
    );
}

#[rocket::async_test]
async fn what_participants_have_reported_of_their_networks_is_shown() {
    let fixture = CallFixture::with_call("CONNECTING").await;
    let report = json!({ "networkQuality": "BAD", "packetLossRate": 0.25, "roundTripTime": 120 });
    let answer = fixture.bob.report(&fixture.call, &report).await;
    answer.success(200);
    fixture.alice.end(&fixture.call).await.success(200);
    let both = fixture.alice.quality(&fixture.call).await.success(200);
    let cli = Cli::beside(&fixture.server);
    let shown = cli.json(&["call", "show", &fixture.call]);
    assert_eq!(shown["quality"], both["participants"]);
    let shown = cli.run(&["call", "show", &fixture.call]).success();
    let reported = "network  bob: 1 report, worst BAD, 25.0 % lost, 120 ms round trip\n";
    assert!(shown.contains(reported), "{shown}");
    assert!(!shown.contains("network  alice"), "{shown}");
}

#[rocket::async_test]
async fn call_end_notifies_both_as_system() {
    let server = TestServer::start().await;
    let mut users = Users::on(&server).await;
    let call = users.talk().await;
    let cli = Cli::beside(&server);
    assert_eq!(cli.run(&["call", "end", &call]).success(), "");
    for device in [
        Device::AlicePhone,
        Device::AliceTablet,
        Device::BobPhone,
        Device::BobTablet,
    ] {
        let told = users.at(device).expect("call_ended").await;
        assert_eq!(
            (&told["callId"], &told["endedBy"]),
            (&json!(call), &json!("system"))
        );
    }
    let last = cli.json(&["call", "show", &call])["timeline"][3].clone();
    assert_eq!(
        (&last["actor"], &last["via"], &last["cause"]),
        (&json!("system"), &json!("admin"), &json!("end"))
    );

    let again = cli.run(&["call", "end", &call]).failure(1);
    assert!(again.contains("Cannot end a call that is ENDED"), "{again}");
    let unknown = cli.run(&["call", "end", &another_call_id()]).failure(1);
    assert!(unknown.contains("Call not found"), "{unknown}");
}

#[rocket::async_test]
async fn a_call_is_ended_through_the_server_or_not_at_all() {
    let mut server = TestServer::start().await;
    let call = server.sign_in("alice").call("bob").await;
    let cli = Cli::beside(&server);
    server.stop().await;
    let refused = cli.run(&["call", "end", &call]).failure(1);
    assert!(refused.contains("no server runs on"), "{refused}");
    assert_eq!(cli.json(&["call", "show", &call])["status"], "INITIATING");
}

#[rocket::async_test]
async fn malformed_call_id_exits_2_unknown_call_exits_1() {
    let server = TestServer::start().await;
    let cli = Cli::beside(&server);
    for wrong in [
        &["call", "show", "call-uuid-123"][..],
        &["call", "end", "1"],
        &["call", "list", "--status", "RINGIN"],
        &["call", "list", "--type", "TEXT"],
        &["call", "list", "--since", "yesterday"],
        &["call", "watch", "--status", "COMPLETED"],
        &["call", "list", "--limit", "0"],
        &["call", "list", "--user", "a b"],
        &["call"],
    ] {
        cli.run(wrong).failure(2);
    }
    let meant = cli.run(&["call", "list", "--status", "RINGIN"]).failure(2);
    assert!(meant.contains("RINGING"), "{meant}");
    let unknown = cli.run(&["call", "show", &another_call_id()]).failure(1);
    assert!(unknown.contains("there is no call"), "{unknown}");
}

#[rocket::async_test]
async fn control_socket_is_private_and_replaces_a_stale_one() {
    let mut server = TestServer::start().await;
    let path = socket_path(&server.database());
    let mode = std::fs::metadata(&path)
        .expect("it is there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    server.stop().await;
    assert!(!path.exists());
    // As a server leaves it behind that was killed.
    drop(std::os::unix::net::UnixListener::bind(&path).expect("a stale socket"));
    let cli = Cli::beside(&server);
    let none = cli.run(&["call", "watch"]).failure(1);
    assert!(none.contains("no server runs on"), "{none}");
    server.start_again().await;
    let unknown = cli.run(&["call", "end", &another_call_id()]).failure(1);
    assert!(unknown.contains("Call not found"), "{unknown}");
}

#[rocket::async_test]
async fn control_connections_are_limited_and_time_out() {
    let server = TestServer::start().await;
    let path = socket_path(&server.database());
    let held: Vec<_> = (0..16)
        .map(|_| UnixStream::connect(&path).expect("a place"))
        .collect();
    let cli = Cli::beside(&server);
    let end = ["call", "end", &another_call_id()];
    eventually("a command to be refused", async || {
        cli.run(&end).err.contains("16 commands are connected")
    })
    .await;
    drop(held);
    eventually("a place to be free", async || {
        cli.run(&end).err.contains("Call not found")
    })
    .await;
}

#[rocket::async_test]
async fn nonsense_on_the_control_socket_is_answered_with_a_sentence() {
    let server = TestServer::start().await;
    let path = socket_path(&server.database());
    for (sent, told) in [
        ("nonsense\n", "does not understand"),
        ("{\"request\":\"sing\"}\n", "sing"),
        (&*"x".repeat(5000), "4096 bytes"),
        (
            "{\"request\":\"watch\",\"user\":\"a b\"}\n",
            "user: expected 1-255",
        ),
        (
            "{\"request\":\"watch\",\"status\":\"OVER\"}\n",
            "status: expected INITIATING, RINGING",
        ),
        (
            "{\"request\":\"watch\",\"callType\":\"TEXT\"}\n",
            "callType: expected AUDIO, VIDEO",
        ),
    ] {
        let mut stream = UnixStream::connect(&path).expect("a place");
        let _ = std::io::Write::write_all(&mut stream, sent.as_bytes());
        let answer = tokio::task::block_in_place(|| BufReader::new(stream).lines().next());
        let answer: Value =
            serde_json::from_str(&answer.expect("a line").expect("text")).expect("JSON");
        assert_eq!(answer["answer"], "failed");
        let message = answer["message"].as_str().expect("text");
        assert!(message.contains(told), "{message}");
    }
}
