//! `GET /api/v1/calls/active`: contract section 5.

use serde_json::Value;

use crate::support::{CallFixture, TestServer};

#[rocket::async_test]
async fn active_is_null_without_a_live_call() {
    let server = TestServer::start().await;
    assert_eq!(
        server.sign_in("alice").active().await.success(200),
        Value::Null
    );
}

#[rocket::async_test]
async fn active_shows_the_live_call_to_both_participants() {
    for status in ["INITIATING", "RINGING", "CONNECTING", "ACTIVE"] {
        let fixture = CallFixture::with_call(status).await;
        let details = fixture.alice.details(&fixture.call).await.success(200);
        assert_eq!(fixture.alice.active().await.success(200), details);
        assert_eq!(fixture.bob.active().await.success(200), details);
        assert_eq!(fixture.carol.active().await.success(200), Value::Null);
    }
}

#[rocket::async_test]
async fn active_is_null_once_the_call_is_final() {
    for status in ["ENDED", "MISSED", "REJECTED"] {
        let fixture = CallFixture::with_call(status).await;
        assert_eq!(fixture.alice.active().await.success(200), Value::Null);
        assert_eq!(fixture.bob.active().await.success(200), Value::Null);
    }
}
