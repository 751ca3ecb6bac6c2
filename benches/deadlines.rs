//! How late calls end that nobody answers, when many are due at a time.
//!
//! `cargo bench --bench deadlines [-- CALLS]` lets so many calls (10,000 where nothing is said) come due within one
//! second, ends them as the sweeper does, and reads from the database when each was ended.

use std::time::{Duration, Instant};

use chattrix::call::transition::Limits;
use chattrix::call::{CallType, ChannelId, Principal, Source};
use chattrix::clock::Clock;
use chattrix::hub::{Capacity, Hub};
use chattrix::metrics::Metrics;
use chattrix::random::Random;
use chattrix::service::{NewCall, Rules, Service};
use chattrix::store::{Database, Store};
use chattrix::user::{Profile, SessionId, UserId};
use rusqlite::Connection;

/// Default number of calls.
const CALLS: u32 = 10_000;

/// Concurrent callers.
const CALLERS: u32 = 50;

/// Time in which all calls are initiated, and so the time in which all become due.
const SPREAD: Duration = Duration::from_secs(1);

/// Ring timeout: longer than it takes to initiate the calls on a slow machine.
const RINGING: Duration = Duration::from_secs(10);

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome<()> {
    let calls = std::env::args().find_map(|argument| argument.parse().ok());
    let calls: u32 = calls.unwrap_or(CALLS);
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let file = folder.path().join("calls.db");
    fill(&file, 2 * calls)?;
    let service = service(Store::open(&file, Metrics::new(env!("CARGO_PKG_VERSION")))?);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        initiate(&service, calls).await;
        let mut ended = 0;
        while ended < usize::try_from(calls)? {
            ended += service.deadlines().end_overdue_calls().await?;
            service
                .deadlines()
                .sleep_until_due(Duration::from_secs(1))
                .await?;
        }
        Outcome::Ok(())
    })?;
    service.close();
    report(&file)
}

fn user(key: u32) -> UserId {
    UserId::parse(&format!("user-{key}")).expect("a user id")
}

/// Many users in one transaction: one transaction each would take a sync each.
fn fill(file: &std::path::Path, users: u32) -> Outcome<()> {
    let database = Database::open(file)?;
    let profile = Profile {
        id: user(0),
        name: "User".to_owned(),
        avatar: None,
    };
    database.add_user(&profile, Clock::System.now())?;
    drop(database);
    let conn = Connection::open(file)?;
    conn.execute(
        "WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < ?1)
         INSERT INTO users (id, name, standing, created_at) SELECT 'user-' || n, 'User', 0, 0 FROM number",
        [users],
    )?;
    Ok(())
}

/// Initiates the calls, evenly over the time in which they are to be due.
async fn initiate(service: &Service, calls: u32) {
    let began = Instant::now();
    let callers: Vec<_> = (0..CALLERS)
        .map(|first| {
            let service = service.clone();
            tokio::spawn(async move {
                for number in (first..calls).step_by(usize::try_from(CALLERS).expect("a few")) {
                    let due = began + SPREAD * number / calls;
                    tokio::time::sleep_until(due.into()).await;
                    ring(&service, 2 * number, 2 * number + 1).await;
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await.expect("the calls are initiated");
    }
    let took = began.elapsed().as_secs_f64();
    println!("{calls} calls initiated in {took:.2} s");
}

async fn ring(service: &Service, caller: u32, callee: u32) {
    let principal = Principal {
        user: user(caller),
        session: SessionId::new("bench"),
        via: Source::Rest,
    };
    let new = NewCall {
        callee: user(callee),
        call_type: CallType::Audio,
        channel: ChannelId::parse("channel").expect("a channel"),
        idempotency_key: None,
    };
    let call = service.calls().initiate(principal, new).await;
    call.expect("initiated");
}

fn service(store: Store) -> Service {
    let hub = Hub::new(
        Capacity {
            event_queue: 256,
            sessions_per_user: 8,
            connections: 100,
            connections_per_address: None,
            confirm_timeout: Duration::from_secs(5),
        },
        Clock::System,
    );
    let rules = Rules::only(Limits {
        ring_timeout: RINGING,
        max_call_duration: None,
    });
    let metrics = Metrics::new(env!("CARGO_PKG_VERSION"));
    Service::new(
        store,
        hub,
        Clock::System,
        Random::System,
        rules,
        metrics,
        None,
    )
}

fn report(file: &std::path::Path) -> Outcome<()> {
    let conn = Connection::open(file)?;
    let ring_ms = i64::try_from(RINGING.as_millis())?;
    let mut late = conn
        .prepare("SELECT ended_at - created_at - ?1 FROM calls")?
        .query_map([ring_ms], |row| row.get(0))?
        .collect::<Result<Vec<i64>, _>>()?;
    late.sort_unstable();
    let at = |percent: usize| late[(late.len() - 1) * percent / 100];
    println!(
        "{} calls ended; late by, in ms: p50 {}, p99 {}, max {}",
        late.len(),
        at(50),
        at(99),
        at(100)
    );
    Ok(())
}
