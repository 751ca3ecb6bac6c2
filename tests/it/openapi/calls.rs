//! Plays the examples of `/api/v1/calls`.

use std::time::Duration;

use chattrix::call::CallPolicy;
use serde_json::{Value, json};

use super::fixture::ExampleFixture;
use super::operation::Operation;
use super::replay::{unknown, without_ids};
use crate::support::{Answer, Api};

/// Makes the server give the example `name` of an answer to `operation`.
pub async fn play(operation: Operation, name: &str) -> Answer {
    let (fixture, who, body): (ExampleFixture, fn(&ExampleFixture) -> &Api, _) =
        match (operation.id(), name) {
            ("initiateCall", _) => return play_initiate(operation, name).await,
            ("endCall", "ended") => return ended(operation).await,
            ("ringCall", "rings") => (
                ExampleFixture::initiating().await,
                callee,
                operation.body(name),
            ),
            ("ringCall" | "acceptCall" | "rejectCall", "invalid_status") => (
                ExampleFixture::connecting().await,
                callee,
                operation.body(name),
            ),
            ("ringCall" | "acceptCall" | "rejectCall" | "setCallStatus", "not_the_callee") => (
                ExampleFixture::ringing().await,
                caller,
                operation.body("connecting"),
            ),
            ("acceptCall" | "setCallStatus", "connecting") => (
                ExampleFixture::ringing_for(15).await,
                callee,
                operation.body(name),
            ),
            ("rejectCall", "rejected") => (
                ExampleFixture::ringing_for(5).await,
                callee,
                operation.body(name),
            ),
            ("endCall", "given_up") => (
                ExampleFixture::ringing_for(5).await,
                caller,
                Some(json!({})),
            ),
            ("endCall", "invalid_status") => {
                (ExampleFixture::over().await, caller, operation.body(name))
            }
            ("setCallStatus", "active") => (
                ExampleFixture::connecting().await,
                caller,
                operation.body(name),
            ),
            ("setCallStatus", "ended") => {
                (ExampleFixture::talked().await, caller, operation.body(name))
            }
            ("setCallStatus" | "reportQuality", "invalid_status") => (
                ExampleFixture::ringing().await,
                caller,
                operation.body("active"),
            ),
            (id, "wrong_field") => (
                ExampleFixture::connecting().await,
                caller,
                Some(wrong_body(id)),
            ),
            ("getActiveCall", "active") => (ExampleFixture::active().await, callee, None),
            ("getActiveCall", "none") => (ExampleFixture::set().await, caller, None),
            ("getCall", "ringing") => (ExampleFixture::ringing().await, callee, None),
            ("getCall", "ended") => (ExampleFixture::over().await, caller, None),
            ("reportQuality", "reported") => (
                ExampleFixture::connecting().await,
                caller,
                operation.body("measured"),
            ),
            ("getQuality", "reported") => (reported().await, caller, None),
            _ => unknown(operation, name),
        };
    fixture.send(who(&fixture), operation, body).await
}

fn caller(fixture: &ExampleFixture) -> &Api {
    &fixture.caller
}

fn callee(fixture: &ExampleFixture) -> &Api {
    &fixture.callee
}

/// The body with a field that is wrong in the example.
fn wrong_body(id: &str) -> Value {
    match id {
        "rejectCall" => json!({ "reason": "tired" }),
        "setCallStatus" => json!({ "status": "MISSED" }),
        "reportQuality" => json!({ "networkQuality": 7 }),
        _ => panic!("{id}: which field is wrong is not known"),
    }
}

/// The callee has reported once.
async fn reported() -> ExampleFixture {
    let fixture = ExampleFixture::connecting().await;
    let report = json!({ "networkQuality": "POOR", "packetLossRate": 0.125, "roundTripTime": 250 });
    fixture
        .callee
        .report(&fixture.call, &report)
        .await
        .success(200);
    fixture
}

/// Ended by a client that has counted, and by one that lets the server count: the answers are the same.
async fn ended(operation: Operation) -> Answer {
    let [counted, left_out] = [operation.body("duration"), operation.body("empty")];
    let fixture = ExampleFixture::talked().await;
    let counted = fixture.send(&fixture.caller, operation, counted).await;
    let fixture = ExampleFixture::talked().await;
    let left_out = fixture.send(&fixture.caller, operation, left_out).await;
    assert_eq!(without_ids(&counted.body), without_ids(&left_out.body));
    counted
}

async fn play_initiate(operation: Operation, name: &str) -> Answer {
    let fixture = ExampleFixture::with(|settings| {
        if name == "not_contacts" {
            settings.call_policy = CallPolicy::Contacts;
        }
    })
    .await;
    let mut body = operation.body("video").expect("an example of the body");
    match name {
        "initiating" | "not_contacts" => {}
        "ringing" => {
            let _ringing = fixture.callee.socket().await;
            return fixture.send(&fixture.caller, operation, Some(body)).await;
        }
        "missing_field" => drop(body.as_object_mut().expect("an object").remove("calleeId")),
        "wrong_field" => body["callType"] = "FAX".into(),
        "own_number" => body["calleeId"] = "user-789".into(),
        "user_not_found" => body["calleeId"] = "nobody".into(),
        "key_reused" => {
            let answer = fixture.caller.initiate_once("key-1", &body).await;
            answer.success(201);
            body["callType"] = "AUDIO".into();
            return fixture.caller.initiate_once("key-1", &body).await;
        }
        "caller_busy" => {
            let _ringing = fixture.stranger.socket().await;
            fixture.caller.call("user-123").await;
            fixture.clock.advance(Duration::from_secs(5));
            return fixture.send(&fixture.caller, operation, Some(body)).await;
        }
        "user_busy" => drop(fixture.callee.call("user-123").await),
        _ => unknown(operation, name),
    }
    fixture.send(&fixture.caller, operation, Some(body)).await
}
