//! How fast histories stay as they grow, and what forgetting costs the others.
//!
//! `cargo bench --bench history [-- ENTRIES]` fills a database with so many entries (10 million where nothing
//! is said; that takes 2 GB of disk and some minutes), of which one user has 100,000, starts the server on it
//! and asks as a client over loopback; then it forgets old calls while others write, and plays calls on it and on
//! an empty database in turn, to see how fast these are and how much of the disk each takes.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chattrix::app;
use chattrix::call::transition::Limits;
use chattrix::call::{Acting, CallPolicy, CallType, ChannelId, Via};
use chattrix::clock::{Clock, Timestamp};
use chattrix::hub::{Capacity, Hub};
use chattrix::metrics::Metrics;
use chattrix::service::{NewCall, Rules, Service};
use chattrix::settings::Settings;
use chattrix::store::{Database, Store};
use chattrix::user::{Profile, SessionId, UserId};
use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use rocket::fairing::AdHoc;
use rusqlite::Connection;
use serde_json::Value;
use tokio::sync::oneshot;
use tracing::field::{Field, Visit};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer, Registry};

/// Entries where nothing is said.
const ENTRIES: u64 = 10_000_000;

/// Users beside the one with the long history.
const USERS: u64 = 100_000;

/// Entries of the user with the long history.
const LONG_HISTORY: u64 = 100_000;

/// The time over which the calls are spread: the long history has some 8,000 entries of the last month.
const SPAN: Duration = Duration::from_hours(24 * 365);

/// Requests of each kind.
const REQUESTS: usize = 2_000;

/// Pairs that call each other, on this database and on an empty one in turn.
const PAIRS: u64 = 64;

/// Calls of each pair in a turn.
const CALLS_OF_PAIR: u32 = 300;

/// Turns of both.
const ROUNDS: u32 = 5;

const SECRET: &str = "a secret of the benchmark, longer than thirty-two bytes";

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

/// The id of the user with the key `key`; the first has the long history.
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

/// A call that never was. Its codes are those of `src/store`.
struct Invented {
    id: [u8; 16],
    caller: u64,
    callee: u64,
    call_type: u64,
    /// COMPLETED, MISSED, REJECTED or CANCELLED.
    outcome: u64,
    at_ms: u64,
    /// How long it lasted, where it was answered.
    seconds: Option<u64>,
}

impl Invented {
    /// A call between any two users, the caller or callee of which is the one with the long history where it
    /// is for that.
    fn at(at_ms: u64, for_long_history: bool, random: &mut StdRng) -> Self {
        let id = uuid::Builder::from_unix_timestamp_millis(at_ms, &random.random()).into_uuid();
        let mut parties = [2..=USERS, 2..=USERS].map(|keys| random.random_range(keys));
        if for_long_history {
            parties[random.random_range(0..2)] = 1;
        }
        if parties[0] == parties[1] {
            parties[1] = USERS + 1;
        }
        let outcome = [0, 0, 0, 0, 0, 0, 0, 1, 2, 3][random.random_range(0..10)];
        Self {
            id: *id.as_bytes(),
            caller: parties[0],
            callee: parties[1],
            call_type: random.random_range(0..2),
            outcome,
            at_ms,
            seconds: (outcome == 0).then(|| random.random_range(1..900)),
        }
    }

