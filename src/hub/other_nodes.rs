//! Sessions of other nodes, in the registry of this one.

use std::sync::Arc;
use std::time::Duration;

use super::{EncodedNotice, Hub, RemoteSession, SessionQueue};
use crate::call::Notice;
use crate::clock::Timestamp;
use crate::user::{SessionId, UserId};

impl Hub {
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
        let remote = users.get(user).map(|user| user.remote.may_return(now));
        remote.into_iter().flatten().cloned().collect()
    }

    /// Whether another node may have events of the user that a session may still be owed.
    #[must_use]
    pub fn is_known_elsewhere(&self, user: &UserId) -> bool {
        let now = self.0.clock.steady();
        let users = self.0.users.lock();
        users
            .get(user)
            .is_some_and(|user| user.remote.may_have_events(now))
    }

    /// Records that a session of another node has confirmed the event of the user of that time: it is owed to those
    /// sessions alone that it was addressed to.
    pub fn confirm_elsewhere(&self, user: &UserId, at: Timestamp) {
        if let Some(user) = self.0.users.lock().get(user) {
            user.log.confirm_elsewhere(at);
        }
    }

    /// Whether `session` has left this node and has not connected to another one since.
    #[must_use]
    pub fn has_departed(&self, user: &UserId, session: &SessionId) -> bool {
        let users = self.0.users.lock();
        users
            .get(user)
            .is_some_and(|user| user.has_departed(session))
    }

    /// Returns the events `notices`, which `session` was owed by another node, ready for delivery; without those that it is
    /// owed here too, or has confirmed here.
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
            match log.find(&notice) {
                Some(known) if known.is_owed_to(session) || known.has_confirmed(session) => {}
                Some(known) => {
                    known.owe_again(session);
                    taken.push(known);
                }
                None => {
                    let notice = Arc::new(EncodedNotice::new(notice));
                    notice.address(session);
                    let _ = log.add(Arc::clone(&notice));
                    taken.push(notice);
                }
            }
        }
        taken
    }

    /// Makes [`Hub::responsiveness_changes`] return the sessions that are unresponsive now: a node that has joined does not
    /// know them.
    pub fn forget_known_responsiveness(&self) {
        for session in self.0.users.lock().values().flat_map(|user| &user.sessions) {
            session.set_known_responsive(true);
        }
    }

    /// Returns the sessions of this node with their users of which the other nodes do not know whether they are responsive.
    #[must_use]
    pub fn responsiveness_changes(&self) -> Vec<(UserId, Arc<SessionQueue>, bool)> {
        let users = self.0.users.lock();
        let mut changes = Vec::new();
        for (user, connected) in users.iter() {
            for one in connected.sessions.iter().filter(|one| one.is_open()) {
                if let Some(is_responsive) = one.responsiveness_change() {
                    changes.push((user.clone(), Arc::clone(one), is_responsive));
                }
            }
        }
        changes
    }
}
