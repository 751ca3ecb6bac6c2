//! Random sequences over REST and sockets. After each step every device has exactly the events of the model, and every
//! call has its status. Devices connect and disconnect, time passes, the server restarts.

use std::time::Duration;

use chattrix::call::{Audience, CallId, CallType, Notice};
use chattrix::clock::ManualClock;
use chattrix::user::{Profile, SessionId, UserId};
use chattrix::wire::event;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};

use crate::support::model::{Action, Dated, Durations, Initiation, Model};
use crate::support::{Api, Relay, Socket, TestServer, Token, eventually, rounds, wall_clock_hand};

const STEPS: usize = 150;
const STEPS_IN_SOAK: usize = 4_000;

const DURATIONS: Durations = Durations {
    ring: Duration::from_mins(1),
    longest: None,
    grace: None,
};

const USERS: [(&str, &str, Option<&str>); 3] = [
    (
        "alice",
        "Alice Archer",
        Some("https://example.com/alice.jpg"),
    ),
    ("bob", "Bob Baker", None),
    ("carol", "Carol Cook", None),
];
const DEVICES: usize = 2;

/// Device of a user: its session and its socket, if connected.
struct Device {
    user: UserId,
    session: SessionId,
    token: Token,
    api: Api,
    socket: Option<Socket>,
    /// The network between the device and the server.
    relay: Relay,
    is_silent: bool,
}

struct Simulation {
    server: TestServer,
    clock: ManualClock,
    random: StdRng,
    devices: Vec<Device>,
    model: Model,
    /// Last step, for the message of a failure.
    last: String,
}

#[rocket::async_test]
async fn random_requests_and_messages_follow_the_model() {
    let mut simulation = Simulation::new(3).await;
    for step in 0..rounds(STEPS, STEPS_IN_SOAK) {
        simulation.clock.advance(Duration::from_millis(1));
        // Boxed: the future of all possible steps is large.
        Box::pin(simulation.step()).await;
        simulation.last = format!("step {step}: {}", simulation.last);
        Box::pin(simulation.check()).await;
    }
}

fn user(id: &str) -> UserId {
    UserId::parse(id).expect("an id")
}

impl Simulation {
    async fn new(seed: u64) -> Self {
        let clock = wall_clock_hand();
        let plan = TestServer::plan().clock(&clock).with(|s| {
            s.max_call_duration = None;
            s.disconnect_grace = None;
        });
        let server = plan.start().await;
        let mut devices = Vec::new();
        for id in USERS.iter().flat_map(|(id, ..)| [*id; DEVICES]) {
            let token = server.token(id);
            devices.push(Device {
                user: user(id),
                session: SessionId::new(token.sid()),
                api: server.client(&token.sign()),
                token,
                socket: None,
                relay: Relay::to(server.address()).await,
                is_silent: false,
            });
        }
        let users = USERS.map(|(id, name, avatar)| Profile {
            id: user(id),
            name: name.to_owned(),
            avatar: avatar.map(str::to_owned),
        });
        Self {
            devices,
            server,
            clock,
            random: StdRng::seed_from_u64(seed),
            model: Model::new(users.to_vec(), DURATIONS),
            last: String::new(),
        }
    }

    async fn step(&mut self) {
        let place = self.random.random_range(0..self.devices.len());
        let chosen = self.random.random_range(0..100);
        if !(22..92).contains(&chosen) {
            // Whether an event was confirmed decides what these steps lead to.
            self.confirm_events().await;
        }
        match chosen {
            0..12 => self.connect(place).await,
            12..17 => self.disconnect(place).await,
            17..22 => self.fall_silent(place),
            22..45 => self.initiate(place).await,
            45..92 => self.act_on_a_call(place).await,
            92..97 => self.wait().await,
            _ => self.restart().await,
        }
    }

    /// Waits until the server knows that all devices with a network have what they were sent, as the model does.
    async fn confirm_events(&mut self) {
        let reading = self.devices.iter_mut().filter(|one| !one.is_silent);
        for socket in reading.filter_map(|one| one.socket.as_mut()) {
            socket.confirm_events().await;
        }
    }

