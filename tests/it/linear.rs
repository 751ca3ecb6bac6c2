//! Recorded history of many clients that act on calls at the same time, checked for linearizability: for each call
//! there is an order of all operations in which each took effect between its request and its response, and which
//! explains every response.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chattrix::call::Status;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use tokio::sync::Barrier;

use crate::support::model::{Action, next_status};
use crate::support::{Address, Answer, Api, Cluster, TestServer, rounds};

/// Pairs of users, each with two devices for either of them: 64 clients.
const PAIRS: usize = 16;
const DEVICES: usize = 4;

/// What a client does to one call, before the next is made. A history of one call fits the checker's bits.
const OPERATIONS: usize = 8;

const CALLS: usize = 4;
/// 16 pairs, 4 clients, 8 operations, and so many calls: over 100,000 operations.
const CALLS_IN_SOAK: usize = 200;

/// One operation of a history: what was done, what was answered, and when both were.
#[derive(Clone, Copy, Debug)]
struct Operation {
    /// What was done; `None` read the call.
    action: Option<Action>,
    /// The status that was answered, or none where it was refused.
    answered: Option<Status>,
    asked_at: Instant,
    answered_at: Instant,
}

/// Returns the status after `action` (`None` reads) on a call in `status`, and the answer.
fn step(status: Status, action: Option<Action>) -> (Status, Option<Status>) {
    let next = action.map_or(Some(status), |action| next_status(status, action));
    (next.unwrap_or(status), next)
}

/// Whether some order explains `history`, from a call that rings (Wing and Gong, 1993, with the states that were
/// tried before remembered).
fn is_linearizable(history: &[Operation]) -> bool {
    assert!(history.len() <= 64, "a bit for each operation");
    let all = u64::MAX >> (64 - history.len().max(1));
    let mut tried = HashSet::new();
    let mut open = vec![(0_u64, Status::Ringing)];
    while let Some((done, status)) = open.pop() {
        if done == all || history.is_empty() {
            return true;
        }
        if !tried.insert((done, status)) {
            continue;
        }
        let is_left = |place: usize| done & (1 << place) == 0;
        let left = || (0..history.len()).filter(|place| is_left(*place));
        // Whatever was asked after another was answered comes after it.
        let first_answer = left().map(|place| history[place].answered_at).min();
        for place in left() {
            let operation = history[place];
            let may_be_next = first_answer.is_none_or(|first| operation.asked_at <= first);
            let (next, answered) = step(status, operation.action);
            if may_be_next && answered == operation.answered {
                open.push((done | 1 << place, next));
            }
        }
    }
    false
}

#[rocket::async_test]
async fn concurrent_actions_of_64_clients_are_linearizable() {
    let server = TestServer::with(|s| s.auto_provision = true).await;
    let sign_in = |user: &str, _: &str| server.sign_in(user);
    act_in_pairs(sign_in, &[server.address().clone()]).await;
}

/// The same with several nodes: each request goes to a random one.
#[tokio::test(flavor = "multi_thread")]
async fn concurrent_actions_on_several_nodes_are_linearizable() {
    let Some(cluster) = Cluster::start(3, &[]).await else {
        return;
    };
    let nodes = [0, 1, 2].map(|place| cluster.address(place).clone());
    act_in_pairs(|user, session| cluster.sign_in(user, session), &nodes).await;
}

/// Lets all pairs act on their calls, each request at a random one of `nodes`.
async fn act_in_pairs(sign_in: impl Fn(&str, &str) -> Api, nodes: &[Address]) {
    let nodes: Arc<[Address]> = nodes.into();
    let mut pairs = Vec::new();
    for pair in 0..PAIRS {
        let [caller, callee] = [format!("caller-{pair}"), format!("callee-{pair}")];
        let devices = [
            sign_in(&caller, "phone"),
            sign_in(&caller, "tablet"),
            sign_in(&callee, "phone"),
            sign_in(&callee, "tablet"),
        ];
        pairs.push(tokio::spawn(act(devices, callee, pair, Arc::clone(&nodes))));
    }
    let mut operations = 0;
    for pair in pairs {
        operations += pair
            .await
            .expect("every history of the pair is linearizable");
    }
    assert_eq!(
        operations,
        rounds(CALLS, CALLS_IN_SOAK) * PAIRS * DEVICES * OPERATIONS
    );
    println!(
        "{operations} operations by {} clients, 0 violations",
        PAIRS * DEVICES
    );
}

