//! Many seeded random actors on a real store with a manual clock. A model that knows only the contract's
//! table of a call's life says after every step what each session must have heard, and what must be stored.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use chattrix::call::transition::{Limits, Target};
use chattrix::call::{
    Actor, Call, CallError, CallId, CallType, ChannelId, Event, Principal, RejectReason, Source,
    Status,
};
use chattrix::clock::{Clock, ManualClock, Timestamp};
use chattrix::hub::{Capacity, Hub, Outgoing, Subscription};
use chattrix::metrics::Metrics;
use chattrix::service::{Error, NewCall, Rules, Service};
use chattrix::store::{Database, Store};
use chattrix::user::{List, Profile, SessionId, UserId};
use futures_util::FutureExt as _;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};

const USERS: usize = 8;
const STEPS: usize = 250;
const SEEDS: u64 = 16;
const RING: Duration = Duration::from_mins(1);
const LONGEST: Duration = Duration::from_mins(10);
const GRACE: Duration = Duration::from_secs(45);
const KEPT: Duration = Duration::from_mins(5);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_many_actors_do_the_story_told_is_the_story_stored() {
    for seed in 0..SEEDS {
        let mut world = World::new(seed);
        for step in 0..STEPS {
            world.act().await;
            world.check(&format!("seed {seed}, step {step}"));
        }
    }
}

/// A connected session, and what it must hear next.
struct Session {
    id: SessionId,
    subscription: Subscription,
    expected: Vec<(Event, Timestamp)>,
}

/// A participant of a live call, as far as its presence counts.
#[derive(Default)]
struct Presence {
    attended: bool,
    gone_at: Option<Timestamp>,
}

struct World {
    _folder: tempfile::TempDir,
    random: StdRng,
    clock: ManualClock,
    service: Service,
    users: Vec<Profile>,
    sessions: HashMap<UserId, Vec<Session>>,
    kept: HashMap<UserId, Vec<(Event, Timestamp)>>,
    calls: BTreeMap<CallId, Call>,
    live: HashMap<UserId, (CallId, Presence)>,
    /// Who has blocked whom.
    blocks: HashSet<(UserId, UserId)>,
    next_session: u32,
}

