//! Random calls, reads, deletions and prunings on a real store. After each step every history is the list that the model
//! gives: pages by every filter, the unseen count, the statistics.

use std::time::Duration;

use chattrix::call::history::{Direction, Outcome, Period};
use chattrix::call::transition::Limits;
use chattrix::call::{
    CallId, CallType, EntryId, Filter, PastCall, Principal, RejectReason, Source,
};
use chattrix::service::{Error, NewCall, Page, Rules};
use chattrix::user::{Profile, SessionId, UserId};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};

use crate::support::ServiceFixture;
use crate::support::model::{Action, Durations, Model, channel};

const USERS: [&str; 4] = ["alice", "bob", "carol", "dave"];
const STEPS: usize = 100;
const SEEDS: u64 = 4;
const RING: Duration = Duration::from_mins(1);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_histories_follow_the_model() {
    for seed in 0..SEEDS {
        let mut simulation = Simulation::new(seed);
        for step in 0..STEPS {
            simulation.step().await;
            simulation.check(&format!("seed {seed}, step {step}"));
        }
    }
}

/// Entry as it must be.
#[derive(Clone)]
struct Entry {
    owner: usize,
    id: EntryId,
    call_type: CallType,
    outcome: Outcome,
    seconds: Option<u32>,
    unseen: bool,
}

struct Simulation {
    fixture: ServiceFixture,
    random: StdRng,
    model: Model,
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

impl Simulation {
    fn new(seed: u64) -> Self {
        let profile = |place| Profile {
            id: user(place),
            name: USERS[place].to_uppercase(),
            avatar: None,
        };
        let users: Vec<Profile> = (0..USERS.len()).map(profile).collect();
        let rules = Rules::only(Limits {
            ring_timeout: RING,
            max_call_duration: None,
        });
        let durations = Durations {
            ring: RING,
            longest: None,
            grace: None,
        };
        Self {
            fixture: ServiceFixture::new(&users, rules, seed),
            random: StdRng::seed_from_u64(seed),
            model: Model::new(users, durations),
            entries: Vec::new(),
        }
    }

    async fn step(&mut self) {
        let who = self.random.random_range(0..USERS.len());
        match self.random.random_range(0..100) {
            0..60 => self.call(who).await,
            60..70 => {
                let answer = self.fixture.service.history().mark_seen(user(who)).await;
                answer.expect("seen");
                for entry in self.entries.iter_mut().filter(|entry| entry.owner == who) {
                    entry.unseen = false;
                }
            }
            70..90 => self.delete_one(who).await,
            90..93 => {
                let deleted = self.fixture.service.history().delete_all(user(who)).await;
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
                let before = self.fixture.clock.now().minus(age);
                let forgotten = self
                    .fixture
                    .service
                    .history()
                    .forget_calls_over(before)
                    .await;
                forgotten.expect("forgotten");
                let service = &self.fixture.service;
                self.entries.retain(|entry| {
                    let is_known = service
                        .calls()
                        .get(&user(entry.owner), entry.id.call)
                        .is_ok();
                    assert!(is_known || entry.id.call.created_at() < before);
                    is_known
                });
            }
            _ => self.fixture.clock.advance(Duration::from_mins(5)),
        }
    }

    /// Makes a call that comes to one of its ends; sometimes a third user calls the callee meanwhile.
    async fn call(&mut self, caller: usize) {
        let mut others: Vec<usize> = (0..USERS.len()).filter(|one| *one != caller).collect();
        let callee = *others.choose(&mut self.random).expect("others");
        others.retain(|one| *one != callee);
        let call_type = *CallType::ALL.choose(&mut self.random).expect("types");
        self.fixture.clock.advance(Duration::from_millis(1_500));
        let call = self.initiate(caller, callee, call_type).await;
        let call = call.expect("initiated");
        if self.random.random_bool(0.3) {
            self.fixture.clock.advance(Duration::from_millis(10));
            let third = *others.choose(&mut self.random).expect("others");
            let refused = self.initiate(third, callee, CallType::Audio).await;
            assert!(matches!(refused, Err(Error::UserBusy(_))));
            // The history of the refused caller shows the id of the refused call.
            self.remember(self.newest_of(third));
        }
        match self.random.random_range(0..5) {
            0 => self.act(caller, call, Action::End).await,
            1 => self.act(callee, call, Action::Reject).await,
            2 => {
                self.fixture.clock.advance(RING);
                let ended = self.fixture.service.deadlines().end_overdue_calls().await;
                assert_eq!(ended.expect("swept"), 1);
                self.model.end_overdue(self.fixture.clock.now());
            }
            3 => self.act(callee, call, Action::End).await,
            _ => {
                self.act(callee, call, Action::Accept).await;
                let seconds = self.random.random_range(0..100);
                self.fixture.clock.advance(Duration::from_secs(seconds));
                self.act(caller, call, Action::End).await;
            }
        }
        self.remember(call);
    }

    /// Calls `callee`, in the model too.
    async fn initiate(
        &mut self,
        caller: usize,
        callee: usize,
        call_type: CallType,
    ) -> Result<CallId, Error> {
        let new = NewCall {
            callee: user(callee),
            call_type,
            channel: channel(),
            idempotency_key: None,
        };
        let made = self
            .fixture
            .service
            .calls()
            .initiate(principal(caller), new)
            .await;
        let id = match &made {
            Ok(call) => call.id,
            Err(_) => self.newest_of(caller),
        };
        let (users, now) = ([&user(caller), &user(callee)], self.fixture.clock.now());
        self.model.initiate(id, users, call_type, false, now);
        made.map(|call| call.id)
    }

    async fn act(&mut self, place: usize, call: CallId, action: Action) {
        let (principal, service) = (principal(place), &self.fixture.service);
        let (actor, now) = (
            (&principal.user, &principal.session),
            self.fixture.clock.now(),
        );
        let expected = self.model.act(call, actor, action, now);
        assert_eq!(expected, Ok(true));
        let done = match action {
            Action::Accept => service.calls().accept(principal, call).await,
            Action::Reject => {
                let reason = RejectReason::Declined;
                service.calls().reject(principal, call, reason).await
            }
            _ => service.calls().end(principal, call, None).await,
        };
        done.expect("allowed");
    }

    fn newest_of(&self, owner: usize) -> CallId {
        let service = &self.fixture.service;
        let page = service
            .history()
            .page(&user(owner), Filter::default(), None, 1);
        page.expect("read").items[0].id.call
    }

    /// Adds the entries that both participants must have of a final call.
    fn remember(&mut self, id: CallId) {
        let is_new = self.entries.iter().all(|entry| entry.id.call != id);
        assert!(is_new, "a call is remembered once");
        let call = self.model.call(id);
        for (owner, id, outcome, seconds) in call.entries() {
            let owner = USERS.iter().position(|one| *one == owner.as_str());
            self.entries.push(Entry {
                owner: owner.expect("a user"),
                id,
                call_type: call.call_type,
                outcome,
                seconds,
                unseen: outcome == Outcome::Missed && id.direction == Direction::Incoming,
            });
        }
        self.entries.sort_by_key(|entry| entry.id.call);
    }

    async fn delete_one(&mut self, who: usize) {
        let Some(entry) = self.entries.choose(&mut self.random).cloned() else {
            return;
        };
        let deleted = self
            .fixture
            .service
            .history()
            .delete(user(who), entry.id)
            .await;
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
            let counted = self
                .fixture
                .service
                .history()
                .unseen(&user(owner))
                .expect("read");
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
            let statistics = self
                .fixture
                .service
                .history()
                .statistics(&user(owner), Period::All);
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
                .fixture
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
