//! `Idempotency-Key` on `initiate`: contract section 2.

use std::time::Duration;

use reqwest::Method;
use reqwest::header::HeaderValue;
use serde_json::json;

use crate::support::{TestServer, Users, initiate_body, wall_clock_hand};

#[rocket::async_test]
async fn the_same_key_is_the_same_call_and_rings_nobody_twice() {
    let server = TestServer::start().await;
    let mut users = Users::on(&server).await;
    let body = initiate_body("bob");
    let first = users.alice.initiate_once("key-1", &body).await.success(201);
    let again = users.alice.initiate_once("key-1", &body).await.success(201);
    assert_eq!(again, first);
    for device in [
        crate::support::Device::BobPhone,
        crate::support::Device::BobTablet,
    ] {
        users.at(device).expect("call_invitation").await;
    }
    users.expect_nothing().await;
}

#[rocket::async_test]
async fn idempotency_key_is_shared_by_sessions_of_a_user() {
    let server = TestServer::start().await;
    let body = initiate_body("bob");
    let first = server.sign_in("alice").initiate_once("key-1", &body).await;
    let first = first.success(201);
    let again = server.sign_in("alice").initiate_once("key-1", &body).await;
    let again = again.success(201);
    assert_eq!(again["id"], first["id"]);
}

#[rocket::async_test]
async fn the_same_key_shows_the_call_as_it_is_now() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.sign_in("alice"), server.sign_in("bob"));
    let body = initiate_body("bob");
    let first = alice.initiate_once("key-1", &body).await.success(201);
    let id = first["id"].as_str().expect("an id");
    bob.accept(id).await.success(200);
    let connecting = alice.initiate_once("key-1", &body).await.success(201);
    assert_eq!(
        (&connecting["id"], &connecting["status"]),
        (&first["id"], &json!("CONNECTING"))
    );
    bob.end(id).await.success(200);
    let ended = alice.initiate_once("key-1", &body).await.success(201);
    assert_eq!(
        (&ended["id"], &ended["status"]),
        (&first["id"], &json!("ENDED"))
    );
}

#[rocket::async_test]
async fn the_same_key_with_another_body_is_an_invalid_request() {
    let server = TestServer::start().await;
    let alice = server.sign_in("alice");
    let body = initiate_body("bob");
    alice.initiate_once("key-1", &body).await.success(201);
    for (field, other) in [
        ("calleeId", "carol"),
        ("callType", "AUDIO"),
        ("channelId", "other"),
    ] {
        let mut body = body.clone();
        body[field] = json!(other);
        let answer = alice.initiate_once("key-1", &body).await;
        answer.failure(400, "invalid_request");
    }
}

#[rocket::async_test]
async fn another_key_is_another_call() {
    let server = TestServer::start().await;
    let alice = server.sign_in("alice");
    let body = initiate_body("bob");
    let first = alice.initiate_once("key-1", &body).await.success(201);
    let answer = alice.initiate_once("key-2", &body).await;
    answer.failure(409, "caller_busy");
    let answer = alice.end(first["id"].as_str().expect("an id")).await;
    answer.success(200);
    let second = alice.initiate_once("key-2", &body).await.success(201);
    assert_ne!(second["id"], first["id"]);
}

#[rocket::async_test]
async fn the_same_key_of_another_user_is_another_call() {
    let server = TestServer::start().await;
    let first = server
        .sign_in("alice")
        .initiate_once("key-1", &initiate_body("bob"))
        .await
        .success(201);
    let carol = server.sign_in("carol");
    let second = carol.initiate_once("key-1", &initiate_body("dave")).await;
    let second = second.success(201);
    assert_ne!(second["id"], first["id"]);
    assert_eq!(second["callerId"], "carol");
}

