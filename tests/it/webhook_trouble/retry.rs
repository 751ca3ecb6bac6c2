//! Retries: of failed messages, after a pause, and until they are forgotten.

use std::time::Duration;

use chattrix::call::transition::Limits;
use chattrix::call::{CallType, ChannelId, Principal, Source};
use chattrix::clock::{Clock, Timestamp};
use chattrix::hub::{Capacity, Hub};
use chattrix::metrics::Metrics;
use chattrix::random::Random;
use chattrix::service::{EndpointConfig, NewCall, Rules, Service, WebhookConfig};
use chattrix::store::Store;
use chattrix::user::{SessionId, UserId};
use chattrix::webhook_model::EventType;
use chattrix::wire::webhook::body;
use serde_json::Value;

use super::{attempts, first_message, in_time, listed, scene, seeded};
use crate::support::{Cli, Message, Receiver, Reply, eventually, wall_clock_hand};

#[rocket::async_test]
async fn a_receiver_that_fails_is_told_the_same_again() {
    let mut receiver = Receiver::start().await;
    receiver.answer(|_| Reply::status(500));
    let (server, clock) = scene(&receiver).await;
    let call = server.sign_in("alice").call("bob").await;
    let first = receiver.expect("call.initiated").await;
    first_message(&server, |message| attempts(message) == 1).await;
    let second = in_time(&mut receiver, &clock).await;
    first_message(&server, |message| attempts(message) == 2).await;
    receiver.answer(|_| Reply::status(204));
    let third = in_time(&mut receiver, &clock).await;
    for again in [&second, &third] {
        assert_eq!((&again.id, &again.raw), (&first.id, &first.raw));
    }
    assert_ne!(first.timestamp, third.timestamp, "signed when it is sent");
    let message = first_message(&server, |message| message["state"] == "delivered").await;
    assert_eq!(message["id"], first.id);
    assert_eq!(message["callId"], call);
    let tried = message["attempts"].as_array().expect("a list");
    let statuses: Vec<_> = tried.iter().map(|attempt| &attempt["status"]).collect();
    assert_eq!(statuses, [500, 500, 204]);
}

#[rocket::async_test]
async fn endpoint_is_left_alone_for_its_retry_after() {
    let mut receiver = Receiver::start().await;
    receiver.answer(|_| Reply::status(429).header("retry-after", "120"));
    let (server, clock) = scene(&receiver).await;
    let [alice, carol] = ["alice", "carol"].map(|user| server.sign_in(user));
    let call = alice.call("bob").await;
    receiver.expect("call.initiated").await;
    let message = first_message(&server, |message| attempts(message) == 1).await;
    let time = |value: &Value| Timestamp::parse(value.as_str().expect("text")).expect("a time");
    let due = time(&message["nextAttemptAt"]);
    let wait = due.since(time(&message["attempts"][0]["at"]));
    assert!(wait >= Duration::from_mins(2), "{wait:?}");
    // The wait holds for the endpoint: an event of another call is not sent either.
    receiver.answer(|_| Reply::status(204));
    clock.advance(Duration::from_secs(119));
    let other = carol.call("dave").await;
    eventually("the other message to be stored", async || {
        listed(&server).len() == 2
    })
    .await;
    assert_eq!(listed(&server).iter().map(attempts).sum::<usize>(), 1);
    assert!(receiver.is_empty(), "sent before Retry-After has passed");
    clock.advance(Duration::from_secs(2));
    let mut sent = [receiver.next().await, receiver.next().await].map(|one| one.call().to_owned());
    sent.sort();
    let mut both = [call, other];
    both.sort();
    assert_eq!(sent, both);
}

