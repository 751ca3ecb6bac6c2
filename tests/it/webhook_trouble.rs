//! Webhook failures: of the endpoint, the network and the server.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use chattrix::call::transition::Limits;
use chattrix::call::{CallType, ChannelId, Principal, Source};
use chattrix::clock::{Clock, ManualClock, Timestamp};
use chattrix::hub::{Capacity, Hub};
use chattrix::metrics::Metrics;
use chattrix::random::Random;
use chattrix::service::{EndpointConfig, NewCall, Rules, Service, WebhookConfig};
use chattrix::store::Store;
use chattrix::user::{SessionId, UserId};
use chattrix::webhook_model::EventType;
use chattrix::wire::webhook::body;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::support::{
    Api, Cli, Message, Process, Receiver, Reply, SECRET, TestServer, WEBHOOK_SECRET, eventually,
    make_database, receiver_certificate, wall_clock_hand,
};

/// A server that tells of calls, with a clock to be moved.
async fn scene(receiver: &Receiver) -> (TestServer, ManualClock) {
    let clock = wall_clock_hand();
    let server = TestServer::plan()
        .telling(receiver)
        .clock(&clock)
        .start()
        .await;
    (server, clock)
}

/// The messages as the administrator sees them, oldest first.
fn listed(server: &TestServer) -> Vec<Value> {
    let listed = Cli::beside(server).json(&["webhook", "list", "--messages"]);
    let mut listed = listed.as_array().expect("a list").clone();
    listed.reverse();
    listed
}

/// Waits until the oldest message is as `is_so` wants it: that message.
async fn first_message(server: &TestServer, is_so: impl Fn(&Value) -> bool) -> Value {
    let mut found = Value::Null;
    eventually("the message to be so", async || {
        found = listed(server).first().cloned().unwrap_or_default();
        is_so(&found)
    })
    .await;
    found
}

fn attempts(message: &Value) -> usize {
    message["attempts"].as_array().map_or(0, Vec::len)
}

/// The next message, for which the clock is moved on.
async fn in_time(receiver: &mut Receiver, clock: &ManualClock) -> Message {
    let mut come = Vec::new();
    eventually("the next attempt", async || {
        clock.advance(Duration::from_secs(1));
        come = receiver.rest();
        !come.is_empty()
    })
    .await;
    come.remove(0)
}

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

#[rocket::async_test]
async fn a_redirect_is_not_followed() {
    let (mut receiver, mut elsewhere) = (Receiver::start().await, Receiver::start().await);
    let location = elsewhere.url();
    receiver.answer(move |_| Reply::redirect(&location));
    let (server, _clock) = scene(&receiver).await;
    server.sign_in("alice").call("bob").await;
    receiver.expect("call.initiated").await;
    let message = first_message(&server, |message| attempts(message) == 1).await;
    assert_eq!(message["attempts"][0]["status"], 307);
    assert_eq!(message["state"], "waiting");
    assert!(elsewhere.rest().is_empty());
}

#[rocket::async_test]
async fn a_huge_answer_counts_by_its_status_and_is_not_read() {
    let mut receiver = Receiver::start().await;
    receiver.answer(|_| Reply::status(200).body(vec![b' '; 64 * 1024 * 1024]));
    let (server, _clock) = scene(&receiver).await;
    let alice = server.sign_in("alice");
    let call = alice.call("bob").await;
    alice.end(&call).await.success(200);
    receiver.expect("call.initiated").await;
    receiver.expect("call.ended").await;
    let message = first_message(&server, |message| message["state"] == "delivered").await;
    let took = message["attempts"][0]["tookMs"].as_u64().expect("a time");
    assert!(took < 5_000, "{took}");
}

#[rocket::async_test]
async fn a_receiver_that_does_not_answer_is_not_waited_for() {
    let mut receiver = Receiver::start().await;
    receiver.answer(|_| Reply::status(200).after(Duration::from_mins(1)));
    let plan = TestServer::plan().telling(&receiver);
    let server = plan
        .with(|settings| settings.webhook_timeout = Duration::from_millis(300))
        .start()
        .await;
    server.sign_in("alice").call("bob").await;
    let first = receiver.expect("call.initiated").await;
    let message = first_message(&server, |message| attempts(message) >= 1).await;
    assert_eq!(message["attempts"][0]["failure"], "no answer within 300ms");
    receiver.answer(|_| Reply::status(200));
    assert_eq!(receiver.expect("call.initiated").await.id, first.id);
}

#[rocket::async_test]
async fn private_addresses_are_refused_however_they_are_named() {
    let mut receiver = Receiver::start().await;
    let port = receiver.port();
    for host in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0.0.0.0"] {
        let plan = TestServer::plan().telling(&receiver).with(|settings| {
            let url = format!("http://{host}:{port}/");
            settings.webhook_url = vec![url.parse().expect("a URL")];
            settings.webhook_allow_private = false;
        });
        let server = plan.start().await;
        server.sign_in("alice").call("bob").await;
        let message = first_message(&server, |message| attempts(message) >= 1).await;
        let failure = message["attempts"][0]["failure"].as_str().expect("text");
        assert!(failure.contains("which is private"), "{host}: {failure}");
        assert!(receiver.rest().is_empty(), "{host}");
    }
}

