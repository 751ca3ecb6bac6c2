//! Webhooks: the events for endpoints, their order, and accepted responses.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::document::{assert_valid, openapi};
use crate::support::{
    Cli, Message, Receiver, Reply, Socket, TestServer, eventually, wall_clock_hand,
};

/// A server on which nothing but calls is told of.
async fn telling_of_calls(receiver: &Receiver) -> TestServer {
    let plan = TestServer::plan().telling(receiver).with(|settings| {
        settings
            .webhook_events
            .retain(|topic| topic.as_str().starts_with("call."));
    });
    plan.start().await
}

async fn expect_all(receiver: &mut Receiver, topics: &[&str]) -> Vec<Message> {
    let mut messages = Vec::new();
    for topic in topics {
        messages.push(receiver.expect(topic).await);
    }
    messages
}

#[rocket::async_test]
async fn a_receiver_is_told_of_every_change_of_a_call_in_order() {
    let mut receiver = Receiver::start().await;
    let server = telling_of_calls(&receiver).await;
    let [alice, bob] = ["alice", "bob"].map(|user| server.sign_in(user));
    let call = alice.call("bob").await;
    let phone = bob.socket().await;
    bob.accept(&call).await.success(200);
    alice.set_status(&call, "ACTIVE").await.success(200);
    alice.end(&call).await.success(200);
    let topics = [
        "call.initiated",
        "call.ringing",
        "call.accepted",
        "call.active",
        "call.ended",
    ];
    let messages = expect_all(&mut receiver, &topics).await;
    let statuses: Vec<_> = messages
        .iter()
        .map(|message| &message.body["data"]["call"]["status"])
        .collect();
    assert_eq!(
        statuses,
        ["INITIATING", "RINGING", "CONNECTING", "ACTIVE", "ENDED"]
    );
    assert!(messages.iter().all(|message| message.call() == call));
    assert!(
        messages
            .iter()
            .all(|message| message.path == "/hooks?key=sesame")
    );
    let mut ids: Vec<_> = messages.iter().map(|message| &message.id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 5, "each has an id of its own");
    drop(phone);
}

/// Each message as it came, against the section `webhooks` of the OpenAPI document.
#[rocket::async_test]
async fn messages_are_as_documented() {
    let mut receiver = Receiver::start().await;
    let plan = TestServer::plan().telling(&receiver);
    let server = plan
        .with(|settings| settings.app_messages = true)
        .start()
        .await;
    let [alice, bob, carol] = ["alice", "bob", "carol"].map(|user| server.sign_in(user));
    let call = alice.call("bob").await;
    carol.initiate("bob").await.failure(409, "user_busy");
    let mut phone = bob.socket().await;
    phone.send("app.chat", &json!({ "text": "Hello" })).await;
    bob.accept(&call).await.success(200);
    alice.set_status(&call, "ACTIVE").await.success(200);
    alice.end(&call).await.success(200);
    let call = alice.call("bob").await;
    bob.reject(&call, "unavailable").await.success(200);
    drop(phone);
    let mut topics = BTreeSet::new();
    while topics.len() < 10 {
        let message = receiver.next().await;
        let described = &openapi()["webhooks"][message.topic()]["post"]["requestBody"]["content"];
        let schema = &described["application/json"]["schema"];
        assert!(schema.is_object(), "{} is not documented", message.topic());
        assert_valid(message.topic(), openapi(), schema, &message.body);
        topics.insert(message.topic().to_owned());
    }
    let documented = openapi()["webhooks"].as_object().expect("topics");
    let left: Vec<_> = documented
        .iter()
        .filter(|(topic, _)| !topics.contains(*topic))
        .map(|(topic, _)| topic.as_str())
        .collect();
    assert_eq!(left, ["call.missed", "call.unreached"]);
    for (topic, described) in documented {
        let content = &described["post"]["requestBody"]["content"]["application/json"];
        let example = &content["examples"]["message"]["value"];
        assert_valid(topic, openapi(), &content["schema"], example);
    }
}