    /// As a server would have written it.
    fn insert(&self, conn: &Connection) -> rusqlite::Result<()> {
        let Self {
            id,
            caller,
            callee,
            outcome,
            at_ms,
            seconds,
            ..
        } = self;
        let started = seconds.map(|_| at_ms + 5_000);
        let ended = at_ms + 5_000 + seconds.unwrap_or(0) * 1_000;
        let status = [4, 6, 5, 4][usize::try_from(*outcome).expect("a small number")];
        let reason = (status == 5).then_some(1);
        let duration = (status == 4).then(|| seconds.unwrap_or(0));
        run(
            conn,
            "INSERT INTO calls (id, caller, callee, call_type, channel, status, created_at, updated_at,
                                started_at, ended_at, duration_seconds, ended_by, reason)
             VALUES (?1, ?2, ?3, ?4, 'channel-0123456789', ?5, ?6, ?7, ?8, ?7, ?9, ?2, ?10)",
            (
                id, caller, callee, self.call_type, status, at_ms, ended, started, duration, reason,
            ),
        )?;
        let step = |status: u64, at: u64, actor: &u64| {
            run(
                conn,
                "INSERT INTO timeline (call, status, at, actor, via, cause)
                 VALUES (?1, ?2, ?3, ?4, 1, 6)",
                (id, status, at, actor),
            )
        };
        step(1, *at_ms, caller)?;
        if let Some(started) = started {
            step(2, started, callee)?;
            step(3, started + 300, callee)?;
        }
        step(status, ended, caller)?;
        // The callee missed what the caller gave up.
        let for_callee = if *outcome == 3 { 1 } else { *outcome };
        for (owner, remote, outcome, direction) in [
            (caller, callee, *outcome, 1),
            (callee, caller, for_callee, 0),
        ] {
            let kind = outcome * 4 + self.call_type * 2 + direction;
            let duration = duration.filter(|_| outcome == 0 || outcome == 3);
            let looks = (outcome == 1 && direction == 0).then_some(0);
            run(
                conn,
                "INSERT INTO history (owner, kind, call, remote, duration_seconds, looks)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                (owner, kind, id, remote, duration, looks),
            )?;
        }
        Ok(())
    }
}

fn run(conn: &Connection, sql: &str, values: impl rusqlite::Params) -> rusqlite::Result<usize> {
    conn.prepare_cached(sql)?.execute(values)
}

/// Fills the tables directly, in the order in which a server would have.
fn fill(file: &Path, calls: u64, now: Timestamp) -> Outcome<()> {
    drop(Database::open(file)?);
    let mut conn = Connection::open(file)?;
    conn.execute_batch(
        "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -2000000;
         PRAGMA foreign_keys = OFF",
    )?;
    let transaction = conn.transaction()?;
    for key in 1..=USERS + 1 {
        let Profile { id, name, .. } = profile(key);
        transaction
            .prepare_cached(
                "INSERT INTO users (key, id, name, standing, created_at) VALUES (?1, ?2, ?3, 0, 0)",
            )?
            .execute((key, id.as_str(), name))?;
    }
    let mut random = StdRng::seed_from_u64(4);
    let span_ms = u64::try_from(SPAN.as_millis())?;
    let first_ms = u64::try_from(now.as_millis())? - span_ms;
    let long_every = (calls / LONG_HISTORY).max(1);
    for place in 0..calls {
        let at_ms = first_ms + place * span_ms / calls;
        let is_long = place % long_every == 0;
        Invented::at(at_ms, is_long, &mut random).insert(&transaction)?;
    }
    transaction.commit()?;
    Ok(())
}

/// Asks a server on the database as a client does.
async fn ask(file: &Path) -> Outcome<()> {
    let settings = Settings {
        database: file.to_owned(),
        jwt_secret: Some(SECRET.to_owned().into()),
        request_rate: None,
        ..Settings::default()
    };
    let figment = rocket::Config::figment()
        .merge(("port", 0))
        .merge(("log_level", "off"));
    let app = app::build(&settings, figment, Clock::System)?;
    let (tell, port) = oneshot::channel();
    let liftoff = AdHoc::on_liftoff("tell the port", move |rocket| {
        Box::pin(async move {
            tell.send(rocket.config().port)
                .expect("the benchmark waits");
        })
    });
    let launched = tokio::spawn(app.rocket.attach(liftoff).launch());
    let asker = Asker {
        client: reqwest::Client::builder().no_proxy().build()?,
        base: format!("http://127.0.0.1:{}", port.await?),
    };
    println!(
        "{:<52}{:>9}{:>9}{:>9}  µs",
        "over loopback, one after the other", "p50", "p99", "max"
    );
    asker
        .measure("echo: GET /healthz", &["/healthz".to_owned()], 1)
        .await?;
    let deep = asker.cursors("", 10).await?;
    let page = |query: &str| format!("/api/v1/calls/history?{query}");
    let paths = |filter: &str| -> Vec<String> {
        let cursors = deep
            .iter()
            .map(|cursor| format!("limit=20&cursor={cursor}&{filter}"));
        std::iter::once(format!("limit=20&{filter}"))
            .chain(cursors)
            .map(|query| page(&query))
            .collect()
    };
    for filter in [
        "",
        "status=COMPLETED",
        "status=MISSED",
        "callType=AUDIO",
        "direction=INCOMING",
        "callType=VIDEO&direction=OUTGOING",
        "status=REJECTED&callType=AUDIO&direction=INCOMING",
        // Nobody who was called has cancelled: the filter finds nothing.
        "status=CANCELLED&direction=INCOMING",
    ] {
        asker
            .measure(&format!("page of 20 {filter}"), &paths(filter), 1)
            .await?;
    }
    asker
        .measure("page of 100", &[page("limit=100")], 1)
        .await?;
    asker
        .measure("page of 20, somebody else", &[page("")], 4_711)
        .await?;
    let unseen = ["/api/v1/calls/history/unseen".to_owned()];
    asker.measure("unseen", &unseen, 1).await?;
    for period in ["day", "week", "month", "year"] {
        let path = format!("/api/v1/calls/statistics?period={period}");
        let calls = asker.get(&path, 1).await?["data"]["totalCalls"].to_string();
        asker
            .measure(&format!("statistics {period}, {calls} calls"), &[path], 1)
            .await?;
    }
    app.stop.stop().await;
    launched.await??;
    Ok(())
}

