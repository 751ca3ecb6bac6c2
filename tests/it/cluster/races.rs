//! Races over all nodes: each request and each socket is at another node. One action wins, and every session gets the
//! events of the call's timeline, in its order.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::{Device, NODES};
use crate::support::{Api, Cluster, rounds};

/// Pairs of users that race at the same time.
const PAIRS: usize = 4;
const ROUNDS: usize = 50;
const ROUNDS_IN_SOAK: usize = 1_250;

/// Time limit of ringing. Now and then the actions wait for it.
const RING_TIMEOUT: &str = "3s";
const RING: Duration = Duration::from_secs(3);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Accept,
    Reject,
    End,
}

impl Action {
    /// The status after it.
    const fn status(self) -> &'static str {
        match self {
            Self::Accept => "CONNECTING",
            Self::Reject => "REJECTED",
            Self::End => "ENDED",
        }
    }
}

/// Action of the device at this place.
type Act = (usize, Action);

/// Places of the devices: two of the caller, two of the callee. The second of each acts on its socket.
const ACTS: [Act; 7] = [
    (0, Action::End),
    (1, Action::End),
    (2, Action::Accept),
    (2, Action::Reject),
    (2, Action::End),
    (3, Action::Accept),
    (3, Action::Reject),
];

const fn acts_on_socket(place: usize) -> bool {
    place % 2 == 1
}

#[tokio::test(flavor = "multi_thread")]
async fn actions_on_different_nodes_have_one_winner() {
    let settings = [("CHATTRIX_RING_TIMEOUT", RING_TIMEOUT)];
    let Some(cluster) = Cluster::start(NODES, &settings).await else {
        return;
    };
    let cluster = Arc::new(cluster);
    let pairs: Vec<_> = (0..PAIRS)
        .map(|number| {
            let cluster = Arc::clone(&cluster);
            tokio::spawn(async move { Pair::connect(cluster, number).await.race().await })
        })
        .collect();
    let mut endings = Vec::new();
    for pair in pairs {
        endings.extend(pair.await.expect("no race of the pair has two winners"));
    }
    for status in ["CONNECTING", "REJECTED", "ENDED", "MISSED"] {
        assert!(endings.iter().any(|one| one == status), "never {status}");
    }
}

/// Two users with two devices each, on different nodes.
struct Pair {
    cluster: Arc<Cluster>,
    callee: String,
    devices: Vec<Device>,
    random: StdRng,
}

impl Pair {
    async fn connect(cluster: Arc<Cluster>, number: usize) -> Self {
        let [caller, callee] = ["caller", "callee"].map(|role| format!("{role}-{number}"));
        let mut devices = Vec::new();
        for (place, user) in [&caller, &caller, &callee, &callee].into_iter().enumerate() {
            let (session, node) = (format!("device-{place}"), (number + place) % NODES);
            devices.push(Device::connect(&cluster, user, &session, node).await);
        }
        Self {
            cluster,
            callee,
            devices,
            random: StdRng::seed_from_u64(number as u64),
        }
    }

    /// Makes call after call. Returns the status after the ringing of each.
    async fn race(mut self) -> Vec<String> {
        let mut endings = Vec::new();
        for round in 0..rounds(ROUNDS, ROUNDS_IN_SOAK) {
            let call = self
                .cluster
                .any(&self.devices[0].api)
                .call(&self.callee)
                .await;
            for place in [2, 3] {
                let invitation = self.hear(place, "call_invitation").await;
                assert_eq!(invitation["data"]["callId"], *call);
            }
            let won = match round % 25 {
                8 => Vec::new(),
                16 => {
                    sleep(RING.saturating_sub(Duration::from_millis(50))).await;
                    self.act(&call, Duration::from_millis(100)).await
                }
                _ => self.act(&call, Duration::from_millis(2)).await,
            };
            let timeline = self.finish(&call).await;
            self.check(&call, &won, &timeline).await;
            endings.push(text(&timeline[0]["status"]).to_owned());
        }
        endings
    }

    /// Lets several devices act within `longest_pause`. Returns the acts over REST that succeeded.
    async fn act(&mut self, call: &str, longest_pause: Duration) -> Vec<Act> {
        let count = self.random.random_range(1..=4);
        let acts: Vec<Act> = ACTS.sample(&mut self.random, count).copied().collect();
        let mut racing = Vec::new();
        for (place, action) in acts {
            let pause = longest_pause.mul_f64(self.random.random());
            if acts_on_socket(place) {
                let socket = &mut self.devices[place].socket;
                match action {
                    Action::Accept => socket.accept(call).await,
                    Action::Reject => socket.reject(call, "declined").await,
                    Action::End => socket.end(call).await,
                }
                continue;
            }
            let api = self.cluster.any(&self.devices[place].api);
            let call = call.to_owned();
            racing.push(tokio::spawn(async move {
                sleep(pause).await;
                succeeds(&api, action, &call)
                    .await
                    .then_some((place, action))
            }));
        }
        let outcomes = join_all(racing).await;
        let outcomes = outcomes.into_iter().map(|one| one.expect("no panic"));
        outcomes.flatten().collect()
    }

