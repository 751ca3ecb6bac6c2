//! The steps of a call, one by one: `cargo bench --bench hot_paths [-- FILTER]`. `scripts/bench` runs them all and
//! compares them with an earlier run.

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chattrix::auth::Authenticator;
use chattrix::call::transition::{self, CallRequest, CalleeAvailability, Limits};
use chattrix::call::{
    Call, CallId, CallType, ChannelId, Filter, Notice, Principal, Source, Transition,
};
use chattrix::clock::{Clock, Timestamp};
use chattrix::hub::{Capacity, EncodedNotice, Hub, Outgoing, Subscription};
use chattrix::metrics::Metrics;
use chattrix::random::Random;
use chattrix::service::{NewCall, Rules, Service};
use chattrix::settings::Settings;
use chattrix::store::{Database, Store};
use chattrix::user::{Profile, SessionId, UserId};
use chattrix::wire::{event, message};
use criterion::{BenchmarkId, Criterion, Throughput};
use tokio::runtime::Runtime;

/// Concurrent submitters of changes.
const SUBMITTERS: [u64; 4] = [1, 8, 64, 512];

/// Calls in the history of which a page is read.
const HISTORY: u64 = 1_000;

/// Calls that ring while the sweeper asks for the nearest deadline.
const RINGING: u64 = 1_000;

const LIMITS: Limits = Limits {
    ring_timeout: Duration::from_mins(1),
    max_call_duration: Some(Duration::from_hours(4)),
};

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    for group in [transitions, messages, tokens, fan_out, writer, reads] {
        group(&mut criterion);
    }
    criterion.final_summary();
}

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

fn principal(key: u64) -> Principal {
    Principal {
        user: user(key),
        session: SessionId::new("bench"),
        via: Source::Socket,
    }
}

fn channel() -> ChannelId {
    ChannelId::parse("channel-0123456789").expect("a channel")
}

fn now() -> Timestamp {
    Clock::System.now()
}

fn initiated() -> Transition {
    let request = CallRequest {
        id: CallId::from_uuid(uuid::Uuid::now_v7()),
        caller: profile(1),
        callee: user(2),
        call_type: CallType::Video,
        channel: channel(),
    };
    transition::initiate(
        request,
        CalleeAvailability::Connected,
        Source::Rest,
        LIMITS,
        now(),
    )
}

fn invitation() -> Notice {
    let first = initiated().notices.into_iter().next();
    first.expect("the callee is connected, so it is invited")
}

/// Measures the rules alone: initiate, accept, end.
fn transitions(criterion: &mut Criterion) {
    let ringing: Call = initiated().call;
    let accepted = transition::accept(&ringing, &principal(2), LIMITS, now()).expect("accepted");
    criterion.bench_function("transition/initiate", |bencher| bencher.iter(initiated));
    criterion.bench_function("transition/accept", |bencher| {
        bencher.iter(|| transition::accept(&ringing, &principal(2), LIMITS, now()));
    });
    criterion.bench_function("transition/end", |bencher| {
        bencher.iter(|| transition::end(&accepted.call, &principal(1), None, now()));
    });
}

fn messages(criterion: &mut Criterion) {
    let text = format!(
        r#"{{"type":"call.accept","payload":{{"callId":"{}"}}}}"#,
        uuid::Uuid::now_v7()
    );
    criterion.bench_function("message/decode call.accept", |bencher| {
        bencher.iter(|| message::parse(&text, false));
    });
    let invitation = invitation();
    criterion.bench_function("message/encode call_invitation", |bencher| {
        bencher.iter(|| event::notice(&invitation));
    });
}

fn tokens(criterion: &mut Criterion) {
    use secrecy::ExposeSecret as _;
    let settings = Settings {
        jwt_secret: vec![
            "a secret of the benchmark, longer than thirty-two bytes"
                .to_owned()
                .into(),
        ],
        ..Settings::default()
    };
    let authenticator = Authenticator::from_settings(&settings).expect("a key");
    let token = authenticator
        .mint(&user(1), Duration::from_hours(1), now())
        .expect("a token");
    criterion.bench_function("token/verify HS256", |bencher| {
        bencher.iter(|| authenticator.verify(token.expose_secret(), now()));
    });
}

