//! Plays the examples of webhook endpoints and messages.

use chattrix::settings::webhook_secrets;
use serde_json::{Value, json};

use super::backend::{plain, reuse_the_key};
use super::fixture::ExampleFixture;
use super::operation::Operation;
use super::replay::unknown;
use crate::support::{Answer, Receiver, Reply, eventually};

const SECRET: &str = "whsec_QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=";

const WEBHOOKS: &str = "/api/server/v1/webhooks";

/// Makes the server give the example `name` of an answer to `operation`.
pub async fn play(operation: Operation, name: &str) -> Answer {
    match (operation.id(), name) {
        (_, "endpoint_of_settings") => {
            let fixture = ExampleFixture::with(|settings| {
                settings.webhook_url =
                    vec!["https://app.example.com/hooks".parse().expect("a URL")];
                settings.webhook_secret = webhook_secrets([SECRET].into_iter()).expect("a secret");
            });
            plain(&fixture.await, operation).await
        }
        ("retryWebhookMessage" | "retryWebhookMessages", "key_reused" | "due")
        | ("listWebhookMessages", "page") => Box::pin(play_messages(operation, name)).await,
        ("testWebhook", "delivered" | "rejected") => test(operation, name).await,
        (_, "created" | "endpoint_not_found" | "message_not_found") => {
            plain(&ExampleFixture::set().await, operation).await
        }
        ("createWebhook", "key_reused") => {
            reuse_the_key(&ExampleFixture::set().await, operation).await
        }
        ("createWebhook", "too_many_endpoints") => {
            let fixture = ExampleFixture::set().await;
            for number in 0..16 {
                create(&fixture, &format!("https://app.example.com/{number}")).await;
            }
            plain(&fixture, operation).await
        }
        (_, "key_reused") => {
            let fixture = ExampleFixture::set().await;
            create(&fixture, "https://app.example.com/chattrix").await;
            reuse_the_key(&fixture, operation).await
        }
        (_, "made" | "rotated" | "deleted" | "paused" | "endpoint_exists") => {
            let fixture = ExampleFixture::set().await;
            create(&fixture, "https://app.example.com/chattrix").await;
            plain(&fixture, operation).await
        }
        _ => unknown(operation, name),
    }
}

/// Makes an endpoint at `url` for the event types of the examples.
async fn create(fixture: &ExampleFixture, url: &str) {
    let body = json!({ "url": url, "events": ["call.initiated", "app.message"] });
    let made = fixture.backend.post(WEBHOOKS, &body).await;
    made.success(201);
}

/// Returns a fixture with the endpoint `receiver`.
async fn delivering_to(receiver: &Receiver) -> ExampleFixture {
    let fixture = ExampleFixture::with(|settings| settings.webhook_allow_private = true).await;
    create(&fixture, &receiver.url()).await;
    fixture
}

async fn test(operation: Operation, name: &str) -> Answer {
    let receiver = Receiver::start().await;
    if name == "rejected" {
        receiver.answer(|_| Reply::status(503));
    }
    let mut answer = plain(&delivering_to(&receiver).await, operation).await;
    assert!(answer.body["data"]["tookMs"].is_u64(), "{answer:?}");
    answer.body["data"]["tookMs"] = 48.into();
    answer
}

/// Plays an example with the message of one call, which is delivered or not.
async fn play_messages(operation: Operation, name: &str) -> Answer {
    let receiver = Receiver::start().await;
    if name != "page" {
        receiver.answer(|_| Reply::status(503));
    }
    let fixture = delivering_to(&receiver).await;
    fixture.caller.call("user-456").await;
    let messages = format!("{WEBHOOKS}/messages");
    let mut page = None;
    eventually("an attempt", async || {
        let answer = fixture.backend.get(&messages).await;
        let is_tried = answer.body["data"]["items"][0]["attempts"][0].is_object();
        page = Some(answer);
        is_tried
    })
    .await;
    let mut page = page.expect("an answer");
    let message = page.body["data"]["items"][0]["id"].take();
    match (operation.id(), name) {
        ("retryWebhookMessage", "due") => {
            let message = message.as_str().expect("an id");
            let path = operation.path_with(&[("messageId", message)]);
            fixture.backend.post(&path, &json!({})).await
        }
        ("retryWebhookMessages", "due") => plain(&fixture, operation).await,
        (_, "key_reused") => reuse_the_key_for(&fixture, operation, &message).await,
        _ => {
            let (_, _, example) = operation.answers().next().expect("an example");
            let shown = &example["data"]["items"][0];
            let item = &mut page.body["data"]["items"][0];
            item["id"] = shown["id"].clone();
            item["attempts"][0]["tookMs"] = shown["attempts"][0]["tookMs"].clone();
            page
        }
    }
}

async fn reuse_the_key_for(
    fixture: &ExampleFixture,
    operation: Operation,
    message: &Value,
) -> Answer {
    let message = message.as_str().expect("an id");
    let path = operation.path_with(&[("messageId", message)]);
    let mut last = None;
    for body in ["{}", "{} "] {
        let request = fixture.backend.request(reqwest::Method::POST, &path);
        let request = request.header("idempotency-key", "once");
        let request = request.header("content-type", "application/json");
        last = Some(fixture.backend.send(request.body(body)).await);
    }
    last.expect("two answers")
}
