//! Random actions of many users on a real store with a manual clock. After every step the model says what each session
//! must have got and what must be stored.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use chattrix::call::transition::{Limits, Target};
use chattrix::call::{Call, CallError, CallId, CallType, Event, Principal, RejectReason, Source};
use chattrix::hub::{Outgoing, Subscription};
use chattrix::service::{Error, NewCall, Rules};
use chattrix::user::{List, Profile, SessionId, UserId};
use futures_util::FutureExt as _;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};

use crate::support::ServiceFixture;
use crate::support::model::{Action, Dated, Durations, Initiation, Model, ModelCall, channel};

const USERS: usize = 8;
const SESSIONS_PER_USER: usize = 3;
const STEPS: usize = 250;
const SEEDS: u64 = 16;
const RING: Duration = Duration::from_mins(1);
const LONGEST: Duration = Duration::from_mins(10);
const GRACE: Duration = Duration::from_secs(45);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_actions_on_the_service_follow_the_model() {
    for seed in 0..SEEDS {
        let mut simulation = Simulation::new(seed);
        for step in 0..STEPS {
            // So that the events of a user have an order.
            simulation.fixture.clock.advance(Duration::from_millis(1));
            simulation.step().await;
            simulation.check(&format!("seed {seed}, step {step}")).await;
        }
    }
}

/// Connection of a session.
struct Connection {
    subscription: Subscription,
    /// Whether nothing gets through.
    is_silent: bool,
    /// Events that were sent while it was silent.
    in_flight: Vec<Dated>,
}

impl Connection {
    /// Returns the events that arrive.
    fn receive(&mut self, place: &str) -> Vec<Dated> {
        while let Some(outgoing) = self.subscription.queue().next().now_or_never() {
            match outgoing {
                Outgoing::Notice(encoded) => {
                    let notice = encoded.notice();
                    let mut event = notice.event.clone();
                    if let Event::Missed(missed) = &mut event {
                        missed.call = CallId::LAST;
                    }
                    self.in_flight.push((event, notice.at));
                }
                Outgoing::Recheck => panic!("{place}: nobody reloads"),
                Outgoing::Close(closing) => panic!("{place}: closed: {closing:?}"),
            }
        }
        if self.is_silent {
            Vec::new()
        } else {
            std::mem::take(&mut self.in_flight)
        }
    }
}

struct Simulation {
    fixture: ServiceFixture,
    random: StdRng,
    model: Model,
    connections: HashMap<SessionId, Connection>,
    /// Pairs of a user and another whom the first has blocked.
    blocks: HashSet<(UserId, UserId)>,
    next_session: u32,
    /// Sessions that a user has had.
    sessions: HashMap<UserId, Vec<SessionId>>,
}

impl Simulation {
    fn new(seed: u64) -> Self {
        let users: Vec<Profile> = (0..USERS).map(profile).collect();
        let rules = Rules {
            disconnect_grace: Some(GRACE),
            ..Rules::only(Limits {
                ring_timeout: RING,
                max_call_duration: Some(LONGEST),
            })
        };
        let durations = Durations {
            ring: RING,
            longest: Some(LONGEST),
            grace: Some(GRACE),
        };
        Self {
            fixture: ServiceFixture::new(&users, rules, seed),
            random: StdRng::seed_from_u64(seed),
            model: Model::new(users, durations),
            connections: HashMap::new(),
            blocks: HashSet::new(),
            next_session: 0,
            sessions: HashMap::new(),
        }
    }

    fn any_user(&mut self) -> UserId {
        let user = self.model.users.choose(&mut self.random);
        user.expect("users").id.clone()
    }

    async fn step(&mut self) {
        let user = self.any_user();
        match self.random.random_range(0..100) {
            0..15 => self.connect(user).await,
            15..22 => self.disconnect(&user).await,
            22..30 => self.silence_or_recover(&user),
            30..48 => self.initiate(user).await,
            48..80 => self.act_on_a_call(user).await,
            80..84 => self.block_or_unblock(user).await,
            84 => self.restart(false).await,
            85 => self.restart(true).await,
            86..95 => {
                let seconds = *[1, 7, 31, 61, 200].choose(&mut self.random).expect("times");
                self.fixture.clock.advance(Duration::from_secs(seconds));
            }
            _ => self.sweep().await,
        }
    }

