//! Who is connected: user → sessions → bounded queues of notices.
//!
//! The hub knows no socket: a session's loop takes notices from its [`SessionQueue`] and leaves by dropping its
//! [`Subscription`]. Sessions enter in the order of the writer's jobs, so that what is decided about a user
//! ("nobody is connected: keep the notice") and what is delivered cannot contradict each other.

mod close_reason;
mod notice;
mod session_queue;
mod slot;

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

pub use close_reason::CloseReason;
pub use notice::EncodedNotice;
pub use session_queue::{Outgoing, SessionQueue};
pub use slot::{LimitReached, Slot};

use crate::call::Notice;
use crate::clock::{Clock, Timestamp};
use crate::sync::{AtomicBool, AtomicUsize, Mutex};
use crate::user::{SessionId, UserId};
use slot::ConnectionLimits;

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
    /// Time for which a session may leave a notice unconfirmed and count as connected (`confirm_timeout`).
    pub confirm_timeout: Duration,
}

/// How many there are just now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HubStats {
    /// Connections.
    pub connections: usize,
    /// Sessions.
    pub sessions: usize,
    /// Users with at least one of them.
    pub users: usize,
    /// Sessions that leave a notice unconfirmed for too long.
    pub unresponsive: usize,
}

/// Time for which an event that was not confirmed is delivered to sessions that connect (contract section 4).
pub const REDELIVERED_FOR: Duration = Duration::from_mins(5);

/// Events of one user that are remembered for redelivery; more than that in 5 minutes is no use of a phone.
const REMEMBERED: usize = 256;

/// A user with sessions, or with events that some session lacks.
#[derive(Default)]
struct Connected {
    /// The sessions, the oldest first.
    sessions: Vec<Arc<SessionQueue>>,
    /// Events of the last 5 minutes that some session has not confirmed, in their order.
    unconfirmed: VecDeque<Arc<EncodedNotice>>,
}

impl Connected {
    /// Forgets events that all sessions have, and those that are too old.
    fn forget_done(&mut self, now: Timestamp) {
        self.unconfirmed
            .retain(|notice| !notice.is_done() && is_fresh(notice, now));
        while self.unconfirmed.len() > REMEMBERED {
            self.unconfirmed.pop_front();
        }
    }

    fn is_empty(&self) -> bool {
        self.sessions.is_empty() && self.unconfirmed.is_empty()
    }
}

fn is_fresh(notice: &EncodedNotice, now: Timestamp) -> bool {
    now < notice.notice().at.plus(REDELIVERED_FOR)
}

/// Who is connected. Cheap to clone.
#[derive(Clone)]
pub struct Hub(Arc<Inner>);

struct Inner {
    capacity: Capacity,
    clock: Clock,
    users: Mutex<HashMap<UserId, Connected>>,
    stopping: AtomicBool,
    limits: Arc<ConnectionLimits>,
    subscriptions: AtomicUsize,
}

impl Hub {
    /// A hub with nobody in it.
    #[must_use]
    pub fn new(capacity: Capacity, clock: Clock) -> Self {
        Self(Arc::new(Inner {
            capacity,
            clock,
            users: Mutex::new(HashMap::new()),
            stopping: AtomicBool::new(false),
            limits: Arc::new(ConnectionLimits::new(capacity)),
            subscriptions: AtomicUsize::new(0),
        }))
    }

    /// A slot for one more connection of `user`, which comes from `address`.
    ///
    /// # Errors
    /// [`LimitReached`], where there is none.
    pub fn admit(&self, user: &UserId, address: IpAddr) -> Result<Slot, LimitReached> {
        self.0.limits.take(user, address)
    }

    /// Enters a session. An older connection of the same session gives way, and the oldest session where the
    /// user has too many.
    #[must_use]
    pub fn subscribe(&self, user: &UserId, session: &SessionId) -> Subscription {
        let queue = Arc::new(SessionQueue::new(
            session.clone(),
            self.0.capacity.event_queue,
            self.0.clock.clone(),
            self.0.capacity.confirm_timeout,
        ));
        let mut users = self.0.users.lock();
        let sessions = &mut users.entry(user.clone()).or_default().sessions;
        for older in sessions.iter().filter(|older| older.session() == session) {
            older.close(CloseReason::Replaced);
        }
        sessions.retain(|one| one.is_open());
        let surplus = (sessions.len() + 1).saturating_sub(self.0.capacity.sessions_per_user);
        for oldest in sessions.drain(..surplus) {
            oldest.close(CloseReason::Replaced);
        }
        sessions.push(Arc::clone(&queue));
        drop(users);
        self.0.subscriptions.fetch_add(1, Ordering::Relaxed);
        if self.is_stopping() {
            queue.close(CloseReason::Stopping);
        }
        Subscription {
            hub: self.clone(),
            user: user.clone(),
            queue,
        }
    }