#[rocket::async_test]
async fn a_receiver_has_to_prove_who_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let [certificate, key] = receiver_certificate(folder.path());
    let mut receiver = Receiver::start_tls(&certificate, &key).await;

    let server = TestServer::plan().telling(&receiver).start().await;
    server.sign_in("alice").call("bob").await;
    let message = first_message(&server, |message| attempts(message) >= 1).await;
    let failure = message["attempts"][0]["failure"].as_str().expect("text");
    let expected = "no connection to localhost: invalid peer certificate";
    assert!(failure.starts_with(expected), "{failure}");
    assert!(receiver.rest().is_empty());

    let plan = TestServer::plan().telling(&receiver);
    let server = plan
        .with(|settings| settings.webhook_ca_file = Some(certificate))
        .start()
        .await;
    let alice = server.sign_in("alice");
    let call = alice.call("bob").await;
    alice.end(&call).await.success(200);
    receiver.expect("call.initiated").await;
    receiver.expect("call.ended").await;
}

/// From the answer to the caller, which comes right after the commit, to the message at the receiver.
#[rocket::async_test]
async fn delivery_begins_within_50_ms() {
    let mut receiver = Receiver::start().await;
    let server = TestServer::plan().telling(&receiver).start().await;
    let alice = server.sign_in("alice");
    let mut times = Vec::new();
    for _ in 0..21 {
        let call = alice.call("bob").await;
        let began = Instant::now();
        receiver.expect("call.initiated").await;
        times.push(began.elapsed());
        alice.end(&call).await.success(200);
        receiver.expect("call.ended").await;
    }
    times.sort_unstable();
    assert!(times[10] < Duration::from_millis(50), "{times:?}");
}

#[rocket::async_test]
async fn a_test_says_what_came_of_it_for_each_receiver() {
    let (mut good, bad) = (Receiver::start().await, Receiver::start().await);
    bad.answer(|_| Reply::status(404));
    let server = TestServer::plan()
        .telling(&good)
        .telling(&bad)
        .start()
        .await;
    let cli = Cli::beside(&server);
    let told = cli.json(&["webhook", "test", "1"]);
    assert_eq!(told[0]["delivered"], true);
    assert_eq!(good.expect("webhook.test").await.body["data"], json!({}));
    let done = cli.run(&["webhook", "test"]);
    assert_eq!(done.code, 1);
    assert!(done.out.contains("answered 200") && done.out.contains("answered 404"));
    assert!(done.err.contains("1 of 2 receivers"), "{}", done.err);
    assert!(listed(&server).is_empty(), "a test is not kept");
}

/// The command that starts another with the variables of a server that tells `receiver`.
fn telling(receiver: &Receiver) -> Vec<String> {
    let variables = [
        ("CHATTRIX_WEBHOOK_URL", receiver.url()),
        ("CHATTRIX_WEBHOOK_SECRET", WEBHOOK_SECRET.to_owned()),
        ("CHATTRIX_WEBHOOK_ALLOW_PRIVATE", "true".to_owned()),
    ];
    let variables = variables.map(|(name, value)| format!("{name}={value}"));
    ["env".to_owned()].into_iter().chain(variables).collect()
}

fn seeded(folder: &Path) -> PathBuf {
    let database = folder.join("chattrix.db");
    make_database(&database, ["alice", "bob"].map(str::to_owned));
    database
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_server_delivers_webhooks_after_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = seeded(folder.path());
    let mut receiver = Receiver::start().await;
    let wrapper = telling(&receiver);
    let wrapper: Vec<&str> = wrapper.iter().map(String::as_str).collect();
    receiver.stop().await;
    let mut server = Process::start_through(&wrapper, &database).await;
    let call = server.sign_in("alice").call("bob").await;
    server.kill();
    let cli = Cli::in_directory(folder.path()).with("CHATTRIX_JWT_SECRET", SECRET);
    let stored = cli.json(&["webhook", "list", "--messages"]);
    assert_eq!(stored[0]["callId"], call);
    receiver.start_again().await;
    let mut server = Process::start_through(&wrapper, &database).await;
    let message = receiver.expect("call.initiated").await;
    assert_eq!(
        (message.call(), stored[0]["id"].as_str()),
        (&*call, Some(&*message.id))
    );

    // The same where the receiver has it, and the server has not heard so.
    receiver.answer(|_| Reply::status(200).after(Duration::from_mins(1)));
    server.sign_in("alice").end(&call).await.success(200);
    let ended = receiver.expect("call.ended").await;
    server.kill();
    receiver.answer(|_| Reply::status(200));
    let _server = Process::start_through(&wrapper, &database).await;
    let again = receiver.expect("call.ended").await;
    assert_eq!((again.id, again.raw), (ended.id, ended.raw));
}

