//! How fast histories stay as they grow, and what forgetting costs the others.
//!
//! `cargo bench --bench history [-- ENTRIES]` fills a database with so many entries (10 million where nothing
//! is said; that takes 2 GB of disk and some minutes), of which one user has 100,000, starts the server on it
//! and asks as a client over loopback; then it forgets old calls while others write, and plays calls on it and on
//! an empty database in turn, to see how fast these are and how much of the disk each takes.

mod ask;
mod fill;
mod forget;
mod holds;
mod play;

use std::time::{Duration, Instant};

use chattrix::call::transition::Limits;
use chattrix::clock::Clock;
use chattrix::hub::{Capacity, Hub};
use chattrix::metrics::Metrics;
use chattrix::random::Random;
use chattrix::service::{Rules, Service};
use chattrix::store::Store;
use chattrix::user::{Profile, UserId};
use tracing_subscriber::Registry;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use ask::ask;
use fill::fill;
use forget::forget;
use holds::Holds;
use play::play;

/// Default number of entries.
const ENTRIES: u64 = 10_000_000;

/// Users beside the one with the long history.
const USERS: u64 = 100_000;

/// The time over which the calls are spread: the long history has some 8,000 entries of the last month.
const SPAN: Duration = Duration::from_hours(24 * 365);

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome<()> {
    let entries = std::env::args().find_map(|argument| argument.parse().ok());
    let calls = entries.unwrap_or(ENTRIES) / 2;
    let holds = Holds::default();
    Registry::default()
        .with(Targets::new().with_target("chattrix::store::writer", LevelFilter::TRACE))
        .with(holds.clone())
        .init();
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let file = folder.path().join("calls.db");
    let began = Instant::now();
    let now = Clock::System.now();
    fill(&file, calls, now)?;
    let bytes = std::fs::metadata(&file)?.len();
    println!(
        "{} entries of {calls} calls in {:.0} s, {} MB, {} bytes a call\n",
        calls * 2,
        began.elapsed().as_secs_f64(),
        bytes / 1_000_000,
        bytes / calls.max(1)
    );
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(ask(&file))?;
    runtime.block_on(forget(&file, now, &holds))?;
    runtime.block_on(play(&file))
}

/// Returns the id of the user with the key `key`; the first has the long history.
fn user(key: u64) -> UserId {
    UserId::parse(&format!("user-{key}")).expect("a user id")
}

fn profile(key: u64) -> Profile {
    Profile {
        id: user(key),
        name: format!("User {key}"),
        avatar: None,
    }
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
        ring_timeout: Duration::from_mins(1),
        max_call_duration: None,
    });
    Service::new(
        store,
        hub,
        Clock::System,
        Random::System,
        rules,
        Metrics::new(env!("CARGO_PKG_VERSION")),
        None,
    )
}

/// Reports the percentiles of `times`.
fn report(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100].as_micros();
    println!("{what:<52}{:>9}{:>9}{:>9}", at(50), at(99), at(100));
}
