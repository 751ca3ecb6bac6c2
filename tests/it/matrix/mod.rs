//! Permission matrix: every route and message, by every role, in every status, derived independently from contract
//! sections 2 and 3.

mod asking;
mod fixture;
mod rows;
mod server_api;

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::json;

use crate::support::document::{asyncapi, openapi, resolve};
use crate::support::{Api, TestServer, another_call_id};
use asking::{answer_before_the_ack, refused, send};
use fixture::{Fixture, ROLES, Role, STATUSES};
use rows::{MEDIA, OPEN, Right, actions, beside_calls, live, signal};

#[rocket::async_test]
async fn every_role_in_every_status_gets_the_contract_answer() {
    let mut fixture = Fixture::new().await;
    for status in STATUSES {
        let mut call = fixture.call(status).await;
        for action in actions() {
            for role in ROLES {
                let what = format!(
                    "{} {} {} by {role:?} in {status}",
                    action.method, action.path, action.body
                );
                let api = fixture.client(&call, role);
                let answer = send(&api, &action, &call.call).await;
                let right = (action.by)(role);
                let changes = match (role, right) {
                    (Role::Nobody | Role::Disabled, _) => {
                        refused(answer, 401, "unauthenticated", "", &what)
                    }
                    (_, Right::OnlyTheCallee) => refused(
                        answer,
                        403,
                        "unauthorized",
                        "User is not the callee of this call",
                        &what,
                    ),
                    (_, Right::OnlyAParticipant) => refused(
                        answer,
                        403,
                        "unauthorized",
                        "User is not a participant of this call",
                        &what,
                    ),
                    (_, Right::Yes) if !(action.when)(role, status) => {
                        refused(answer, 400, "invalid_status", status, &what)
                    }
                    (_, Right::Yes) => {
                        assert_eq!(answer.status, 200, "{what}: {}", answer.body);
                        action.method != Method::GET
                    }
                };
                if changes {
                    call = fixture.call(status).await;
                } else {
                    assert_eq!(call.caller.status_of(&call.call).await, status, "{what}");
                }
            }
        }
    }
}

#[rocket::async_test]
async fn every_action_on_an_unknown_call_is_call_not_found() {
    let server = TestServer::start().await;
    let bob = server.sign_in("bob");
    let unknown = another_call_id();
    let cut = &unknown[..35];
    for call in [&unknown, "call-uuid-123", "1", "%20", cut] {
        for action in actions() {
            let answer = send(&bob, &action, call).await;
            refused(answer, 404, "call_not_found", "", action.path);
        }
    }
}

#[rocket::async_test]
async fn socket_messages_have_the_rights_of_rest() {
    let mut fixture = Fixture::new().await;
    for status in STATUSES {
        for action in actions()
            .iter()
            .chain([&signal()])
            .filter(|action| action.message.is_some())
        {
            for role in [Role::Stranger, Role::Blocked, Role::Callee, Role::Caller] {
                let mut call = fixture.call(status).await;
                let what = format!("{:?} by {role:?} in {status}", action.message);
                let mut payload = action.body.clone();
                payload["callId"] = json!(call.call);
                let mut own = match role {
                    Role::Stranger | Role::Blocked => None,
                    Role::Callee if call.ringing.is_some() => call.ringing.take(),
                    _ => Some(fixture.client(&call, role).socket().await),
                };
                let before = call.caller.status_of(&call.call).await;
                let socket = match (&mut own, role) {
                    (Some(own), _) => own,
                    (None, Role::Blocked) => &mut fixture.blocked_socket,
                    (None, _) => &mut fixture.stranger_socket,
                };
                socket.send(action.message.expect("one"), &payload).await;
                socket.send("heartbeat", &json!({})).await;
                let expected = match (action.by)(role) {
                    Right::OnlyTheCallee | Right::OnlyAParticipant => Some("unauthorized"),
                    Right::Yes => (!(action.when)(role, &before)).then_some("invalid_status"),
                };
                let error = answer_before_the_ack(socket).await;
                assert_eq!(error.as_deref(), expected, "{what}");
                if expected.is_some() {
                    assert_eq!(call.caller.status_of(&call.call).await, before, "{what}");
                }
            }
        }
    }
}

