//! Plays the examples of the server API.

use chattrix::call::CallPolicy;
use serde_json::{Value, json};

use super::fixture::ExampleFixture;
use super::operation::Operation;
use super::replay::unknown;
use super::webhooks;
use crate::support::{Answer, Socket, eventually};

/// Makes the server give the example `name` of an answer to `operation`.
pub async fn play(operation: Operation, name: &str) -> Answer {
    match (operation.id(), name) {
        (_, "backend_not_allowed") => {
            let fixture = ExampleFixture::with(|settings| settings.server_api_allow.clear());
            plain(&fixture.await, operation).await
        }
        (_, "missing_scope") => without_the_scope(operation).await,
        (id, "key_reused") if id.contains("Webhook") => {
            Box::pin(webhooks::play(operation, name)).await
        }
        (_, "key_reused") => reuse_the_key(&fixture_of_key(operation).await, operation).await,
        (_, "wrong_body" | "batch_too_large") => {
            let fixture = ExampleFixture::set().await;
            let body = wrong_body(operation.id(), name);
            fixture.send(&fixture.backend, operation, Some(body)).await
        }
        (_, "wrong_parameter") => wrong_parameter(operation).await,
        (_, "user_not_found") => user_not_found(operation).await,
        ("getServerStatus", "status") => status(operation).await,
        (
            "listConnectedSessions"
            | "issueToken"
            | "listSessions"
            | "closeSessions"
            | "closeSession"
            | "getPresence",
            _,
        ) => Box::pin(play_sessions(operation, name)).await,
        ("listCalls" | "getCallWithTimeline" | "endCallOfUsers" | "getServerStatistics", _) => {
            Box::pin(play_calls(operation, name)).await
        }
        ("placeCall", _) => play_place(operation, name).await,
        ("sendEvent" | "sendEvents", _) => play_events(operation, name).await,
        (id, _) if id.contains("Webhook") => Box::pin(webhooks::play(operation, name)).await,
        _ => Box::pin(play_users(operation, name)).await,
    }
}

/// Sends the request of `operation` with the first example of its body.
pub async fn plain(fixture: &ExampleFixture, operation: Operation) -> Answer {
    let body = operation.body("");
    fixture.send(&fixture.backend, operation, body).await
}

async fn without_the_scope(operation: Operation) -> Answer {
    let fixture = ExampleFixture::set().await;
    let needed = operation.described["security"][0]["apiKey"][0].as_str();
    let others = [
        "users", "calls", "sessions", "tokens", "status", "events", "webhooks",
    ]
    .into_iter();
    let others: Vec<_> = others.filter(|scope| Some(*scope) != needed).collect();
    let backend = fixture.server.backend(&others.join(","));
    fixture.send(&backend, operation, operation.body("")).await
}

/// Returns a fixture in which the request of `operation` succeeds.
async fn fixture_of_key(operation: Operation) -> ExampleFixture {
    if operation.id() == "placeCall" {
        return ExampleFixture::set().await;
    }
    ExampleFixture::ringing().await
}

/// Sends two requests that differ in a space with the same key.
pub async fn reuse_the_key(fixture: &ExampleFixture, operation: Operation) -> Answer {
    let body = operation.body("").expect("a body").to_string();
    let send = async |body: String| {
        let request = fixture.request(&fixture.backend, operation);
        let request = request.header("idempotency-key", "once");
        let request = request.header("content-type", "application/json");
        fixture.backend.send(request.body(body)).await
    };
    let first = send(body.clone()).await;
    assert!(first.status < 300, "{first:?}");
    send(format!("{body} ")).await
}

fn wrong_body(id: &str, name: &str) -> Value {
    if name == "batch_too_large" {
        let kib = if id.starts_with("sendEvent") {
            512
        } else {
            8 * 1024
        };
        return json!({ "padding": " ".repeat(kib * 1024) });
    }
    match id {
        "putUsers" => json!({ "users": [{ "id": "user-124" }] }),
        "issueToken" => json!({ "ttl": 0 }),
        "endCallOfUsers"
        | "rotateWebhookSecret"
        | "testWebhook"
        | "retryWebhookMessage"
        | "retryWebhookMessages" => json!([]),
        _ => json!({}),
    }
}

async fn wrong_parameter(operation: Operation) -> Answer {
    let fixture = ExampleFixture::set().await;
    let query = match operation.id() {
        "listUsers" | "listConnectedSessions" => "limit=0",
        "listCalls" => "status=OVER",
        "listWebhookMessages" => "state=lost",
        "getServerStatistics" => "from=2200-01-01T00:00:00Z",
        _ => "reconnect=yes",
    };
    let request = fixture.request(&fixture.backend, operation);
    let (name, value) = query.split_once('=').expect("a parameter");
    fixture.backend.send(request.query(&[(name, value)])).await
}

async fn user_not_found(operation: Operation) -> Answer {
    let fixture = ExampleFixture::set().await;
    let path = operation.path_with(&[("userId", "nobody")]);
    let method = operation.method.to_uppercase();
    let method = reqwest::Method::from_bytes(method.as_bytes()).expect("a method");
    let request = fixture.backend.request(method, &path);
    let mut body = operation.body("").unwrap_or(Value::Null);
    if operation.id() == "placeCall" {
        body["calleeId"] = "nobody".into();
    }
    let request = if body.is_null() {
        request
    } else {
        request.json(&body)
    };
    fixture.backend.send(request).await
}

