//! Registry of connected users: user → sessions → bounded queues of notices.
//!
//! The hub does not know sockets: a session's loop takes notices from its [`SessionQueue`] and unregisters by dropping
//! its [`Subscription`]. Sessions register in the order of the writer's jobs, so that a decision about a user ("not
//! connected: store the notice") and the delivery cannot contradict each other.

mod close_reason;
mod closing;
mod connected;
mod delivery;
mod event_log;
mod notice;
mod other_nodes;
mod presence;
mod receipt;
mod recent;
mod remote;
mod session_queue;
mod slot;
mod subscription;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use connected::Connected;
use recent::RecentEvents;
use slot::ConnectionLimits;

use crate::clock::Clock;
use crate::sync::{AtomicBool, AtomicUsize, Mutex};
use crate::user::{SessionId, UserId};

pub use close_reason::CloseReason;
pub use connected::RecipientSessions;
pub use delivery::Published;
pub use event_log::{KEPT_APP_EVENTS, StoredNotice};
pub use notice::{EncodedNotice, Recipient};
pub use presence::HubStats;
pub use receipt::Receipt;
pub use remote::{ConnectedSession, RemoteSession};
pub use session_queue::{Outgoing, SessionQueue};
pub use slot::{LimitReached, Slot};
pub use subscription::Subscription;

/// Limits of sessions and connections (contract section 6).
#[derive(Clone, Copy, Debug)]
pub struct Capacity {
    /// Maximum number of queued notices of a session (`event_queue`).
    pub event_queue: usize,
    /// Maximum number of sessions of a user (`max_sessions_per_user`).
    pub sessions_per_user: usize,
    /// Maximum number of connections (`max_connections`).
    pub connections: usize,
    /// Maximum number of connections from one address, if limited (`max_connections_per_address`).
    pub connections_per_address: Option<usize>,
    /// Time after which a session with an unconfirmed notice no longer counts as connected (`confirm_timeout`).
    pub confirm_timeout: Duration,
}

/// Registry of connected sessions. Cheap to clone.
#[derive(Clone)]
pub struct Hub(Arc<Inner>);

struct Inner {
    capacity: Capacity,
    clock: Clock,
    users: Mutex<HashMap<UserId, Connected>>,
    recent: RecentEvents,
    rejects_sessions: AtomicBool,
    stopping: AtomicBool,
    limits: Arc<ConnectionLimits>,
    subscriptions: AtomicUsize,
}

impl Hub {
    /// Returns an empty hub.
    #[must_use]
    pub fn new(capacity: Capacity, clock: Clock) -> Self {
        Self(Arc::new(Inner {
            capacity,
            clock,
            users: Mutex::new(HashMap::new()),
            recent: RecentEvents::default(),
            rejects_sessions: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
            limits: Arc::new(ConnectionLimits::new(capacity)),
            subscriptions: AtomicUsize::new(0),
        }))
    }

    /// Reserves a slot for a connection of `session` of `user` from `address`.
    ///
    /// # Errors
    /// [`LimitReached`], if there is none.
    pub fn admit(
        &self,
        user: &UserId,
        session: &SessionId,
        address: IpAddr,
    ) -> Result<Slot, LimitReached> {
        let most = self.0.capacity.sessions_per_user;
        let users = self.0.users.lock();
        let known = users.get(user);
        let replaceable = known.map_or(0, |user| user.replaceable(session, most));
        drop(users);
        self.0.limits.take(user, address, replaceable)
    }

    /// Registers a session. It replaces an older connection of the same session, and the oldest session if the user has
    /// too many.
    #[must_use]
    pub fn subscribe(&self, user: &UserId, session: &SessionId) -> Subscription {
        self.enter(user, session).0
    }

    /// Like [`Hub::subscribe`]; returns also the sessions of other nodes that give way.
    #[must_use]
    pub fn enter(&self, user: &UserId, session: &SessionId) -> (Subscription, Vec<RemoteSession>) {
        let queue = Arc::new(SessionQueue::new(
            session.clone(),
            self.0.capacity.event_queue,
            self.0.clock.clone(),
            self.0.capacity.confirm_timeout,
        ));
        let most = self.0.capacity.sessions_per_user;
        let mut users = self.0.users.lock();
        let connected = users.entry(user.clone()).or_default();
        let surplus = connected.add(&queue, most, self.0.clock.steady());
        drop(users);
        self.0.subscriptions.fetch_add(1, Ordering::Relaxed);
        if self.rejects_sessions() {
            queue.close(CloseReason::Stopping);
        }
        let subscription = Subscription {
            hub: self.clone(),
            user: user.clone(),
            queue,
        };
        (subscription, surplus)
    }

    /// Returns the limits.
    #[must_use]
    pub fn capacity(&self) -> Capacity {
        self.0.capacity
    }
}
