//! Who may do what, and when: every route and message, by everybody, in every status, written out once more from
//! contract sections 2 and 3.

use std::time::Duration;

use chattrix::clock::ManualClock;
use chattrix::store::Database;
use chattrix::user::{Standing, UserId};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Api, Socket, TestServer, eventually, initiate_body, wall_clock_hand};

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
    Disabled,
    Nobody,
}

const ROLES: [Role; 5] = [
    Role::Nobody,
    Role::Disabled,
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
        Role::Stranger | Role::Disabled | Role::Nobody => Right::OnlyAParticipant,
    }
}

fn the_callee(role: Role) -> Right {
    match role {
        Role::Callee => Right::Yes,
        Role::Caller | Role::Stranger | Role::Disabled | Role::Nobody => Right::OnlyTheCallee,
    }
}

/// PATCH CONNECTING: a stranger is no participant, the caller is not the callee.
fn the_callee_of_both(role: Role) -> Right {
    match role {
        Role::Callee => Right::Yes,
        Role::Caller => Right::OnlyTheCallee,
        Role::Stranger | Role::Disabled | Role::Nobody => Right::OnlyAParticipant,
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

/// A server and its users, of whom each call takes a new pair.
struct World {
    server: TestServer,
    clock: ManualClock,
    stranger: Api,
    stranger_socket: Socket,
    disabled: Api,
    pairs: usize,
}

/// A call in some status.
struct Scene {
    call: String,
    caller: Api,
    callee: Api,
    /// The callee's socket, where the call is ringing.
    ringing: Option<Socket>,
}

impl World {
    async fn new() -> Self {
        let clock = wall_clock_hand();
        let server = TestServer::plan()
            .with(|s| s.auto_provision = true)
            .clock(&clock)
            .start()
            .await;
        let disabled = server.sign_in("dave");
        let database = Database::open(&server.database()).expect("opened");
        let dave = UserId::parse("dave").expect("an id");
        database
            .set_standing(&dave, Standing::Disabled)
            .expect("disabled");
        let stranger = server.sign_in("carol");
        Self {
            stranger_socket: stranger.socket().await,
            stranger,
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
        callee.active().await.success(200);
        let ringing = if status == "RINGING" {
            Some(callee.socket().await)
        } else {
            None
        };
        let call = caller.call(&names[1]).await;
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
        for deed in deeds().iter().filter(|deed| deed.message.is_some()) {
            for role in [Role::Stranger, Role::Callee, Role::Caller] {
                let mut scene = world.scene(status).await;
                let what = format!("{:?} by {role:?} in {status}", deed.message);
                let mut payload = deed.body.clone();
                payload["callId"] = json!(scene.call);
                let mut own = match role {
                    Role::Stranger => None,
                    Role::Callee if scene.ringing.is_some() => scene.ringing.take(),
                    _ => Some(world.client(&scene, role).socket().await),
                };
                let before = scene.caller.status_of(&scene.call).await;
                let socket = own.as_mut().unwrap_or(&mut world.stranger_socket);
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

#[rocket::async_test]
async fn what_is_about_no_call_is_for_every_user_and_for_nobody_else() {
    let world = World::new().await;
    let routes = [
        (Method::POST, "calls/initiate", 201),
        (Method::GET, "calls/active", 200),
        (Method::GET, "calls/history", 200),
        (Method::GET, "calls/history/unseen", 200),
        (Method::POST, "calls/history/seen", 200),
        (Method::DELETE, "calls/history", 200),
        (Method::GET, "calls/statistics", 200),
        (Method::GET, "users/status/online", 200),
        (Method::GET, "users/status/carol", 200),
    ];
    for (method, path, success) in routes {
        let request = |api: &Api| {
            let request = api.request(method.clone(), &format!("/api/v1/{path}"));
            let is_initiate = path == "calls/initiate";
            if is_initiate {
                request.json(&initiate_body("erin"))
            } else {
                request
            }
        };
        for api in [&world.disabled, &world.server.anonymous()] {
            api.send(request(api)).await.failure(401, "unauthenticated");
        }
        let answer = world.stranger.send(request(&world.stranger)).await;
        assert_eq!(answer.status, success, "{method} {path}: {}", answer.body);
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
