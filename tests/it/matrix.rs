//! Who may do what, and when: every route and message, by everybody, in every status, written out once more from
//! contract sections 2 and 3.

use std::collections::BTreeSet;
use std::time::Duration;

use chattrix::clock::ManualClock;
use chattrix::store::Database;
use chattrix::user::{Standing, UserId};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::document::{asyncapi, openapi, resolve};
use crate::support::{Answer, Api, Socket, TestServer, eventually, initiate_body, wall_clock_hand};

/// A user whom everybody has blocked who is in a call.
const BLOCKED: &str = "mallory";

const STATUSES: [&str; 7] = [
    "INITIATING",
    "RINGING",
    "CONNECTING",
    "ACTIVE",
    "ENDED",
    "REJECTED",
    "MISSED",
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Caller,
    Callee,
    Stranger,
    /// A stranger whom both participants have blocked.
    Blocked,
    Disabled,
    Nobody,
}

const ROLES: [Role; 6] = [
    Role::Nobody,
    Role::Disabled,
    Role::Blocked,
    Role::Stranger,
    Role::Callee,
    Role::Caller,
];

/// What is done to a call, over REST and, where there is a message for it, over the socket.
struct Deed {
    method: Method,
    path: &'static str,
    body: Value,
    message: Option<&'static str>,
    /// Who may do it.
    by: fn(Role) -> Right,
    /// Whether it can be done by that role in that status.
    when: fn(Role, &str) -> bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Right {
    Yes,
    OnlyTheCallee,
    OnlyAParticipant,
}

fn participants(role: Role) -> Right {
    match role {
        Role::Caller | Role::Callee => Right::Yes,
        Role::Stranger | Role::Blocked | Role::Disabled | Role::Nobody => Right::OnlyAParticipant,
    }
}

fn the_callee(role: Role) -> Right {
    match role {
        Role::Callee => Right::Yes,
        Role::Caller | Role::Stranger | Role::Blocked | Role::Disabled | Role::Nobody => {
            Right::OnlyTheCallee
        }
    }
}

/// PATCH CONNECTING: a stranger is no participant, the caller is not the callee.
fn the_callee_of_both(role: Role) -> Right {
    match role {
        Role::Callee => Right::Yes,
        Role::Caller => Right::OnlyTheCallee,
        Role::Stranger | Role::Blocked | Role::Disabled | Role::Nobody => Right::OnlyAParticipant,
    }
}

fn unanswered(_: Role, status: &str) -> bool {
    ["INITIATING", "RINGING"].contains(&status)
}

fn answered(_: Role, status: &str) -> bool {
    ["CONNECTING", "ACTIVE"].contains(&status)
}

fn live(role: Role, status: &str) -> bool {
    unanswered(role, status) || answered(role, status)
}

fn any(_: Role, _: &str) -> bool {
    true
}

fn deeds() -> Vec<Deed> {
    let deed = |method, path, body, message, by, when| Deed {
        method,
        path,
        body,
        message,
        by,
        when,
    };
    let quality = json!({ "networkQuality": "GOOD" });
    let status = |status: &str| json!({ "status": status });
    vec![
        deed(Method::GET, "", Value::Null, None, participants, any),
        deed(
            Method::GET,
            "/quality",
            Value::Null,
            None,
            participants,
            any,
        ),
        deed(
            Method::POST,
            "/quality",
            quality,
            Some("call.quality"),
            participants,
            answered,
        ),
        deed(
            Method::POST,
            "/ringing",
            json!({}),
            None,
            the_callee,
            unanswered,
        ),
        deed(
            Method::POST,
            "/accept",
            json!({}),
            Some("call.accept"),
            the_callee,
            unanswered,
        ),
        deed(
            Method::POST,
            "/reject",
            json!({ "reason": "declined" }),
            Some("call.reject"),
            the_callee,
            unanswered,
        ),
        deed(
            Method::PATCH,
            "/status",
            status("CONNECTING"),
            None,
            the_callee_of_both,
            |_, status| status != "ACTIVE" && live(Role::Callee, status),
        ),
        deed(
            Method::PATCH,
            "/status",
            status("ACTIVE"),
            None,
            participants,
            answered,
        ),
        deed(
            Method::PATCH,
            "/status",
            status("ENDED"),
            None,
            participants,
            live,
        ),
        deed(
            Method::POST,
            "/end",
            json!({}),
            Some("call.end"),
            participants,
            live,
        ),
    ]
}

/// The one that is a message alone.
fn signal() -> Deed {
    Deed {
        method: Method::POST,
        path: "",
        body: json!({ "signal": 1 }),
        message: Some("call.signal"),
        by: participants,
        when: answered,
    }
}

/// A server and its users, of whom each call takes a new pair.
struct World {
    server: TestServer,
    clock: ManualClock,
    stranger: Api,
    stranger_socket: Socket,
    blocked: Api,
    blocked_socket: Socket,
    disabled: Api,
    pairs: usize,
}

/// A call in some status.
struct Scene {
    call: String,
    channel: String,
    caller: Api,
    callee: Api,
    /// The callee's socket, where the call is ringing.
    ringing: Option<Socket>,
}

impl World {
    async fn new() -> Self {
        let clock = wall_clock_hand();
        let server = TestServer::plan()
            .with(|s| {
                s.auto_provision = true;
                s.agora_app_id = Some("0123456789abcdef".repeat(2));
                s.agora_app_certificate = Some("0123456789abcdef".repeat(2).into());
            })
            .clock(&clock)
            .start()
            .await;
        let disabled = server.sign_in("dave");
        let database = Database::open(&server.database()).expect("opened");
        let dave = UserId::parse("dave").expect("an id");
        database
            .set_standing(&dave, Standing::Disabled)
            .expect("disabled");
        let [stranger, blocked] = ["carol", BLOCKED].map(|user| server.sign_in(user));
        Self {
            stranger_socket: stranger.socket().await,
            stranger,
            blocked_socket: blocked.socket().await,
            blocked,
            disabled,
            clock,
            server,
            pairs: 0,
        }
    }

