//! Sessions that are connected to other nodes, as this node knows them by their posts.

use crate::call::KEPT_FOR;
use crate::clock::Timestamp;
use crate::user::SessionId;

/// Session that is connected to some node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectedSession {
    /// The session.
    pub id: SessionId,
    /// When it connected.
    pub connected_at: Timestamp,
    /// Whether it confirms its events in time.
    pub is_responsive: bool,
}

/// Session of another node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteSession {
    /// The session.
    pub session: SessionId,
    /// The key of its node.
    pub node: i64,
    /// When it connected.
    pub connected_at: Timestamp,
    /// Whether it confirms its events in time.
    pub is_responsive: bool,
    /// When it left, if it did: it may return, and its node remembers what it lacks.
    pub left_at: Option<Timestamp>,
}

impl RemoteSession {
    /// Whether it is connected.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.left_at.is_none()
    }

    /// Whether it is connected and confirms its events in time.
    #[must_use]
    pub const fn is_connected(&self) -> bool {
        self.is_open() && self.is_responsive
    }

    /// Whether it is connected, or left less than 5 minutes before `now`.
    #[must_use]
    pub fn may_return(&self, now: Timestamp) -> bool {
        self.left_at
            .is_none_or(|left_at| now < left_at.plus(KEPT_FOR))
    }
}

/// Sessions of a user on other nodes, the oldest first.
#[derive(Default)]
pub(super) struct RemoteSessions(Vec<RemoteSession>);

impl RemoteSessions {
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = &RemoteSession> {
        self.0.iter()
    }

    /// Returns those that are connected.
    pub fn open(&self) -> impl Iterator<Item = &RemoteSession> {
        self.0.iter().filter(|one| one.is_open())
    }

    /// Adds a session, in place of an earlier connection of the same one.
    pub fn add(&mut self, session: RemoteSession) {
        self.remove(&session.session);
        self.0.push(session);
    }

    /// Removes a session, which is connected elsewhere now.
    pub fn remove(&mut self, session: &SessionId) {
        self.0.retain(|one| one.session != *session);
    }

    /// Returns `session`, if it is of `node`.
    pub fn find(&mut self, session: &SessionId, node: i64) -> Option<&mut RemoteSession> {
        let mut sessions = self.0.iter_mut();
        sessions.find(|one| one.session == *session && one.node == node)
    }

    /// Removes the sessions of `node`.
    pub fn remove_node(&mut self, node: i64) {
        self.0.retain(|one| one.node != node);
    }

    /// Forgets the sessions that left more than 5 minutes ago.
    pub fn forget_departed(&mut self, now: Timestamp) {
        self.0.retain(|one| one.may_return(now));
    }

    /// Removes the oldest connected session and returns it, if it is older than `instant`.
    pub fn remove_oldest(&mut self, instant: Option<Timestamp>) -> Option<RemoteSession> {
        let oldest = self.open().min_by_key(|one| one.connected_at)?;
        if instant.is_some_and(|instant| instant <= oldest.connected_at) {
            return None;
        }
        let oldest = oldest.clone();
        self.remove(&oldest.session);
        Some(oldest)
    }
}
