//! Random calls, looks, deletions and prunings on a real store, and after each of them every history as a
//! plain list says it must be: pages by every filter, what is unseen, the statistics.

use std::time::Duration;

use chattrix::call::history::{Direction, Outcome, Period};
use chattrix::call::transition::Limits;
use chattrix::call::{
    CallId, CallType, ChannelId, EntryId, Filter, PastCall, Principal, RejectReason, Source,
};
use chattrix::clock::{Clock, ManualClock};
use chattrix::hub::{Capacity, Hub};
use chattrix::metrics::Metrics;
use chattrix::service::{Error, NewCall, Page, Rules, Service};
use chattrix::store::{Database, Store};
use chattrix::user::{Profile, SessionId, UserId};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};

use crate::support::wall_clock_hand;

const USERS: [&str; 4] = ["alice", "bob", "carol", "dave"];
const STEPS: usize = 100;
const SEEDS: u64 = 4;
const RING: Duration = Duration::from_mins(1);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_happens_every_history_is_the_list_that_it_must_be() {
    for seed in 0..SEEDS {
        let mut world = World::new(seed);
        for step in 0..STEPS {
            world.act().await;
            world.check(&format!("seed {seed}, step {step}"));
        }
    }
}

/// An entry as it must be.
#[derive(Clone)]
struct Entry {
    owner: usize,
    id: EntryId,
    call_type: CallType,
    outcome: Outcome,
    seconds: Option<u32>,
    unseen: bool,
}

struct World {
    _folder: tempfile::TempDir,
    random: StdRng,
    clock: ManualClock,
    service: Service,
    /// The oldest first.
    entries: Vec<Entry>,
}

fn user(place: usize) -> UserId {
    UserId::parse(USERS[place]).expect("a user id")
}

fn principal(place: usize) -> Principal {
    Principal {
        user: user(place),
        session: SessionId::new("phone"),
        via: Source::Rest,
    }
}