#[rocket::async_test]
async fn an_initiated_call_is_told_with_all_that_a_push_needs() {
    let clock = wall_clock_hand();
    let mut receiver = Receiver::start().await;
    let server = TestServer::plan()
        .telling(&receiver)
        .clock(&clock)
        .start()
        .await;
    let call = server.sign_in("alice").call("bob").await;
    let message = receiver.expect("call.initiated").await;
    let now = "2024-01-15T10:30:00.000Z";
    let expected = json!({
        "type": "call.initiated",
        "timestamp": now,
        "data": {
            "call": {
                "id": call, "callerId": "alice", "calleeId": "bob", "callType": "VIDEO",
                "status": "INITIATING", "channelId": "agora-channel-1", "startTime": null,
                "endTime": null, "durationSeconds": null, "createdAt": now, "updatedAt": now,
            },
            "caller": {
                "id": "alice", "name": "Alice Archer", "avatar": "https://example.com/alice.jpg",
            },
            "callee": { "id": "bob", "name": "Bob Baker", "avatar": null },
            "calleeConnected": false,
            "calleeSessions": [],
            "calleeAvailability": "available",
            "ringEndsAt": "2024-01-15T10:31:00.000Z",
        },
    });
    assert_eq!(message.body, expected);
    assert_eq!(message.timestamp, "1705314600");
    assert!(message.id.starts_with("msg_"), "{}", message.id);
    clock.advance(Duration::from_mins(1));
    let missed = receiver.expect("call.missed").await;
    assert_eq!(missed.body["data"]["call"]["status"], "MISSED");
    assert_eq!(missed.body["data"].get("ringEndsAt"), None);
}

#[rocket::async_test]
async fn initiated_webhook_of_a_ringing_call_says_connected() {
    let mut receiver = Receiver::start().await;
    let server = telling_of_calls(&receiver).await;
    let [alice, bob] = ["alice", "bob"].map(|user| server.sign_in(user));
    let phone = bob.socket().await;
    let call = alice.call("bob").await;
    let message = receiver.expect("call.initiated").await;
    assert_eq!(message.body["data"]["call"]["status"], "RINGING");
    assert_eq!(message.body["data"]["calleeConnected"], true);
    let sessions = message.body["data"]["calleeSessions"].as_array();
    let sessions = sessions.expect("a list");
    assert_eq!(sessions.len(), 1);
    assert_eq!(sessions[0]["responsive"], true);
    assert!(sessions[0]["sessionId"].is_string() && sessions[0]["connectedAt"].is_string());
    bob.reject(&call, "declined").await.success(200);
    let message = receiver.expect("call.rejected").await;
    assert_eq!(message.body["data"]["reason"], "declined");
    drop(phone);
}

#[rocket::async_test]
async fn a_call_to_somebody_busy_is_told_as_busy() {
    let mut receiver = Receiver::start().await;
    let server = telling_of_calls(&receiver).await;
    let first = server.sign_in("alice").call("bob").await;
    let answer = server.sign_in("carol").initiate("bob").await;
    answer.failure(409, "user_busy");
    server.sign_in("alice").end(&first).await.success(200);
    // Two calls, so no order between them.
    let mut topics = Vec::new();
    for _ in 0..3 {
        topics.push(receiver.next().await.topic().to_owned());
    }
    topics.sort_unstable();
    assert_eq!(topics, ["call.busy", "call.ended", "call.initiated"]);
}

#[rocket::async_test]
async fn a_call_to_somebody_who_blocked_the_caller_is_told_to_nobody() {
    let mut receiver = Receiver::start().await;
    receiver.answer(|_| Reply::status(200).body("{\"delivered\": true}"));
    let server = telling_of_calls(&receiver).await;
    let [alice, bob] = ["alice", "bob"].map(|user| server.sign_in(user));
    let block = json!({ "userId": "alice" });
    bob.post("/api/v1/users/blocks", &block).await.success(200);
    let call = alice.call("bob").await;
    bob.ringing(&call).await.failure(403, "unauthorized");
    alice.end(&call).await.success(200);
    // Told after those, if they were told.
    let other = alice.call("carol").await;
    assert_eq!(receiver.expect("call.initiated").await.call(), other);
}

