//! Webhook endpoints that a backend makes.

use chattrix::webhook_model::EventType;
use serde_json::{Value, json};

use super::{api, changes};
use crate::support::{Api, Cli, Message, Receiver, TestServer};
use crate::webhook_endpoints::signatures;

const WEBHOOKS: &str = "/api/server/v1/webhooks";

/// Receives the end of the call `call`. Earlier messages may be repeated.
async fn ended(receiver: &mut Receiver, call: &str) -> Message {
    loop {
        let message = receiver.expect("call.ended").await;
        if message.call() == call {
            return message;
        }
    }
}

/// Ends a call between alice and bob; returns its id.
async fn end_a_call(server: &TestServer) -> String {
    let alice = server.sign_in("alice");
    let call = alice.call("bob").await;
    alice.end(&call).await.success(200);
    call
}

/// Makes an endpoint at `url` for the ends of calls.
async fn create(backend: &Api, url: &str) -> Value {
    let body = json!({ "url": url, "events": ["call.ended"] });
    backend.post(WEBHOOKS, &body).await.success(201)
}

/// Tests the endpoint `id` at `own`; the repeated request gets the same answer and sends nothing.
async fn test_once(backend: &Api, id: &Value, own: &mut Receiver) {
    let mut tested = Vec::new();
    for _ in 0..2 {
        let path = api(&format!("/webhooks/{id}/test"));
        let request = backend.request(reqwest::Method::POST, &path);
        let request = request.header("Idempotency-Key", "1").json(&json!({}));
        tested.push(backend.send(request).await.success(200));
    }
    assert_eq!(tested[0], tested[1]);
    assert_eq!(tested[0]["delivered"], true);
    own.expect("webhook.test").await;
    assert!(own.is_empty(), "sent again");
}

#[rocket::async_test]
async fn endpoint_of_a_backend_gets_events_until_it_is_deleted() {
    let (mut settings, mut own) = (Receiver::start().await, Receiver::start().await);
    let plan = TestServer::plan().telling(&settings);
    let plan = plan.with(|settings| settings.webhook_events = vec![EventType::CallEnded]);
    let mut server = plan.start().await;
    let backend = server.backend("webhooks");
    let made = create(&backend, &own.url()).await;
    let (id, first) = (&made["receiver"], made["secret"].as_str().expect("text"));
    assert_eq!(made["previousSecretUntil"], Value::Null);
    test_once(&backend, id, &mut own).await;
    let call = end_a_call(&server).await;
    let message = ended(&mut own, &call).await;
    assert_eq!(message.signature, signatures(&message, &[first]));
    settings.expect("call.ended").await;

    // For a day, both secrets sign, also after a restart.
    let rotate = api(&format!("/webhooks/{id}/rotate"));
    let rotated = backend.post(&rotate, &json!({})).await;
    let rotated = rotated.success(200);
    let second = rotated["secret"].as_str().expect("text");
    assert!(rotated["previousSecretUntil"].is_string(), "{rotated}");
    // The worker takes the new secret after the response.
    loop {
        let call = end_a_call(&server).await;
        let message = ended(&mut own, &call).await;
        if message.signature == signatures(&message, &[second, first]) {
            break;
        }
        assert_eq!(message.signature, signatures(&message, &[first]));
    }
    server.restart().await;
    let call = end_a_call(&server).await;
    let message = ended(&mut own, &call).await;
    assert_eq!(message.signature, signatures(&message, &[second, first]));

    // Both kinds are listed, without secrets. Only the settings change theirs.
    let backend = server.backend("webhooks");
    let listed = backend.get(WEBHOOKS).await.success(200)["items"].take();
    let of = |one: &Value| [one["source"].clone(), one["url"].clone()];
    let listed_by_command = Cli::beside(&server).json(&["webhook", "list"]);
    assert_eq!(listed_by_command[1]["createdAt"], listed[1]["createdAt"]);
    let port = settings.port();
    let origin = format!("http://127.0.0.1:{port}");
    assert_eq!(of(&listed[0]), [json!("settings"), json!(origin)]);
    assert_eq!(of(&listed[1]), [json!("api"), json!(own.url())]);
    assert!(!listed.to_string().contains("whsec_"), "{listed}");
    let fixed = api(&format!("/webhooks/{}", listed[0]["receiver"]));
    let refused = backend.delete(&fixed).await.failure(403, "unauthorized");
    assert!(refused.contains("in the settings"), "{refused}");
    let path = api(&format!("/webhooks/{id}"));
    backend.delete(&path).await.success(200);
    backend.delete(&path).await.failure(404, "not_found");
    let call = end_a_call(&server).await;
    while settings.expect("call.ended").await.call() != call {}
    let sent = Cli::beside(&server).json(&["webhook", "list", "--messages"]);
    let sent = sent.as_array().expect("a list").iter();
    assert_eq!(sent.filter(|one| one["receiver"] == *id).count(), 0);
    let id = id.to_string();
    let expected = ["webhook.create", "webhook.rotate", "webhook.delete"];
    let expected = expected.map(|action| (action.to_owned(), id.clone()));
    assert_eq!(changes(&server), expected);
}

#[rocket::async_test]
async fn endpoints_that_cannot_be_made_are_refused() {
    let server = TestServer::start().await;
    let backend = server.backend("webhooks");
    for private in ["http://127.0.0.1:9", "https://[::1]", "http://10.0.0.1/x"] {
        let body = json!({ "url": private });
        let refused = backend.post(WEBHOOKS, &body).await;
        let message = refused.failure(400, "invalid_request");
        assert!(message.contains("webhook_allow_private"), "{message}");
    }
    // A repeated request gets the same endpoint; without the key, the URL is taken.
    let body = json!({ "url": "https://app.example.com/0?key=1" });
    let mut made = Vec::new();
    for _ in 0..2 {
        let request = backend.request(reqwest::Method::POST, WEBHOOKS).json(&body);
        let answer = backend.send(request.header("Idempotency-Key", "1")).await;
        made.push(answer.success(201));
    }
    assert_eq!(made[0], made[1]);
    let taken = backend.post(WEBHOOKS, &body).await;
    taken.failure(400, "invalid_request");
    for number in 1..16 {
        create(&backend, &format!("https://app.example.com/{number}")).await;
    }
    let body = json!({ "url": "https://app.example.com/16" });
    let message = backend.post(WEBHOOKS, &body).await;
    let message = message.failure(400, "invalid_request");
    assert!(message.contains("at most 16"), "{message}");
}