/// Two servers, one whose receiver takes connections and never answers, one without any, are called by turns.
#[rocket::async_test]
async fn a_dead_receiver_makes_no_call_slower() {
    let hole = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let receiver = Receiver::start().await;
    let url = format!("http://{}/", hole.local_addr().expect("an address"));
    let plan = TestServer::plan().telling(&receiver);
    let dead = plan
        .with(|settings| settings.webhook_url = vec![url.parse().expect("a URL")])
        .start()
        .await;
    let none = TestServer::start().await;
    let [by_dead, by_none] = [&dead, &none].map(|server| server.sign_in("alice"));
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for _ in 0..150 {
        with.push(time_a_call(&by_dead).await);
        without.push(time_a_call(&by_none).await);
    }
    let [with, without] = [with, without].map(|mut times| {
        times.sort_unstable();
        times[times.len() / 2]
    });
    // A call's changes are written with two more rows each; waiting would be a thousand times slower.
    let ratio = with.as_secs_f64() / without.as_secs_f64();
    assert!(
        ratio < 2.0,
        "{with:?} with a dead receiver, {without:?} without"
    );
}

async fn time_a_call(alice: &Api) -> Duration {
    let began = Instant::now();
    let call = alice.call("bob").await;
    alice.end(&call).await.success(200);
    began.elapsed()
}

/// `openssl` always; and the library that Standard Webhooks publishes for Python, where `scripts/test` has
/// installed it.
#[rocket::async_test]
async fn signatures_are_verified_by_what_others_have_published() {
    let mut receiver = Receiver::start().await;
    let server = TestServer::plan()
        .telling(&receiver)
        .user("zoe", "Zoë 山田", None);
    let server = server.start().await;
    server.sign_in("alice").call("zoe").await;
    let message = receiver.expect("call.initiated").await;
    let signed = format!("{}.{}.{}", message.id, message.timestamp, message.raw);
    // The bytes of the secret that the tests sign with.
    let key = "31f290f6bf06298aab4f08d43c3f082cf648a362da2da4b0";
    let script =
        format!("openssl dgst -sha256 -mac HMAC -macopt hexkey:{key} -binary | openssl base64 -A");
    let signature = piped(Command::new("sh").args(["-c", &script]), &signed);
    assert_eq!(message.signature, format!("v1,{signature}"));

    let python = python_with_standardwebhooks();
    let script = "import sys\n\
                  from standardwebhooks.webhooks import Webhook\n\
                  id, at, signature, secret = sys.argv[1:]\n\
                  headers = {'webhook-id': id, 'webhook-timestamp': at, 'webhook-signature': signature}\n\
                  print(Webhook(secret).verify(sys.stdin.read(), headers)['type'])\n";
    let mut verify = Command::new(python);
    let parts = [&*message.id, &message.timestamp, &message.signature];
    verify.args(["-c", script]).args(parts).arg(WEBHOOK_SECRET);
    assert_eq!(piped(&mut verify, &message.raw).trim(), "call.initiated");
}

fn python_with_standardwebhooks() -> OsString {
    std::env::var_os("STANDARDWEBHOOKS_PYTHON").expect(
        "STANDARDWEBHOOKS_PYTHON names a Python with the library standardwebhooks: scripts/test installs one and \
         sets it, in target/tools/standardwebhooks/bin/python",
    )
}

/// The receiver in docs/webhooks.md, as a reader would run it.
#[rocket::async_test]
async fn documented_webhook_receiver_makes_the_call_ring() {
    let python = python_with_standardwebhooks();
    let documents = include_str!("../../docs/webhooks.md");
    let (_, rest) = documents.split_once("```python\n").expect("a block");
    let (program, _) = rest.split_once("```").expect("its end");
    let free = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = free.local_addr().expect("an address").port();
    drop(free);
    let example = Command::new(python)
        .args(["-c", program])
        .env("PORT", port.to_string())
        .env("WEBHOOK_SECRET", WEBHOOK_SECRET)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let mut example = Ended(example.expect("the program runs"));
    let receiver = Receiver::start().await;
    let plan = TestServer::plan().telling(&receiver).with(|settings| {
        let url = format!("http://127.0.0.1:{port}/");
        settings.webhook_url = vec![url.parse().expect("a URL")];
    });
    let server = plan.start().await;
    let alice = server.sign_in("alice");
    let call = alice.call("bob").await;
    eventually("the call to ring", async || {
        alice.status_of(&call).await == "RINGING"
    })
    .await;
    let mut pushed = String::new();
    let output = example.0.stdout.take().expect("a pipe");
    BufReader::new(output)
        .read_line(&mut pushed)
        .expect("a line");
    assert_eq!(
        pushed.trim(),
        format!("push to bob: Alice Archer calls, VIDEO, call {call}")
    );
}

/// A process that is killed when it is dropped.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What `command` prints when `text` is written to it; it must succeed.
fn piped(command: &mut Command, text: &str) -> String {
    use std::io::Write as _;
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program runs");
    let mut input = child.stdin.take().expect("a pipe");
    input.write_all(text.as_bytes()).expect("it reads");
    drop(input);
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{command:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}