impl World {
    fn new(seed: u64) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("calls.db");
        let clock = ManualClock::starting_at(Timestamp::from_millis(1_705_314_600_000));
        let users: Vec<Profile> = (0..USERS).map(profile).collect();
        let database = Database::open(&file).expect("a database");
        for user in &users {
            database.add_user(user, clock.now()).expect("added");
        }
        let hub = Hub::new(Capacity {
            event_queue: 256,
            sessions_per_user: 8,
            connections: 100,
            connections_per_address: None,
        });
        let rules = Rules {
            disconnect_grace: Some(GRACE),
            ..Rules::only(Limits {
                ring_timeout: RING,
                max_call_duration: Some(LONGEST),
            })
        };
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
            users,
            sessions: HashMap::new(),
            kept: HashMap::new(),
            calls: BTreeMap::new(),
            live: HashMap::new(),
            blocks: HashSet::new(),
            next_session: 0,
        }
    }

    async fn act(&mut self) {
        let user = self
            .users
            .choose(&mut self.random)
            .expect("users")
            .id
            .clone();
        match self.random.random_range(0..100) {
            0..15 => self.connect(user).await,
            15..25 => self.disconnect(&user).await,
            25..45 => self.initiate(user).await,
            45..82 => self.answer(user).await,
            82..86 => self.block_or_unblock(user).await,
            86..95 => {
                let seconds = *[1, 7, 31, 61, 200].choose(&mut self.random).expect("times");
                self.clock.advance(Duration::from_secs(seconds));
            }
            _ => self.sweep().await,
        }
    }

    async fn connect(&mut self, user: UserId) {
        self.next_session += 1;
        let id = SessionId::new(&self.next_session.to_string());
        if self
            .sessions
            .get(&user)
            .is_some_and(|sessions| sessions.len() == 3)
        {
            return;
        }
        let now = self.clock.now();
        let subscription = self
            .service
            .sessions()
            .connect(user.clone(), id.clone())
            .await
            .expect("connected");
        let kept = self.kept.remove(&user).unwrap_or_default();
        let mut expected: Vec<_> = kept
            .into_iter()
            .filter(|(_, at)| at.plus(KEPT) > now)
            .collect();
        if let Some((id, presence)) = self.live.get_mut(&user) {
            *presence = Presence {
                attended: true,
                gone_at: None,
            };
            let call = &self.calls[id];
            if call.callee == user && matches!(call.status(), Status::Initiating | Status::Ringing)
            {
                expected.push((invitation(call, &self.users), call.created_at));
            }
        }
        self.sessions.entry(user).or_default().push(Session {
            id,
            subscription,
            expected,
        });
    }

    async fn disconnect(&mut self, user: &UserId) {
        let Some(sessions) = self
            .sessions
            .get_mut(user)
            .filter(|sessions| !sessions.is_empty())
        else {
            return;
        };
        let session = sessions.remove(self.random.random_range(0..sessions.len()));
        if sessions.is_empty()
            && let Some((_, presence)) = self.live.get_mut(user)
        {
            presence.gone_at = Some(self.clock.now());
        }
        self.service
            .sessions()
            .disconnect(session.subscription)
            .await;
    }

    async fn block_or_unblock(&mut self, owner: UserId) {
        let user = self.users.choose(&mut self.random).expect("users");
        let pair = (owner, user.id.clone());
        if pair.0 == pair.1 {
            return;
        }
        let (owner, user) = pair.clone();
        if self.blocks.remove(&pair) {
            let done = self
                .service
                .lists()
                .delist(owner, List::Blocked, user)
                .await;
            done.expect("unblocked");
        } else {
            self.blocks.insert(pair);
            let done = self
                .service
                .lists()
                .enlist(owner, List::Blocked, user)
                .await;
            done.expect("blocked");
        }
    }

    async fn initiate(&mut self, caller: UserId) {
        let callee = self
            .users
            .choose(&mut self.random)
            .expect("users")
            .id
            .clone();
        let new = NewCall {
            callee: callee.clone(),
            call_type: CallType::Audio,
            channel: ChannelId::parse("channel").expect("a channel"),
            idempotency_key: None,
        };
        let principal = self.principal(&caller);
        let outcome = self.service.calls().initiate(principal, new).await;
        let suppressed = self.blocks.contains(&(callee.clone(), caller.clone()));
        match outcome {
            Err(Error::OwnNumber) => assert_eq!(caller, callee),
            Err(Error::CallerBusy { call, .. }) => assert_eq!(self.live[&caller].0, call),
            Err(Error::UserBusy(_)) => {
                assert!(!suppressed, "a block told itself");
                assert!(self.live.contains_key(&callee) && !self.live.contains_key(&caller));
            }
            Err(other) => panic!("{other:?}"),
            Ok(call) => {
                assert!(suppressed || !self.live.contains_key(&callee));
                assert!(!self.live.contains_key(&caller));
                assert_eq!(call.suppressed, suppressed);
                let reached = self.is_connected(&callee) && !suppressed;
                assert_eq!(
                    call.status(),
                    if reached {
                        Status::Ringing
                    } else {
                        Status::Initiating
                    }
                );
                for user in participants(&call) {
                    let attended = self.is_connected(user);
                    self.live.insert(
                        user.clone(),
                        (
                            call.id,
                            Presence {
                                attended,
                                gone_at: None,
                            },
                        ),
                    );
                }
                let event = invitation(&call, &self.users);
                for session in self.sessions.entry(callee).or_default() {
                    if !suppressed {
                        session.expected.push((event.clone(), call.created_at));
                    }
                }
                self.calls.insert(call.id, call);
            }
        }
    }

    /// Somebody does something to some call: mostly a participant to its own, sometimes anybody to any.
    async fn answer(&mut self, user: UserId) {
        let own = self
            .live
            .get(&user)
            .map(|(id, _)| *id)
            .filter(|_| self.random.random_bool(0.9));
        let any: Vec<CallId> = self.calls.keys().copied().collect();
        let Some(id) = own.or_else(|| any.choose(&mut self.random).copied()) else {
            return;
        };
        let before = self.calls[&id].clone();
        let principal = self.principal(&user);
        let (service, session) = (self.service.clone(), principal.session.clone());
        let outcome = match self.random.random_range(0..5) {
            0 => service.calls().accept(principal, id).await,
            1 => {
                service
                    .calls()
                    .reject(principal, id, RejectReason::Declined)
                    .await
            }
            2 => service.calls().end(principal, id, None).await,
            3 => {
                service
                    .calls()
                    .set_status(principal, id, Target::Active)
                    .await
            }
            _ => {
                service
                    .calls()
                    .set_status(principal, id, Target::Connecting)
                    .await
            }
        };
        let Ok(after) = outcome else { return };
        assert!(
            participants(&before).contains(&&user),
            "a stranger changed a call"
        );
        if after == self.now_stored(&before) {
            return;
        }
        assert!(before.status().is_live(), "a final call changed");
        let at = after.updated_at;
        if let Some(event) = event_of(&after, &user) {
            let other = after.other(&user).clone();
            if !after.suppressed {
                self.told(&other, &event, at);
            }
            for session in self
                .sessions
                .entry(user)
                .or_default()
                .iter_mut()
                .filter(|one| one.id != session)
            {
                session.expected.push((event.clone(), at));
            }
        }
        self.changed(after);
    }

    async fn sweep(&mut self) {
        let now = self.clock.now();
        let mut due: Vec<(Call, Option<UserId>)> = Vec::new();
        for call in self.calls.values().filter(|call| call.status().is_live()) {
            let overdue = call.state.deadline().is_some_and(|at| at <= now);
            let gone = |user: &UserId| {
                let (_, presence) = &self.live[user];
                presence
                    .gone_at
                    .filter(|at| presence.attended && at.plus(GRACE) <= now)
            };
            let place = |user: &UserId| self.users.iter().position(|one| one.id == *user);
            let first_gone = participants(call)
                .into_iter()
                .filter_map(|user| gone(user).map(|at| (at, place(user), user.clone())))
                .min();
            if overdue {
                due.push((call.clone(), None));
            } else if let Some((_, _, user)) =
                first_gone.filter(|_| call.state.started_at().is_some())
            {
                due.push((call.clone(), Some(user)));
            }
        }
        // What has expired is found by nobody, whether it is still there or not.
        self.service
            .deadlines()
            .forget_expired()
            .await
            .expect("forgotten");
        let ended = self
            .service
            .deadlines()
            .end_overdue_calls()
            .await
            .expect("swept");
        assert_eq!(ended, due.len());
        for (before, gone) in due {
            let after = self
                .service
                .calls()
                .get(&before.caller, before.id)
                .expect("stored");
            let by = gone.clone().map_or(Actor::System, Actor::User);
            let event = match before.state.started_at() {
                None => Event::TimedOut { call: before.id },
                Some(started_at) => Event::Ended {
                    call: before.id,
                    ended_by: by,
                    duration_seconds: u32::try_from(now.since(started_at).as_secs())
                        .expect("short"),
                },
            };
            for user in participants(&before) {
                if gone.as_ref() != Some(user) {
                    self.told(user, &event, now);
                }
            }
            self.changed(after);
        }
    }

    /// A participant is told: all its sessions, or its next one.
    fn told(&mut self, user: &UserId, event: &Event, at: Timestamp) {
        let sessions = self.sessions.entry(user.clone()).or_default();
        if sessions.is_empty() {
            self.kept
                .entry(user.clone())
                .or_default()
                .push((event.clone(), at));
        }
        for session in sessions {
            session.expected.push((event.clone(), at));
        }
    }

    fn changed(&mut self, call: Call) {
        if !call.status().is_live() {
            for user in participants(&call) {
                self.live.remove(user);
            }
        }
        self.calls.insert(call.id, call);
    }

    /// What is known of a call; one that waited rings by itself when its callee connects.
    fn now_stored(&self, call: &Call) -> Call {
        self.calls[&call.id].clone()
    }

    fn check(&mut self, place: &str) {
        for session in self.sessions.values_mut().flatten() {
            let mut heard = Vec::new();
            while let Some(outgoing) = session.subscription.queue().next().now_or_never() {
                match outgoing {
                    Outgoing::Notice(announced) => {
                        let notice = announced.notice();
                        heard.push((notice.event.clone(), notice.at));
                    }
                    Outgoing::Close(closing) => panic!("{place}: closed: {closing:?}"),
                }
            }
            assert_eq!(heard, std::mem::take(&mut session.expected), "{place}");
        }
        for (id, known) in &mut self.calls {
            let stored = self
                .service
                .calls()
                .get(&known.caller, *id)
                .expect("stored");
            if known.suppressed {
                let seen = self.service.calls().get(&known.callee, *id);
                assert!(
                    matches!(seen, Err(Error::Refused(CallError::NotAParticipant))),
                    "{place}"
                );
            }
            let rang = known.status() == Status::Initiating && stored.status() == Status::Ringing;
            if rang {
                *known = stored;
            } else {
                assert_eq!(stored, *known, "{place}");
            }
        }
        for user in &self.users {
            let active = self
                .service
                .calls()
                .active(&user.id)
                .expect("read")
                .map(|call| call.id);
            assert_eq!(
                active,
                self.live.get(&user.id).map(|(id, _)| *id),
                "{place}"
            );
        }
    }

    /// The user through one of its sessions, or over REST by one that is not connected.
    fn principal(&mut self, user: &UserId) -> Principal {
        let sessions = self.sessions.get(user).map_or(&[][..], Vec::as_slice);
        let session = sessions
            .choose(&mut self.random)
            .map_or_else(|| SessionId::new("rest"), |one| one.id.clone());
        Principal {
            user: user.clone(),
            session,
            via: Source::Rest,
        }
    }

    fn is_connected(&self, user: &UserId) -> bool {
        self.sessions
            .get(user)
            .is_some_and(|sessions| !sessions.is_empty())
    }
}