    /// Ends the call if it was answered. Returns what happened since it rang, once it is over.
    async fn finish(&self, call: &str) -> Vec<Value> {
        loop {
            let path = format!("/api/server/v1/calls/{call}");
            let shown = self.cluster.backend().get(&path).await.success(200);
            match text(&shown["status"]) {
                "INITIATING" | "RINGING" => sleep(Duration::from_millis(20)).await,
                // Its end is none of the racers': the backend's.
                "CONNECTING" => {
                    let path = format!("{path}/end");
                    self.cluster.backend().post(&path, &json!({})).await;
                }
                _ => {
                    let mut timeline = shown["timeline"].as_array().expect("a list").clone();
                    let is_start =
                        |entry: &Value| ["INITIATING", "RINGING"].contains(&text(&entry["status"]));
                    timeline.retain(|entry| !is_start(entry));
                    return timeline;
                }
            }
        }
    }

    /// Asserts that the successes are those of the timeline, and that each device gets the events of all others'.
    async fn check(&mut self, call: &str, won: &[Act], timeline: &[Value]) {
        let mut won = won.to_vec();
        let mut stories: Vec<Vec<(&str, &Value)>> = vec![Vec::new(); 4];
        for entry in timeline {
            let (kind, actor) = match text(&entry["status"]) {
                "CONNECTING" => ("call_accepted", self.actor(entry, Action::Accept, &mut won)),
                "REJECTED" => ("call_rejected", self.actor(entry, Action::Reject, &mut won)),
                "ENDED" => ("call_ended", self.actor(entry, Action::End, &mut won)),
                "MISSED" => ("call_timeout", None),
                other => panic!("{other}: {timeline:#?}"),
            };
            for (place, story) in stories.iter_mut().enumerate() {
                if actor != Some(place) {
                    story.push((kind, &entry["at"]));
                }
            }
        }
        assert!(
            won.is_empty(),
            "not in the timeline: {won:?}, {timeline:#?}"
        );
        for (place, story) in stories.iter().enumerate() {
            for (kind, at) in story {
                let heard = self.hear(place, kind).await;
                assert_eq!(heard["data"]["callId"], *call, "{place}: {timeline:#?}");
                assert_eq!(heard["timestamp"], **at, "{place}: {timeline:#?}");
            }
        }
    }

    /// Returns the device that made `entry`; none for the backend. Takes it from `won` if it did so over REST.
    fn actor(&self, entry: &Value, action: Action, won: &mut Vec<Act>) -> Option<usize> {
        match text(&entry["via"]) {
            "rest" => {
                let is_it = |(place, done): &Act| {
                    *done == action && self.is_of(*place, text(&entry["actor"]))
                };
                let position = won.iter().position(is_it);
                Some(won.remove(position.expect("answered with success")).0)
            }
            "websocket" => [1, 3]
                .into_iter()
                .find(|place| self.is_of(*place, text(&entry["actor"]))),
            _ => None,
        }
    }

    fn is_of(&self, place: usize, user: &str) -> bool {
        (user == self.callee) == (place >= 2)
    }

    /// Returns the next event of the device, which must be of this type. Refusals of what it did are left out.
    async fn hear(&mut self, place: usize, kind: &str) -> Value {
        loop {
            let socket = &mut self.devices[place].socket;
            let message = socket.expect_one_of(&[kind, "call_error"]).await;
            if message["type"] == kind {
                return message;
            }
            assert_eq!(message["payload"]["errorType"], "invalid_status");
        }
    }
}

/// Acts over REST. Returns whether it succeeded.
async fn succeeds(api: &Api, action: Action, call: &str) -> bool {
    let answer = match action {
        Action::Accept => api.accept(call).await,
        Action::Reject => api.reject(call, "declined").await,
        Action::End => api.end(call).await,
    };
    if answer.status != 200 {
        answer.failure(400, "invalid_status");
        return false;
    }
    assert_eq!(answer.success(200)["status"], action.status());
    true
}

fn text(value: &Value) -> &str {
    value.as_str().expect("text")
}
