//! Registry of connected users: user → sessions → bounded queues of notices.
//!
//! The hub does not know sockets: a session's loop takes notices from its [`SessionQueue`] and unregisters by dropping
//! its [`Subscription`]. Sessions register in the order of the writer's jobs, so that a decision about a user ("not
//! connected: store the notice") and the delivery cannot contradict each other.

mod close_reason;
mod connected;
mod event_log;
mod notice;
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

pub use close_reason::CloseReason;
pub use connected::Addressees;
pub use event_log::{KEPT_APP_EVENTS, StoredNotice};
pub use notice::{EncodedNotice, Recipient};
pub use receipt::Receipt;
pub use remote::{ConnectedSession, RemoteSession};
pub use session_queue::{Outgoing, SessionQueue};
pub use slot::{LimitReached, Slot};
pub use subscription::Subscription;

use crate::call::{CallId, Lacking, Notice};
use crate::clock::Clock;
use crate::sync::{AtomicBool, AtomicUsize, Mutex};
use crate::user::{SessionId, UserId};
use connected::Connected;
use recent::RecentEvents;
use slot::ConnectionLimits;

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

/// Current numbers of connections, sessions and users.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HubStats {
    /// Connections.
    pub connections: usize,
    /// Sessions.
    pub sessions: usize,
    /// Users with at least one session.
    pub users: usize,
    /// Sessions that have not confirmed a notice for too long.
    pub unresponsive: usize,
}

/// Result of publishing a notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    /// Sessions that it is queued for.
    pub reached: usize,
    /// Notices that sessions miss because their queues are full.
    pub missed: usize,
}

/// Registry of connected sessions. Cheap to clone.
#[derive(Clone)]
pub struct Hub(Arc<Inner>);