    async fn connect(&mut self, place: usize) {
        let device = &mut self.devices[place];
        self.last = format!("{} {place} connects", device.user);
        // A device that has noticed the silence opens another connection.
        if device.socket.is_none() || device.is_silent {
            device.relay.recover();
            device.is_silent = false;
            let socket = Socket::connect(device.relay.address(), &device.token.sign()).await;
            device.socket = Some(socket);
            let session = device.session.clone();
            self.model.connect(&device.user, session, self.clock.now());
        }
    }

    fn fall_silent(&mut self, place: usize) {
        let device = &mut self.devices[place];
        self.last = format!("{} {place} falls silent", device.user);
        if device.socket.is_some() {
            device.relay.go_silent();
            device.is_silent = true;
        }
    }

    async fn disconnect(&mut self, place: usize) {
        let device = &mut self.devices[place];
        self.last = format!("{} {place} disconnects", device.user);
        if device.is_silent {
            return;
        }
        if let Some(mut socket) = device.socket.take() {
            self.model.disconnect(&device.session, self.clock.now());
            socket.close().await;
            self.disconnected().await;
        }
    }

    /// Waits until the server knows who is connected.
    async fn disconnected(&self) {
        for (id, ..) in USERS {
            let connected = self.model.connected_sessions(&user(id), self.clock.now());
            let path = format!("/api/v1/users/status/{id}");
            eventually("the server to know who is connected", async || {
                let status = self.devices[0].api.get(&path).await.success(200);
                status["activeSessionCount"] == json!(connected)
            })
            .await;
        }
    }

    async fn initiate(&mut self, place: usize) {
        let caller = self.devices[place].user.clone();
        let (id, ..) = *USERS.choose(&mut self.random).expect("users");
        self.last = format!("{caller} {place} calls {id}");
        let answer = self.devices[place].api.initiate(id).await;
        let callee = user(id);
        match self.model.may_call(&caller, &callee, false) {
            Initiation::OwnNumber => drop(answer.failure(400, "invalid_request")),
            Initiation::CallerBusy(call) => {
                let message = answer.failure(409, "caller_busy");
                assert!(
                    message.contains(&call.to_string()),
                    "{}: {message}",
                    self.last
                );
            }
            Initiation::UserBusy => {
                answer.failure(409, "user_busy");
                let (users, now) = ([&caller, &callee], self.clock.now());
                self.model.refuse_as_busy(users, CallType::Video, now);
            }
            Initiation::Made => {
                let made = answer.success(201);
                let id = CallId::parse(made["id"].as_str().expect("an id")).expect("a UUID");
                let (users, now) = ([&caller, &callee], self.clock.now());
                self.model.initiate(id, users, CallType::Video, false, now);
            }
        }
    }

    /// A device acts on a call, over REST or over its socket: mostly on its user's own call.
    async fn act_on_a_call(&mut self, place: usize) {
        let user = self.devices[place].user.clone();
        let own = self.model.live_call(&user).map(|call| call.id);
        let own = own.filter(|_| self.random.random_bool(0.8));
        let all: Vec<CallId> = self
            .model
            .calls()
            .rev()
            .take(20)
            .map(|call| call.id)
            .collect();
        let Some(call) = own.or_else(|| all.choose(&mut self.random).copied()) else {
            return;
        };
        let action = *Action::ALL.choose(&mut self.random).expect("actions");
        let device = &mut self.devices[place];
        let actor = (&user, &device.session);
        let expected = self.model.act(call, actor, action, self.clock.now());
        self.last = format!("{user} {place} {action:?} {call}: {expected:?}");
        device.act(&call.to_string(), action, expected.err()).await;
    }

    /// Time passes: a call that rings for too long is missed.
    async fn wait(&mut self) {
        "time passes".clone_into(&mut self.last);
        let seconds = *[1, 20, 61, 301].choose(&mut self.random).expect("times");
        self.clock.advance(Duration::from_secs(seconds));
        self.miss_overdue_calls().await;
    }

    async fn miss_overdue_calls(&mut self) {
        for id in self.model.end_overdue(self.clock.now()) {
            let (api, id) = (self.api_of(&self.model.call(id).caller), id.to_string());
            eventually("the call to be missed", async || {
                api.status_of(&id).await == "MISSED"
            })
            .await;
        }
    }