/// Measures an event for all sessions of a user, and the text that each of them sends.
fn fan_out(criterion: &mut Criterion) {
    let runtime = runtime();
    let mut group = criterion.benchmark_group("hub/fan-out");
    for sessions in [1, 8] {
        let hub = hub();
        let subscriptions: Vec<Subscription> = (0..sessions)
            .map(|id| hub.subscribe(&user(2), &SessionId::new(&id.to_string())))
            .collect();
        let notice = invitation();
        group.bench_function(BenchmarkId::from_parameter(sessions), |bencher| {
            bencher.iter(|| {
                let notice = Arc::new(EncodedNotice::new(notice.clone()));
                for outbox in hub.sessions(&user(2)) {
                    outbox.push(Arc::clone(&notice));
                }
                for subscription in &subscriptions {
                    match runtime.block_on(subscription.queue().next()) {
                        Outgoing::Notice(notice) => {
                            black_box(notice.text(event::notice));
                        }
                        Outgoing::Recheck | Outgoing::Close(_) => unreachable!("nobody does"),
                    }
                }
            });
        });
    }
    group.finish();
}

/// Measures whole calls of that many pairs at a time: three changes each, synced to the disk.
fn writer(criterion: &mut Criterion) {
    let runtime = runtime();
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let service = service(folder.path(), 2 * SUBMITTERS[SUBMITTERS.len() - 1]);
    let mut group = criterion.benchmark_group("writer/calls of pairs");
    group.throughput(Throughput::Elements(1));
    for pairs in SUBMITTERS {
        group.bench_function(BenchmarkId::from_parameter(pairs), |bencher| {
            bencher.iter_custom(|calls| runtime.block_on(play(&service, pairs, calls)));
        });
    }
    group.finish();
}

/// Returns the time that `calls` calls of that many pairs take.
async fn play(service: &Service, pairs: u64, calls: u64) -> Duration {
    let each = calls.div_ceil(pairs);
    let began = Instant::now();
    let playing: Vec<_> = (0..pairs)
        .map(|pair| {
            let service = service.clone();
            tokio::spawn(async move {
                for _ in 0..each {
                    play_one(&service, 2 * pair, 2 * pair + 1).await;
                }
            })
        })
        .collect();
    for one in playing {
        one.await.expect("the calls are made");
    }
    let share = Duration::as_secs_f64(&began.elapsed()) / float(each * pairs);
    Duration::from_secs_f64(share * float(calls))
}

/// A count, far below the numbers that floats cannot hold.
fn float(number: u64) -> f64 {
    f64::from(u32::try_from(number).expect("a count of calls"))
}

async fn play_one(service: &Service, caller: u64, callee: u64) {
    let call = ring(service, caller, callee).await;
    let accepted = service.calls().accept(principal(callee), call).await;
    accepted.expect("accepted");
    let ended = service.calls().end(principal(caller), call, None).await;
    ended.expect("ended");
}

async fn ring(service: &Service, caller: u64, callee: u64) -> CallId {
    let new = NewCall {
        callee: user(callee),
        call_type: CallType::Video,
        channel: channel(),
        idempotency_key: None,
    };
    let call = service.calls().initiate(principal(caller), new).await;
    call.expect("initiated").id
}

/// Measures reads: a page of a history, the nearest deadline.
fn reads(criterion: &mut Criterion) {
    let runtime = runtime();
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let service = service(folder.path(), 2 * RINGING + 2);
    let owner = user(2 * RINGING);
    runtime.block_on(async {
        for _ in 0..HISTORY {
            play_one(&service, 2 * RINGING, 2 * RINGING + 1).await;
        }
        for pair in 0..RINGING {
            ring(&service, 2 * pair, 2 * pair + 1).await;
        }
    });
    criterion.bench_function("read/history page of 20", |bencher| {
        // A page steps aside for its thread's other tasks, which takes a thread that has some.
        let page = || service.history().page(&owner, Filter::default(), None, 20);
        bencher.iter(|| runtime.block_on(async { page() }));
    });
    criterion.bench_function("read/nearest deadline", |bencher| {
        bencher.iter(|| service.deadlines().next_deadline());
    });
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime")
}

fn hub() -> Hub {
    Hub::new(
        Capacity {
            event_queue: 256,
            sessions_per_user: 8,
            connections: 100,
            connections_per_address: None,
            confirm_timeout: Duration::from_secs(5),
        },
        Clock::System,
    )
}

/// Makes the application on a new database in `folder`, with that many users.
fn service(folder: &Path, users: u64) -> Service {
    let file = folder.join("calls.db");
    let database = Database::open(&file).expect("a database");
    for key in 0..users {
        database.add_user(&profile(key), now()).expect("a user");
    }
    drop(database);
    let metrics = Metrics::new(env!("CARGO_PKG_VERSION"));
    let store = Store::open(&file, metrics.clone()).expect("a store");
    let rules = Rules::only(LIMITS);
    Service::new(
        store,
        hub(),
        Clock::System,
        Random::System,
        rules,
        metrics,
        None,
    )
}