#[rocket::async_test]
async fn endpoint_down_for_a_minute_gets_all_in_order() {
    let mut receiver = Receiver::start().await;
    receiver.stop().await;
    let (server, clock) = scene(&receiver).await;
    let [alice, carol] = ["alice", "carol"].map(|user| server.sign_in(user));
    let calls = [alice.call("bob").await, carol.call("dave").await];
    alice.end(&calls[0]).await.success(200);
    carol.end(&calls[1]).await.success(200);
    first_message(&server, |message| attempts(message) > 0).await;
    let ids: Vec<Value> = listed(&server)
        .iter()
        .map(|one| one["id"].clone())
        .collect();
    clock.advance(Duration::from_mins(1));
    receiver.start_again().await;
    let mut come = Vec::new();
    eventually("all of it", async || {
        clock.advance(Duration::from_secs(1));
        come.extend(receiver.rest());
        come.len() >= 4
    })
    .await;
    for call in &calls {
        let topics = come.iter().filter(|message| message.call() == call);
        let topics: Vec<_> = topics.map(Message::topic).collect();
        assert_eq!(topics, ["call.initiated", "call.ended"]);
    }
    for id in ids {
        assert_eq!(come.iter().filter(|message| id == *message.id).count(), 1);
    }
}

#[rocket::async_test]
async fn a_receiver_that_answers_410_is_paused_until_it_is_resumed() {
    let mut receiver = Receiver::start().await;
    receiver.answer(|_| Reply::status(410));
    let (server, _clock) = scene(&receiver).await;
    let alice = server.sign_in("alice");
    let call = alice.call("bob").await;
    receiver.expect("call.initiated").await;
    first_message(&server, |message| attempts(message) == 1).await;
    alice.end(&call).await.success(200);
    let cli = Cli::beside(&server);
    let told = cli.json(&["webhook", "list"]);
    let one = &told[0];
    assert_eq!([&one["state"], &one["pauseCause"]], ["paused", "gone"]);
    assert_eq!(one["waiting"], 2);
    let url = one["url"].as_str().expect("text");
    let address = format!("http://127.0.0.1:{}", receiver.port());
    assert_eq!(url, address, "no secret of path or query");
    let ready = server.anonymous().get("/readyz").await;
    assert_eq!(ready.status, 200, "calls go on");
    assert_eq!(ready.body["webhooks"][0]["state"], "paused");
    let metrics = server.anonymous().get("/metrics").await.body;
    let paused = "\nchattrix_webhook_receivers_paused 1\n";
    assert!(metrics.as_str().expect("text").contains(paused));
    receiver.answer(|_| Reply::status(200));
    let said = cli.run(&["webhook", "resume", "1"]);
    assert_eq!(said.err, "1 receivers resumed\n");
    cli.run(&["webhook", "retry"]).success();
    receiver.expect("call.initiated").await;
    receiver.expect("call.ended").await;
}

#[rocket::async_test]
async fn endpoint_failing_for_a_day_is_paused() {
    let mut receiver = Receiver::start().await;
    receiver.answer(|_| Reply::status(500));
    let (server, clock) = scene(&receiver).await;
    server.sign_in("alice").call("bob").await;
    receiver.expect("call.initiated").await;
    first_message(&server, |message| attempts(message) == 1).await;
    clock.advance(Duration::from_hours(24));
    let message = first_message(&server, |message| message["state"] == "given_up").await;
    assert_eq!(attempts(&message), 2);
    let cli = Cli::beside(&server);
    let one = cli.json(&["webhook", "list"])[0].clone();
    assert_eq!([&one["state"], &one["pauseCause"]], ["paused", "failing"]);
    receiver.answer(|_| Reply::status(200));
    cli.run(&["webhook", "resume"]).success();
    cli.run(&["webhook", "retry"]).success();
    first_message(&server, |message| message["state"] == "delivered").await;
    assert_eq!(cli.json(&["webhook", "list"])[0]["state"], "working");
}