    async fn connect(&mut self, user: UserId) {
        // A session that there was before comes back, perhaps in place of a connection that is silent.
        let known = self.sessions.entry(user.clone()).or_default();
        let returning = known.choose(&mut self.random).cloned();
        let returning = returning.filter(|_| self.random.random_bool(0.6));
        if returning.is_none() && self.model.sessions(&user).len() == SESSIONS_PER_USER {
            return;
        }
        let id = returning.unwrap_or_else(|| {
            self.next_session += 1;
            let id = SessionId::new(&self.next_session.to_string());
            known.push(id.clone());
            id
        });
        if self.model.sessions(&user).len() == SESSIONS_PER_USER
            && !self.connections.contains_key(&id)
        {
            return;
        }
        let connected = self
            .fixture
            .service
            .sessions()
            .connect(user.clone(), id.clone());
        let connection = Connection {
            subscription: connected.await.expect("connected"),
            is_silent: false,
            in_flight: Vec::new(),
        };
        let replaced = self.connections.insert(id.clone(), connection);
        self.model.connect(&user, id, self.fixture.clock.now());
        if let Some(Connection { subscription, .. }) = replaced {
            let sessions = self.fixture.service.sessions();
            sessions.disconnect(subscription).await;
        }
    }

    /// The network of a session goes silent, or what it has held back gets through.
    fn silence_or_recover(&mut self, user: &UserId) {
        let sessions = self.model.sessions(user);
        if let Some(id) = sessions.choose(&mut self.random) {
            let connection = self.connections.get_mut(id).expect("connected");
            connection.is_silent = !connection.is_silent;
        }
    }

    async fn restart(&mut self, is_crash: bool) {
        self.connections.clear();
        if is_crash {
            self.fixture.crash().await;
        } else {
            self.fixture.restart().await;
        }
        self.model.restart(is_crash, self.fixture.clock.now());
    }

    async fn disconnect(&mut self, user: &UserId) {
        let sessions = self.model.sessions(user);
        let Some(id) = sessions.choose(&mut self.random) else {
            return;
        };
        let Connection { subscription, .. } = self.connections.remove(id).expect("connected");
        self.model.disconnect(id, self.fixture.clock.now());
        self.fixture
            .service
            .sessions()
            .disconnect(subscription)
            .await;
    }

    async fn block_or_unblock(&mut self, owner: UserId) {
        let user = self.any_user();
        if owner == user {
            return;
        }
        let service = &self.fixture.service;
        if self.blocks.remove(&(owner.clone(), user.clone())) {
            let done = service.lists().delist(owner, List::Blocked, user).await;
            done.expect("unblocked");
        } else {
            self.blocks.insert((owner.clone(), user.clone()));
            let done = service.lists().enlist(owner, List::Blocked, user).await;
            done.expect("blocked");
        }
    }

    async fn initiate(&mut self, caller: UserId) {
        let callee = self.any_user();
        let new = NewCall {
            callee: callee.clone(),
            call_type: CallType::Audio,
            channel: channel(),
            idempotency_key: None,
        };
        let blocked = self.blocks.contains(&(callee.clone(), caller.clone()));
        let expected = self.model.may_call(&caller, &callee, blocked);
        let principal = self.principal(&caller);
        match self.fixture.service.calls().initiate(principal, new).await {
            Err(Error::OwnNumber) => assert_eq!(expected, Initiation::OwnNumber),
            Err(Error::CallerBusy { call, .. }) => {
                assert_eq!(expected, Initiation::CallerBusy(call));
            }
            Err(Error::UserBusy(_)) => {
                assert_eq!(expected, Initiation::UserBusy);
                let (users, now) = ([&caller, &callee], self.fixture.clock.now());
                self.model.refuse_as_busy(users, CallType::Audio, now);
            }
            Err(other) => panic!("{other:?}"),
            Ok(call) => {
                assert_eq!(expected, Initiation::Made);
                let (users, now) = ([&caller, &callee], self.fixture.clock.now());
                self.model
                    .initiate(call.id, users, CallType::Audio, blocked, now);
            }
        }
    }

