//! Random sequences over the real interface, REST and sockets, with the rules of a call as the model: after each step
//! every device has heard what follows from the rules, no more and no less, and every call is where it should be.
//! Devices come and go, time passes, and the server restarts in between.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use chattrix::call::notice::Invitation;
use chattrix::call::transition::{self, CalleeAvailability, Limits, Target, Wish};
use chattrix::call::{
    Audience, Call, CallId, CallType, ChannelId, Event, Notice, Principal, RejectReason, Source,
    Status, Transition,
};
use chattrix::clock::ManualClock;
use chattrix::user::{Profile, SessionId, UserId};
use chattrix::wire::event;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};

use crate::support::{Api, Socket, TestServer, Token, eventually, rounds, wall_clock_hand};

const STEPS: usize = 150;
const STEPS_IN_SOAK: usize = 4_000;

const RING: Duration = Duration::from_mins(1);
const LIMITS: Limits = Limits {
    ring_timeout: RING,
    max_call_duration: None,
};
const KEPT: Duration = Duration::from_mins(5);

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

/// One device of a user: where it is connected, its socket and what it must hear next.
struct Device {
    user: UserId,
    token: Token,
    api: Api,
    socket: Option<Socket>,
    expected: Vec<Value>,
}

struct World {
    server: TestServer,
    clock: ManualClock,
    random: StdRng,
    devices: Vec<Device>,
    calls: BTreeMap<CallId, Call>,
    kept: HashMap<UserId, Vec<Notice>>,
    /// What was done last, for the message of a failure.
    last: String,
}

#[rocket::async_test]
async fn random_requests_and_messages_follow_the_model() {
    let mut world = World::new(3).await;
    for step in 0..rounds(STEPS, STEPS_IN_SOAK) {
        world.clock.advance(Duration::from_millis(1));
        // Boxed: a future of all that can be done is large.
        Box::pin(world.act()).await;
        world.last = format!("step {step}: {}", world.last);
        Box::pin(world.check()).await;
    }
}

fn user(id: &str) -> UserId {
    UserId::parse(id).expect("an id")
}

fn profile(id: &UserId) -> Profile {
    let (_, name, avatar) = USERS
        .iter()
        .find(|(known, ..)| *known == id.as_str())
        .expect("a user");
    Profile {
        id: id.clone(),
        name: (*name).to_owned(),
        avatar: avatar.map(str::to_owned),
    }
}

impl World {
    async fn new(seed: u64) -> Self {
        let clock = wall_clock_hand();
        let plan = TestServer::plan().clock(&clock).with(|s| {
            s.max_call_duration = None;
            s.disconnect_grace = None;
        });
        let server = plan.start().await;
        let expiry = server.now().plus(Duration::from_hours(24 * 365));
        let devices = USERS.iter().flat_map(|(id, ..)| [*id; DEVICES]).map(|id| {
            let token = server.token(id).expiring_at(expiry);
            Device {
                user: user(id),
                api: server.client(&token.sign()),
                token,
                socket: None,
                expected: Vec::new(),
            }
        });
        Self {
            devices: devices.collect(),
            server,
            clock,
            random: StdRng::seed_from_u64(seed),
            calls: BTreeMap::new(),
            kept: HashMap::new(),
            last: String::new(),
        }
    }

    async fn act(&mut self) {
        let place = self.random.random_range(0..self.devices.len());
        match self.random.random_range(0..100) {
            0..12 => self.connect(place).await,
            12..20 => self.disconnect(place).await,
            20..45 => self.initiate(place).await,
            45..92 => self.answer(place).await,
            92..97 => self.wait().await,
            _ => self.restart().await,
        }
    }

    fn is_connected(&self, user: &UserId) -> bool {
        self.devices
            .iter()
            .any(|device| device.user == *user && device.socket.is_some())
    }

    fn live_call(&self, user: &UserId) -> Option<Call> {
        let mut calls = self.calls.values();
        calls
            .find(|call| call.status().is_live() && call.has_participant(user))
            .cloned()
    }