    /// A new call in `status`.
    async fn scene(&mut self, status: &str) -> Scene {
        self.pairs += 1;
        let names = [
            format!("caller-{}", self.pairs),
            format!("callee-{}", self.pairs),
        ];
        let [caller, callee] = names.clone().map(|name| self.server.sign_in(&name));
        // Users are made when they first come.
        for user in [&caller, &callee] {
            let block = json!({ "userId": BLOCKED });
            user.post("/api/v1/users/blocks", &block).await.success(200);
        }
        let ringing = if status == "RINGING" {
            Some(callee.socket().await)
        } else {
            None
        };
        let mut body = initiate_body(&names[1]);
        body["channelId"] = json!(names[0]);
        let call = caller.initiate_with(&body).await.success(201);
        let call = call["id"].as_str().expect("an id").to_owned();
        match status {
            "INITIATING" | "RINGING" => {}
            "REJECTED" => drop(callee.reject(&call, "busy").await.success(200)),
            "MISSED" => {
                self.clock.advance(Duration::from_mins(1));
                eventually("the call to be missed", async || {
                    caller.status_of(&call).await == "MISSED"
                })
                .await;
            }
            _ => {
                callee.accept(&call).await.success(200);
                if status == "ACTIVE" {
                    caller.set_status(&call, "ACTIVE").await.success(200);
                } else if status == "ENDED" {
                    caller.end(&call).await.success(200);
                }
            }
        }
        assert_eq!(caller.status_of(&call).await, status);
        Scene {
            call,
            channel: names[0].clone(),
            caller,
            callee,
            ringing,
        }
    }

    fn client<'a>(&'a self, scene: &'a Scene, role: Role) -> Api {
        match role {
            Role::Caller => scene.caller.clone(),
            Role::Callee => scene.callee.clone(),
            Role::Stranger => self.stranger.clone(),
            Role::Blocked => self.blocked.clone(),
            Role::Disabled => self.disabled.clone(),
            Role::Nobody => self.server.anonymous(),
        }
    }
}