    /// Acts on a call as `user`: mostly on the user's own, sometimes on any.
    async fn act_on_a_call(&mut self, user: UserId) {
        let own = self.model.live_call(&user).map(|call| call.id);
        let own = own.filter(|_| self.random.random_bool(0.9));
        let any: Vec<CallId> = self.model.calls().map(|call| call.id).collect();
        let Some(id) = own.or_else(|| any.choose(&mut self.random).copied()) else {
            return;
        };
        let principal = self.principal(&user);
        let action = *Action::ALL.choose(&mut self.random).expect("actions");
        let (actor, now) = ((&user, &principal.session), self.fixture.clock.now());
        let expected = self.model.act(id, actor, action, now);
        let service = &self.fixture.service;
        let outcome = match action {
            Action::Accept => service.calls().accept(principal, id).await,
            Action::Reject => {
                service
                    .calls()
                    .reject(principal, id, RejectReason::Declined)
                    .await
            }
            Action::End => service.calls().end(principal, id, None).await,
            Action::Activate => {
                service
                    .calls()
                    .set_status(principal, id, Target::Active)
                    .await
            }
            Action::Connect => {
                service
                    .calls()
                    .set_status(principal, id, Target::Connecting)
                    .await
            }
        };
        let refusal = match outcome {
            Ok(_) => None,
            Err(Error::Refused(CallError::InvalidStatus { .. })) => Some("invalid_status"),
            Err(Error::Refused(_)) => Some("unauthorized"),
            Err(other) => panic!("{other:?}"),
        };
        assert_eq!(refusal, expected.err(), "{action:?} by {user}");
    }

    async fn sweep(&mut self) {
        let service = &self.fixture.service;
        // Expired events reach nobody, whether their rows are deleted yet or not.
        service.deadlines().forget_expired().await.expect("deleted");
        let ended = service.deadlines().end_overdue_calls().await;
        let ended = ended.expect("swept");
        let due = self.model.end_overdue(self.fixture.clock.now());
        assert_eq!(ended, due.len());
    }

    async fn check(&mut self, place: &str) {
        let now = self.fixture.clock.now();
        for (id, connection) in &mut self.connections {
            let received = connection.receive(place);
            if connection.is_silent {
                continue;
            }
            assert_eq!(received, self.model.take_expected(id), "{place}");
            let queue = connection.subscription.queue();
            let sessions = self.fixture.service.sessions();
            let user = connection.subscription.user();
            sessions.record_received(user, queue).await;
            sessions.confirm(queue, queue.last_taken()).await;
            self.model.confirm(id, now);
        }
        self.check_presence(place);
        let service = &self.fixture.service;
        for expected in self.model.calls() {
            let stored = service
                .calls()
                .get(&expected.caller, expected.id)
                .expect("stored");
            assert_stored(&stored, expected, place);
            if expected.suppressed {
                let seen = service.calls().get(&expected.callee, expected.id);
                let refused = matches!(seen, Err(Error::Refused(CallError::NotAParticipant)));
                assert!(refused, "{place}");
            }
        }
        for user in &self.model.users {
            let active = service.calls().active(&user.id).expect("read");
            let expected = self.model.live_call(&user.id).map(|call| call.id);
            assert_eq!(active.map(|call| call.id), expected, "{place}");
        }
    }

    fn check_presence(&self, place: &str) {
        let now = self.fixture.clock.now();
        let viewer = &self.model.users[0].id;
        for user in &self.model.users {
            if self.blocks.contains(&(user.id.clone(), viewer.clone())) {
                continue;
            }
            let presence = self
                .fixture
                .service
                .sessions()
                .presence(viewer, user.id.clone());
            let expected = self.model.connected_sessions(&user.id, now);
            assert_eq!(presence.expect("known").sessions, expected, "{place}");
        }
    }

    /// Returns the user in one of its sessions, or over REST in one that is not connected.
    fn principal(&mut self, user: &UserId) -> Principal {
        let sessions = self.model.sessions(user);
        let session = sessions.choose(&mut self.random).cloned();
        Principal {
            user: user.clone(),
            session: session.unwrap_or_else(|| SessionId::new("rest")),
            via: Source::Rest,
        }
    }
}

fn assert_stored(stored: &Call, expected: &ModelCall, place: &str) {
    let ModelCall {
        caller,
        callee,
        suppressed,
        ..
    } = expected;
    assert_eq!(
        (&stored.caller, &stored.callee),
        (caller, callee),
        "{place}"
    );
    assert_eq!(stored.suppressed, *suppressed, "{place}");
    assert_eq!(stored.status(), expected.status, "{place}");
    assert_eq!(stored.created_at, expected.created_at, "{place}");
    assert_eq!(stored.updated_at, expected.updated_at, "{place}");
    assert_eq!(stored.state.started_at(), expected.started_at, "{place}");
    assert_eq!(stored.state.duration_seconds(), expected.seconds, "{place}");
}

fn profile(n: usize) -> Profile {
    Profile {
        id: UserId::parse(&format!("user-{n}")).expect("an id"),
        name: format!("User {n}"),
        avatar: None,
    }
}