struct Inner {
    capacity: Capacity,
    clock: Clock,
    users: Mutex<HashMap<UserId, Connected>>,
    recent: RecentEvents,
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
        if self.is_stopping() {
            queue.close(CloseReason::Stopping);
        }
        let subscription = Subscription {
            hub: self.clone(),
            user: user.clone(),
            queue,
        };
        (subscription, surplus)
    }

    /// Adds a session that has connected to another node: a connection of the same session to this one is replaced.
    /// Returns the events that the session is owed here, which its node delivers from now on; none if the user has had no
    /// session here.
    #[must_use]
    pub fn enter_remote(&self, user: &UserId, remote: RemoteSession) -> Option<Vec<Notice>> {
        let now = self.0.clock.now();
        let session = remote.session.clone();
        let mut users = self.0.users.lock();
        let connected = users.entry(user.clone()).or_default();
        let is_known = connected.is_known_here();
        connected.add_remote(remote);
        is_known.then(|| connected.log.hand_over(&session, now))
    }

    /// Records that a session of another node left `ago`, and may return.
    pub fn leave_remote(&self, user: &UserId, session: &SessionId, node: i64, ago: Duration) {
        let left_at = self.0.clock.steady().minus(ago);
        self.change_remote(user, session, node, |one| one.left_at = Some(left_at));
    }

    /// Records whether a session of another node confirms its events in time.
    pub fn set_remote_responsive(
        &self,
        user: &UserId,
        session: &SessionId,
        node: i64,
        is_responsive: bool,
    ) {
        self.change_remote(user, session, node, |one| one.is_responsive = is_responsive);
    }

    /// Adds a session of another node that is missing; it left `ago`, if it did.
    pub fn restore_remote(&self, user: &UserId, remote: RemoteSession, ago: Option<Duration>) {
        let left_at = ago.map(|ago| self.0.clock.steady().minus(ago));
        let mut users = self.0.users.lock();
        let connected = users.entry(user.clone()).or_default();
        let is_known = connected.remote.find(&remote.session, remote.node);
        if is_known.is_none() {
            connected.remote.add(RemoteSession { left_at, ..remote });
        }
    }

    fn change_remote(
        &self,
        user: &UserId,
        session: &SessionId,
        node: i64,
        change: impl FnOnce(&mut RemoteSession),
    ) {
        let mut users = self.0.users.lock();
        let known = users.get_mut(user);
        if let Some(remote) = known.and_then(|user| user.remote.find(session, node)) {
            change(remote);
        }
    }

    /// Removes the sessions of the node `node`, which is gone.
    pub fn remove_node(&self, node: i64) {
        self.0.users.lock().retain(|_, user| {
            user.remote.remove_node(node);
            !user.is_empty()
        });
    }

    /// Returns the sessions of the user that are connected to other nodes, or left them and may return.
    #[must_use]
    pub fn remote_sessions(&self, user: &UserId) -> Vec<RemoteSession> {
        let now = self.0.clock.steady();
        let users = self.0.users.lock();
        let remote = users.get(user).map(|user| user.remote.iter());
        let remote = remote.into_iter().flatten();
        remote.filter(|one| one.may_return(now)).cloned().collect()
    }

    /// Returns the events `notices`, which `session` was owed by another node, ready for delivery.
    #[must_use]
    pub fn take_over(
        &self,
        user: &UserId,
        session: &SessionId,
        notices: Vec<Notice>,
    ) -> Vec<Arc<EncodedNotice>> {
        let mut users = self.0.users.lock();
        let log = &mut users.entry(user.clone()).or_default().log;
        let mut taken = Vec::with_capacity(notices.len());
        for notice in notices {
            let notice = Arc::new(EncodedNotice::new(notice));
            notice.address(session);
            let _ = log.add(Arc::clone(&notice));
            taken.push(notice);
        }
        taken
    }

    /// Makes [`Hub::responsiveness_changes`] return the sessions that are unresponsive now: a node that has joined does not
    /// know them.
    pub fn forget_told_responsiveness(&self) {
        for session in self.0.users.lock().values().flat_map(|user| &user.sessions) {
            let _ = session.tell_responsive();
        }
    }

    /// Returns the sessions of this node with their users whose responsiveness has changed since the last call.
    #[must_use]
    pub fn responsiveness_changes(&self) -> Vec<(UserId, SessionId, bool)> {
        let users = self.0.users.lock();
        let mut changes = Vec::new();
        for (user, connected) in users.iter() {
            for one in connected.sessions.iter().filter(|one| one.is_open()) {
                if let Some(is_responsive) = one.responsiveness_change() {
                    changes.push((user.clone(), one.session().clone(), is_responsive));
                }
            }
        }
        changes
    }

    /// Forgets the sessions of this server with what they are owed: it stops, and everything that they lack is stored.
    /// Events from now on are stored, as for users without a session.
    pub fn forget_own_sessions(&self) {
        self.0.users.lock().retain(|_, user| {
            user.forget_own();
            !user.is_empty()
        });
    }

    /// Returns the user's sessions of this node that accept notices, the oldest first.
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

    /// Returns the user's sessions on all nodes, the oldest first.
    #[must_use]
    pub fn connected_to_any_node(&self, user: &UserId) -> Vec<ConnectedSession> {
        let users = self.0.users.lock();
        users
            .get(user)
            .map(Connected::on_all_nodes)
            .unwrap_or_default()
    }

    /// Returns the sessions that `notice` goes to.
    #[must_use]
    pub fn addressees(&self, notice: &Notice) -> Addressees {
        let users = self.0.users.lock();
        let user = users.get(notice.audience.user());
        user.map_or_else(Addressees::default, |user| {
            user.addressees(notice, &self.0.clock)
        })
    }

    /// Returns the sessions on all nodes of the users after `after` whose id contains `text`, in the order of the ids: at least
    /// `limit` if there are as many, and all of the last user.
    #[must_use]
    pub fn sessions_after(
        &self,
        after: Option<&UserId>,
        text: &str,
        limit: usize,
    ) -> Vec<(UserId, ConnectedSession)> {
        let users = self.0.users.lock();
        let is_wanted = |user: &&UserId| {
            after.is_none_or(|after| *user > after) && user.as_str().contains(text)
        };
        let mut wanted: Vec<_> = users.keys().filter(is_wanted).collect();
        wanted.sort_unstable();
        let mut found = Vec::new();
        for user in wanted {
            if found.len() >= limit {
                break;
            }
            let sessions = users
                .get(user)
                .into_iter()
                .flat_map(Connected::on_all_nodes);
            found.extend(sessions.map(|one| (user.clone(), one)));
        }
        found
    }

    /// Returns the users with responsive sessions on any node and the number of these sessions, in no order.
    #[must_use]
    pub fn connected(&self) -> Vec<(UserId, usize)> {
        let users = self.0.users.lock();
        let connected = users
            .iter()
            .map(|(user, connected)| (user.clone(), connected.count()));
        connected.filter(|(_, sessions)| *sessions > 0).collect()
    }

    /// Returns the number of responsive sessions of the user on all nodes.
    #[must_use]
    pub fn connected_sessions(&self, user: &UserId) -> usize {
        let users = self.0.users.lock();
        users.get(user).map_or(0, Connected::count)
    }

    /// Whether the user has a responsive session.
    #[must_use]
    pub fn is_connected(&self, user: &UserId) -> bool {
        self.connected_sessions(user) > 0
    }

    /// Whether the user has a session on any node, responsive or not.
    #[must_use]
    pub fn has_session(&self, user: &UserId) -> bool {
        let users = self.0.users.lock();
        users.get(user).is_some_and(|user| {
            user.sessions.iter().any(|one| one.is_open()) || user.remote.open().next().is_some()
        })
    }

    /// Delivers `notice` to `sessions`. A notice that must be confirmed is remembered until they, and those that it is
    /// addressed to, have confirmed it; one without sessions is stored, and read when a session connects.
    pub fn publish(
        &self,
        sessions: &[Arc<SessionQueue>],
        notice: &Arc<EncodedNotice>,
    ) -> Published {
        let mut published = Published {
            reached: 0,
            missed: 0,
        };
        self.0.recent.add(notice);
        let is_kept = notice.notice().event.is_kept();
        if is_kept && (!sessions.is_empty() || notice.is_addressed()) {
            for session in sessions {
                notice.address(session.session());
            }
            let user = notice.notice().audience.user();
            let mut users = self.0.users.lock();
            let user = users.entry(user.clone()).or_default();
            published.missed += user.log.add(Arc::clone(notice));
        }
        for session in sessions {
            let missed = session.push(Arc::clone(notice));
            published.reached += usize::from(missed == 0);
            published.missed += missed;
        }
        published
    }

    /// Returns, in order, the events that `session` of `user` is owed when it connects: those that it has not
    /// confirmed, and those that no session has confirmed. `stored` are the user's pending events.
    #[must_use]
    pub fn owed(
        &self,
        user: &UserId,
        session: &SessionId,
        stored: Vec<StoredNotice>,
    ) -> Vec<Arc<EncodedNotice>> {
        let now = self.0.clock.now();
        let mut users = self.0.users.lock();
        let log = &mut users.entry(user.clone()).or_default().log;
        for notice in log.add_stored(stored) {
            self.remember(&notice);
        }
        log.owed(session, now)
    }

    /// Remembers an event for [`Hub::recent_events`] that a session receives when it connects.
    pub fn remember(&self, notice: &Arc<EncodedNotice>) {
        self.0.recent.replace(notice);
    }

    /// Returns the events of `call` among the newest ones, with the sessions that they were sent to.
    #[must_use]
    pub fn recent_events(&self, call: CallId) -> Vec<Arc<EncodedNotice>> {
        self.0.recent.of(call)
    }

    /// Returns the events that are owed to a session and not stored, with the sessions that lack them. They are lost
    /// when the process ends.
    #[must_use]
    pub fn unstored(&self) -> Vec<(Notice, Lacking)> {
        let now = self.0.clock.now();
        let users = self.0.users.lock();
        let unstored = users.values().flat_map(|user| user.log.unstored(now));
        unstored.collect()
    }

    /// Removes events that are done or expired, and forgets the sessions that left more than 5 minutes ago. Returns how many
    /// events expired without the confirmation of any session.
    #[must_use]
    pub fn forget_expired(&self) -> usize {
        let now = self.0.clock.now();
        let mut unheard = 0;
        self.0.users.lock().retain(|_, user| {
            unheard += user.log.remove_old(now);
            user.forget_departed(self.0.clock.steady());
            !user.is_empty()
        });
        unheard
    }

    /// Moves the expiry of all events by `step` milliseconds, with the clock that they are compared with.
    pub fn shift_expiry(&self, step: i64) {
        for user in self.0.users.lock().values() {
            user.log.shift_expiry(step);
        }
    }

    /// Closes all sessions of `users`.
    pub fn disconnect_users(&self, users: &[UserId]) {
        for session in users.iter().flat_map(|user| self.sessions(user)) {
            session.close(CloseReason::UserDisabled);
        }
    }

    /// Closes the sessions of `user`, or only `session`, for `reason`; returns how many.
    #[must_use]
    pub fn close_sessions(
        &self,
        user: &UserId,
        session: Option<&SessionId>,
        reason: CloseReason,
    ) -> usize {
        let mut sessions = self.sessions(user);
        sessions.retain(|one| session.is_none_or(|wanted| one.session() == wanted));
        for one in &sessions {
            one.close(reason);
        }
        sessions.len()
    }

    /// Makes every session check its token again.
    pub fn recheck_tokens(&self) {
        for session in self.0.users.lock().values().flat_map(|user| &user.sessions) {
            session.recheck();
        }
    }

    /// Rejects new sessions.
    pub fn reject_sessions(&self) {
        self.0.stopping.store(true, Ordering::Release);
    }

    /// Closes one of `waves` equal shares of the sessions, at least one.
    pub fn close_share(&self, waves: u32) {
        let users = self.0.users.lock();
        let sessions = users.values().flat_map(|user| &user.sessions);
        let open: Vec<_> = sessions.filter(|one| one.is_open()).collect();
        let share = open
            .len()
            .div_ceil(usize::try_from(waves).unwrap_or(usize::MAX).max(1));
        for session in open.into_iter().take(share) {
            session.close(CloseReason::Stopping);
        }
    }

    /// Closes all sessions and rejects new ones (graceful shutdown).
    pub fn stop(&self) {
        self.reject_sessions();
        for session in self.0.users.lock().values().flat_map(|user| &user.sessions) {
            session.close(CloseReason::Stopping);
        }
    }

    /// Whether the hub rejects new sessions.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.0.stopping.load(Ordering::Acquire)
    }

    /// Returns the number of connections.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.0.limits.taken()
    }

    /// Returns the numbers of connections, sessions and users.
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

    /// Returns the limits.
    #[must_use]
    pub fn capacity(&self) -> Capacity {
        self.0.capacity
    }

    /// Waits until the last connection is closed.
    pub async fn emptied(&self) {
        self.0.limits.emptied().await;
    }
}
