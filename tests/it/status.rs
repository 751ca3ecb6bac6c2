//! `PATCH /api/v1/calls/{callId}/status`: specification "5. Update Call Status", contract section 3.

use std::time::Duration;

use serde_json::json;

use crate::support::{CallFixture, TestServer, Users};

#[rocket::async_test]
async fn patch_connecting_by_the_callee_accepts_the_call() {
    for status in ["INITIATING", "RINGING"] {
        let fixture = CallFixture::with_call(status).await;
        fixture.clock.advance(Duration::from_secs(2));
        let call = fixture.bob.set_status(&fixture.call, "CONNECTING").await;
        let call = call.success(200);
        assert_eq!(call["status"], "CONNECTING");
        assert_eq!(call["startTime"], "2024-01-15T10:30:02.000Z");
    }
}

#[rocket::async_test]
async fn patch_connecting_again_is_200_and_changes_nothing() {
    let server = TestServer::start().await;
    let mut users = Users::on(&server).await;
    let call = users.answer().await;
    let before = users.bob.details(&call).await.success(200);
    users.bob.set_status(&call, "CONNECTING").await.success(200);
    assert_eq!(users.bob.details(&call).await.success(200), before);
    users.expect_nothing().await;
}

#[rocket::async_test]
async fn patch_active_by_either_makes_a_connecting_call_active() {
    for by_caller in [true, false] {
        let fixture = CallFixture::with_call("CONNECTING").await;
        let who = if by_caller {
            &fixture.alice
        } else {
            &fixture.bob
        };
        fixture.clock.advance(Duration::from_secs(1));
        let call = who.set_status(&fixture.call, "ACTIVE").await.success(200);
        assert_eq!(call["status"], "ACTIVE");
        assert_eq!(call["startTime"], "2024-01-15T10:30:00.000Z");
        assert_eq!(call["updatedAt"], "2024-01-15T10:30:01.000Z");
    }
}

#[rocket::async_test]
async fn patch_active_again_is_200_and_changes_nothing() {
    let fixture = CallFixture::with_call("ACTIVE").await;
    let before = fixture.bob.details(&fixture.call).await.success(200);
    fixture.clock.advance(Duration::from_secs(9));
    let call = fixture.bob.set_status(&fixture.call, "ACTIVE").await;
    let call = call.success(200);
    assert_eq!(call["status"], "ACTIVE");
    assert_eq!(
        fixture.bob.details(&fixture.call).await.success(200),
        before
    );
}

#[rocket::async_test]
async fn patch_ended_by_either_ends_an_answered_call() {
    for status in ["CONNECTING", "ACTIVE"] {
        for by_caller in [true, false] {
            let fixture = CallFixture::with_call(status).await;
            fixture.clock.advance(Duration::from_millis(31_900));
            let who = if by_caller {
                &fixture.alice
            } else {
                &fixture.bob
            };
            let call = who.set_status(&fixture.call, "ENDED").await.success(200);
            assert_eq!(call["status"], "ENDED");
            assert_eq!(call["startTime"], "2024-01-15T10:30:00.000Z");
            let details = who.details(&fixture.call).await.success(200);
            assert_eq!(details["durationSeconds"], 31);
            assert_eq!(details["endTime"], "2024-01-15T10:30:31.900Z");
        }
    }
}

#[rocket::async_test]
async fn patch_ended_of_an_unanswered_call_has_0_seconds() {
    for status in ["INITIATING", "RINGING"] {
        for by_caller in [true, false] {
            let fixture = CallFixture::with_call(status).await;
            fixture.clock.advance(Duration::from_secs(5));
            let who = if by_caller {
                &fixture.alice
            } else {
                &fixture.bob
            };
            let call = who.set_status(&fixture.call, "ENDED").await.success(200);
            assert_eq!(call["status"], "ENDED");
            assert_eq!(call.get("startTime"), None);
            assert_eq!(call["durationSeconds"], 0);
            assert_eq!(call["endTime"], call["updatedAt"]);
            let details = who.details(&fixture.call).await.success(200);
            assert_eq!(details["durationSeconds"], 0);
        }
    }
}

#[rocket::async_test]
async fn patch_with_a_status_not_as_specified_says_what_was_expected() {
    let fixture = CallFixture::with_call("CONNECTING").await;
    let other_statuses = ["INITIATING", "RINGING", "MISSED", "REJECTED", "active", ""];
    let wrong = other_statuses.map(|status| json!({ "status": status }));
    for body in
        wrong
            .into_iter()
            .chain([json!({}), json!({ "status": null }), json!({ "status": 3 })])
    {
        let answer = fixture.alice.set_status_with(&fixture.call, &body).await;
        let message = answer.failure(400, "invalid_request");
        assert!(
            message.contains("status"),
            "{message:?} does not name the field: {body}"
        );
    }
    assert_eq!(fixture.alice.status_of(&fixture.call).await, "CONNECTING");
}
