//! Races: several clients act on one call at the same instant. One of them wins, the others get the conflict, and all
//! sessions of both users get the same events.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};
use tokio::sync::Barrier;

use crate::support::{Api, Device, Socket, TestServer, Users, rounds, wall_clock_hand};

const RACES: usize = 60;
const RACES_IN_SOAK: usize = 5_000;
const GLARES: usize = 40;
const GLARES_IN_SOAK: usize = 1_000;

/// What one of them does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Accept,
    Reject,
    EndByCaller,
    EndByCallee,
    Connecting,
    Ended,
    /// The clock goes past the ring timeout.
    Timeout,
}

impl Action {
    const ALL: [Self; 7] = [
        Self::Accept,
        Self::Reject,
        Self::EndByCaller,
        Self::EndByCallee,
        Self::Connecting,
        Self::Ended,
        Self::Timeout,
    ];
}

/// Devices of the caller and of the callee. Two act through their sockets: Alice's tablet ends, Bob's phone accepts.
const ALICES: [Device; 2] = [Device::AlicePhone, Device::AliceTablet];
const BOBS: [Device; 2] = [Device::BobPhone, Device::BobTablet];

#[rocket::async_test]
async fn concurrent_actions_have_one_winner_seen_by_all() {
    let clock = wall_clock_hand();
    let server = TestServer::plan().clock(&clock).start().await;
    let mut random = StdRng::seed_from_u64(7);
    let mut users = Users::on(&server).await;
    let mut winners = BTreeMap::<&str, usize>::new();
    for round in 0..rounds(RACES, RACES_IN_SOAK) {
        // So that each call is the newest.
        clock.advance(Duration::from_millis(1));
        let call = users.ring().await;
        let mut actions = Action::ALL.to_vec();
        actions.retain(|_| random.random_bool(0.6));
        let sockets_act = random.random_bool(0.5);
        if actions.is_empty() && !sockets_act {
            actions.push(Action::Timeout);
        }
        // The sweeper looks around once a second: now and then the others wait for it.
        let longest_pause_us = if random.random_bool(0.05) {
            1_000_000
        } else {
            300
        };
        let start = Arc::new(Barrier::new(actions.len() + 1));
        let racing: Vec<_> = actions
            .iter()
            .map(|action| {
                let devices = match action {
                    Action::EndByCaller | Action::Ended | Action::Timeout => ALICES,
                    Action::Accept | Action::Reject | Action::EndByCallee | Action::Connecting => {
                        BOBS
                    }
                };
                let api = users.api(devices[random.random_range(0..2)]).clone();
                let pause = Duration::from_micros(random.random_range(0..longest_pause_us));
                let (action, start, call, clock) =
                    (*action, start.clone(), call.clone(), clock.clone());
                tokio::spawn(async move {
                    start.wait().await;
                    tokio::time::sleep(pause).await;
                    if action == Action::Timeout {
                        clock.advance(Duration::from_mins(1));
                        return (action, 0);
                    }
                    (action, done(&api, action, &call).await)
                })
            })
            .collect();
        // Two more act through their sockets, whose own events may come before the answer.
        let over_socket = [("call.accept", BOBS[0]), ("call.end", ALICES[1])];
        start.wait().await;
        for (verb, device) in over_socket.into_iter().filter(|_| sockets_act) {
            users
                .at(device)
                .send(verb, &json!({ "callId": call }))
                .await;
        }
        let outcomes: Vec<(Action, u16)> = join_all(racing)
            .await
            .into_iter()
            .map(|outcome| outcome.expect("no racer panicked"))
            .collect();
        // Twice: what the sockets were sent is done when each was heard once, and told when heard again.
        let mut stories = vec![Vec::new(); 4];
        hear(&mut stories, &mut users, &call).await;
        let stored = settled(&users.alice, &call).await;
        hear(&mut stories, &mut users, &call).await;
        let mut round = Round {
            number: round,
            outcomes,
            stored,
            stories,
            sockets_act,
        };
        // The events of another node come a moment after its answer.
        for _ in 0..20 {
            if round.is_heard() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
            hear(&mut round.stories, &mut users, &call).await;
        }
        round.check();
        *winners.entry(round.ending()).or_default() += 1;
        if round.stored["status"] == "CONNECTING" {
            users.alice.end(&call).await.success(200);
            for device in [ALICES[1], BOBS[0], BOBS[1]] {
                users.at(device).expect("call_ended").await;
            }
        }
        for (api, others) in [(&users.alice, "bob"), (&users.bob, "alice")] {
            let entries = api.past_calls("limit=2").await;
            let of_call = entries.iter().filter(|entry| entry["callId"] == *call);
            let of_call: Vec<&Value> = of_call.collect();
            assert_eq!(of_call.len(), 1, "{entries:?}");
            assert_eq!(of_call[0]["remoteUserId"], others);
        }
    }
    assert!(winners.len() >= 2, "always the same one wins: {winners:?}");
}