#[rocket::async_test]
async fn paused_endpoint_gets_events_on_resume() {
    let mut receiver = Receiver::start().await;
    let (server, _clock) = scene(&receiver).await;
    let cli = Cli::beside(&server);
    assert_eq!(cli.run(&["webhook", "pause"]).err, "1 receivers paused\n");
    assert_eq!(
        cli.run(&["webhook", "pause", "1"]).err,
        "0 receivers paused\n"
    );
    let said = cli.run(&["webhook", "pause", "2"]).failure(1);
    assert!(said.contains("no such receiver"), "{said}");
    let alice = server.sign_in("alice");
    let call = alice.call("bob").await;
    alice.end(&call).await.success(200);
    assert_eq!(listed(&server).iter().map(attempts).sum::<usize>(), 0);
    cli.run(&["webhook", "resume"]).success();
    receiver.expect("call.initiated").await;
    let ended = receiver.expect("call.ended").await;
    eventually("all to be delivered", async || {
        listed(&server)
            .iter()
            .all(|one| one["state"] == "delivered")
    })
    .await;
    cli.run(&["webhook", "retry", &ended.id]).success();
    assert_eq!(receiver.expect("call.ended").await.id, ended.id);
    let unknown = format!("msg_{}", "0".repeat(32));
    let said = cli.run(&["webhook", "retry", &unknown]).failure(1);
    assert!(said.contains("there is no message"), "{said}");
}

#[rocket::async_test]
async fn messages_are_forgotten_after_two_days() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = seeded(folder.path());
    let (clock, metrics) = (wall_clock_hand(), Metrics::new("0.0.0"));
    let store = Store::open(&database, metrics.clone()).expect("a database");
    let hub = Hub::new(
        Capacity {
            event_queue: 8,
            sessions_per_user: 8,
            connections: 8,
            connections_per_address: None,
            confirm_timeout: Duration::from_secs(5),
        },
        Clock::Manual(clock.clone()),
    );
    let rules = Rules::only(Limits {
        ring_timeout: Duration::from_mins(1),
        max_call_duration: None,
    });
    let webhook_config = WebhookConfig {
        endpoints: vec![EndpointConfig {
            url: "https://example.com/".to_owned(),
            events: EventType::ALL.to_vec(),
        }],
        common_events: EventType::ALL.to_vec(),
        body,
    };
    let time = Clock::Manual(clock.clone());
    let service = Service::new(
        store,
        hub,
        time,
        Random::System,
        rules,
        metrics,
        Some(webhook_config),
    );
    service.deadlines().begin().await.expect("it begins");
    let user = |id| UserId::parse(id).expect("a user id");
    let principal = Principal {
        user: user("alice"),
        session: SessionId::new("phone"),
        via: Source::Rest,
    };
    let new = NewCall {
        callee: user("bob"),
        call_type: CallType::Audio,
        channel: ChannelId::parse("c").expect("a channel"),
        idempotency_key: None,
    };
    service
        .calls()
        .initiate(principal, new)
        .await
        .expect("a call");
    clock.advance(Duration::from_hours(47));
    assert_eq!(
        service
            .deadlines()
            .end_overdue_calls()
            .await
            .expect("missed"),
        1
    );
    assert_eq!(
        service
            .webhooks()
            .forget_old_messages()
            .await
            .expect("done"),
        0
    );
    clock.advance(Duration::from_hours(2));
    assert_eq!(
        service
            .webhooks()
            .forget_old_messages()
            .await
            .expect("done"),
        1
    );
    let receiver = service.webhooks().receivers().expect("receivers")[0].id;
    let due = service
        .webhooks()
        .due_deliveries(receiver, Timestamp::MAX, 9)
        .expect("read");
    let due = due.expect("not paused").deliveries;
    assert_eq!(
        due.len(),
        1,
        "the second waited behind the first, which is gone"
    );
    clock.advance(Duration::from_hours(48));
    assert_eq!(
        service
            .webhooks()
            .forget_old_messages()
            .await
            .expect("done"),
        1
    );
}
