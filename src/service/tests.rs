//! Tests of the use cases on a real database file, with clocks that the test sets.

use std::path::PathBuf;

use rusqlite::Connection;

use crate::call::transition::Limits;
use crate::call::{CallType, ChannelId, Event, Principal, Source};
use crate::clock::{ManualClock, SettableTime, SteadyClock};
use crate::hub::{Capacity, Outgoing, Subscription};
use crate::store::Database;
use crate::user::{AccountStatus, Profile, SessionId, UserId};

use super::*;

const START: Timestamp = Timestamp::from_millis(1_705_314_600_000);
const RING: Duration = Duration::from_mins(1);
const GRACE: Duration = Duration::from_secs(20);

/// Service on its own database file, with the users alice, bob and carol.
struct Fixture {
    service: Service,
    path: PathBuf,
    _folder: tempfile::TempDir,
}

impl Fixture {
    fn new(clock: Clock) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("calls.db");
        let database = Database::open(&path).expect("a database");
        for user in ["alice", "bob", "carol"] {
            let profile = Profile {
                id: principal(user).user,
                name: user.to_owned(),
                avatar: None,
            };
            database.add_user(&profile, START).expect("added");
        }
        drop(database);
        let metrics = Metrics::new("0.0.0");
        let rules = Rules {
            disconnect_grace: Some(GRACE),
            ..Rules::only(Limits {
                ring_timeout: RING,
                max_call_duration: None,
            })
        };
        let capacity = Capacity {
            event_queue: 8,
            sessions_per_user: 2,
            connections: 8,
            connections_per_address: None,
            confirm_timeout: Duration::from_secs(5),
        };
        let hub = Hub::new(capacity, clock.clone());
        let store = Store::open(&path, metrics.clone()).expect("a store");
        Self {
            service: Service::new(store, hub, clock, Random::seeded(1), rules, metrics, None),
            path,
            _folder: folder,
        }
    }

    async fn call(&self) -> crate::call::Call {
        let new = NewCall {
            callee: principal("bob").user,
            call_type: CallType::Audio,
            channel: ChannelId::parse("channel").expect("a channel"),
            idempotency_key: None,
        };
        let made = self.service.calls().initiate(principal("alice"), new);
        made.await.expect("made")
    }

    async fn connect(&self, user: &str) -> Subscription {
        let Principal { user, session, .. } = principal(user);
        let connected = self.service.sessions().connect(user, session);
        connected.await.expect("connected")
    }

    async fn sweep(&self) -> usize {
        let ended = self.service.deadlines().end_overdue_calls();
        ended.await.expect("swept")
    }

    fn status(&self, call: &crate::call::Call) -> Status {
        let found = self.service.calls().get(&call.caller, call.id);
        found.expect("found").status()
    }
}

fn principal(user: &str) -> Principal {
    Principal {
        user: UserId::parse(user).expect("an id"),
        session: SessionId::new(user),
        via: Source::Rest,
    }
}

#[tokio::test]
async fn call_accepted_before_the_timeout_write_is_not_missed() {
    let hand = ManualClock::starting_at(START);
    let fixture = Fixture::new(Clock::Manual(hand.clone()));
    let service = &fixture.service;
    let call = fixture.call().await;
    hand.advance(RING);
    // While the file is locked, the accept waits to be written, and the sweeper still reads a call that is overdue.
    let other = Connection::open(&fixture.path).expect("opened");
    other.execute_batch("BEGIN IMMEDIATE").expect("locked");
    let (accepted, missed, ()) = tokio::join!(
        biased;
        service.calls().accept(principal("bob"), call.id),
        service.deadlines().end_overdue_calls(),
        async { other.execute_batch("ROLLBACK").expect("unlocked") },
    );
    assert_eq!(accepted.expect("accepted").status(), Status::Connecting);
    assert_eq!(missed.expect("swept"), 0);
    assert_eq!(fixture.status(&call), Status::Connecting);
}

#[tokio::test]
async fn disconnect_grace_counts_from_the_answer() {
    let hand = ManualClock::starting_at(START);
    let fixture = Fixture::new(Clock::Manual(hand.clone()));
    let caller = fixture.connect("alice").await;
    let call = fixture.call().await;
    fixture.service.sessions().disconnect(caller).await;
    hand.advance(GRACE + Duration::from_secs(5));
    let accepted = fixture.service.calls().accept(principal("bob"), call.id);
    accepted.await.expect("accepted");
    hand.advance(GRACE.saturating_sub(Duration::from_millis(1)));
    assert_eq!(fixture.sweep().await, 0);
    hand.advance(Duration::from_millis(1));
    assert_eq!(fixture.sweep().await, 1);
    assert_eq!(fixture.status(&call), Status::Ended);
}

