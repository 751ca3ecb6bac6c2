//! Who may do what, and when: every route and message, by everybody, in every status, written out once more from
//! contract sections 2 and 3.

mod asking;
mod rows;
mod world;

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::json;

use crate::support::document::{asyncapi, openapi, resolve};
use crate::support::{Api, TestServer, another_call_id};
use asking::{answer_before_the_ack, refused, send};
use rows::{MEDIA, OPEN, Right, beside_calls, deeds, live, signal};
use world::{ROLES, Role, STATUSES, World};

#[rocket::async_test]
async fn every_role_in_every_status_gets_the_contract_answer() {
    let mut world = World::new().await;
    for status in STATUSES {
        let mut scene = world.scene(status).await;
        for deed in deeds() {
            for role in ROLES {
                let what = format!(
                    "{} {} {} by {role:?} in {status}",
                    deed.method, deed.path, deed.body
                );
                let api = world.client(&scene, role);
                let answer = send(&api, &deed, &scene.call).await;
                let right = (deed.by)(role);
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
                    (_, Right::Yes) if !(deed.when)(role, status) => {
                        refused(answer, 400, "invalid_status", status, &what)
                    }
                    (_, Right::Yes) => {
                        assert_eq!(answer.status, 200, "{what}: {}", answer.body);
                        deed.method != Method::GET
                    }
                };
                if changes {
                    scene = world.scene(status).await;
                } else {
                    assert_eq!(scene.caller.status_of(&scene.call).await, status, "{what}");
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
        for deed in deeds() {
            let answer = send(&bob, &deed, call).await;
            refused(answer, 404, "call_not_found", "", deed.path);
        }
    }
}

#[rocket::async_test]
async fn socket_messages_have_the_rights_of_rest() {
    let mut world = World::new().await;
    for status in STATUSES {
        for deed in deeds()
            .iter()
            .chain([&signal()])
            .filter(|deed| deed.message.is_some())
        {
            for role in [Role::Stranger, Role::Blocked, Role::Callee, Role::Caller] {
                let mut scene = world.scene(status).await;
                let what = format!("{:?} by {role:?} in {status}", deed.message);
                let mut payload = deed.body.clone();
                payload["callId"] = json!(scene.call);
                let mut own = match role {
                    Role::Stranger | Role::Blocked => None,
                    Role::Callee if scene.ringing.is_some() => scene.ringing.take(),
                    _ => Some(world.client(&scene, role).socket().await),
                };
                let before = scene.caller.status_of(&scene.call).await;
                let socket = match (&mut own, role) {
                    (Some(own), _) => own,
                    (None, Role::Blocked) => &mut world.blocked_socket,
                    (None, _) => &mut world.stranger_socket,
                };
                socket.send(deed.message.expect("one"), &payload).await;
                socket.send("heartbeat", &json!({})).await;
                let expected = match (deed.by)(role) {
                    Right::OnlyTheCallee | Right::OnlyAParticipant => Some("unauthorized"),
                    Right::Yes => (!(deed.when)(role, &before)).then_some("invalid_status"),
                };
                let error = answer_before_the_ack(socket).await;
                assert_eq!(error.as_deref(), expected, "{what}");
                if expected.is_some() {
                    assert_eq!(scene.caller.status_of(&scene.call).await, before, "{what}");
                }
            }
        }
    }
}

#[rocket::async_test]
async fn channel_tokens_are_for_participants_of_a_live_call() {
    let mut world = World::new().await;
    for status in STATUSES {
        let scene = world.scene(status).await;
        let body = json!({ "channelId": scene.channel });
        for (path, role) in MEDIA.iter().flat_map(|path| ROLES.map(|role| (path, role))) {
            let what = format!("{path} by {role:?} in {status}");
            let answer = world.client(&scene, role).post(path, &body).await;
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
    for deed in deeds() {
        ask(
            &deed.method,
            &format!("/api/v1/calls/{{callId}}{}", deed.path),
        );
    }
    for (method, path, ..) in beside_calls() {
        ask(&method, &format!("/api/v1{path}"));
    }
    for path in MEDIA {
        ask(&Method::POST, path);
    }
    ask(&Method::DELETE, "/api/v1/calls/history/{id}");
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

    let (all, signal) = (deeds(), signal());
    let said = all
        .iter()
        .chain([&signal])
        .filter_map(|deed| deed.message)
        .map(str::to_owned);
    let said: BTreeSet<_> = said
        .chain(["heartbeat", "session.refresh"].map(str::to_owned))
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
    let world = World::new().await;
    world.server.sign_in("erin").active().await.success(200);
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
        for api in [&world.disabled, &world.server.anonymous()] {
            ask(api).await.failure(401, "unauthenticated");
        }
        let answer = ask(&world.stranger).await;
        assert_eq!(answer.status, success, "{method} {path}: {}", answer.body);
        // Erin is in the stranger's call by now.
        if path != "/calls/initiate" {
            let answer = ask(&world.blocked).await;
            assert_eq!(answer.status, success, "{method} {path}: {}", answer.body);
        }
    }
    for token in [world.disabled.token(), ""] {
        world
            .server
            .refused_socket(token)
            .await
            .failure(401, "unauthenticated");
    }
    // Another's history entry is none of one's own.
    let call = world.server.sign_in("alice").call("bob").await;
    world.server.sign_in("alice").end(&call).await.success(200);
    let entry = &world.server.sign_in("alice").past_calls("").await[0]["id"];
    let path = format!("/api/v1/calls/history/{}", entry.as_str().expect("an id"));
    for thief in ["carol", "bob"] {
        world
            .server
            .sign_in(thief)
            .delete(&path)
            .await
            .failure(404, "not_found");
    }
    world
        .server
        .sign_in("alice")
        .delete(&path)
        .await
        .success(200);
}
