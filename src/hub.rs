//! Who is connected: user → sessions → bounded queues of notices.
//!
//! The hub knows no socket: a session's loop takes notices from its [`Outbox`] and leaves by dropping its
//! [`Subscription`]. Sessions enter in the order of the writer's jobs, so that what is decided about a user
//! ("nobody is connected: keep the notice") and what is delivered cannot contradict each other.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};

use crate::call::Notice;
use crate::sync::{AtomicBool, AtomicUsize, Mutex, Notify};
use crate::user::{SessionId, UserId};

/// Why the server closes a session (contract section 4, "WebSocket").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closing {
    /// A newer connection of the same session, or a ninth session of the user, took its place.
    Replaced,
    /// More events wait than the session may have.
    TooSlow,
    /// The user was disabled or removed.
    Barred,
    /// The server stops.
    Stopping,
}

/// How much a session or user may take up (contract section 6).
#[derive(Clone, Copy, Debug)]
pub struct Capacity {
    /// Notices that may wait for one session (`event_queue`).
    pub event_queue: usize,
    /// Sessions of one user (`max_sessions_per_user`).
    pub sessions_per_user: usize,
    /// Connections of all (`max_connections`).
    pub connections: usize,
    /// Connections from one address, if limited (`max_connections_per_address`).
    pub connections_per_address: Option<usize>,
}

/// Connections that a user may have for each of its sessions: one that was replaced is still there while it is
/// told. A client that opens one after another without end takes no more than these.
const CONNECTIONS_PER_SESSION: usize = 32;

/// Bytes of signals that may wait for one session, beside the bound on their number: 32 of the longest. A call
/// that is set up takes a tenth of it.
const WAITING_BYTES: usize = 1 << 20;

/// Why there is no place for one more connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// All places of the server are taken.
    Server,
    /// The user has too many.
    User,
    /// Too many come from the address.
    Address,
}

/// How many there are just now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attendance {
    /// Connections.
    pub connections: usize,
    /// Sessions.
    pub sessions: usize,
    /// Users with at least one of them.
    pub users: usize,
}

/// Who is connected. Cheap to clone.
#[derive(Clone)]
pub struct Hub(Arc<Inner>);

struct Inner {
    capacity: Capacity,
    /// A user's sessions, the oldest first.
    users: Mutex<HashMap<UserId, Vec<Arc<Outbox>>>>,
    stopping: AtomicBool,
    connections: AtomicUsize,
    taken: Mutex<Taken>,
    subscriptions: AtomicUsize,
    connection_left: Notify,
}

/// The places that are taken, by whom and from where.
#[derive(Default)]
struct Taken {
    by_user: HashMap<UserId, usize>,
    by_address: HashMap<IpAddr, usize>,
}

impl Hub {
    /// A hub with nobody in it.
    #[must_use]
    pub fn new(capacity: Capacity) -> Self {
        Self(Arc::new(Inner {
            capacity,
            users: Mutex::new(HashMap::new()),
            stopping: AtomicBool::new(false),
            connections: AtomicUsize::new(0),
            taken: Mutex::default(),
            subscriptions: AtomicUsize::new(0),
            connection_left: Notify::new(),
        }))
    }

    /// A place for one more connection of `user`, which comes from `address`.
    ///
    /// # Errors
    /// [`Full`], where there is none.
    pub fn admit(&self, user: &UserId, address: IpAddr) -> Result<Place, Full> {
        let capacity = &self.0.capacity;
        let most_of_user = capacity.sessions_per_user * CONNECTIONS_PER_SESSION;
        let most_of_address = capacity.connections_per_address.unwrap_or(usize::MAX);
        let mut taken = self.0.taken.lock();
        if self.connections() >= capacity.connections {
            return Err(Full::Server);
        }
        if count(&taken.by_user, user) >= most_of_user {
            return Err(Full::User);
        }
        if count(&taken.by_address, &address) >= most_of_address {
            return Err(Full::Address);
        }
        *taken.by_user.entry(user.clone()).or_default() += 1;
        *taken.by_address.entry(address).or_default() += 1;
        self.0.connections.fetch_add(1, Ordering::AcqRel);
        Ok(Place {
            hub: self.clone(),
            user: user.clone(),
            address,
        })
    }

