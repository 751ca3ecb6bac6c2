//! Queries: who is connected, and with which sessions.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::connected::Connected;
use super::{ConnectedSession, Hub, RecipientSessions, SessionQueue};
use crate::call::Notice;
use crate::user::UserId;

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

impl Hub {
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
    pub fn addressees(&self, notice: &Notice) -> RecipientSessions {
        let users = self.0.users.lock();
        let user = users.get(notice.audience.user());
        user.map_or_else(RecipientSessions::default, |user| {
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
}