#[rocket::async_test]
async fn the_same_key_sent_twice_at_once_is_one_call() {
    let server = TestServer::start().await;
    let alice = server.sign_in("alice");
    for round in 0..20 {
        let (key, body) = (format!("round-{round}"), initiate_body("bob"));
        let (one, other) = tokio::join!(
            alice.initiate_once(&key, &body),
            alice.initiate_once(&key, &body)
        );
        let (one, other) = (one.success(201), other.success(201));
        assert_eq!(one["id"], other["id"]);
        let answer = alice.end(one["id"].as_str().expect("an id")).await;
        answer.success(200);
    }
}

#[rocket::async_test]
async fn a_key_is_remembered_for_24_hours() {
    let clock = wall_clock_hand();
    let server = TestServer::plan().clock(&clock).start().await;
    let body = initiate_body("bob");
    let first = server.sign_in("alice").initiate_once("key-1", &body).await;
    let first = first.success(201);
    server
        .sign_in("bob")
        .reject(first["id"].as_str().expect("an id"), "busy")
        .await
        .success(200);
    clock.advance(Duration::from_secs(24 * 3600 - 1));
    let again = server.sign_in("alice").initiate_once("key-1", &body).await;
    let again = again.success(201);
    assert_eq!(again["id"], first["id"]);
    clock.advance(Duration::from_secs(2));
    let later = server.sign_in("alice").initiate_once("key-1", &body).await;
    let later = later.success(201);
    assert_ne!(later["id"], first["id"]);
}

#[rocket::async_test]
async fn user_busy_is_repeated_for_the_same_key() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.sign_in("alice"), server.sign_in("bob"));
    let busy = bob.call("carol").await;
    let answer = alice.initiate_once("key-1", &initiate_body("bob")).await;
    answer.failure(409, "user_busy");
    bob.end(&busy).await.success(200);
    let answer = alice.initiate_once("key-1", &initiate_body("bob")).await;
    answer.failure(409, "user_busy");
    alice.call("bob").await;
}

#[rocket::async_test]
async fn a_call_refused_with_caller_busy_is_not_remembered() {
    let server = TestServer::start().await;
    let alice = server.sign_in("alice");
    let busy = alice.call("carol").await;
    let answer = alice.initiate_once("key-1", &initiate_body("bob")).await;
    answer.failure(409, "caller_busy");
    alice.end(&busy).await.success(200);
    let answer = alice.initiate_once("key-1", &initiate_body("bob")).await;
    answer.success(201);
}

#[rocket::async_test]
async fn a_request_that_was_wrong_is_not_remembered() {
    let server = TestServer::start().await;
    let alice = server.sign_in("alice");
    let answer = alice.initiate_once("key-1", &initiate_body("nobody")).await;
    answer.failure(404, "user_not_found");
    let answer = alice.initiate_once("key-1", &json!({})).await;
    answer.failure(400, "invalid_request");
    let answer = alice.initiate_once("key-1", &initiate_body("bob")).await;
    answer.success(201);
}

#[rocket::async_test]
async fn a_key_is_1_to_64_visible_ascii_characters() {
    let server = TestServer::start().await;
    let alice = server.sign_in("alice");
    for wrong in ["", "a b", "clé", "tab\there", &"k".repeat(65)] {
        let message = alice.initiate_once(wrong, &initiate_body("bob")).await;
        let message = message.failure(400, "invalid_request");
        assert!(
            message.to_lowercase().contains("idempotency-key"),
            "{message:?}: {wrong:?}"
        );
    }
    // In Latin-1: it must not be taken for a request without a key.
    let latin = HeaderValue::from_bytes(b"cl\xe9").expect("a header value");
    let request = alice.request(Method::POST, "/api/v1/calls/initiate");
    let request = request.header("Idempotency-Key", latin);
    let answer = alice.send(request.json(&initiate_body("bob"))).await;
    answer.failure(400, "invalid_request");
    for good in ["k", "!\"#~/=", &"k".repeat(64)] {
        let call = alice.initiate_once(good, &initiate_body("bob")).await;
        let call = call.success(201);
        let answer = alice.end(call["id"].as_str().expect("an id")).await;
        answer.success(200);
    }
}
