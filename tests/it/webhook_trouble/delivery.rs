//! Delivery: how soon, after a crash, and beside endpoints that do not answer.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::net::TcpListener;

use super::{listed, seeded};
use crate::support::{Api, Cli, Process, Receiver, Reply, SECRET, TestServer, WEBHOOK_SECRET};

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