impl World {
    fn new(seed: u64) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("calls.db");
        let clock = wall_clock_hand();
        let database = Database::open(&file).expect("a database");
        for (place, name) in USERS.iter().enumerate() {
            let profile = Profile {
                id: user(place),
                name: name.to_uppercase(),
                avatar: None,
            };
            database.add_user(&profile, clock.now()).expect("added");
        }
        let hub = Hub::new(Capacity {
            event_queue: 256,
            sessions_per_user: 8,
            connections: 100,
            connections_per_address: None,
        });
        let rules = Rules::only(Limits {
            ring_timeout: RING,
            max_call_duration: None,
        });
        let metrics = Metrics::new("0.0.0");
        let store = Store::open(&file, metrics.clone()).expect("a store");
        Self {
            _folder: folder,
            random: StdRng::seed_from_u64(seed),
            service: Service::new(
                store,
                hub,
                Clock::Manual(clock.clone()),
                rules,
                metrics,
                None,
            ),
            clock,
            entries: Vec::new(),
        }
    }

    async fn act(&mut self) {
        let who = self.random.random_range(0..USERS.len());
        match self.random.random_range(0..100) {
            0..60 => self.call(who).await,
            60..70 => {
                self.service
                    .history()
                    .mark_seen(user(who))
                    .await
                    .expect("seen");
                for entry in self.entries.iter_mut().filter(|entry| entry.owner == who) {
                    entry.unseen = false;
                }
            }
            70..90 => self.delete_one(who).await,
            90..93 => {
                let deleted = self.service.history().delete_all(user(who)).await;
                let before = self.entries.len();
                self.entries.retain(|entry| entry.owner != who);
                let expected = before - self.entries.len();
                assert_eq!(
                    deleted.expect("deleted"),
                    u64::try_from(expected).expect("few")
                );
            }
            93..96 => {
                let age = Duration::from_secs(self.random.random_range(100..2_000));
                let before = self.clock.now().minus(age);
                let forgotten = self.service.history().forget_calls_over(before).await;
                forgotten.expect("forgotten");
                let service = &self.service;
                self.entries.retain(|entry| {
                    let is_known = service
                        .calls()
                        .get(&user(entry.owner), entry.id.call)
                        .is_ok();
                    assert!(is_known || entry.id.call.created_at() < before);
                    is_known
                });
            }
            _ => self.clock.advance(Duration::from_mins(5)),
        }
    }

    /// A call that comes to one of its ends, and sometimes another to a participant of it meanwhile.
    async fn call(&mut self, caller: usize) {
        let mut others: Vec<usize> = (0..USERS.len()).filter(|one| *one != caller).collect();
        let callee = *others.choose(&mut self.random).expect("others");
        others.retain(|one| *one != callee);
        let call_type = *CallType::ALL.choose(&mut self.random).expect("types");
        let new = |callee, call_type| NewCall {
            callee: user(callee),
            call_type,
            channel: ChannelId::parse("channel").expect("a channel"),
            idempotency_key: None,
        };
        self.clock.advance(Duration::from_millis(1_500));
        let call = self
            .service
            .calls()
            .initiate(principal(caller), new(callee, call_type));
        let call = call.await.expect("initiated").id;
        if self.random.random_bool(0.3) {
            self.clock.advance(Duration::from_millis(10));
            let third = *others.choose(&mut self.random).expect("others");
            let refused = self
                .service
                .calls()
                .initiate(principal(third), new(callee, CallType::Audio));
            assert!(matches!(refused.await, Err(Error::UserBusy(_))));
            // Which id it got is seen in the history that it is in.
            let newest = self.newest_of(third);
            self.remember(
                newest,
                CallType::Audio,
                [third, callee],
                Outcome::Rejected,
                None,
            );
        }
        let (outcome, seconds) = match self.random.random_range(0..5) {
            0 => {
                self.service
                    .calls()
                    .end(principal(caller), call, None)
                    .await
                    .expect("ended");
                (Outcome::Cancelled, Some(0))
            }
            1 => {
                let reason = RejectReason::Declined;
                self.service
                    .calls()
                    .reject(principal(callee), call, reason)
                    .await
                    .expect("rejected");
                (Outcome::Rejected, None)
            }
            2 => {
                self.clock.advance(RING);
                assert_eq!(
                    self.service
                        .deadlines()
                        .end_overdue_calls()
                        .await
                        .expect("swept"),
                    1
                );
                (Outcome::Missed, None)
            }
            3 => {
                self.service
                    .calls()
                    .end(principal(callee), call, None)
                    .await
                    .expect("ended");
                (Outcome::Rejected, None)
            }
            _ => {
                self.service
                    .calls()
                    .accept(principal(callee), call)
                    .await
                    .expect("accepted");
                let seconds = self.random.random_range(0..100);
                self.clock.advance(Duration::from_secs(seconds.into()));
                self.service
                    .calls()
                    .end(principal(caller), call, None)
                    .await
                    .expect("ended");
                (Outcome::Completed, Some(seconds))
            }
        };
        self.remember(call, call_type, [caller, callee], outcome, seconds);
    }

    fn newest_of(&self, owner: usize) -> CallId {
        let page = self
            .service
            .history()
            .page(&user(owner), Filter::default(), None, 1);
        page.expect("read").items[0].id.call
    }

    /// What both must have of a call; the callee missed what the caller gave up, or could not reach.
    fn remember(
        &mut self,
        call: CallId,
        call_type: CallType,
        [caller, callee]: [usize; 2],
        outcome: Outcome,
        seconds: Option<u32>,
    ) {
        let is_new = self.entries.iter().all(|entry| entry.id.call != call);
        assert!(is_new, "a call is remembered once");
        let for_callee = match outcome {
            Outcome::Cancelled => Outcome::Missed,
            // A call that was refused for the callee is over before the one that it is in.
            Outcome::Rejected if self.is_in_a_call(callee) => Outcome::Missed,
            other => other,
        };
        for (owner, direction, outcome) in [
            (caller, Direction::Outgoing, outcome),
            (callee, Direction::Incoming, for_callee),
        ] {
            let missed = outcome == Outcome::Missed;
            self.entries.push(Entry {
                owner,
                id: EntryId { call, direction },
                call_type,
                outcome,
                seconds: seconds.filter(|_| !missed),
                unseen: missed && direction == Direction::Incoming,
            });
        }
        self.entries.sort_by_key(|entry| entry.id.call);
    }

    fn is_in_a_call(&self, place: usize) -> bool {
        let call = self.service.calls().active(&user(place));
        call.expect("read").is_some()
    }

    async fn delete_one(&mut self, who: usize) {
        let Some(entry) = self.entries.choose(&mut self.random).cloned() else {
            return;
        };
        let deleted = self.service.history().delete(user(who), entry.id).await;
        if entry.owner == who {
            deleted.expect("deleted");
            self.entries
                .retain(|one| one.owner != who || one.id != entry.id);
        } else {
            assert!(matches!(deleted, Err(Error::EntryNotFound)));
        }
    }

    fn check(&mut self, place: &str) {
        for owner in 0..USERS.len() {
            let own: Vec<Entry> = self
                .entries
                .iter()
                .rev()
                .filter(|entry| entry.owner == owner)
                .cloned()
                .collect();
            let unseen = own.iter().filter(|entry| entry.unseen).count();
            let counted = self.service.history().unseen(&user(owner)).expect("read");
            assert_eq!(counted, u64::try_from(unseen).expect("few"), "{place}");
            let filter = self.any_filter();
            let fits = |entry: &&Entry| {
                filter.outcome.is_none_or(|one| one == entry.outcome)
                    && filter.call_type.is_none_or(|one| one == entry.call_type)
                    && filter.direction.is_none_or(|one| one == entry.id.direction)
            };
            let expected: Vec<_> = own.iter().filter(fits).map(seen_of).collect();
            let limit = self.random.random_range(1..8);
            assert_eq!(
                self.pages(owner, filter, limit),
                expected,
                "{place}: {filter:?}"
            );
            let statistics = self.service.history().statistics(&user(owner), Period::All);
            let statistics = statistics.expect("read");
            let seconds = own.iter().filter_map(|entry| entry.seconds.map(u64::from));
            assert_eq!(statistics.calls(), u64::try_from(own.len()).expect("few"));
            assert_eq!(statistics.seconds(), seconds.sum::<u64>(), "{place}");
        }
    }

    fn any_filter(&mut self) -> Filter {
        let random = &mut self.random;
        Filter {
            outcome: (random.random_bool(0.5)).then(|| *Outcome::ALL.choose(random).expect("some")),
            call_type: (random.random_bool(0.3))
                .then(|| *CallType::ALL.choose(random).expect("some")),
            direction: (random.random_bool(0.3))
                .then(|| *Direction::ALL.choose(random).expect("some")),
        }
    }

    /// A whole history, read in pages.
    fn pages(&self, owner: usize, filter: Filter, limit: u32) -> Vec<Seen> {
        let (mut seen, mut before) = (Vec::new(), None);
        loop {
            let page = self
                .service
                .history()
                .page(&user(owner), filter, before, limit);
            let Page { items, next } = page.expect("read");
            seen.extend(items.iter().map(shown));
            before = next;
            if before.is_none() {
                return seen;
            }
        }
    }
}

/// What of an entry can be compared.
type Seen = (EntryId, CallType, Outcome, Option<u32>);

fn seen_of(entry: &Entry) -> Seen {
    (entry.id, entry.call_type, entry.outcome, entry.seconds)
}

fn shown(item: &PastCall) -> Seen {
    (item.id, item.call_type, item.outcome, item.duration_seconds)
}
