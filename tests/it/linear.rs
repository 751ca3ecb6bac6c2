//! A recorded history of many clients who act on calls at the same time, checked for linearizability: for each call
//! there is an order of all that was done to it, in which each took effect between its request and its answer, and
//! which explains every answer.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use tokio::sync::Barrier;

use crate::support::{Answer, Api, TestServer, rounds};

/// Pairs of users, each with two devices for either of them: 64 clients.
const PAIRS: usize = 16;
const DEVICES: usize = 4;

/// What a client does to one call, before the next is made. A history of one call fits the checker's bits.
const OPERATIONS: usize = 8;

const CALLS: usize = 4;
/// 16 pairs, 4 clients, 8 operations, and so many calls: over 100,000 operations.
const CALLS_IN_SOAK: usize = 200;

/// Where a call is, as far as it decides what may be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Status {
    Ringing,
    Connecting,
    Active,
    Ended,
    Rejected,
}

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    Accept,
    Reject,
    End,
    Activate,
    Read,
}

/// One operation of a history: what was done, what was answered, and when both were.
#[derive(Clone, Copy, Debug)]
struct Operation {
    deed: Deed,
    /// The status that was answered, or none where it was refused.
    answered: Option<Status>,
    asked_at: Instant,
    answered_at: Instant,
}

/// The register: where `deed` takes a call that is in `status`, and what it is answered.
fn step(status: Status, deed: Deed) -> (Status, Option<Status>) {
    let next = match (deed, status) {
        (Deed::Read, _) => status,
        (Deed::Accept, Status::Ringing) => Status::Connecting,
        (Deed::Reject, Status::Ringing) => Status::Rejected,
        (Deed::End, Status::Ringing | Status::Connecting | Status::Active) => Status::Ended,
        (Deed::Activate, Status::Connecting | Status::Active) => Status::Active,
        (Deed::Accept | Deed::Reject | Deed::End | Deed::Activate, _) => return (status, None),
    };
    (next, Some(next))
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
            let (next, answered) = step(status, operation.deed);
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
    let server = Arc::new(server);
    let pairs: Vec<_> = (0..PAIRS)
        .map(|pair| tokio::spawn(act(Arc::clone(&server), pair)))
        .collect();
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
async fn act(server: Arc<TestServer>, pair: usize) -> usize {
    let [caller, callee] = [format!("caller-{pair}"), format!("callee-{pair}")];
    let devices = [&caller, &caller, &callee, &callee].map(|user| server.sign_in(user));
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
) -> Vec<Operation> {
    let mut random = StdRng::seed_from_u64(seed);
    let all = [
        Deed::Read,
        Deed::Activate,
        Deed::Activate,
        Deed::End,
        Deed::Accept,
        Deed::Reject,
    ];
    // Only the callee accepts and rejects. The end is seldom, or all would be over at once.
    let own = if is_callee { &all[..] } else { &all[..4] };
    let mut history = Vec::with_capacity(OPERATIONS);
    start.wait().await;
    for _ in 0..OPERATIONS {
        let deed = *own.choose(&mut random).expect("deeds");
        let deed = if matches!(deed, Deed::End | Deed::Reject) && random.random_bool(0.6) {
            Deed::Read
        } else {
            deed
        };
        let asked_at = Instant::now();
        let answer = match deed {
            Deed::Accept => api.accept(&call).await,
            Deed::Reject => api.reject(&call, "declined").await,
            Deed::End => api.end(&call).await,
            Deed::Activate => api.set_status(&call, "ACTIVE").await,
            Deed::Read => api.details(&call).await,
        };
        history.push(Operation {
            deed,
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
    Some(match call["status"].as_str().expect("a status") {
        "INITIATING" | "RINGING" => Status::Ringing,
        "CONNECTING" => Status::Connecting,
        "ACTIVE" => Status::Active,
        "ENDED" => Status::Ended,
        "REJECTED" => Status::Rejected,
        other => panic!("{other}"),
    })
}

/// Operations by their deeds, answers and times in milliseconds.
fn history(operations: &[(Deed, Option<Status>, u64, u64)]) -> Vec<Operation> {
    let start = Instant::now();
    let at = |ms| start + Duration::from_millis(ms);
    let operation = |(deed, answered, from, to): &(Deed, Option<Status>, u64, u64)| Operation {
        deed: *deed,
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
    let accept = (Deed::Accept, Some(Connecting), 0, 10);
    assert!(is_linearizable(&[]));
    for can_be in [
        &[accept, (Deed::Reject, None, 0, 10)][..],
        &[
            (Deed::Read, Some(Ringing), 0, 20),
            accept,
            (Deed::Read, Some(Connecting), 15, 30),
        ],
        &[
            (Deed::Activate, Some(Active), 5, 15),
            accept,
            (Deed::End, Some(Ended), 5, 30),
        ],
    ] {
        assert!(is_linearizable(&history(can_be)), "{can_be:?}");
    }
    for cannot_be in [
        // Two winners.
        &[accept, (Deed::Reject, Some(Rejected), 0, 10)][..],
        // A read that goes back in time.
        &[accept, (Deed::Read, Some(Ringing), 11, 20)],
        // Lost after its answer.
        &[
            accept,
            (Deed::Read, Some(Connecting), 11, 20),
            (Deed::Accept, Some(Connecting), 21, 30),
        ],
        // Refused, though nothing stood in the way.
        &[(Deed::End, None, 0, 10)],
        // Active before anybody could have accepted.
        &[
            (Deed::Activate, Some(Active), 0, 4),
            (Deed::Accept, Some(Connecting), 5, 10),
        ],
    ] {
        assert!(!is_linearizable(&history(cannot_be)), "{cannot_be:?}");
    }
}