    /// Enters a session. An older connection of the same session gives way, and the oldest session where the
    /// user has too many.
    #[must_use]
    pub fn subscribe(&self, user: &UserId, session: &SessionId) -> Subscription {
        let outbox = Arc::new(Outbox::new(session.clone(), self.0.capacity.event_queue));
        let mut users = self.0.users.lock();
        let sessions = users.entry(user.clone()).or_default();
        for older in sessions.iter().filter(|older| older.session == *session) {
            older.close(Closing::Replaced);
        }
        sessions.retain(|one| one.is_open());
        let surplus = (sessions.len() + 1).saturating_sub(self.0.capacity.sessions_per_user);
        for oldest in sessions.drain(..surplus) {
            oldest.close(Closing::Replaced);
        }
        sessions.push(Arc::clone(&outbox));
        drop(users);
        self.0.subscriptions.fetch_add(1, Ordering::Relaxed);
        if self.is_stopping() {
            outbox.close(Closing::Stopping);
        }
        Subscription {
            hub: self.clone(),
            user: user.clone(),
            outbox,
        }
    }

    /// The user's sessions that take notices, the oldest first.
    #[must_use]
    pub fn sessions(&self, user: &UserId) -> Vec<Arc<Outbox>> {
        let users = self.0.users.lock();
        let sessions = users.get(user).into_iter().flatten();
        sessions
            .filter(|session| session.is_open())
            .cloned()
            .collect()
    }

    /// Who has sessions that take notices, and how many, in no order.
    #[must_use]
    pub fn connected(&self) -> Vec<(UserId, usize)> {
        let users = self.0.users.lock();
        let open = users.iter().map(|(user, sessions)| {
            let open = sessions.iter().filter(|session| session.is_open()).count();
            (user.clone(), open)
        });
        open.filter(|(_, open)| *open > 0).collect()
    }

    /// Whether a session of the user takes notices.
    #[must_use]
    pub fn is_connected(&self, user: &UserId) -> bool {
        self.0
            .users
            .lock()
            .get(user)
            .is_some_and(|sessions| sessions.iter().any(|session| session.is_open()))
    }

    /// Closes the sessions of everybody in `users`.
    pub fn bar(&self, users: &[UserId]) {
        for session in users.iter().flat_map(|user| self.sessions(user)) {
            session.close(Closing::Barred);
        }
    }

    /// Closes all sessions, present and to come.
    pub fn stop(&self) {
        self.0.stopping.store(true, Ordering::Release);
        for session in self.0.users.lock().values().flatten() {
            session.close(Closing::Stopping);
        }
    }

    /// Whether the hub takes no more sessions.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.0.stopping.load(Ordering::Acquire)
    }

    /// How many connections there are.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.0.connections.load(Ordering::Acquire)
    }

    /// How many connections, sessions and users there are.
    #[must_use]
    pub fn attendance(&self) -> Attendance {
        Attendance {
            connections: self.connections(),
            sessions: self.0.subscriptions.load(Ordering::Relaxed),
            users: self.0.users.lock().len(),
        }
    }

    /// How many connections, sessions and users there may be.
    #[must_use]
    pub fn capacity(&self) -> Capacity {
        self.0.capacity
    }

    /// Waits until the last connection is gone.
    pub async fn emptied(&self) {
        loop {
            let left = self.0.connection_left.notified();
            if self.connections() == 0 {
                return;
            }
            left.await;
        }
    }
}

/// One connection's place among those that there may be; given back when dropped.
pub struct Place {
    hub: Hub,
    user: UserId,
    address: IpAddr,
}

impl Drop for Place {
    fn drop(&mut self) {
        let inner = &self.hub.0;
        let mut taken = inner.taken.lock();
        give_back(&mut taken.by_user, &self.user);
        give_back(&mut taken.by_address, &self.address);
        inner.connections.fetch_sub(1, Ordering::AcqRel);
        drop(taken);
        inner.connection_left.notify_waiters();
    }
}

fn count<K: Hash + Eq>(taken: &HashMap<K, usize>, key: &K) -> usize {
    taken.get(key).copied().unwrap_or_default()
}

/// Takes one from the count of `key`; those who have none are forgotten.
fn give_back<K: Hash + Eq>(taken: &mut HashMap<K, usize>, key: &K) {
    if let Some(count) = taken.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            taken.remove(key);
        }
    }
}

/// A session's entry in the hub; dropped, the session leaves.
pub struct Subscription {
    hub: Hub,
    user: UserId,
    outbox: Arc<Outbox>,
}

impl Subscription {
    /// Whose session it is.
    #[must_use]
    pub const fn user(&self) -> &UserId {
        &self.user
    }