#[rocket::async_test]
async fn presence_webhook_is_sent_once_per_user() {
    let mut receiver = Receiver::start().await;
    let mut server = TestServer::plan().telling(&receiver).start().await;
    let mut phone = server.sign_in("bob").socket().await;
    let mut laptop = server.sign_in("bob").socket().await;
    let online = receiver.expect("user.online").await;
    let bob = json!({ "user": { "id": "bob", "name": "Bob Baker", "avatar": null } });
    assert_eq!(online.body["data"], bob);
    phone.close().await;
    laptop.close().await;
    let offline = receiver.expect("user.offline").await;
    assert_eq!(offline.body["data"], bob);

    // Whoever was online when the server stopped is offline from its next start.
    let left: Socket = server.sign_in("bob").socket().await;
    receiver.expect("user.online").await;
    delivered(&server, 3).await;
    let stopped = server.restart();
    tokio::join!(stopped, async {
        let mut left = left;
        left.expect_close().await;
    });
    receiver.expect("user.offline").await;
}

#[rocket::async_test]
async fn only_what_webhook_events_names_is_told() {
    let mut receiver = Receiver::start().await;
    let plan = TestServer::plan().telling(&receiver).with(|settings| {
        settings
            .webhook_events
            .retain(|topic| topic.as_str() == "call.ended");
    });
    let server = plan.start().await;
    let [alice, bob] = ["alice", "bob"].map(|user| server.sign_in(user));
    let phone = bob.socket().await;
    let call = alice.call("bob").await;
    alice.end(&call).await.success(200);
    let ended = receiver.expect("call.ended").await;
    assert_eq!(ended.body["data"]["endedBy"], "alice");
    drop(phone);
    let listed = Cli::beside(&server).json(&["webhook", "list", "--messages"]);
    assert_eq!(listed.as_array().expect("a list").len(), 1, "{listed}");
}

#[rocket::async_test]
async fn a_receiver_that_has_delivered_a_push_makes_the_call_ring() {
    let mut receiver = Receiver::start().await;
    receiver.answer(|_| Reply::status(200).body("{\"delivered\": true}"));
    let server = telling_of_calls(&receiver).await;
    let alice = server.sign_in("alice");
    let call = alice.call("bob").await;
    expect_all(&mut receiver, &["call.initiated", "call.ringing"]).await;
    assert_eq!(alice.status_of(&call).await, "RINGING");
    let shown = Cli::beside(&server).json(&["call", "show", &call]);
    let entry = &shown["timeline"][1];
    let told = [&entry["actor"], &entry["via"], &entry["cause"]];
    assert_eq!(told, ["system", "webhook", "push_delivered"]);
    let mut phone = server.sign_in("bob").socket().await;
    assert_eq!(phone.expect("call_invitation").await["callId"], *call);
    // Said of anything else, it means nothing.
    alice.end(&call).await.success(200);
    receiver.expect("call.ended").await;
    assert_eq!(alice.status_of(&call).await, "ENDED");
}

#[rocket::async_test]
async fn other_answers_leave_a_call_waiting() {
    let mut receiver = Receiver::start().await;
    let server = telling_of_calls(&receiver).await;
    let alice = server.sign_in("alice");
    let answers = [
        Reply::status(200),
        Reply::status(200).body("{\"delivered\": false}"),
        Reply::status(202).body("{\"delivered\": true}"),
        Reply::status(200).body(format!(
            "{{\"delivered\": true, \"x\": \"{}\"}}",
            "x".repeat(5_000)
        )),
    ];
    for answer in answers {
        receiver.answer(move |_| answer.clone());
        let call = alice.call("bob").await;
        receiver.expect("call.initiated").await;
        delivered(&server, 1).await;
        assert_eq!(alice.status_of(&call).await, "INITIATING");
        alice.end(&call).await.success(200);
        receiver.expect("call.ended").await;
    }
}

/// Waits until the newest `count` messages are delivered, and recorded as that.
async fn delivered(server: &TestServer, count: usize) {
    let cli = Cli::beside(server);
    let limit = count.to_string();
    eventually("the messages to be delivered", async || {
        let listed = cli.json(&["webhook", "list", "--messages", "--limit", &limit]);
        let listed = listed.as_array().expect("a list").clone();
        listed.len() == count && listed.iter().all(|one| one["state"] == "delivered")
    })
    .await;
}