    async fn connect(&mut self, place: usize) {
        let device = &mut self.devices[place];
        self.last = format!("{} {place} connects", device.user);
        if device.socket.is_some() {
            return;
        }
        let (user, now) = (device.user.clone(), self.clock.now());
        device.socket = Some(self.server.socket(&device.token).await);
        let mut told = self.kept.remove(&user).unwrap_or_default();
        told.retain(|notice| notice.at.plus(KEPT) > now);
        if let Some(mut call) = self.live_call(&user).filter(|call| call.callee == user) {
            if call.status() == Status::Initiating {
                call = transition::ring(&call, now).expect("it waits").call;
                self.calls.insert(call.id, call.clone());
            }
            if call.status() == Status::Ringing {
                told.push(Notice {
                    audience: Audience::Participant(user),
                    at: call.created_at,
                    event: Event::Invitation(Invitation {
                        call: call.id,
                        channel: call.channel,
                        caller: profile(&call.caller),
                        call_type: call.call_type,
                    }),
                });
            }
        }
        let told = told.iter().map(message);
        self.devices[place].expected.extend(told);
    }

    async fn disconnect(&mut self, place: usize) {
        let device = &mut self.devices[place];
        self.last = format!("{} {place} disconnects", device.user);
        if let Some(mut socket) = device.socket.take() {
            socket.close().await;
            self.left_behind().await;
        }
    }