/// Makes call after call between a pair, has all its devices act on it, and checks the history of each: how many
/// operations there were.
async fn act(devices: [Api; DEVICES], callee: String, pair: usize, nodes: Arc<[Address]>) -> usize {
    devices[2].active().await.success(200);
    let mut operations = 0;
    for round in 0..rounds(CALLS, CALLS_IN_SOAK) {
        let call = devices[0].call(&callee).await;
        let start = Arc::new(Barrier::new(DEVICES));
        let principal: Vec<_> = devices
            .iter()
            .enumerate()
            .map(|(place, api)| {
                let seed = (pair * 1_000_000 + round * 10 + place) as u64;
                tokio::spawn(operate(
                    api.clone(),
                    place >= 2,
                    call.clone(),
                    seed,
                    start.clone(),
                    Arc::clone(&nodes),
                ))
            })
            .collect();
        let mut history = Vec::new();
        for device in principal {
            history.extend(device.await.expect("no client panicked"));
        }
        assert!(is_linearizable(&history), "{call}: {history:#?}");
        operations += history.len();
        // It may be over already.
        devices[0].end(&call).await;
    }
    operations
}

async fn operate(
    api: Api,
    is_callee: bool,
    call: String,
    seed: u64,
    start: Arc<Barrier>,
    nodes: Arc<[Address]>,
) -> Vec<Operation> {
    let mut random = StdRng::seed_from_u64(seed);
    let all = [
        None,
        Some(Action::Activate),
        Some(Action::Activate),
        Some(Action::End),
        Some(Action::Accept),
        Some(Action::Reject),
        Some(Action::Connect),
    ];
    // Only the callee accepts, rejects and connects. The end is seldom, or all would be over at once.
    let own = if is_callee { &all[..] } else { &all[..4] };
    let mut history = Vec::with_capacity(OPERATIONS);
    start.wait().await;
    for _ in 0..OPERATIONS {
        let action = *own.choose(&mut random).expect("actions");
        let action =
            if matches!(action, Some(Action::End | Action::Reject)) && random.random_bool(0.6) {
                None
            } else {
                action
            };
        let api = api.at(nodes.choose(&mut random).expect("a node"));
        let asked_at = Instant::now();
        let answer = match action {
            Some(Action::Accept) => api.accept(&call).await,
            Some(Action::Reject) => api.reject(&call, "declined").await,
            Some(Action::End) => api.end(&call).await,
            Some(Action::Connect) => api.set_status(&call, "CONNECTING").await,
            Some(Action::Activate) => api.set_status(&call, "ACTIVE").await,
            None => api.details(&call).await,
        };
        history.push(Operation {
            action,
            answered: answered(answer),
            asked_at,
            answered_at: Instant::now(),
        });
    }
    history
}

fn answered(answer: Answer) -> Option<Status> {
    if answer.status != 200 {
        answer.failure(400, "invalid_status");
        return None;
    }
    let call = answer.success(200);
    let word = call["status"].as_str().expect("a status");
    // The model's calls ring from the start.
    let is = |status: &Status| status.as_str() == word.replace("INITIATING", "RINGING");
    Status::ALL.into_iter().find(is)
}

/// Operations by their actions, answers and times in milliseconds.
fn history(operations: &[(Option<Action>, Option<Status>, u64, u64)]) -> Vec<Operation> {
    let start = Instant::now();
    let at = |ms| start + Duration::from_millis(ms);
    let operation =
        |(action, answered, from, to): &(Option<Action>, Option<Status>, u64, u64)| Operation {
            action: *action,
            answered: *answered,
            asked_at: at(*from),
            answered_at: at(*to),
        };
    operations.iter().map(operation).collect()
}

/// A checker that takes everything would find nothing.
#[test]
fn the_checker_takes_what_can_be_and_refuses_what_cannot() {
    use Status::{Active, Connecting, Ended, Rejected, Ringing};
    let accept = (Some(Action::Accept), Some(Connecting), 0, 10);
    assert!(is_linearizable(&[]));
    for can_be in [
        &[accept, (Some(Action::Reject), None, 0, 10)][..],
        &[
            (None, Some(Ringing), 0, 20),
            accept,
            (None, Some(Connecting), 15, 30),
        ],
        &[
            (Some(Action::Activate), Some(Active), 5, 15),
            accept,
            (Some(Action::End), Some(Ended), 5, 30),
        ],
    ] {
        assert!(is_linearizable(&history(can_be)), "{can_be:?}");
    }
    for cannot_be in [
        // Two winners.
        &[accept, (Some(Action::Reject), Some(Rejected), 0, 10)][..],
        // A read that goes back in time.
        &[accept, (None, Some(Ringing), 11, 20)],
        // Lost after its answer.
        &[
            accept,
            (None, Some(Connecting), 11, 20),
            (Some(Action::Accept), Some(Connecting), 21, 30),
        ],
        // Refused, though nothing stood in the way.
        &[(Some(Action::End), None, 0, 10)],
        // Active before anybody could have accepted.
        &[
            (Some(Action::Activate), Some(Active), 0, 4),
            (Some(Action::Accept), Some(Connecting), 5, 10),
        ],
    ] {
        assert!(!is_linearizable(&history(cannot_be)), "{cannot_be:?}");
    }
}