async fn send(api: &Api, deed: &Deed, call: &str) -> Answer {
    let path = format!("/api/v1/calls/{call}{}", deed.path);
    let request = api.request(deed.method.clone(), &path);
    let request = if deed.body.is_null() {
        request
    } else {
        request.json(&deed.body)
    };
    api.send(request).await
}

#[rocket::async_test]
async fn everybody_may_do_to_a_call_in_each_status_what_the_contract_says_and_nothing_else() {
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

/// Says that it was refused: so it has changed nothing.
#[track_caller]
fn refused(answer: Answer, status: u16, error_type: &str, names: &str, what: &str) -> bool {
    assert_eq!(answer.status, status, "{what}: {}", answer.body);
    let message = answer.failure(status, error_type);
    assert!(message.contains(names), "{what}: {message}");
    false
}

#[rocket::async_test]
async fn a_message_on_the_socket_may_do_what_the_same_may_do_over_rest() {
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

/// The `errorType` that comes before the answer to a heartbeat, where one does.
async fn answer_before_the_ack(socket: &mut Socket) -> Option<String> {
    let mut error = None;
    loop {
        let message = socket
            .expect_one_of(&[
                "call_error",
                "heartbeat.ack",
                "call_invitation",
                "call_timeout",
                "call_accepted",
                "call_rejected",
                "call_ended",
            ])
            .await;
        match message["type"].as_str() {
            Some("heartbeat.ack") => return error,
            Some("call_error") => {
                error = message["payload"]["errorType"].as_str().map(str::to_owned);
            }
            _ => {}
        }
    }
}

/// The tokens for a call's channel.
const MEDIA: [&str; 2] = [
    "/api/v1/agora/token/generate",
    "/api/v1/agora/token/refresh",
];

#[rocket::async_test]
async fn tokens_for_a_channel_are_for_the_participants_of_its_live_call() {
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

/// What is about no call, as the document has it: the method, the path below `/api/v1`, with what stands for its
/// parameter, the body and the status of the success.
fn beside_calls() -> Vec<(Method, &'static str, &'static str, Value, u16)> {
    let (get, post, delete) = (Method::GET, Method::POST, Method::DELETE);
    let nothing = Value::Null;
    let erin = json!({ "userId": "erin" });
    let call = initiate_body("erin");
    vec![
        (post.clone(), "/calls/initiate", "", call, 201),
        (get.clone(), "/calls/active", "", nothing.clone(), 200),
        (get.clone(), "/calls/history", "", nothing.clone(), 200),
        (
            get.clone(),
            "/calls/history/unseen",
            "",
            nothing.clone(),
            200,
        ),
        (
            post.clone(),
            "/calls/history/seen",
            "",
            nothing.clone(),
            200,
        ),
        (delete.clone(), "/calls/history", "", nothing.clone(), 200),
        (get.clone(), "/calls/statistics", "", nothing.clone(), 200),
        (
            get.clone(),
            "/users/status/online",
            "",
            nothing.clone(),
            200,
        ),
        (
            get.clone(),
            "/users/status/{userId}",
            "carol",
            nothing.clone(),
            200,
        ),
        (post.clone(), "/users/blocks", "", erin.clone(), 200),
        (get.clone(), "/users/blocks", "", nothing.clone(), 200),
        (delete.clone(), "/users/blocks", "", erin.clone(), 200),
        (
            delete.clone(),
            "/users/blocks/{userId}",
            "erin",
            nothing.clone(),
            200,
        ),
        (post, "/contacts", "", erin.clone(), 200),
        (get.clone(), "/contacts", "", nothing.clone(), 200),
        (delete.clone(), "/contacts", "", erin, 200),
        (delete, "/contacts/{userId}", "erin", nothing.clone(), 200),
        (get, "/ice-servers", "", nothing, 200),
    ]
}

/// What everybody may see.
const OPEN: [&str; 5] = [
    "/api/openapi.json",
    "/api/asyncapi.json",
    "/healthz",
    "/readyz",
    "/metrics",
];

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
