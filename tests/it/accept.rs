//! `POST /api/v1/calls/{callId}/accept` and `call.accept`: specification "2. Accept Call", contract
//! sections 2 and 3.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use crate::support::{CallFixture, Device, TestServer, Users, another_call_id, assert_error};

const NOT_THE_CALLEE: &str = "User is not the callee of this call";

#[rocket::async_test]
async fn accept_makes_an_initiating_call_connecting_from_now_on() {
    let fixture = CallFixture::with_call("INITIATING").await;
    fixture.clock.advance(Duration::from_millis(4_321));
    let call = fixture.bob.accept(&fixture.call).await.success(200);
    assert_eq!(call["status"], "CONNECTING");
    assert_eq!(call["startTime"], "2024-01-15T10:30:04.321Z");
    assert_eq!(call["updatedAt"], call["startTime"]);
    assert_eq!(call["createdAt"], "2024-01-15T10:30:00.000Z");
}

#[rocket::async_test]
async fn accept_needs_neither_a_body_nor_a_content_type() {
    let fixture = CallFixture::with_call("INITIATING").await;
    let path = format!("/api/v1/calls/{}/accept", fixture.call);
    fixture
        .bob
        .send(fixture.bob.request(Method::POST, &path))
        .await
        .success(200);
}

#[rocket::async_test]
async fn accept_takes_an_empty_body_that_says_it_is_json() {
    let fixture = CallFixture::with_call("INITIATING").await;
    let path = format!("/api/v1/calls/{}/accept", fixture.call);
    fixture.bob.post_text(&path, "").await.success(200);
}

#[rocket::async_test]
async fn accept_takes_an_empty_object_without_a_content_type() {
    let fixture = CallFixture::with_call("INITIATING").await;
    let path = format!("/api/v1/calls/{}/accept", fixture.call);
    fixture
        .bob
        .send(fixture.bob.request(Method::POST, &path).body("{}"))
        .await
        .success(200);
}

#[rocket::async_test]
async fn accept_ignores_unknown_fields() {
    let fixture = CallFixture::with_call("INITIATING").await;
    let path = format!("/api/v1/calls/{}/accept", fixture.call);
    let answer = fixture.bob.post(&path, &json!({ "device": "phone" })).await;
    answer.success(200);
}

#[rocket::async_test]
async fn accept_with_malformed_json_is_an_invalid_request() {
    let fixture = CallFixture::with_call("INITIATING").await;
    let path = format!("/api/v1/calls/{}/accept", fixture.call);
    fixture
        .bob
        .post_text(&path, "{\"a\":")
        .await
        .failure(400, "invalid_request");
    assert_eq!(fixture.bob.status_of(&fixture.call).await, "INITIATING");
}

#[rocket::async_test]
async fn accept_fails_alike_on_socket_and_rest() {
    let server = TestServer::start().await;
    let mut users = Users::on(&server).await;
    let call = users.ring().await;
    for device in [Device::AlicePhone, Device::CarolPhone] {
        users.at(device).accept(&call).await;
        let error = users.at(device).expect_error("unauthorized").await;
        assert_eq!(error["message"], NOT_THE_CALLEE);
    }
    let other = another_call_id();
    users.at(Device::BobPhone).accept(&other).await;
    let error = users.at(Device::BobPhone).expect("call_error").await;
    assert_error(&error, "call_not_found", other, "");
    users.bob.accept(&call).await.success(200);
    users.at(Device::BobPhone).accept(&call).await;
    let error = users.at(Device::BobPhone).expect("call_error").await;
    assert_error(&error, "invalid_status", call, "");
}