/// Who takes part in `call`: the caller alone where the callee had blocked the caller.
fn participants(call: &Call) -> Vec<&UserId> {
    if call.suppressed {
        vec![&call.caller]
    } else {
        vec![&call.caller, &call.callee]
    }
}

/// What the participants hear of `call` when `user` has brought it where it is.
fn event_of(call: &Call, user: &UserId) -> Option<Event> {
    match call.status() {
        Status::Initiating | Status::Ringing | Status::Active => None,
        Status::Connecting => Some(Event::Accepted {
            call: call.id,
            accepted_by: user.clone(),
        }),
        Status::Rejected => Some(Event::Rejected {
            call: call.id,
            rejected_by: user.clone(),
            reason: RejectReason::Declined,
        }),
        Status::Ended => Some(Event::Ended {
            call: call.id,
            ended_by: Actor::User(user.clone()),
            duration_seconds: call
                .state
                .duration_seconds()
                .expect("an ended call has a duration"),
        }),
        Status::Missed => panic!("nobody misses a call by acting"),
    }
}

fn invitation(call: &Call, users: &[Profile]) -> Event {
    Event::Invitation(chattrix::call::notice::Invitation {
        call: call.id,
        channel: call.channel.clone(),
        caller: users
            .iter()
            .find(|user| user.id == call.caller)
            .expect("a user")
            .clone(),
        call_type: call.call_type,
    })
}

fn profile(n: usize) -> Profile {
    Profile {
        id: UserId::parse(&format!("user-{n}")).expect("an id"),
        name: format!("User {n}"),
        avatar: None,
    }
}
