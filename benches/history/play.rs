//! Plays whole calls, on the database and on an empty one in turn.

use std::path::Path;
use std::time::Instant;

use chattrix::call::transition::Target;
use chattrix::call::{CallType, ChannelId, Principal, Source};
use chattrix::clock::Clock;
use chattrix::metrics::Metrics;
use chattrix::service::{NewCall, Service};
use chattrix::store::{Database, Store};
use chattrix::user::SessionId;

use crate::{Outcome, profile, service, user};

/// Pairs that call each other, on this database and on an empty one in turn.
const PAIRS: u64 = 64;

/// Calls of each pair in a turn.
const CALLS_OF_PAIR: u32 = 300;

/// Turns of both.
const ROUNDS: u32 = 5;

/// Plays whole calls on the database `full` and on an empty one, and reports the rate and the disk usage of a call.
pub async fn play(full: &Path) -> Outcome<()> {
    let empty = full.with_file_name("played.db");
    let database = Database::open(&empty)?;
    for key in 1..=2 * PAIRS {
        database.add_user(&profile(key), Clock::System.now())?;
    }
    drop(database);
    let before = std::fs::metadata(&empty)?.len();
    let mut ratios = Vec::new();
    println!("\ncalls of {PAIRS} pairs          calls/s, empty   calls/s, this   ratio");
    for _ in 0..ROUNDS {
        let without = calls_per_second(&empty).await?;
        let with = calls_per_second(full).await?;
        println!("{without:39.0} {with:15.0} {:7.2}", with / without);
        ratios.push(with / without);
    }
    ratios.sort_by(f64::total_cmp);
    println!("in the middle {:49.2}", ratios[ratios.len() / 2]);
    let played = u64::from(ROUNDS * CALLS_OF_PAIR) * PAIRS;
    let bytes = std::fs::metadata(&empty)?.len() - before;
    println!("\n{} bytes a call", bytes / played);
    Ok(())
}

/// Returns the rate of calls through a server on `file`, without HTTP and sockets.
async fn calls_per_second(file: &Path) -> Outcome<f64> {
    let service = service(Store::open(file, Metrics::new(env!("CARGO_PKG_VERSION")))?);
    let began = Instant::now();
    let playing = (1..=PAIRS).map(|pair| {
        let service = service.clone();
        tokio::spawn(async move {
            for _ in 0..CALLS_OF_PAIR {
                play_one(&service, pair, pair + PAIRS).await;
            }
        })
    });
    let playing: Vec<_> = playing.collect();
    for one in playing {
        one.await?;
    }
    let seconds = began.elapsed().as_secs_f64();
    tokio::task::spawn_blocking(move || service.close()).await?;
    Ok(f64::from(CALLS_OF_PAIR * u32::try_from(PAIRS)?) / seconds)
}

async fn play_one(service: &Service, caller: u64, callee: u64) {
    let principal = |key| Principal {
        user: user(key),
        session: SessionId::new("bench"),
        via: Source::Rest,
    };
    let new = NewCall {
        callee: user(callee),
        call_type: CallType::Video,
        channel: ChannelId::parse("channel-0123456789").expect("a channel"),
        idempotency_key: None,
    };
    let call = service
        .calls()
        .initiate(principal(caller), new)
        .await
        .expect("initiated")
        .id;
    service
        .calls()
        .accept(principal(callee), call)
        .await
        .expect("accepted");
    service
        .calls()
        .set_status(principal(callee), call, Target::Active)
        .await
        .expect("active");
    service
        .calls()
        .end(principal(caller), call, None)
        .await
        .expect("ended");
}