async fn play_users(operation: Operation, name: &str) -> Answer {
    match (operation.id(), name) {
        ("listUsers", "page") => {
            let fixture = ExampleFixture::set().await;
            let path = format!("{}?query=USER-789", operation.path);
            fixture.backend.get(&path).await
        }
        ("removeUser", "in_call") => {
            let fixture = ExampleFixture::initiating().await;
            plain(&fixture, operation).await
        }
        (_, "oneself") => {
            let fixture = ExampleFixture::set().await;
            let path = operation.path_with(&[("userId", "user-456"), ("otherId", "user-456")]);
            fixture.backend.put(&path, &json!({})).await
        }
        (_, "one") => {
            let fixture = ExampleFixture::set().await;
            let path = operation.path_with(&[("userId", "user-456")]);
            let one = format!("{path}/user-789");
            fixture.backend.put(&one, &json!({})).await.success(200);
            fixture.backend.get(&path).await
        }
        (_, "stored" | "user" | "disabled" | "removed" | "listed") => {
            let fixture = ExampleFixture::set().await;
            plain(&fixture, operation).await
        }
        _ => unknown(operation, name),
    }
}

/// The socket of a session of `user` that the examples name.
async fn device(fixture: &ExampleFixture, user: &str) -> Socket {
    let token = fixture.server.token(user).session("phone-1");
    fixture.server.socket(&token).await
}

async fn play_sessions(operation: Operation, name: &str) -> Answer {
    match (operation.id(), name) {
        ("issueToken", "not_configured") => {
            let fixture = ExampleFixture::with(|settings| {
                settings.jwt_secret.clear();
                settings.jwt_public_key_file = vec!["tests/it/keys/rsa.pub.pem".into()];
            });
            plain(&fixture.await, operation).await
        }
        ("listSessions", "one") | (_, "closed" | "page") => {
            let fixture = ExampleFixture::set().await;
            let _device = device(&fixture, "user-789").await;
            plain(&fixture, operation).await
        }
        ("getPresence", "presence") => {
            let fixture = ExampleFixture::set().await;
            let _device = device(&fixture, "user-456").await;
            plain(&fixture, operation).await
        }
        ("issueToken", "token") | ("listSessions", "none") | (_, "session_not_found") => {
            plain(&ExampleFixture::set().await, operation).await
        }
        _ => unknown(operation, name),
    }
}

/// What the machine decides is as in the example.
async fn status(operation: Operation) -> Answer {
    let fixture = ExampleFixture::ringing().await;
    let mut answer = plain(&fixture, operation).await;
    let (_, _, example) = operation.answers().next().expect("an example");
    // The example is of a file.
    let data = answer.body["data"].as_object_mut().expect("a status");
    let node = data.remove("node");
    assert_eq!(node.is_some(), fixture.server.stored().is_postgres());
    for made in [
        "databaseBytes",
        "walBytes",
        "webhooks",
        "webhookFailures",
        "warnings",
        "lastHour",
    ] {
        let value = &mut answer.body["data"][made];
        assert_eq!(value.is_array(), example["data"][made].is_array(), "{made}");
        *value = example["data"][made].clone();
    }
    answer
}

async fn play_calls(operation: Operation, name: &str) -> Answer {
    match (operation.id(), name) {
        ("listCalls", "page") | ("endCallOfUsers", "ended") => {
            plain(&ExampleFixture::ringing().await, operation).await
        }
        ("getCallWithTimeline", "initiating") => {
            plain(&ExampleFixture::initiating().await, operation).await
        }
        ("endCallOfUsers", "invalid_status") => {
            plain(&ExampleFixture::over().await, operation).await
        }
        ("getServerStatistics", "by_day") => {
            let fixture = ExampleFixture::over().await;
            let path = operation.path;
            let query = "from=2024-01-15T00:00:00Z&to=2024-01-16T00:00:00Z&by=day";
            fixture.backend.get(&format!("{path}?{query}")).await
        }
        _ => unknown(operation, name),
    }
}

async fn play_events(operation: Operation, name: &str) -> Answer {
    let fixture = ExampleFixture::set().await;
    let devices: &[&str] = match name {
        "connected" => &["phone-1", "laptop"],
        "offline" => &[],
        "sent" => &["phone-1"],
        _ => unknown(operation, name),
    };
    let mut sockets = Vec::new();
    for device in devices {
        let token = fixture.server.token("user-789").session(device);
        sockets.push(fixture.server.socket(&token).await);
    }
    // A loaded machine may take longer to confirm than the server waits.
    let mut sent = None;
    eventually("the event to be confirmed", async || {
        let answer = plain(&fixture, operation).await;
        let data = &answer.body["data"];
        let is_confirmed = data["confirmed"] == data["reached"];
        sent = Some(answer);
        is_confirmed
    })
    .await;
    sent.expect("an answer")
}

async fn play_place(operation: Operation, name: &str) -> Answer {
    let fixture = ExampleFixture::with(|settings| {
        if name == "not_contacts" {
            settings.call_policy = CallPolicy::Contacts;
        }
    })
    .await;
    let mut body = operation.body("").expect("a body");
    match name {
        "placed" | "not_contacts" => {}
        "own_number" => body["calleeId"] = "user-789".into(),
        "caller_busy" => {
            fixture.caller.call("user-456").await;
            body["calleeId"] = "user-123".into();
        }
        "user_busy" => {
            fixture.stranger.call("user-456").await;
        }
        _ => unknown(operation, name),
    }
    fixture.send(&fixture.backend, operation, Some(body)).await
}