    /// The queue of what the session has to send.
    #[must_use]
    pub const fn outbox(&self) -> &Arc<Outbox> {
        &self.outbox
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.hub.0.subscriptions.fetch_sub(1, Ordering::Relaxed);
        let mut users = self.hub.0.users.lock();
        if let Some(sessions) = users.get_mut(&self.user) {
            sessions.retain(|session| !Arc::ptr_eq(session, &self.outbox));
            if sessions.is_empty() {
                users.remove(&self.user);
            }
        }
    }
}

/// A notice as it goes to all sessions that hear it.
#[derive(Debug, PartialEq, Eq)]
pub struct SharedNotice {
    notice: Notice,
    text: OnceLock<String>,
}

impl SharedNotice {
    /// `notice`, to be told.
    #[must_use]
    pub const fn new(notice: Notice) -> Self {
        let text = OnceLock::new();
        Self { notice, text }
    }

    /// What is told.
    #[must_use]
    pub const fn notice(&self) -> &Notice {
        &self.notice
    }

    /// Its text, which the first session to send it writes, once for all.
    pub fn text(&self, write: impl FnOnce(&Notice) -> String) -> &str {
        self.text.get_or_init(|| write(&self.notice))
    }
}

/// What waits for one session to send it. Filled by the writer's thread, which never waits for a session.
pub struct Outbox {
    session: SessionId,
    capacity: usize,
    state: Mutex<Waiting>,
    filled: Notify,
}

struct Waiting {
    notices: VecDeque<Arc<SharedNotice>>,
    /// Of the signals among them.
    bytes: usize,
    closing: Option<Closing>,
}

/// What a session does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outgoing {
    /// Tell this.
    Notice(Arc<SharedNotice>),
    /// Close.
    Close(Closing),
}

impl Outbox {
    fn new(session: SessionId, capacity: usize) -> Self {
        let state = Mutex::new(Waiting {
            notices: VecDeque::new(),
            bytes: 0,
            closing: None,
        });
        Self {
            session,
            capacity,
            state,
            filled: Notify::new(),
        }
    }

    /// Which session it is.
    #[must_use]
    pub const fn session(&self) -> &SessionId {
        &self.session
    }

    /// Adds a notice. A session that lets too many wait is closed; what it misses it finds by reconnecting.
    /// Returns how many notices it misses because of this one.
    pub fn push(&self, notice: Arc<SharedNotice>) -> usize {
        let mut state = self.state.lock();
        if state.closing.is_some() {
            return 1;
        }
        let bytes = state.bytes + notice.notice().event.carried_bytes();
        let missed = if state.notices.len() < self.capacity && bytes <= WAITING_BYTES {
            state.notices.push_back(notice);
            state.bytes = bytes;
            0
        } else {
            state.closing = Some(Closing::TooSlow);
            std::mem::take(&mut state.notices).len() + 1
        };
        drop(state);
        self.filled.notify_one();
        missed
    }

    /// Forgets what still waits, for a session that has ended. Returns how many notices it misses.
    pub fn abandon(&self) -> usize {
        std::mem::take(&mut self.state.lock().notices).len()
    }

    /// Adds what waited for the session before it came, however much that is. It comes first: the session may
    /// have been told of the present already.
    pub fn preload(&self, notices: impl IntoIterator<Item = Notice>) {
        let mut state = self.state.lock();
        if state.closing.is_none() {
            let told = std::mem::take(&mut state.notices);
            let waited = notices.into_iter().map(SharedNotice::new);
            state.notices.extend(waited.map(Arc::new));
            state.notices.extend(told);
        }
        drop(state);
        self.filled.notify_one();
    }

    /// Closes the session, before anything that waits; the first reason stands.
    pub fn close(&self, closing: Closing) {
        self.state.lock().closing.get_or_insert(closing);
        self.filled.notify_one();
    }

    /// Waits for the next thing to do. For the session's own loop alone; it may be dropped while it waits.
    pub async fn next(&self) -> Outgoing {
        loop {
            if let Some(outgoing) = self.state.lock().take() {
                return outgoing;
            }
            self.filled.notified().await;
        }
    }

    /// Waits until the session is to be closed, whatever else waits.
    pub async fn closed(&self) -> Closing {
        loop {
            if let Some(closing) = self.state.lock().closing {
                return closing;
            }
            self.filled.notified().await;
        }
    }

    fn is_open(&self) -> bool {
        self.state.lock().closing.is_none()
    }
}