    /// The user's sessions that take notices, the oldest first.
    #[must_use]
    pub fn sessions(&self, user: &UserId) -> Vec<Arc<SessionQueue>> {
        let users = self.0.users.lock();
        let sessions = users.get(user).into_iter();
        sessions
            .flat_map(|user| &user.sessions)
            .filter(|session| session.is_open())
            .cloned()
            .collect()
    }

    /// Users with responsive sessions, and how many, in no order.
    #[must_use]
    pub fn connected(&self) -> Vec<(UserId, usize)> {
        let users = self.0.users.lock();
        let connected = users.iter().map(|(user, connected)| {
            let sessions = connected.sessions.iter();
            (
                user.clone(),
                sessions.filter(|one| is_connected(one)).count(),
            )
        });
        connected.filter(|(_, sessions)| *sessions > 0).collect()
    }

    /// Responsive sessions of the user.
    #[must_use]
    pub fn connected_sessions(&self, user: &UserId) -> usize {
        let users = self.0.users.lock();
        let sessions = users.get(user).into_iter().flat_map(|user| &user.sessions);
        sessions.filter(|one| is_connected(one)).count()
    }

    /// Whether the user has a responsive session.
    #[must_use]
    pub fn is_connected(&self, user: &UserId) -> bool {
        self.connected_sessions(user) > 0
    }

    /// Delivers `notice` to `sessions`. One that is kept is remembered until they have confirmed it. Returns how many
    /// notices they miss by that, because they let too many wait.
    pub fn publish(&self, sessions: &[Arc<SessionQueue>], notice: &Arc<EncodedNotice>) -> usize {
        let event = &notice.notice().event;
        if event.is_kept() {
            for session in sessions {
                notice.address(session.session());
            }
            let user = notice.notice().audience.user();
            let mut users = self.0.users.lock();
            let user = users.entry(user.clone()).or_default();
            user.forget_done(self.0.clock.now());
            user.unconfirmed.push_back(Arc::clone(notice));
        }
        let push = |session: &Arc<SessionQueue>| session.push(Arc::clone(notice));
        sessions.iter().map(push).sum()
    }

    /// Returns, in their order, the events that `session` of `user` is owed when it connects: those that it has not
    /// confirmed, and those that no session has. `stored` are the user's pending events with their rows.
    #[must_use]
    pub fn owed(
        &self,
        user: &UserId,
        session: &SessionId,
        stored: Vec<(i64, Notice)>,
    ) -> Vec<Arc<EncodedNotice>> {
        let mut users = self.0.users.lock();
        let user = users.entry(user.clone()).or_default();
        user.forget_done(self.0.clock.now());
        for (row, notice) in stored {
            if !user.unconfirmed.iter().any(|known| known.is_row(row)) {
                let notice = Arc::new(EncodedNotice::stored(notice, Some(row)));
                user.unconfirmed.push_back(notice);
            }
        }
        let order = |notice: &Arc<EncodedNotice>| notice.notice().at;
        user.unconfirmed.make_contiguous().sort_by_key(order);
        let owed = user.unconfirmed.iter();
        let owed: Vec<_> = owed
            .filter(|one| one.is_owed_to(session))
            .cloned()
            .collect();
        for notice in &owed {
            notice.address(session);
        }
        owed
    }

    /// Events that no session has confirmed and that are not stored: a process that ends takes them with it.
    #[must_use]
    pub fn unstored(&self) -> Vec<Notice> {
        let now = self.0.clock.now();
        let users = self.0.users.lock();
        let all = users.values().flat_map(|user| &user.unconfirmed);
        let unstored =
            all.filter(|one| !one.is_confirmed() && !one.is_stored() && is_fresh(one, now));
        unstored.map(|one| one.notice().clone()).collect()
    }

    /// Forgets events that are done or expired, of users who do not connect.
    pub fn forget_expired(&self) {
        let now = self.0.clock.now();
        self.0.users.lock().retain(|_, user| {
            user.forget_done(now);
            !user.is_empty()
        });
    }

    /// Closes the sessions of everybody in `users`.
    pub fn disconnect_users(&self, users: &[UserId]) {
        for session in users.iter().flat_map(|user| self.sessions(user)) {
            session.close(CloseReason::UserDisabled);
        }
    }

