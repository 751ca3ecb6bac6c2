//! Overload: more writes than the disk takes. Excess requests are rejected at once, and accepted ones keep their
//! latency.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use chattrix::app;
use chattrix::call::{CallType, ChannelId, Principal, Source};
use chattrix::clock::Clock;
use chattrix::service::{Error, NewCall, Service};
use chattrix::settings::Settings;
use chattrix::user::{SessionId, UserId};
use rusqlite::Connection;

use crate::support::{SECRET, make_database, rounds};

/// Writes that the writer's queue and a batch hold.
const HELD: u32 = 1024 + 256;

/// Pairs that keep the writer busy, and three times as many as it holds.
const ENOUGH: u32 = 256;
const TOO_MANY: u32 = 3 * HELD;

struct CallFixture {
    folder: tempfile::TempDir,
    service: Service,
}

impl CallFixture {
    fn set(pairs: u32) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = Settings {
            database: folder.path().join("calls.db"),
            jwt_secret: vec![SECRET.to_owned().into()],
            ..Settings::default()
        };
        let users = (0..pairs).flat_map(|pair| [name(pair, 0), name(pair, 1)]);
        make_database(&settings.database, users);
        let app = app::build(&settings, rocket::Config::figment(), Clock::System).expect("built");
        let service = app
            .rocket
            .state::<Service>()
            .expect("it is managed")
            .clone();
        Self { folder, service }
    }
}

fn name(pair: u32, place: u32) -> String {
    format!("user-{pair}-{place}")
}

async fn initiate(service: &Service, pair: u32) -> Result<chattrix::call::Call, Error> {
    let user = |place| UserId::parse(&name(pair, place)).expect("an id");
    let new = NewCall {
        callee: user(1),
        call_type: CallType::Audio,
        channel: ChannelId::parse("channel").expect("a channel"),
        idempotency_key: None,
    };
    service.calls().initiate(principal(pair), new).await
}

fn principal(pair: u32) -> Principal {
    Principal {
        user: UserId::parse(&name(pair, 0)).expect("an id"),
        session: SessionId::new("1"),
        via: Source::Rest,
    }
}

fn is_unavailable(error: &Error) -> bool {
    matches!(error, Error::Unavailable(_))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_queue_does_not_hold_is_refused_at_once() {
    let fixture = CallFixture::set(TOO_MANY);
    // Nothing gets through while another process holds the file.
    let other = Connection::open(fixture.folder.path().join("calls.db")).expect("opened");
    other.execute_batch("BEGIN IMMEDIATE").expect("locked");
    let began = Instant::now();
    let refused_at_once = Arc::new(AtomicU32::new(0));
    let writing: Vec<_> = (0..TOO_MANY)
        .map(|pair| {
            let (service, refused) = (fixture.service.clone(), refused_at_once.clone());
            tokio::spawn(async move {
                let asked = Instant::now();
                let error = initiate(&service, pair).await;
                let error = error.expect_err("the file is held");
                assert!(is_unavailable(&error), "{error}");
                if asked.elapsed() < Duration::from_millis(500) {
                    refused.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for writer in writing {
        writer.await.expect("refused");
    }
    assert!(refused_at_once.load(Ordering::Relaxed) >= TOO_MANY - HELD);
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
    other.execute_batch("ROLLBACK").expect("unlocked");
    initiate(&fixture.service, 0).await.expect("made");
    fixture.service.close();
}

/// Pairs that make and end one call after another for `time`, and come again `pause` after they were refused:
/// changes made in a second, the longest that one took, and how many were refused.
async fn goodput(
    service: &Service,
    pairs: u32,
    time: Duration,
    pause: Duration,
) -> (f64, Duration, u32) {
    let (over, made, refused) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicU32::new(0)),
        Arc::new(AtomicU32::new(0)),
    );
    let working: Vec<_> = (0..pairs)
        .map(|pair| {
            let (service, over) = (service.clone(), over.clone());
            let (made, refused) = (made.clone(), refused.clone());
            tokio::spawn(async move {
                let mut longest = Duration::ZERO;
                let mut call = None;
                while !over.load(Ordering::Relaxed) {
                    let asked = Instant::now();
                    let done = match call {
                        None => initiate(&service, pair).await,
                        Some(id) => service.calls().end(principal(pair), id, None).await,
                    };
                    match done {
                        Ok(after) => {
                            call = after.status().is_live().then_some(after.id);
                            longest = longest.max(asked.elapsed());
                            made.fetch_add(1, Ordering::Relaxed);
                        }
                        Err(error) => {
                            assert!(is_unavailable(&error), "{error}");
                            refused.fetch_add(1, Ordering::Relaxed);
                            tokio::time::sleep(pause).await;
                        }
                    }
                }
                if let Some(id) = call {
                    // Whatever it takes: the next round begins with nobody in a call.
                    while service
                        .calls()
                        .end(principal(pair), id, None)
                        .await
                        .is_err()
                    {
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                }
                longest
            })
        })
        .collect();
    let began = Instant::now();
    tokio::time::sleep(time).await;
    let (count, took) = (made.load(Ordering::Relaxed), began.elapsed());
    over.store(true, Ordering::Relaxed);
    let mut longest = Duration::ZERO;
    for pair in working {
        longest = longest.max(pair.await.expect("no pair panicked"));
    }
    let per_second = f64::from(count) / took.as_secs_f64();
    (per_second, longest, refused.load(Ordering::Relaxed))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn overloaded_writer_keeps_its_throughput() {
    let fixture = CallFixture::set(TOO_MANY);
    let time = Duration::from_secs(rounds(1, 10) as u64);
    // In one second, with the other tests beside it, the same load varies by half.
    #[expect(clippy::cast_precision_loss, reason = "a percentage")]
    let share = rounds(30, 80) as f64 / 100.0;
    let (peak, ..) = goodput(&fixture.service, ENOUGH, time, Duration::ZERO).await;
    // All of them together ask three times as often as the writer can answer.
    let pause = Duration::from_secs_f64(f64::from(TOO_MANY) / (3.0 * peak));
    let (loaded, longest, refused) = goodput(&fixture.service, TOO_MANY, time, pause).await;
    println!(
        "{peak:.0} changes/s, overloaded {loaded:.0}, the longest {longest:?}, {refused} refused"
    );
    assert!(refused > 0, "this was no overload");
    assert!(loaded >= share * peak, "{loaded:.0} of {peak:.0}");
    // What a full queue takes, and no more the longer it lasts.
    let full = Duration::from_secs_f64(f64::from(HELD) / loaded);
    assert!(
        longest < 2 * full + Duration::from_secs(1),
        "{longest:?}, a full queue takes {full:?}"
    );
    fixture.service.close();
}