    async fn restart(&mut self) {
        "the server restarts".clone_into(&mut self.last);
        self.server.stop().await;
        let was_connected: Vec<usize> = (0..self.devices.len())
            .filter(|place| self.devices[*place].socket.is_some())
            .collect();
        for place in &was_connected {
            let device = &mut self.devices[*place];
            let mut socket = device.socket.take().expect("connected");
            if !std::mem::take(&mut device.is_silent) {
                assert_eq!(socket.expect_close().await.0, 1012);
            }
        }
        self.model.restart(false, self.clock.now());
        if self.random.random_bool(0.3) {
            self.clock.advance(Duration::from_secs(61));
        }
        self.server.start_again().await;
        self.miss_overdue_calls().await;
        for place in was_connected {
            if self.random.random_bool(0.8) {
                self.connect(place).await;
            }
        }
        "the server restarts".clone_into(&mut self.last);
    }

    fn api_of(&self, user: &UserId) -> Api {
        let device = self.devices.iter().find(|device| device.user == *user);
        device.expect("a device").api.clone()
    }

    async fn check(&mut self) {
        for device in self.devices.iter_mut().filter(|one| !one.is_silent) {
            let expected = self.model.take_expected(&device.session);
            if let Some(socket) = &mut device.socket {
                for dated in expected {
                    let message = message(&device.user, dated);
                    let kind = message["type"].as_str().expect("a type").to_owned();
                    let mut received = socket.expect_message(&kind).await;
                    if kind == "call_missed" {
                        received["data"]["callId"] = message["data"]["callId"].clone();
                    }
                    assert_eq!(received, message, "{}", self.last);
                }
                socket.expect_nothing().await;
                self.model.confirm(&device.session, self.clock.now());
            }
        }
        for call in self.model.calls().rev().take(5) {
            let (api, id) = (self.api_of(&call.caller), call.id.to_string());
            let stored = api.details(&id).await.success(200);
            assert_eq!(stored["status"], call.status.as_str(), "{}", self.last);
            let updated_at = call.updated_at.to_string();
            assert_eq!(stored["updatedAt"], updated_at, "{}", self.last);
            assert_eq!(
                stored["durationSeconds"],
                json!(call.seconds),
                "{}",
                self.last
            );
        }
        for (id, ..) in USERS {
            let active = self.api_of(&user(id)).active().await.success(200);
            let expected = self.model.live_call(&user(id));
            let expected = json!(expected.map(|call| call.id.to_string()));
            assert_eq!(active["id"], expected, "{}", self.last);
        }
    }
}

impl Device {
    /// Acts on a call, over the socket if it is connected and has such a message. Expects the `errorType` `refusal`.
    async fn act(&mut self, call: &str, action: Action, refusal: Option<&str>) {
        let (kind, payload) = match action {
            Action::Accept => ("call.accept", json!({ "callId": call })),
            Action::Reject => (
                "call.reject",
                json!({ "callId": call, "reason": "declined" }),
            ),
            Action::End => ("call.end", json!({ "callId": call })),
            Action::Connect | Action::Activate => ("", Value::Null),
        };
        let is_over_socket = !kind.is_empty() && !self.is_silent;
        if let Some(socket) = self.socket.as_mut().filter(|_| is_over_socket) {
            socket.send(kind, &payload).await;
            match refusal {
                Some(error_type) => drop(socket.expect_error(error_type).await),
                // The action is done when the next message is answered.
                None => socket.expect_nothing().await,
            }
            return;
        }
        let answer = match action {
            Action::Accept => self.api.accept(call).await,
            Action::Reject => self.api.reject(call, "declined").await,
            Action::End => self.api.end(call).await,
            Action::Connect => self.api.set_status(call, "CONNECTING").await,
            Action::Activate => self.api.set_status(call, "ACTIVE").await,
        };
        let error_type = answer.body.get("errorType").and_then(Value::as_str);
        assert_eq!(error_type, refusal, "{action:?}: {}", answer.body);
        assert_eq!(answer.status == 200, refusal.is_none(), "{}", answer.body);
    }
}

/// Returns the message that `user` must get for an event.
fn message(user: &UserId, (event, at): Dated) -> Value {
    let audience = Audience::Participant(user.clone());
    let notice = Notice {
        audience,
        event,
        at,
    };
    serde_json::from_str(&event::notice(&notice)).expect("JSON")
}