#[tokio::test]
async fn clock_set_back_delays_no_timeout() {
    let time = SettableTime::starting_at(START);
    let fixture = Fixture::new(Clock::Steady(SteadyClock::new(time.clone())));
    let call = fixture.call().await;
    time.wall.set(START.minus(Duration::from_hours(1)));
    time.passed
        .advance(RING.saturating_sub(Duration::from_millis(1)));
    assert_eq!(fixture.sweep().await, 0);
    time.passed.advance(Duration::from_millis(1));
    assert_eq!(fixture.sweep().await, 1);
    assert_eq!(fixture.status(&call), Status::Missed);
}

#[tokio::test]
async fn clock_set_forward_misses_no_call_early() {
    let time = SettableTime::starting_at(START);
    let fixture = Fixture::new(Clock::Steady(SteadyClock::new(time.clone())));
    let call = fixture.call().await;
    time.wall.set(START.plus(Duration::from_hours(2)));
    assert_eq!(fixture.sweep().await, 0);
    let deadlines = fixture.service.deadlines();
    assert!(!deadlines.follow_wall_clock().await.expect("a live call"));
    time.passed.advance(Duration::from_secs(10));
    let accepted = fixture.service.calls().accept(principal("bob"), call.id);
    accepted.await.expect("accepted");
    time.passed.advance(Duration::from_secs(7));
    let ended = fixture.service.calls().end(principal("bob"), call.id, None);
    assert_eq!(
        ended.await.expect("ended").state.duration_seconds(),
        Some(7)
    );
    assert!(deadlines.follow_wall_clock().await.expect("no live call"));
    assert_eq!(fixture.service.clock().now(), time.wall.now());
}

#[tokio::test(flavor = "multi_thread")]
async fn clock_set_forward_expires_no_event_early() {
    let time = SettableTime::starting_at(START);
    let fixture = Fixture::new(Clock::Steady(SteadyClock::new(time.clone())));
    let caller = fixture.connect("alice").await;
    // For bob the event is stored; a session of alice that returns is owed it from memory.
    let call = fixture.call().await;
    fixture.service.sessions().disconnect(caller).await;
    time.passed.advance(RING);
    assert_eq!(fixture.sweep().await, 1);
    time.wall.set(START.plus(Duration::from_hours(2)));
    let deadlines = fixture.service.deadlines();
    assert!(deadlines.follow_wall_clock().await.expect("no live call"));
    deadlines.forget_expired().await.expect("forgotten");
    for user in ["alice", "bob"] {
        let returned = fixture.connect(user).await;
        let Outgoing::Notice(notice) = returned.queue().next().await else {
            panic!("{user} is owed an event");
        };
        assert_eq!(notice.notice().event, Event::TimedOut { call: call.id });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn known_user_is_read_again_after_a_sweep() {
    let fixture = Fixture::new(Clock::Manual(ManualClock::starting_at(START)));
    let (users, sessions) = (fixture.service.users(), fixture.service.sessions());
    let alice = principal("alice").user;
    let sign_in = async || {
        let offer = Offer {
            name: None,
            avatar: None,
            issued_at: None,
        };
        users.sign_in(&alice, offer).await.expect("read")
    };
    let database = Database::open(&fixture.path).expect("a database");
    let set_standing = |standing| {
        let set = database.change_user(&alice, START, |user| user.standing = standing);
        assert!(set.expect("set").is_some());
    };
    assert_eq!(sign_in().await, SignIn::Welcome);
    set_standing(AccountStatus::Disabled);
    assert_eq!(sign_in().await, SignIn::Welcome, "known until the sweep");
    sessions.close_disabled_sessions().expect("swept");
    assert_eq!(sign_in().await, SignIn::Disabled);
    set_standing(AccountStatus::Active);
    assert_eq!(
        sign_in().await,
        SignIn::Welcome,
        "only active users are known"
    );
    set_standing(AccountStatus::Disabled);
    users.reload().await.expect("reloaded");
    assert_eq!(sign_in().await, SignIn::Disabled);
}