#[rocket::async_test]
async fn channel_tokens_are_for_participants_of_a_live_call() {
    let mut fixture = Fixture::new().await;
    for status in STATUSES {
        let call = fixture.call(status).await;
        let body = json!({ "channelId": call.channel });
        for (path, role) in MEDIA.iter().flat_map(|path| ROLES.map(|role| (path, role))) {
            let what = format!("{path} by {role:?} in {status}");
            let answer = fixture.client(&call, role).post(path, &body).await;
            match role {
                Role::Nobody | Role::Disabled => {
                    refused(answer, 401, "unauthenticated", "", &what);
                }
                Role::Caller | Role::Callee if live(role, status) => {
                    assert_eq!(answer.status, 200, "{what}: {}", answer.body);
                }
                Role::Caller | Role::Callee | Role::Stranger | Role::Blocked => {
                    refused(answer, 403, "unauthorized", "", &what);
                }
            }
        }
    }
}

/// The documents name every route that is mounted: `openapi` holds them against Rocket's own list.
#[rocket::async_test]
async fn every_route_and_message_has_its_rows_here() {
    let mut asked = BTreeSet::new();
    let mut ask = |method: &Method, path: &str| {
        asked.insert(format!("{} {path}", method.as_str().to_lowercase()));
    };
    for action in actions() {
        ask(
            &action.method,
            &format!("/api/v1/calls/{{callId}}{}", action.path),
        );
    }
    for (method, path, ..) in beside_calls() {
        ask(&method, &format!("/api/v1{path}"));
    }
    for path in MEDIA {
        ask(&Method::POST, path);
    }
    ask(&Method::DELETE, "/api/v1/calls/history/{id}");
    for row in server_api::rows() {
        ask(&row.method, &format!("/api/server/v1{}", row.path));
    }
    ask(&Method::GET, "/ws/chat");
    for path in OPEN {
        ask(&Method::GET, path);
    }
    let paths = openapi()["paths"].as_object().expect("paths");
    let documented: BTreeSet<_> = paths
        .iter()
        .flat_map(|(path, item)| {
            let methods = item.as_object().expect("operations").keys();
            methods.map(move |method| format!("{method} {path}"))
        })
        .collect();
    assert_eq!(asked, documented);

    let (all, signal) = (actions(), signal());
    let said = all
        .iter()
        .chain([&signal])
        .filter_map(|action| action.message)
        .map(str::to_owned);
    let said: BTreeSet<_> = said
        .chain(["heartbeat", "session.refresh", "app.*"].map(str::to_owned))
        .collect();
    let operations = asyncapi()["operations"]
        .as_object()
        .expect("operations")
        .values();
    let heard: BTreeSet<_> = operations
        .filter(|operation| operation["action"] == "receive")
        .map(|operation| {
            let message = resolve(asyncapi(), &operation["messages"][0]);
            let message = resolve(asyncapi(), message);
            message["name"].as_str().expect("a name").to_owned()
        })
        .collect();
    assert_eq!(said, heard);

    let server = TestServer::start().await;
    for path in OPEN {
        assert_eq!(server.anonymous().get(path).await.status, 200, "{path}");
    }
}

#[rocket::async_test]
async fn what_is_about_no_call_is_for_every_user_and_for_nobody_else() {
    let fixture = Fixture::new().await;
    fixture.server.sign_in("erin").active().await.success(200);
    for (method, path, parameter, body, success) in beside_calls() {
        let path = path.replace("{userId}", parameter);
        let ask = async |api: &Api| {
            let request = api.request(method.clone(), &format!("/api/v1{path}"));
            let has_body = !body.is_null();
            api.send(if has_body {
                request.json(&body)
            } else {
                request
            })
            .await
        };
        for api in [&fixture.disabled, &fixture.server.anonymous()] {
            ask(api).await.failure(401, "unauthenticated");
        }
        let answer = ask(&fixture.stranger).await;
        assert_eq!(answer.status, success, "{method} {path}: {}", answer.body);
        // Erin is in the stranger's call by now.
        if path != "/calls/initiate" {
            let answer = ask(&fixture.blocked).await;
            assert_eq!(answer.status, success, "{method} {path}: {}", answer.body);
        }
    }
    for token in [fixture.disabled.token(), ""] {
        let answer = fixture.server.refused_socket(token).await;
        answer.failure(401, "unauthenticated");
    }
    // Another's history entry is none of one's own.
    let call = fixture.server.sign_in("alice").call("bob").await;
    let answer = fixture.server.sign_in("alice").end(&call).await;
    answer.success(200);
    let entry = &fixture.server.sign_in("alice").past_calls("").await[0]["id"];
    let path = format!("/api/v1/calls/history/{}", entry.as_str().expect("an id"));
    for thief in ["carol", "bob"] {
        let answer = fixture.server.sign_in(thief).delete(&path).await;
        answer.failure(404, "not_found");
    }
    let answer = fixture.server.sign_in("alice").delete(&path).await;
    answer.success(200);
}
