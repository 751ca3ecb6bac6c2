//! `POST /api/v1/calls/{callId}/reject` and `call.reject`: specification "3. Reject Call", contract
//! sections 1 to 3.

use serde_json::json;

use crate::support::{Cast, Device, Scene, TestServer, assert_error};

const NOT_THE_CALLEE: &str = "User is not the callee of this call";

#[rocket::async_test]
async fn reject_makes_an_initiating_call_rejected() {
    let scene = Scene::with_call("INITIATING").await;
    let call = scene.bob.reject(&scene.call, "declined").await.success(200);
    assert_eq!(call["status"], "REJECTED");
}

#[rocket::async_test]
async fn reject_without_a_reason_names_it() {
    let scene = Scene::with_call("INITIATING").await;
    let message = scene
        .bob
        .reject_with(&scene.call, &json!({}))
        .await
        .failure(400, "invalid_request");
    assert!(message.contains("reason"), "{message}");
    let path = format!("/api/v1/calls/{}/reject", scene.call);
    scene
        .bob
        .post_text(&path, "")
        .await
        .failure(400, "invalid_request");
    assert_eq!(scene.bob.status_of(&scene.call).await, "INITIATING");
}

#[rocket::async_test]
async fn reject_with_a_wrong_reason_names_the_expected() {
    let scene = Scene::with_call("INITIATING").await;
    for wrong in [
        json!("Busy"),
        json!("BUSY"),
        json!("tired"),
        json!(""),
        json!(null),
        json!(1),
    ] {
        let body = json!({ "reason": wrong });
        let message = scene
            .bob
            .reject_with(&scene.call, &body)
            .await
            .failure(400, "invalid_request");
        assert!(
            message.contains("reason"),
            "{message:?} does not name the field"
        );
        assert!(
            message.contains("unavailable"),
            "{message:?} does not say what was expected"
        );
    }
    assert_eq!(scene.bob.status_of(&scene.call).await, "INITIATING");
}

#[rocket::async_test]
async fn reject_fails_alike_on_socket_and_rest() {
    let server = TestServer::start().await;
    let mut cast = Cast::on(&server).await;
    let call = cast.ring().await;
    for device in [Device::AlicePhone, Device::CarolPhone] {
        cast.at(device).reject(&call, "busy").await;
        let error = cast.at(device).expect("call_error").await;
        assert_error(&error, "unauthorized", call.as_str(), NOT_THE_CALLEE);
    }
    cast.bob.accept(&call).await.success(200);
    cast.at(Device::BobPhone).reject(&call, "busy").await;
    let error = cast.at(Device::BobPhone).expect("call_error").await;
    assert_error(&error, "invalid_status", call, "");
}
