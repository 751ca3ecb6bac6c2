//! `POST /api/v1/calls/{callId}/ringing`: a device that a push has woken says that it rings, before its
//! socket is up.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use crate::support::{Cli, Scene};

#[rocket::async_test]
async fn a_call_that_waits_rings_once_the_callee_says_so() {
    let scene = Scene::with_call("INITIATING").await;
    scene.clock.advance(Duration::from_millis(4_321));
    let call = scene.bob.ringing(&scene.call).await.success(200);
    assert_eq!(call["status"], "RINGING");
    assert_eq!(call["updatedAt"], "2024-01-15T10:30:04.321Z");
    assert_eq!(scene.alice.status_of(&scene.call).await, "RINGING");
    let told = Cli::beside(&scene.server).json(&["call", "show", &scene.call]);
    let entry = json!({
        "at": "2024-01-15T10:30:04.321Z", "status": "RINGING", "actor": "bob", "via": "rest",
        "cause": "callee_rings",
    });
    assert_eq!(told["timeline"][1], entry);
}

#[rocket::async_test]
async fn saying_again_that_it_rings_changes_nothing() {
    let scene = Scene::with_call("INITIATING").await;
    let first = scene.bob.ringing(&scene.call).await.success(200);
    scene.clock.advance(Duration::from_secs(1));
    assert_eq!(scene.bob.ringing(&scene.call).await.success(200), first);

    let scene = Scene::with_call("RINGING").await;
    let call = scene.bob.ringing(&scene.call).await.success(200);
    assert_eq!(call["updatedAt"], call["createdAt"]);
}

#[rocket::async_test]
async fn device_connecting_after_ringing_is_invited() {
    let scene = Scene::with_call("INITIATING").await;
    scene.bob.ringing(&scene.call).await.success(200);
    let mut phone = scene.bob.socket().await;
    let invitation = phone.expect("call_invitation").await;
    assert_eq!(invitation["callId"], *scene.call);
    phone.accept(&scene.call).await;
    phone.expect_nothing().await;
    assert_eq!(scene.alice.status_of(&scene.call).await, "CONNECTING");
}

#[rocket::async_test]
async fn ringing_by_anybody_but_the_callee_is_unauthorized() {
    let scene = Scene::with_call("INITIATING").await;
    for other in [&scene.alice, &scene.carol] {
        let message = other
            .ringing(&scene.call)
            .await
            .failure(403, "unauthorized");
        assert_eq!(message, "User is not the callee of this call");
    }
    assert_eq!(scene.alice.status_of(&scene.call).await, "INITIATING");
}

#[rocket::async_test]
async fn ringing_needs_no_body_and_refuses_a_malformed_one() {
    let scene = Scene::with_call("INITIATING").await;
    let path = format!("/api/v1/calls/{}/ringing", scene.call);
    scene
        .bob
        .post_text(&path, "[")
        .await
        .failure(400, "invalid_request");
    let bare = scene.bob.request(Method::POST, &path);
    scene.bob.send(bare).await.success(200);
    scene
        .server
        .anonymous()
        .post(&path, &json!({}))
        .await
        .failure(401, "unauthenticated");
}
