//! Who is connected: user → sessions → bounded queues of notices.
//!
//! The hub knows no socket: a session's loop takes notices from its [`SessionQueue`] and leaves by dropping its
//! [`Subscription`]. Sessions enter in the order of the writer's jobs, so that what is decided about a user
//! ("nobody is connected: keep the notice") and what is delivered cannot contradict each other.

mod close_reason;
mod notice;
mod session_queue;
mod slot;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

pub use close_reason::CloseReason;
pub use notice::EncodedNotice;
pub use session_queue::{Outgoing, SessionQueue};
pub use slot::{LimitReached, Slot};

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
}

/// Who is connected. Cheap to clone.
#[derive(Clone)]
pub struct Hub(Arc<Inner>);

struct Inner {
    capacity: Capacity,
    /// A user's sessions, the oldest first.
    users: Mutex<HashMap<UserId, Vec<Arc<SessionQueue>>>>,
    stopping: AtomicBool,
    limits: Arc<ConnectionLimits>,
    subscriptions: AtomicUsize,
}

impl Hub {
    /// A hub with nobody in it.
    #[must_use]
    pub fn new(capacity: Capacity) -> Self {
        Self(Arc::new(Inner {
            capacity,
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
        ));
        let mut users = self.0.users.lock();
        let sessions = users.entry(user.clone()).or_default();
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
    pub fn disconnect_users(&self, users: &[UserId]) {
        for session in users.iter().flat_map(|user| self.sessions(user)) {
            session.close(CloseReason::UserDisabled);
        }
    }

    /// Closes all sessions, present and to come.
    pub fn stop(&self) {
        self.0.stopping.store(true, Ordering::Release);
        for session in self.0.users.lock().values().flatten() {
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
        HubStats {
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
        self.0.limits.emptied().await;
    }
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
        if let Some(sessions) = users.get_mut(&self.user) {
            sessions.retain(|session| !Arc::ptr_eq(session, &self.queue));
            if sessions.is_empty() {
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
        Hub::new(Capacity {
            event_queue: 2,
            sessions_per_user: 2,
            connections: 2,
            connections_per_address: None,
        })
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
