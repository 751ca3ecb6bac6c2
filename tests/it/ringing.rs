//! `POST /api/v1/calls/{callId}/ringing`: a device that a push has woken reports that it rings, before its socket is
//! open.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use crate::support::{CallFixture, Cli};

#[rocket::async_test]
async fn a_call_that_waits_rings_once_the_callee_says_so() {
    let fixture = CallFixture::with_call("INITIATING").await;
    fixture.clock.advance(Duration::from_millis(4_321));
    let call = fixture.bob.ringing(&fixture.call).await.success(200);
    assert_eq!(call["status"], "RINGING");
    assert_eq!(call["updatedAt"], "2024-01-15T10:30:04.321Z");
    assert_eq!(fixture.alice.status_of(&fixture.call).await, "RINGING");
    let told = Cli::beside(&fixture.server).json(&["call", "show", &fixture.call]);
    let entry = json!({
        "at": "2024-01-15T10:30:04.321Z", "status": "RINGING", "actor": "bob", "via": "rest",
        "cause": "callee_rings",
    });
    assert_eq!(told["timeline"][1], entry);
}

#[rocket::async_test]
async fn saying_again_that_it_rings_changes_nothing() {
    let fixture = CallFixture::with_call("INITIATING").await;
    let first = fixture.bob.ringing(&fixture.call).await.success(200);
    fixture.clock.advance(Duration::from_secs(1));
    assert_eq!(fixture.bob.ringing(&fixture.call).await.success(200), first);

    let fixture = CallFixture::with_call("RINGING").await;
    let call = fixture.bob.ringing(&fixture.call).await.success(200);
    assert_eq!(call["updatedAt"], call["createdAt"]);
}

#[rocket::async_test]
async fn device_connecting_after_ringing_is_invited() {
    let fixture = CallFixture::with_call("INITIATING").await;
    fixture.bob.ringing(&fixture.call).await.success(200);
    let mut phone = fixture.bob.socket().await;
    let invitation = phone.expect("call_invitation").await;
    assert_eq!(invitation["callId"], *fixture.call);
    phone.accept(&fixture.call).await;
    phone.expect_nothing().await;
    assert_eq!(fixture.alice.status_of(&fixture.call).await, "CONNECTING");
}

#[rocket::async_test]
async fn ringing_by_anybody_but_the_callee_is_unauthorized() {
    let fixture = CallFixture::with_call("INITIATING").await;
    for other in [&fixture.alice, &fixture.carol] {
        let message = other.ringing(&fixture.call).await;
        let message = message.failure(403, "unauthorized");
        assert_eq!(message, "User is not the callee of this call");
    }
    assert_eq!(fixture.alice.status_of(&fixture.call).await, "INITIATING");
}

#[rocket::async_test]
async fn ringing_needs_no_body_and_refuses_a_malformed_one() {
    let fixture = CallFixture::with_call("INITIATING").await;
    let path = format!("/api/v1/calls/{}/ringing", fixture.call);
    let answer = fixture.bob.post_text(&path, "[").await;
    answer.failure(400, "invalid_request");
    let bare = fixture.bob.request(Method::POST, &path);
    fixture.bob.send(bare).await.success(200);
    let answer = fixture.server.anonymous().post(&path, &json!({})).await;
    answer.failure(401, "unauthenticated");
}