struct Asker {
    client: reqwest::Client,
    base: String,
}

impl Asker {
    async fn get(&self, path: &str, key: u64) -> Outcome<Value> {
        let request = self.client.get(format!("{}{path}", self.base));
        let answer = request.bearer_auth(token(key)?).send().await?;
        let answer = answer.error_for_status()?.text().await?;
        Ok(serde_json::from_str(&answer).unwrap_or(Value::Null))
    }

    /// Cursors spread over a history: each some hundreds of entries after the one before.
    async fn cursors(&self, filter: &str, count: usize) -> Outcome<Vec<String>> {
        let mut cursors: Vec<String> = Vec::new();
        let mut cursor = String::new();
        while cursors.len() < count {
            for _ in 0..10 {
                let path = format!("/api/v1/calls/history?limit=100&cursor={cursor}&{filter}");
                let page = self.get(&path, 1).await?;
                let Some(next) = page["data"]["nextCursor"].as_str() else {
                    return Ok(cursors);
                };
                next.clone_into(&mut cursor);
            }
            cursors.push(cursor.clone());
        }
        Ok(cursors)
    }

    async fn measure(&self, what: &str, paths: &[String], key: u64) -> Outcome<()> {
        let token = token(key)?;
        let mut times = Vec::with_capacity(REQUESTS);
        for path in paths.iter().cycle().take(REQUESTS) {
            let request = self.client.get(format!("{}{path}", self.base));
            let request = request.bearer_auth(&token);
            let began = Instant::now();
            request.send().await?.error_for_status()?.bytes().await?;
            times.push(began.elapsed());
        }
        report(what, times);
        Ok(())
    }
}

fn token(key: u64) -> Outcome<String> {
    let exp = Clock::System.now().as_millis() / 1_000 + 3_600;
    let claims = serde_json::json!({ "sub": user(key).as_str(), "sid": "bench", "exp": exp });
    let key = jsonwebtoken::EncodingKey::from_secret(SECRET.as_bytes());
    Ok(jsonwebtoken::encode(
        &jsonwebtoken::Header::default(),
        &claims,
        &key,
    )?)
}

/// What kept the writer, batch by batch, as its thread traces it.
#[derive(Clone, Default)]
struct Holds(Arc<Mutex<Vec<Hold>>>);

/// The times of a batch, in microseconds.

#[derive(Clone, Copy, Default)]
struct Hold {
    /// Until its jobs had run and it was committed.
    written: u64,
    /// Of that, the commit.
    commit: u64,
    /// Until the next batch could begin.
    held: u64,
}

impl<S: tracing::Subscriber> Layer<S> for Holds {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let mut hold = Hold::default();
        event.record(&mut hold);
        self.0.lock().push(hold);
    }
}

impl Visit for Hold {
    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}

    fn record_u64(&mut self, field: &Field, value: u64) {
        match field.name() {
            "written_us" => self.written = value,
            "commit_us" => self.commit = value,
            "held_us" => self.held = value,
            _ => (),
        }
    }
}

impl Holds {
    /// Reports what kept the writer since the last report.
    fn report(&self) {
        let holds = std::mem::take(&mut *self.0.lock());
        let line = |what: &str, time: fn(&Hold) -> u64| {
            let times = holds.iter().map(time).map(Duration::from_micros);
            report(what, times.collect());
        };
        line("  the writer, held by a batch", |hold| hold.held);
        line("    by its jobs", |hold| hold.written - hold.commit);
        line("    by its commit", |hold| hold.commit);
        line("    by what follows", |hold| hold.held - hold.written);
    }
}

