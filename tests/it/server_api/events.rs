//! Events to users.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::{api, changes};
use crate::support::{Api, Socket, TestServer, wall_clock_hand};

/// Sends an event with the content `data` to `user`; returns how many sessions were reached.
async fn send(backend: &Api, user: &str, kind: &str, keep_for: u64) -> Value {
    let body = json!({ "type": kind, "data": { "n": 1 }, "keepFor": keep_for });
    let path = api(&format!("/users/{user}/events"));
    backend.post(&path, &body).await.success(200)["reached"].take()
}

async fn device(server: &TestServer, session: &str) -> Socket {
    server.socket(&server.token("alice").session(session)).await
}

#[rocket::async_test]
async fn events_come_in_order_with_those_of_calls() {
    let server = TestServer::start().await;
    let backend = server.backend("events");
    let mut devices = [
        device(&server, "phone").await,
        device(&server, "tablet").await,
    ];
    let bob = server.sign_in("bob");
    assert_eq!(send(&backend, "alice", "app.before", 0).await, 2);
    let call = bob.call("alice").await;
    assert_eq!(send(&backend, "alice", "app.during", 60).await, 2);
    bob.end(&call).await.success(200);
    let body = r#"{"type":"app.after","data": {"b":1.0, "a":12345678901234567890123} }"#;
    let sent = backend.post_text(&api("/users/alice/events"), body).await;
    assert_eq!(sent.success(200)["reached"], 2);
    for device in &mut devices {
        for kind in ["app.before", "call_invitation", "app.during", "call_ended"] {
            device.expect(kind).await;
        }
        let text = device.expect_text("app.after").await;
        let raw =
            r#"{"type":"app.after","data":{"b":1.0, "a":12345678901234567890123},"timestamp":"#;
        assert!(text.starts_with(raw), "{text}");
    }
    // An event to users who do not exist changes nothing.
    let body = json!({ "type": "app.lost", "data": 1, "keepFor": 60, "users": ["zoe"] });
    let lost = backend.post(&api("/events"), &body).await.success(200);
    assert_eq!(lost["unknown"], json!(["zoe"]));
    let sent = ("event.send".to_owned(), "alice".to_owned());
    assert_eq!(changes(&server), vec![sent; 3]);
}

#[rocket::async_test]
async fn kept_events_wait_for_their_user() {
    let clock = wall_clock_hand();
    let mut server = TestServer::plan().clock(&clock).start().await;
    let backend = server.backend("events");
    assert_eq!(send(&backend, "alice", "app.lost", 0).await, 0);
    assert_eq!(send(&backend, "alice", "app.expired", 10).await, 0);
    clock.advance(Duration::from_secs(11));
    // The newest 32 are kept.
    for number in 0..34 {
        send(&backend, "alice", &format!("app.kept-{number}"), 60).await;
    }
    // The process may end meanwhile.
    server.restart().await;
    let mut phone = device(&server, "phone").await;
    for number in 2..34 {
        phone.expect(&format!("app.kept-{number}")).await;
    }
    phone.expect_nothing().await;
    // A session that returns gets what it has not confirmed.
    phone.freeze();
    assert_eq!(send(&backend, "alice", "app.again", 60).await, 1);
    let mut phone = device(&server, "phone").await;
    let kept = (2..34).map(|number| format!("app.kept-{number}"));
    let kinds: Vec<_> = kept.chain(["app.again".to_owned()]).collect();
    let kinds: Vec<_> = kinds.iter().map(String::as_str).collect();
    while phone.expect_one_of(&kinds).await["type"] != "app.again" {}
    phone.expect_nothing().await;
}

#[rocket::async_test]
async fn an_event_to_several_users_reports_each() {
    let server = TestServer::start().await;
    let backend = server.backend("events");
    let mut phone = device(&server, "phone").await;
    let path = api("/events");
    let body = |users: Value, data: &str| json!({ "users": users, "type": "app.x", "data": data });
    let longest = "x".repeat(32 * 1024 - 2);
    let users = json!(["bob", "nobody", "alice", "bob"]);
    let sent = backend
        .post(&path, &body(users, &longest))
        .await
        .success(200);
    assert_eq!(sent["reached"], 1);
    assert_eq!(sent["unknown"], json!(["nobody"]));
    let each = sent["users"].as_array().expect("a list").iter();
    let each: Vec<_> = each.map(|one| (&one["userId"], &one["reached"])).collect();
    assert_eq!(
        each,
        [(&json!("bob"), &json!(0)), (&json!("alice"), &json!(1))]
    );
    assert_eq!(phone.expect("app.x").await, longest.as_str());
    assert_eq!(
        changes(&server),
        [("event.send".to_owned(), "2 users".to_owned())]
    );
    let too_long = format!("{longest}x");
    for (body, names) in [
        (body(json!(["alice"]), &too_long), "data"),
        (body(json!(vec!["alice"; 1_001]), ""), "users"),
        (
            json!({ "users": ["alice"], "type": "call_ended", "data": 1 }),
            "type",
        ),
    ] {
        let message = backend
            .post(&path, &body)
            .await
            .failure(400, "invalid_request");
        assert!(message.starts_with(names), "{message}");
    }
    let unknown = api("/users/nobody/events");
    let answer = backend
        .post(&unknown, &json!({ "type": "app.x", "data": 1 }))
        .await;
    answer.failure(404, "user_not_found");
    phone.expect_nothing().await;
}

#[rocket::async_test]
async fn a_repeated_request_sends_its_event_once() {
    let server = TestServer::start().await;
    let backend = server.backend("events");
    let mut phone = device(&server, "phone").await;
    let send = async || {
        let request = backend.request(Method::POST, &api("/users/alice/events"));
        let request = request.header("idempotency-key", "once");
        let body = json!({ "type": "app.x", "data": null, "keepFor": 60 });
        backend.send(request.json(&body)).await.success(200)
    };
    let first = send().await;
    assert_eq!(first["reached"], 1);
    assert_eq!(send().await, first);
    assert_eq!(phone.expect("app.x").await, Value::Null);
    phone.expect_nothing().await;
    assert_eq!(changes(&server).len(), 1);
}