/// Does it over REST: the status of the answer.
async fn done(api: &Api, action: Action, call: &str) -> u16 {
    let answer = match action {
        Action::Accept => api.accept(call).await,
        Action::Reject => api.reject(call, "declined").await,
        Action::EndByCaller | Action::EndByCallee => api.end(call).await,
        Action::Connecting => api.set_status(call, "CONNECTING").await,
        Action::Ended => api.set_status(call, "ENDED").await,
        Action::Timeout => return 0,
    };
    if answer.status == 200 {
        return 200;
    }
    let status = answer.status;
    answer.failure(400, "invalid_status");
    status
}

/// The call once it is over or answered: a timeout comes a moment after its time.
async fn settled(api: &Api, call: &str) -> Value {
    loop {
        let details = api.details(call).await.success(200);
        if !["INITIATING", "RINGING"].contains(&text(&details["status"])) {
            return details;
        }
    }
}

fn text(value: &Value) -> &str {
    value.as_str().expect("text")
}

/// Adds to `stories` what each device of both has got about `call`.
async fn hear(stories: &mut [Vec<String>], users: &mut Users, call: &str) {
    for (story, device) in stories.iter_mut().zip(Device::PARTICIPANTS) {
        story.extend(heard(users.at(device), call).await);
    }
}

/// The events and refusals that a session has heard of `call`, in their order.
async fn heard(socket: &mut Socket, call: &str) -> Vec<String> {
    let mut heard = Vec::new();
    // What was published is in the session's queue; a session takes by turns from that and from its client.
    for _ in 0..3 {
        socket.send("heartbeat", &json!({})).await;
        loop {
            let kinds = [
                "heartbeat.ack",
                "call_accepted",
                "call_rejected",
                "call_ended",
                "call_timeout",
                "call_error",
            ];
            let message = socket.expect_one_of(&kinds).await;
            let kind = text(&message["type"]);
            if kind == "heartbeat.ack" {
                break;
            }
            let body = if kind == "call_error" {
                "payload"
            } else {
                "data"
            };
            assert_eq!(message[body]["callId"], call);
            if kind == "call_error" {
                assert_eq!(message[body]["errorType"], "invalid_status");
            }
            heard.push(kind.to_owned());
        }
    }
    heard
}

/// What came of a race.
#[derive(Debug)]
struct Round {
    #[expect(dead_code, reason = "for the message of a failure")]
    number: usize,
    outcomes: Vec<(Action, u16)>,
    stored: Value,
    stories: Vec<Vec<String>>,
    sockets_act: bool,
}

/// The places of the sessions that may act over their sockets.
const ALICE_ENDS: usize = 1;
const BOB_ACCEPTS: usize = 2;