fn report(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100].as_micros();
    println!("{what:<52}{:>9}{:>9}{:>9}", at(50), at(99), at(100));
}

/// Forgets the oldest hundredth of the calls while others write.
async fn forget(file: &Path, now: Timestamp, holds: &Holds) -> Outcome<()> {
    println!(
        "\n{:<52}{:>9}{:>9}{:>9}  µs",
        "a write every 2 ms", "p50", "p99", "max"
    );
    let service = service(Store::open(file, Metrics::new(env!("CARGO_PKG_VERSION")))?);
    // Who has looked once has nothing more to look at: each writes once.
    let mut writers = (2..USERS).map(user);
    holds.0.lock().clear();
    let idle = tokio::time::sleep(Duration::from_secs(5));
    let (times, ()) = write_until(&service, &mut writers, idle).await?;
    report("nothing else going on", times);
    holds.report();
    let before = now.minus(SPAN * 99 / 100);
    let began = Instant::now();
    let forgetting = service.forget_calls_over(before);
    let (times, forgotten) = write_until(&service, &mut writers, forgetting).await?;
    let forgotten = forgotten?;
    let seconds = began.elapsed().as_secs_f64();
    report("while old calls are forgotten", times);
    holds.report();
    println!(
        "{} calls and {} entries forgotten in {seconds:.1} s",
        forgotten.calls, forgotten.entries
    );
    let deleting = service.delete_history(user(1));
    let began = Instant::now();
    let (times, deleted) = write_until(&service, &mut writers, deleting).await?;
    let seconds = began.elapsed().as_secs_f64();
    report("while the long history is deleted", times);
    holds.report();
    println!("{} entries deleted in {seconds:.1} s", deleted?);
    tokio::task::spawn_blocking(move || service.close()).await?;
    Ok(())
}

/// Writes for one of `writers` after the other until `work` is done, and tells how long each write took.
async fn write_until<T>(
    service: &Service,
    writers: &mut impl Iterator<Item = UserId>,
    work: impl Future<Output = T>,
) -> Outcome<(Vec<Duration>, T)> {
    let mut times = Vec::new();
    let mut work = std::pin::pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return Ok((times, done)),
            () = tokio::time::sleep(Duration::from_millis(2)) => {}
        }
        let began = Instant::now();
        let writing = service.mark_seen(writers.next().ok_or("all have written")?);
        let mut writing = std::pin::pin!(writing);
        let done = tokio::select! {
            written = &mut writing => { written?; None }
            done = &mut work => Some(done),
        };
        times.push(began.elapsed());
        if let Some(done) = done {
            return Ok((times, done));
        }
    }
}

fn service(store: Store) -> Service {
    let hub = Hub::new(Capacity {
        event_queue: 256,
        sessions_per_user: 8,
        connections: 100,
        connections_per_address: None,
    });
    let rules = Rules {
        limits: Limits {
            ring_timeout: Duration::from_mins(1),
            max_call_duration: None,
        },
        disconnect_grace: None,
        auto_provision: false,
        call_policy: CallPolicy::Everyone,
        retention: None,
    };
    Service::new(
        store,
        hub,
        Clock::System,
        rules,
        Metrics::new(env!("CARGO_PKG_VERSION")),
        None,
    )
}

/// Plays whole calls on the database `full` and on an empty one, and tells how fast, and what each takes of the disk.
async fn play(full: &Path) -> Outcome<()> {
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

/// How fast pairs call each other through a server on `file`, without HTTP and sockets.
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
    let acting = |key| Acting {
        user: user(key),
        session: SessionId::new("bench"),
        via: Via::Rest,
    };
    let new = NewCall {
        callee: user(callee),
        call_type: CallType::Video,
        channel: ChannelId::parse("channel-0123456789").expect("a channel"),
        idempotency_key: None,
    };
    let call = service
        .initiate(acting(caller), new)
        .await
        .expect("initiated")
        .id;
    service
        .accept(acting(callee), call)
        .await
        .expect("accepted");
    let active = chattrix::call::transition::Target::Active;
    service
        .set_status(acting(callee), call, active)
        .await
        .expect("active");
    service
        .end(acting(caller), call, None)
        .await
        .expect("ended");
}
