//! Plays the examples of extensions to the specification: histories, presence, supervision.

use reqwest::Method;
use serde_json::json;

use super::fixture::ExampleFixture;
use super::operation::{Operation, operations};
use super::replay::unknown;
use crate::support::Answer;

/// Makes the server give the example `name` of an answer to `operation`.
pub async fn play(operation: Operation, name: &str) -> Answer {
    let fixture = match name {
        "last_page" | "first_page" | "deleted" | "done" | "one_call" => {
            ExampleFixture::over().await
        }
        "missed" => missed().await,
        _ => ExampleFixture::set().await,
    };
    let query = match name {
        "wrong_limit" => "?limit=0",
        "wrong_cursor" => "?cursor=yesterday",
        "wrong_status" => "?status=ENDED",
        "wrong_period" => "?period=decade",
        "first_page" => "?limit=1",
        _ => "",
    };
    match (operation.id(), name) {
        ("getHistory", "first_page") => reject_another(&fixture).await,
        ("deleteHistoryEntry", "done") => {
            let entry = fixture.callee.past_calls("").await[0]["id"].clone();
            let path = operation.path_with(&[("id", entry.as_str().expect("an id"))]);
            return fixture.callee.delete(&path).await;
        }
        ("getAvailability" | "setAvailability", _) => {
            return play_availability(operation, name, &fixture).await;
        }
        ("getHistory", "last_page" | "wrong_limit" | "wrong_cursor" | "wrong_status")
        | ("deleteHistory", "deleted")
        | ("deleteHistoryEntry", "no_entry")
        | ("getUnseenCalls", "missed" | "none")
        | ("markHistorySeen", "done")
        | ("getStatistics", "one_call" | "wrong_period")
        | ("getOnlineUsers", "nobody")
        | ("getUserStatus", "offline") => {}
        ("getOnlineUsers" | "getUserStatus", "one" | "online") => {
            let _online = fixture.callee.socket().await;
            return fixture.send(&fixture.callee, operation, None).await;
        }
        ("getUserStatus", "user_not_found") => {
            let path = operation.path_with(&[("userId", "nobody")]);
            return fixture.callee.get(&path).await;
        }
        _ => unknown(operation, name),
    }
    let method = Method::from_bytes(operation.method.to_uppercase().as_bytes()).expect("a method");
    let path = format!("{}{query}", operation.path_with(&[]));
    fixture
        .callee
        .send(fixture.callee.request(method, &path))
        .await
}

/// Makes the server give the example `name` of an answer to a route of one's availability.
async fn play_availability(operation: Operation, name: &str, fixture: &ExampleFixture) -> Answer {
    let set = operations().find(|one| one.id() == "setAvailability");
    let set = set.expect("the operation");
    let body = match name {
        "past" => Some(json!({ "status": "do_not_disturb", "until": "2024-01-15T10:29:59Z" })),
        _ => set.body(name),
    };
    let answer = fixture.send(&fixture.callee, set, body).await;
    if operation.id() == set.id() {
        return answer;
    }
    fixture.send(&fixture.callee, operation, None).await
}

/// The call rang until the caller gave up.
async fn missed() -> ExampleFixture {
    let fixture = ExampleFixture::ringing().await;
    fixture.caller.end(&fixture.call).await.success(200);
    fixture
}

/// The caller calls again, and is rejected.
async fn reject_another(fixture: &ExampleFixture) {
    let call = fixture.caller.call("user-456").await;
    fixture.callee.reject(&call, "declined").await.success(200);
}

/// Makes the server give the example `name` of an answer to `operation` on a list of users.
pub async fn play_lists(operation: Operation, name: &str) -> Answer {
    let fixture = ExampleFixture::set().await;
    let (path, body) = match name {
        "one" => {
            let path = operation.path_with(&[]);
            let body = json!({ "userId": "user-789" });
            fixture.callee.post(&path, &body).await.success(200);
            (path, None)
        }
        "nobody" | "listed" | "removed" => (operation.path_with(&[]), operation.body("user")),
        "oneself" => (
            operation.path_with(&[]),
            Some(json!({ "userId": "user-456" })),
        ),
        "missing_field" => (operation.path_with(&[]), Some(json!({}))),
        "user_not_found" => (
            operation.path_with(&[("userId", "nobody")]),
            Some(json!({ "userId": "nobody" })),
        ),
        _ => unknown(operation, name),
    };
    let method = Method::from_bytes(operation.method.to_uppercase().as_bytes()).expect("a method");
    let request = fixture.callee.request(method, &path);
    let request = match body {
        Some(body) => request.json(&body),
        None => request,
    };
    fixture.callee.send(request).await
}

/// Makes the server give the example `name` of an answer to `operation`, which is about media.
pub async fn play_media(operation: Operation, name: &str) -> Answer {
    let fixture = ExampleFixture::accepted_with(|settings| match name {
        "stun_and_turn" => {
            let servers = ["stun:stun.example.com:3478", "turn:turn.example.com"];
            settings.ice_servers = servers.map(str::to_owned).into();
            settings.turn_secret = Some("north".into());
        }
        "token" | "missing_field" | "not_oneself" | "not_on_channel" => {
            settings.agora_app_id = Some("0".repeat(32));
            settings.agora_app_certificate = Some("0".repeat(32).into());
        }
        _ => {}
    });
    let mut body = operation.body("channel");
    let fixture = match (operation.id(), name) {
        (_, "none" | "stun_and_turn" | "token" | "not_configured") => fixture.await,
        (_, "missing_field") => {
            body = Some(json!({}));
            fixture.await
        }
        (_, "not_oneself") => {
            body = body.map(|mut body| {
                body["userId"] = "user-789".into();
                body
            });
            fixture.await
        }
        (_, "not_on_channel") => {
            let fixture = fixture.await;
            fixture.caller.end(&fixture.call).await.success(200);
            fixture
        }
        _ => unknown(operation, name),
    };
    fixture.send(&fixture.callee, operation, body).await
}

/// Makes the server give the example `name` of an answer to `operation`, which is not about calls.
pub async fn play_meta(operation: Operation, name: &str) -> Answer {
    match (operation.id(), name) {
        ("openSocket", "invalid_request") => {
            let fixture = ExampleFixture::set().await;
            fixture.send(&fixture.caller, operation, None).await
        }
        ("isReady", "ready") => {
            let fixture = ExampleFixture::set().await;
            let mut answer = fixture.server.anonymous().get(operation.path).await;
            // A loaded machine takes longer to ask.
            let uptime = &mut answer.body["uptimeSeconds"];
            assert!(uptime.is_u64(), "{uptime}");
            *uptime = 0.into();
            answer
        }
        ("isReady", "stopping") => stopping(operation).await,
        ("getMetrics", "address_not_allowed") => {
            let fixture = ExampleFixture::with(|settings| settings.metrics_allow.clear()).await;
            fixture.server.anonymous().get(operation.path).await
        }
        _ => unknown(operation, name),
    }
}

/// The answer to `operation` of a server that stops.
async fn stopping(operation: Operation) -> Answer {
    let fixture = ExampleFixture::set().await;
    fixture.server.begin_to_stop().await;
    fixture.server.anonymous().get(operation.path).await
}
