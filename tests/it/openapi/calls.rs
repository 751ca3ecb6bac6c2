//! Plays the examples of `/api/v1/calls`.

use std::time::Duration;

use chattrix::call::CallPolicy;
use serde_json::{Value, json};

use super::operation::Operation;
use super::replay::{unknown, without_ids};
use super::stage::Stage;
use crate::support::{Answer, Api};

/// Makes the server give the example `name` of an answer to `operation`.
pub async fn play(operation: Operation, name: &str) -> Answer {
    let (stage, who, body): (Stage, fn(&Stage) -> &Api, _) = match (operation.id(), name) {
        ("initiateCall", _) => return play_initiate(operation, name).await,
        ("endCall", "ended") => return ended(operation).await,
        ("ringCall", "rings") => (Stage::initiating().await, callee, operation.body(name)),
        ("ringCall" | "acceptCall" | "rejectCall", "invalid_status") => {
            (Stage::connecting().await, callee, operation.body(name))
        }
        ("ringCall" | "acceptCall" | "rejectCall" | "setCallStatus", "not_the_callee") => {
            (Stage::ringing().await, caller, operation.body("connecting"))
        }
        ("acceptCall" | "setCallStatus", "connecting") => {
            (Stage::ringing_for(15).await, callee, operation.body(name))
        }
        ("rejectCall", "rejected") => (Stage::ringing_for(5).await, callee, operation.body(name)),
        ("endCall", "given_up") => (Stage::ringing_for(5).await, caller, Some(json!({}))),
        ("endCall", "invalid_status") => (Stage::over().await, caller, operation.body(name)),
        ("setCallStatus", "active") => (Stage::connecting().await, caller, operation.body(name)),
        ("setCallStatus", "ended") => (Stage::talked().await, caller, operation.body(name)),
        ("setCallStatus" | "reportQuality", "invalid_status") => {
            (Stage::ringing().await, caller, operation.body("active"))
        }
        (id, "wrong_field") => (Stage::connecting().await, caller, Some(wrong_body(id))),
        ("getActiveCall", "active") => (Stage::active().await, callee, None),
        ("getActiveCall", "none") => (Stage::set().await, caller, None),
        ("getCall", "ringing") => (Stage::ringing().await, callee, None),
        ("getCall", "ended") => (Stage::over().await, caller, None),
        ("reportQuality", "reported") => (
            Stage::connecting().await,
            caller,
            operation.body("measured"),
        ),
        ("getQuality", "reported") => (reported().await, caller, None),
        _ => unknown(operation, name),
    };
    stage.send(who(&stage), operation, body).await
}

fn caller(stage: &Stage) -> &Api {
    &stage.caller
}

fn callee(stage: &Stage) -> &Api {
    &stage.callee
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
async fn reported() -> Stage {
    let stage = Stage::connecting().await;
    let report = json!({ "networkQuality": "POOR", "packetLossRate": 0.125, "roundTripTime": 250 });
    stage.callee.report(&stage.call, &report).await.success(200);
    stage
}

/// Ended by a client that has counted, and by one that lets the server count: the answers are the same.
async fn ended(operation: Operation) -> Answer {
    let [counted, left_out] = [operation.body("duration"), operation.body("empty")];
    let stage = Stage::talked().await;
    let counted = stage.send(&stage.caller, operation, counted).await;
    let stage = Stage::talked().await;
    let left_out = stage.send(&stage.caller, operation, left_out).await;
    assert_eq!(without_ids(&counted.body), without_ids(&left_out.body));
    counted
}

async fn play_initiate(operation: Operation, name: &str) -> Answer {
    let stage = Stage::with(|settings| {
        if name == "not_contacts" {
            settings.call_policy = CallPolicy::Contacts;
        }
    })
    .await;
    let mut body = operation.body("video").expect("an example of the body");
    match name {
        "initiating" | "not_contacts" => {}
        "ringing" => {
            let _ringing = stage.callee.socket().await;
            return stage.send(&stage.caller, operation, Some(body)).await;
        }
        "missing_field" => drop(body.as_object_mut().expect("an object").remove("calleeId")),
        "wrong_field" => body["callType"] = "FAX".into(),
        "own_number" => body["calleeId"] = "user-789".into(),
        "user_not_found" => body["calleeId"] = "nobody".into(),
        "key_reused" => {
            stage
                .caller
                .initiate_once("key-1", &body)
                .await
                .success(201);
            body["callType"] = "AUDIO".into();
            return stage.caller.initiate_once("key-1", &body).await;
        }
        "caller_busy" => {
            let _ringing = stage.stranger.socket().await;
            stage.caller.call("user-123").await;
            stage.clock.advance(Duration::from_secs(5));
            return stage.send(&stage.caller, operation, Some(body)).await;
        }
        "user_busy" => drop(stage.callee.call("user-123").await),
        _ => unknown(operation, name),
    }
    stage.send(&stage.caller, operation, Some(body)).await
}
