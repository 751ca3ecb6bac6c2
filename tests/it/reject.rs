//! `POST /api/v1/calls/{callId}/reject` and `call.reject`: specification "3. Reject Call", contract
//! sections 1 to 3.

use serde_json::json;

use crate::support::{CallFixture, Device, TestServer, Users, assert_error};

const NOT_THE_CALLEE: &str = "User is not the callee of this call";

#[rocket::async_test]
async fn reject_makes_an_initiating_call_rejected() {
    let fixture = CallFixture::with_call("INITIATING").await;
    let call = fixture.bob.reject(&fixture.call, "declined").await;
    let call = call.success(200);
    assert_eq!(call["status"], "REJECTED");
}

#[rocket::async_test]
async fn reject_without_a_reason_names_it() {
    let fixture = CallFixture::with_call("INITIATING").await;
    let message = fixture.bob.reject_with(&fixture.call, &json!({})).await;
    let message = message.failure(400, "invalid_request");
    assert!(message.contains("reason"), "{message}");
    let path = format!("/api/v1/calls/{}/reject", fixture.call);
    let answer = fixture.bob.post_text(&path, "").await;
    answer.failure(400, "invalid_request");
    assert_eq!(fixture.bob.status_of(&fixture.call).await, "INITIATING");
}

#[rocket::async_test]
async fn reject_with_a_wrong_reason_names_the_expected() {
    let fixture = CallFixture::with_call("INITIATING").await;
    for wrong in [
        json!("Busy"),
        json!("BUSY"),
        json!("tired"),
        json!(""),
        json!(null),
        json!(1),
    ] {
        let body = json!({ "reason": wrong });
        let message = fixture.bob.reject_with(&fixture.call, &body).await;
        let message = message.failure(400, "invalid_request");
        assert!(
            message.contains("reason"),
            "{message:?} does not name the field"
        );
        assert!(
            message.contains("unavailable"),
            "{message:?} does not say what was expected"
        );
    }
    assert_eq!(fixture.bob.status_of(&fixture.call).await, "INITIATING");
}

#[rocket::async_test]
async fn reject_fails_alike_on_socket_and_rest() {
    let server = TestServer::start().await;
    let mut users = Users::on(&server).await;
    let call = users.ring().await;
    for device in [Device::AlicePhone, Device::CarolPhone] {
        users.at(device).reject(&call, "busy").await;
        let error = users.at(device).expect("call_error").await;
        assert_error(&error, "unauthorized", call.as_str(), NOT_THE_CALLEE);
    }
    users.bob.accept(&call).await.success(200);
    users.at(Device::BobPhone).reject(&call, "busy").await;
    let error = users.at(Device::BobPhone).expect("call_error").await;
    assert_error(&error, "invalid_status", call, "");
}