impl Round {
    /// What became of the ringing.
    fn ending(&self) -> &'static str {
        match (
            text(&self.stored["status"]),
            self.stored["startTime"].is_null(),
        ) {
            ("CONNECTING", _) | ("ENDED", false) => "answered",
            ("ENDED", true) => "ended",
            ("REJECTED", _) => "rejected",
            ("MISSED", _) => "missed",
            (other, _) => panic!("{other}"),
        }
    }

    /// The events of what is stored, with the number of sessions that are told: the one that acted is not, and a timeout is
    /// told to all.
    fn events(&self) -> [(&'static str, usize); 4] {
        let ending = self.ending();
        let is_ended = self.stored["status"] == "ENDED";
        [
            ("call_accepted", if ending == "answered" { 3 } else { 0 }),
            ("call_ended", if is_ended { 3 } else { 0 }),
            ("call_rejected", if ending == "rejected" { 3 } else { 0 }),
            ("call_timeout", if ending == "missed" { 4 } else { 0 }),
        ]
    }

    fn is_heard(&self) -> bool {
        let mut events = self.events().into_iter();
        events.all(|(kind, told)| self.told(kind) >= told)
    }

    /// One winner, and stories that fit what is stored.
    fn check(&self) {
        let won = |action: Action| self.outcomes.contains(&(action, 200));
        let over_socket = |place: usize| self.sockets_act && !self.was_told(place, "call_error");
        let count = |winners: &[bool]| winners.iter().filter(|won| **won).count();
        let accepts = count(&[won(Action::Accept), over_socket(BOB_ACCEPTS)]);
        // To the status it has already a call may be set again.
        let answered = accepts == 1 || won(Action::Connecting);
        let ends = count(&[
            won(Action::EndByCaller),
            won(Action::EndByCallee),
            won(Action::Ended),
            over_socket(ALICE_ENDS),
        ]);
        let rejected = won(Action::Reject);
        assert!(accepts <= 1 && ends <= 1, "{self:#?}");
        let happened = self.events().map(|(_, told)| told > 0);
        assert_eq!([answered, ends == 1, rejected], happened[..3], "{self:#?}");
        for (kind, told) in self.events() {
            assert_eq!(self.told(kind), told, "{kind}: {self:#?}");
        }
        for story in &self.stories {
            let mut once = story.clone();
            once.sort();
            once.dedup();
            assert_eq!(once.len(), story.len(), "told twice: {self:#?}");
            let place = |kind: &str| story.iter().position(|told| told == kind);
            if let (Some(accepted), Some(ended)) = (place("call_accepted"), place("call_ended")) {
                assert!(accepted < ended, "{self:#?}");
            }
        }
    }

    fn told(&self, kind: &str) -> usize {
        (0..4).filter(|place| self.was_told(*place, kind)).count()
    }

    fn was_told(&self, place: usize, kind: &str) -> bool {
        self.stories[place].iter().any(|told| told == kind)
    }
}

#[rocket::async_test]
async fn race_of_mutual_calls_has_one_winner() {
    let server = TestServer::start().await;
    let [alice, bob] = ["alice", "bob"].map(|user| server.sign_in(user));
    for round in 0..rounds(GLARES, GLARES_IN_SOAK) {
        let (of_alice, of_bob) = tokio::join!(alice.initiate("bob"), bob.initiate("alice"));
        let (made, refused) = if of_alice.status == 201 {
            (of_alice, of_bob)
        } else {
            (of_bob, of_alice)
        };
        let call = made.success(201)["id"].as_str().expect("an id").to_owned();
        let message = refused.failure(409, "caller_busy");
        assert!(message.contains(&call), "round {round}: {message}");
        for api in [&alice, &bob] {
            assert_eq!(api.active().await.success(200)["id"], *call);
        }
        alice.end(&call).await.success(200);
        // The refused one is not kept.
        for api in [&alice, &bob] {
            let entries = api.past_calls("limit=100").await;
            assert_eq!(entries.len(), (round + 1).min(100));
        }
    }
}
