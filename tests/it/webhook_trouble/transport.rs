//! Connections to endpoints: redirects, responses, addresses, certificates.

use std::time::Duration;

use super::{attempts, first_message, scene};
use crate::support::{Receiver, Reply, TestServer, receiver_certificate};

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