    /// Closes all sessions, present and to come.
    pub fn stop(&self) {
        self.0.stopping.store(true, Ordering::Release);
        for session in self.0.users.lock().values().flat_map(|user| &user.sessions) {
            session.close(CloseReason::Stopping);
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
        self.0.limits.taken()
    }

    /// How many connections, sessions and users there are.
    #[must_use]
    pub fn stats(&self) -> HubStats {
        let users = self.0.users.lock();
        let online = users.values().filter(|user| !user.sessions.is_empty());
        let sessions = users.values().flat_map(|user| &user.sessions);
        let unresponsive = sessions.filter(|one| one.is_open() && !one.is_responsive());
        HubStats {
            connections: self.connections(),
            sessions: self.0.subscriptions.load(Ordering::Relaxed),
            users: online.count(),
            unresponsive: unresponsive.count(),
        }
    }

    /// How many connections, sessions and users there may be.
    #[must_use]
    pub fn capacity(&self) -> Capacity {
        self.0.capacity
    }

    /// Waits until the last connection is gone.
    pub async fn emptied(&self) {
        self.0.limits.emptied().await;
    }
}

/// Whether a session counts as connected.
fn is_connected(session: &SessionQueue) -> bool {
    session.is_open() && session.is_responsive()
}

/// A session's entry in the hub; dropped, the session leaves.
pub struct Subscription {
    hub: Hub,
    user: UserId,
    queue: Arc<SessionQueue>,
}

impl Subscription {
    /// Whose session it is.
    #[must_use]
    pub const fn user(&self) -> &UserId {
        &self.user
    }

    /// The queue of what the session has to send.
    #[must_use]
    pub const fn queue(&self) -> &Arc<SessionQueue> {
        &self.queue
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.hub.0.subscriptions.fetch_sub(1, Ordering::Relaxed);
        let mut users = self.hub.0.users.lock();
        if let Some(user) = users.get_mut(&self.user) {
            user.sessions
                .retain(|session| !Arc::ptr_eq(session, &self.queue));
            if user.is_empty() {
                users.remove(&self.user);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::hub::notice::tests::notice;

    pub fn hub() -> Hub {
        let capacity = Capacity {
            event_queue: 2,
            sessions_per_user: 2,
            connections: 2,
            connections_per_address: None,
            confirm_timeout: Duration::from_secs(5),
        };
        Hub::new(capacity, Clock::System)
    }

    pub const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    pub fn user(id: &str) -> UserId {
        UserId::parse(id).expect("a user id")
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
        hub.disconnect_users(&[user("alice")]);
        assert_eq!(connected(), [(user("bob"), 1)]);
    }

    #[tokio::test]
    async fn a_new_connection_replaces_that_of_the_same_session() {
        let hub = hub();
        let old = hub.subscribe(&user("bob"), &SessionId::new("1"));
        let new = hub.subscribe(&user("bob"), &SessionId::new("1"));
        assert_eq!(
            old.queue().next().await,
            Outgoing::Close(CloseReason::Replaced)
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
            sessions[0].queue().next().await,
            Outgoing::Close(CloseReason::Replaced)
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
        let _place = hub.admit(&user("bob"), HERE).expect("a slot");
        let sessions = ["1", "2"].map(|id| hub.subscribe(&user("bob"), &SessionId::new(id)));
        let there = HubStats {
            connections: 1,
            sessions: 2,
            users: 1,
            unresponsive: 0,
        };
        assert_eq!(hub.stats(), there);
        drop(sessions);
        let gone = HubStats {
            sessions: 0,
            users: 0,
            ..there
        };
        assert_eq!(hub.stats(), gone);
    }

    #[tokio::test]
    async fn a_hub_that_stops_closes_present_and_later_sessions() {
        let hub = hub();
        let present = hub.subscribe(&user("bob"), &SessionId::new("1"));
        hub.stop();
        let later = hub.subscribe(&user("bob"), &SessionId::new("2"));
        assert_eq!(
            present.queue().next().await,
            Outgoing::Close(CloseReason::Stopping)
        );
        assert_eq!(
            later.queue().next().await,
            Outgoing::Close(CloseReason::Stopping)
        );
    }

    #[tokio::test]
    async fn full_queue_closes_the_session() {
        let hub = hub();
        let bob = hub.subscribe(&user("bob"), &SessionId::new("1"));
        let missed: Vec<usize> = (0..4).map(|at| bob.queue().push(notice(at))).collect();
        assert_eq!(missed, [0, 0, 3, 1]);
        assert_eq!(
            bob.queue().next().await,
            Outgoing::Close(CloseReason::TooSlow)
        );
        assert!(!hub.is_connected(&user("bob")));
    }
}