impl Waiting {
    fn take(&mut self) -> Option<Outgoing> {
        if let Some(closing) = self.closing {
            return Some(Outgoing::Close(closing));
        }
        let notice = self.notices.pop_front()?;
        self.bytes -= notice.notice().event.carried_bytes();
        Some(Outgoing::Notice(notice))
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::call::{Audience, CallId, Event, MAX_SIGNAL_BYTES, Signal, Signalled};
    use crate::clock::Timestamp;

    fn hub() -> Hub {
        Hub::new(Capacity {
            event_queue: 2,
            sessions_per_user: 2,
            connections: 2,
            connections_per_address: None,
        })
    }

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    fn user(id: &str) -> UserId {
        UserId::parse(id).expect("a user id")
    }

    fn notice(at: i64) -> Arc<SharedNotice> {
        Arc::new(SharedNotice::new(Notice {
            audience: Audience::Participant(user("bob")),
            event: Event::TimedOut {
                call: CallId::from_uuid(uuid::Uuid::nil()),
            },
            at: Timestamp::from_millis(at),
        }))
    }

    #[test]
    fn what_many_sessions_hear_is_written_once() {
        let shared = notice(1);
        let write = |notice: &Notice| notice.at.as_millis().to_string();
        assert_eq!(shared.text(write), "1");
        assert_eq!(shared.text(|_| unreachable!("it is written")), "1");
    }

    #[tokio::test]
    async fn notices_come_out_in_their_order() {
        let bob = hub().subscribe(&user("bob"), &SessionId::new("1"));
        bob.outbox().push(notice(1));
        bob.outbox().push(notice(2));
        assert_eq!(bob.outbox().next().await, Outgoing::Notice(notice(1)));
        assert_eq!(bob.outbox().next().await, Outgoing::Notice(notice(2)));
    }

    #[tokio::test]
    async fn what_waited_for_a_session_comes_before_what_it_was_told_since_it_came() {
        let bob = hub().subscribe(&user("bob"), &SessionId::new("1"));
        bob.outbox().push(notice(3));
        bob.outbox()
            .preload([1, 2].map(|at| notice(at).notice().clone()));
        for at in 1..=3 {
            assert_eq!(bob.outbox().next().await, Outgoing::Notice(notice(at)));
        }
    }

    #[test]
    fn those_who_are_connected_are_counted_by_their_open_sessions() {
        let hub = hub();
        let _alice = hub.subscribe(&user("alice"), &SessionId::new("1"));
        let first = hub.subscribe(&user("bob"), &SessionId::new("1"));
        let _second = hub.subscribe(&user("bob"), &SessionId::new("2"));
        let connected = || {
            let mut connected = hub.connected();
            connected.sort();
            connected
        };
        assert_eq!(connected(), [(user("alice"), 1), (user("bob"), 2)]);
        drop(first);
        hub.bar(&[user("alice")]);
        assert_eq!(connected(), [(user("bob"), 1)]);
    }

    #[tokio::test]
    async fn a_session_that_lets_too_many_wait_is_closed_and_not_connected_any_more() {
        let hub = hub();
        let bob = hub.subscribe(&user("bob"), &SessionId::new("1"));
        let missed: Vec<usize> = (0..4).map(|at| bob.outbox().push(notice(at))).collect();
        assert_eq!(missed, [0, 0, 3, 1]);
        assert_eq!(bob.outbox().next().await, Outgoing::Close(Closing::TooSlow));
        assert!(!hub.is_connected(&user("bob")));
    }

    #[tokio::test]
    async fn a_session_that_lets_too_many_bytes_of_signals_wait_is_closed() {
        let hub = Hub::new(Capacity {
            event_queue: 1000,
            sessions_per_user: 2,
            connections: 2,
            connections_per_address: None,
        });
        let bob = hub.subscribe(&user("bob"), &SessionId::new("1"));
        let signal = Signal::of_json(&"1".repeat(MAX_SIGNAL_BYTES)).expect("short enough");
        let notice = Arc::new(SharedNotice::new(Notice {
            event: Event::Signal(Signalled {
                call: CallId::from_uuid(uuid::Uuid::nil()),
                from: user("alice"),
                signal,
            }),
            ..notice(1).notice().clone()
        }));
        let most = WAITING_BYTES / MAX_SIGNAL_BYTES;
        for _ in 0..3 * most {
            assert_eq!(bob.outbox().push(Arc::clone(&notice)), 0);
            // Whoever reads makes room again.
            bob.outbox().next().await;
        }
        for _ in 0..most {
            assert_eq!(bob.outbox().push(Arc::clone(&notice)), 0);
        }
        assert_eq!(bob.outbox().push(notice), most + 1);
        assert_eq!(bob.outbox().next().await, Outgoing::Close(Closing::TooSlow));
    }

    #[tokio::test]
    async fn a_new_connection_replaces_that_of_the_same_session() {
        let hub = hub();
        let old = hub.subscribe(&user("bob"), &SessionId::new("1"));
        let new = hub.subscribe(&user("bob"), &SessionId::new("1"));
        assert_eq!(
            old.outbox().next().await,
            Outgoing::Close(Closing::Replaced)
        );
        drop(old);
        assert_eq!(hub.sessions(&user("bob")).len(), 1);
        drop(new);
        assert!(!hub.is_connected(&user("bob")));
    }

    #[tokio::test]
    async fn the_oldest_session_gives_way_to_one_too_many() {
        let hub = hub();
        let sessions: Vec<_> = ["1", "2", "3"]
            .map(|id| hub.subscribe(&user("bob"), &SessionId::new(id)))
            .into_iter()
            .collect();
        assert_eq!(
            sessions[0].outbox().next().await,
            Outgoing::Close(Closing::Replaced)
        );
        let left: Vec<_> = hub
            .sessions(&user("bob"))
            .iter()
            .map(|s| s.session().to_string())
            .collect();
        assert_eq!(left, ["2", "3"]);
    }

    #[test]
    fn everybody_is_counted_while_they_are_there() {
        let hub = hub();
        let _place = hub.admit(&user("bob"), HERE).expect("a place");
        let sessions = ["1", "2"].map(|id| hub.subscribe(&user("bob"), &SessionId::new(id)));
        let there = Attendance {
            connections: 1,
            sessions: 2,
            users: 1,
        };
        assert_eq!(hub.attendance(), there);
        drop(sessions);
        let gone = Attendance {
            sessions: 0,
            users: 0,
            ..there
        };
        assert_eq!(hub.attendance(), gone);
    }

    #[test]
    fn what_an_ended_session_leaves_behind_is_counted() {
        let bob = hub().subscribe(&user("bob"), &SessionId::new("1"));
        assert_eq!(bob.outbox().push(notice(1)), 0);
        assert_eq!(bob.outbox().abandon(), 1);
        assert_eq!(bob.outbox().abandon(), 0);
    }

    #[test]
    fn places_are_bounded_and_given_back() {
        let hub = hub();
        let admit = |id| hub.admit(&user(id), HERE);
        let first = admit("alice").expect("a place");
        let _second = admit("bob").expect("a place");
        assert_eq!(admit("carol").err(), Some(Full::Server));
        drop(first);
        assert!(admit("carol").is_ok());
    }

    #[test]
    fn a_user_and_an_address_have_places_of_their_own_and_leave_the_others_theirs() {
        let hub = Hub::new(Capacity {
            event_queue: 2,
            sessions_per_user: 1,
            connections: 1000,
            connections_per_address: Some(CONNECTIONS_PER_SESSION + 1),
        });
        let elsewhere = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
        let (alice, bob) = (user("alice"), user("bob"));
        let mut places: Vec<Place> = (0..CONNECTIONS_PER_SESSION)
            .map(|_| hub.admit(&alice, HERE).expect("a place"))
            .collect();
        assert_eq!(hub.admit(&alice, elsewhere).err(), Some(Full::User));
        places.push(hub.admit(&bob, HERE).expect("the last place from here"));
        assert_eq!(hub.admit(&bob, HERE).err(), Some(Full::Address));
        places.push(hub.admit(&bob, elsewhere).expect("from elsewhere"));
        places.remove(0);
        assert!(hub.admit(&alice, HERE).is_ok());
        places.clear();
        let taken = hub.0.taken.lock();
        assert!(taken.by_user.is_empty() && taken.by_address.is_empty());
        assert_eq!(hub.connections(), 0);
    }

    #[tokio::test]
    async fn a_hub_that_stops_closes_present_and_later_sessions() {
        let hub = hub();
        let present = hub.subscribe(&user("bob"), &SessionId::new("1"));
        hub.stop();
        let later = hub.subscribe(&user("bob"), &SessionId::new("2"));
        assert_eq!(
            present.outbox().next().await,
            Outgoing::Close(Closing::Stopping)
        );
        assert_eq!(
            later.outbox().next().await,
            Outgoing::Close(Closing::Stopping)
        );
    }
}