    /// Waits until the server knows who is connected.
    async fn left_behind(&self) {
        for (id, ..) in USERS {
            let connected = self
                .devices
                .iter()
                .filter(|device| device.user.as_str() == id);
            let connected = connected.filter(|device| device.socket.is_some()).count();
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
        let (callee, ..) = *USERS.choose(&mut self.random).expect("users");
        self.last = format!("{caller} {place} calls {callee}");
        let answer = self.devices[place].api.initiate(callee).await;
        let callee = user(callee);
        if caller == callee {
            answer.failure(400, "invalid_request");
        } else if let Some(call) = self.live_call(&caller) {
            let message = answer.failure(409, "caller_busy");
            assert!(
                message.contains(&call.id.to_string()),
                "{}: {message}",
                self.last
            );
        } else if self.live_call(&callee).is_some() {
            answer.failure(409, "user_busy");
        } else {
            let made = answer.success(201);
            let wish = Wish {
                id: CallId::parse(made["id"].as_str().expect("an id")).expect("a UUID"),
                caller: profile(&caller),
                callee: callee.clone(),
                call_type: CallType::Video,
                channel: ChannelId::parse("agora-channel-1").expect("a channel"),
            };
            let reach = if self.is_connected(&callee) {
                CalleeAvailability::Connected
            } else {
                CalleeAvailability::Absent
            };
            let made = transition::initiate(wish, reach, Source::Rest, LIMITS, self.clock.now());
            self.follow(&made);
        }
    }

    /// A device does something to a call, over REST or over its socket: mostly to its user's own call.
    async fn answer(&mut self, place: usize) {
        let acts = self.devices[place].user.clone();
        let own = self
            .live_call(&acts)
            .filter(|_| self.random.random_bool(0.8));
        let all: Vec<Call> = self.calls.values().rev().take(20).cloned().collect();
        let Some(call) = own.or_else(|| all.choose(&mut self.random).cloned()) else {
            return;
        };
        let principal = Principal {
            user: acts,
            session: SessionId::new(self.devices[place].token.sid()),
            via: Source::Rest,
        };
        let (id, now) = (call.id.to_string(), self.clock.now());
        let verb = *["accept", "reject", "end", "ACTIVE", "CONNECTING"]
            .choose(&mut self.random)
            .expect("verbs");
        let expected = match verb {
            "accept" => transition::accept(&call, &principal, LIMITS, now).map(Some),
            "reject" => {
                transition::reject(&call, &principal, RejectReason::Declined, now).map(Some)
            }
            "end" => transition::end(&call, &principal, None, now).map(Some),
            "ACTIVE" => transition::set_status(&call, &principal, Target::Active, LIMITS, now),
            _ => transition::set_status(&call, &principal, Target::Connecting, LIMITS, now),
        };
        let device = &mut self.devices[place];
        let over_socket = device.socket.is_some() && !["ACTIVE", "CONNECTING"].contains(&verb);
        self.last = format!(
            "{} {place} {verb} {id}, by socket: {over_socket}: {expected:?}",
            device.user
        );
        if over_socket {
            let mut payload = json!({ "callId": id });
            if verb == "reject" {
                payload["reason"] = json!("declined");
            }
            let socket = device.socket.as_mut().expect("connected");
            socket.send(&format!("call.{verb}"), &payload).await;
            if let Err(refused) = &expected {
                let error = socket.expect("call_error").await;
                assert_eq!(error["message"], refused.to_string(), "{}", self.last);
            } else {
                // Done, when what comes next is answered.
                socket.expect_nothing().await;
            }
        } else {
            let answer = match verb {
                "accept" => device.api.accept(&id).await,
                "reject" => device.api.reject(&id, "declined").await,
                "end" => device.api.end(&id).await,
                status => device.api.set_status(&id, status).await,
            };
            match &expected {
                Ok(_) => assert_eq!(answer.status, 200, "{}: {}", self.last, answer.body),
                Err(refused) => {
                    assert_eq!(answer.body["message"], refused.to_string(), "{}", self.last);
                }
            }
        }
        if let Ok(Some(transition)) = expected {
            self.follow(&transition);
        }
    }

    /// Time passes: what rings for too long is missed.
    async fn wait(&mut self) {
        "time passes".clone_into(&mut self.last);
        let seconds = *[1, 20, 61, 301].choose(&mut self.random).expect("times");
        self.clock.advance(Duration::from_secs(seconds));
        self.miss_what_is_due().await;
    }

    async fn miss_what_is_due(&mut self) {
        let now = self.clock.now();
        let due = self.calls.values().filter(|call| call.status().is_live());
        let due = due.filter(|call| call.state.deadline().is_some_and(|at| at <= now));
        for call in due.cloned().collect::<Vec<_>>() {
            let api = self.api_of(&call.caller);
            let id = call.id.to_string();
            eventually("the call to be missed", async || {
                api.status_of(&id).await == "MISSED"
            })
            .await;
            self.follow(&transition::ring_timeout(&call, now).expect("it is due"));
        }
    }

    async fn restart(&mut self) {
        "the server restarts".clone_into(&mut self.last);
        self.server.stop().await;
        let was_connected: Vec<usize> = (0..self.devices.len())
            .filter(|place| self.devices[*place].socket.is_some())
            .collect();
        for place in &was_connected {
            let mut socket = self.devices[*place].socket.take().expect("connected");
            assert_eq!(socket.expect_close().await.0, 1012);
        }
        if self.random.random_bool(0.3) {
            self.clock.advance(Duration::from_secs(61));
        }
        self.server.start_again().await;
        self.miss_what_is_due().await;
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

    /// Takes over what a transition leads to.
    fn follow(&mut self, transition: &Transition) {
        self.calls
            .insert(transition.call.id, transition.call.clone());
        for notice in &transition.notices {
            let user = notice.audience.user().clone();
            let acted = match &notice.audience {
                Audience::Participant(_) => None,
                Audience::OtherSessions { acted, .. } => Some(acted.as_str().to_owned()),
            };
            let mut heard = false;
            for device in self
                .devices
                .iter_mut()
                .filter(|one| one.user == user && one.socket.is_some())
            {
                heard = true;
                if acted.as_deref() != Some(device.token.sid()) {
                    device.expected.push(message(notice));
                }
            }
            if !heard && acted.is_none() && notice.event.is_kept() {
                self.kept.entry(user).or_default().push(notice.clone());
            }
        }
    }

    async fn check(&mut self) {
        for device in &mut self.devices {
            let expected = std::mem::take(&mut device.expected);
            if let Some(socket) = &mut device.socket {
                for message in expected {
                    let kind = message["type"].as_str().expect("a type").to_owned();
                    assert_eq!(socket.expect_message(&kind).await, message, "{}", self.last);
                }
                socket.expect_nothing().await;
            }
        }
        for call in self.calls.values().rev().take(5) {
            let stored = self
                .api_of(&call.caller)
                .details(&call.id.to_string())
                .await
                .success(200);
            let word = call.status().as_str();
            assert_eq!(stored["status"], word, "{}", self.last);
            assert_eq!(
                stored["updatedAt"],
                call.updated_at.to_string(),
                "{}",
                self.last
            );
            assert_eq!(
                stored["durationSeconds"],
                json!(call.state.duration_seconds()),
                "{}",
                self.last
            );
        }
        for (id, ..) in USERS {
            let active = self.api_of(&user(id)).active().await.success(200);
            let expected = self.live_call(&user(id)).map(|call| call.id.to_string());
            assert_eq!(
                active["id"].as_str().map(str::to_owned),
                expected,
                "{}",
                self.last
            );
        }
    }
}

/// The message that `notice` must be.
fn message(notice: &Notice) -> Value {
    serde_json::from_str(&event::notice(notice)).expect("JSON")
}
