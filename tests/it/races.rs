//! Several who act on one call at the same instant: one of them wins, the others are told, and every session of both
//! users hears the same story.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};
use tokio::sync::Barrier;

use crate::support::{Api, Socket, TestServer, rounds, wall_clock_hand};

const RACES: usize = 60;
const RACES_IN_SOAK: usize = 5_000;
const GLARES: usize = 40;
const GLARES_IN_SOAK: usize = 1_000;

/// What one of them does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    Accept,
    Reject,
    EndByCaller,
    EndByCallee,
    Connecting,
    Ended,
    /// The clock goes past the ring timeout.
    Timeout,
}

impl Deed {
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

/// A user with two devices, which both listen, and act over REST or their sockets.
struct Party {
    apis: [Api; 2],
    sockets: [Socket; 2],
}

impl Party {
    async fn of(server: &TestServer, user: &str) -> Self {
        // Longer than all the ring timeouts of the test together.
        let expiry = server.now().plus(Duration::from_hours(24 * 365));
        let device = || server.client(&server.token(user).expiring_at(expiry).sign());
        let apis = [device(), device()];
        let sockets = [apis[0].socket().await, apis[1].socket().await];
        Self { apis, sockets }
    }
}

#[rocket::async_test]
async fn concurrent_actions_have_one_winner_seen_by_all() {
    let clock = wall_clock_hand();
    let server = TestServer::plan().clock(&clock).start().await;
    let mut random = StdRng::seed_from_u64(7);
    let (mut alice, mut bob) = (
        Party::of(&server, "alice").await,
        Party::of(&server, "bob").await,
    );
    let mut winners = BTreeMap::<&str, usize>::new();
    for round in 0..rounds(RACES, RACES_IN_SOAK) {
        // So that each call is the newest.
        clock.advance(Duration::from_millis(1));
        let call = alice.apis[0].call("bob").await;
        for socket in &mut bob.sockets {
            assert_eq!(socket.expect("call_invitation").await["callId"], *call);
        }
        let mut deeds = Deed::ALL.to_vec();
        deeds.retain(|_| random.random_bool(0.6));
        let sockets_act = random.random_bool(0.5);
        if deeds.is_empty() && !sockets_act {
            deeds.push(Deed::Timeout);
        }
        // The sweeper looks around once a second: now and then the others wait for it.
        let longest_pause_us = if random.random_bool(0.05) {
            1_000_000
        } else {
            300
        };
        let start = Arc::new(Barrier::new(deeds.len() + 1));
        let racing: Vec<_> = deeds
            .iter()
            .map(|deed| {
                let api = match deed {
                    Deed::EndByCaller | Deed::Ended | Deed::Timeout => &alice.apis,
                    Deed::Accept | Deed::Reject | Deed::EndByCallee | Deed::Connecting => &bob.apis,
                };
                let api = api[random.random_range(0..2)].clone();
                let pause = Duration::from_micros(random.random_range(0..longest_pause_us));
                let (deed, start, call, clock) =
                    (*deed, start.clone(), call.clone(), clock.clone());
                tokio::spawn(async move {
                    start.wait().await;
                    tokio::time::sleep(pause).await;
                    if deed == Deed::Timeout {
                        clock.advance(Duration::from_mins(1));
                        return (deed, 0);
                    }
                    (deed, done(&api, deed, &call).await)
                })
            })
            .collect();
        // Two more act through their sockets, whose own events may come before the answer.
        let over_socket = [
            ("call.accept", &mut bob.sockets[0]),
            ("call.end", &mut alice.sockets[1]),
        ];
        start.wait().await;
        for (verb, socket) in over_socket.into_iter().filter(|_| sockets_act) {
            socket.send(verb, &json!({ "callId": call })).await;
        }
        let outcomes: Vec<(Deed, u16)> = join_all(racing)
            .await
            .into_iter()
            .map(|outcome| outcome.expect("no racer panicked"))
            .collect();
        // Twice: what the sockets were sent is done when each was heard once, and told when heard again.
        let mut stories = vec![Vec::new(); 4];
        hear(&mut stories, &mut alice, &mut bob, &call).await;
        let stored = settled(&alice.apis[0], &call).await;
        hear(&mut stories, &mut alice, &mut bob, &call).await;
        let round = Round {
            number: round,
            outcomes,
            stored,
            stories,
            sockets_act,
        };
        round.check();
        *winners.entry(round.ending()).or_default() += 1;
        if round.stored["status"] == "CONNECTING" {
            alice.apis[0].end(&call).await.success(200);
            for socket in alice.sockets[1..].iter_mut().chain(&mut bob.sockets) {
                socket.expect("call_ended").await;
            }
        }
        for (api, others) in [(&alice.apis[0], "bob"), (&bob.apis[0], "alice")] {
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
async fn done(api: &Api, deed: Deed, call: &str) -> u16 {
    let answer = match deed {
        Deed::Accept => api.accept(call).await,
        Deed::Reject => api.reject(call, "declined").await,
        Deed::EndByCaller | Deed::EndByCallee => api.end(call).await,
        Deed::Connecting => api.set_status(call, "CONNECTING").await,
        Deed::Ended => api.set_status(call, "ENDED").await,
        Deed::Timeout => return 0,
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

/// Adds to `stories` what the sessions of both have heard of `call`: Alice's first, then Bob's.
async fn hear(stories: &mut [Vec<String>], alice: &mut Party, bob: &mut Party, call: &str) {
    let sockets = alice.sockets.iter_mut().chain(&mut bob.sockets);
    for (story, socket) in stories.iter_mut().zip(sockets) {
        story.extend(heard(socket, call).await);
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
    outcomes: Vec<(Deed, u16)>,
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

    /// One winner, and stories that fit what is stored.
    fn check(&self) {
        let won = |deed: Deed| self.outcomes.contains(&(deed, 200));
        let over_socket = |place: usize| self.sockets_act && !self.was_told(place, "call_error");
        let count = |winners: &[bool]| winners.iter().filter(|won| **won).count();
        let accepts = count(&[won(Deed::Accept), over_socket(BOB_ACCEPTS)]);
        // To the status it has already a call may be set again.
        let answered = accepts == 1 || won(Deed::Connecting);
        let ends = count(&[
            won(Deed::EndByCaller),
            won(Deed::EndByCallee),
            won(Deed::Ended),
            over_socket(ALICE_ENDS),
        ]);
        let rejected = won(Deed::Reject);
        assert!(accepts <= 1 && ends <= 1, "{self:#?}");
        let expected = match self.ending() {
            "answered" => (true, self.stored["status"] == "ENDED", false),
            "ended" => (false, true, false),
            "rejected" => (false, false, true),
            _ => (false, false, false),
        };
        assert_eq!((answered, ends == 1, rejected), expected, "{self:#?}");
        for (kind, happened) in [
            ("call_accepted", expected.0),
            ("call_ended", expected.1),
            ("call_rejected", expected.2),
            ("call_timeout", self.ending() == "missed"),
        ] {
            // The session that acted hears nothing; of a timeout everybody hears.
            let told = (0..4).filter(|place| self.was_told(*place, kind)).count();
            let everybody = if kind == "call_timeout" { 4 } else { 3 };
            assert_eq!(
                told,
                if happened { everybody } else { 0 },
                "{kind}: {self:#?}"
            );
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