#[rocket::async_test]
async fn several_receivers_are_told_the_same_each_at_its_own_pace() {
    let (mut quick, mut slow) = (Receiver::start().await, Receiver::start().await);
    slow.answer(|_| Reply::status(503));
    let server = TestServer::plan()
        .telling(&quick)
        .telling(&slow)
        .start()
        .await;
    let alice = server.sign_in("alice");
    let call = alice.call("bob").await;
    alice.end(&call).await.success(200);
    let told = expect_all(&mut quick, &["call.initiated", "call.ended"]).await;
    slow.expect("call.initiated").await;
    slow.answer(|_| Reply::status(200));
    let again = expect_all(&mut slow, &["call.initiated", "call.ended"]).await;
    for (one, other) in told.iter().zip(&again) {
        assert_eq!((&one.id, &one.raw), (&other.id, &other.raw));
    }
}

#[rocket::async_test]
async fn calls_do_not_wait_for_one_another() {
    let mut receiver = Receiver::start().await;
    let server = telling_of_calls(&receiver).await;
    let slow = server.sign_in("alice").call("bob").await;
    receiver.expect("call.initiated").await;
    let held = slow.clone();
    receiver.answer(move |message| {
        if message.call() == held {
            Reply::status(500)
        } else {
            Reply::status(200)
        }
    });
    let began = Instant::now();
    let [carol, dave] = ["carol", "dave"].map(|user| server.sign_in(user));
    server.sign_in("alice").end(&slow).await.success(200);
    for _ in 0..3 {
        let call = carol.call("dave").await;
        dave.reject(&call, "busy").await.success(200);
    }
    let mut others = Vec::new();
    while others.len() < 6 {
        let message = receiver.next().await;
        if message.call() != slow {
            others.push((message.call().to_owned(), message.topic().to_owned()));
        }
    }
    // Each call's own in their order; between calls there is none.
    for (call, _) in &others {
        let told = others.iter().filter(|(of, _)| of == call);
        let topics: Vec<&str> = told.map(|(_, topic)| topic.as_str()).collect();
        assert_eq!(topics, ["call.initiated", "call.rejected"], "{others:?}");
    }
    let took = began.elapsed();
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[rocket::async_test]
async fn health_and_metrics_hide_webhook_urls() {
    let mut receiver = Receiver::start().await;
    let server = telling_of_calls(&receiver).await;
    server.sign_in("alice").call("bob").await;
    receiver.expect("call.initiated").await;
    delivered(&server, 1).await;
    let ready = server.anonymous().get("/readyz").await;
    assert_eq!(ready.status, 200);
    let one = json!([{ "receiver": 1, "state": "working" }]);
    assert_eq!(ready.body["webhooks"], one);
    let metrics = server.anonymous().get("/metrics").await.body;
    let metrics = metrics.as_str().expect("text");
    for line in [
        "chattrix_webhook_messages_waiting 0",
        "chattrix_webhook_receivers_paused 0",
        "chattrix_webhook_attempt_seconds_count{outcome=\"delivered\"} 1",
        "chattrix_webhook_delay_seconds_count 1",
    ] {
        assert!(metrics.lines().any(|one| one == line), "{line}: {metrics}");
    }
    assert!(!metrics.contains("sesame"), "{metrics}");
}

#[rocket::async_test]
async fn a_server_without_receivers_keeps_nothing_for_them() {
    let server = TestServer::start().await;
    let alice = server.sign_in("alice");
    let call = alice.call("bob").await;
    alice.end(&call).await.success(200);
    let cli = Cli::beside(&server);
    assert_eq!(cli.json(&["webhook", "list", "--messages"]), json!([]));
    assert_eq!(cli.json(&["webhook", "list"]), json!([]));
    let ready = server.anonymous().get("/readyz").await;
    assert_eq!(
        ready.body.get("webhooks").cloned().unwrap_or(Value::Null),
        Value::Null
    );
    let said = cli.run(&["webhook", "test"]).failure(1);
    assert!(said.contains("webhook_url"), "{said}");
}
