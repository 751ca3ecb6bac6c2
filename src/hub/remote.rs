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
    /// When it left, if it did, by the steady clock: it may return, and its node remembers what it lacks.
    pub left_at: Option<Timestamp>,
}

impl RemoteSession {
    /// Returns a session that is connected to `node` and, as far as this node knows, confirms its events in time.
    #[must_use]
    pub const fn connected(session: SessionId, node: i64, connected_at: Timestamp) -> Self {
        Self {
            session,
            node,
            connected_at,
            is_responsive: true,
            left_at: None,
        }
    }

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
pub(super) struct RemoteSessions {
    sessions: Vec<RemoteSession>,
    /// When the last one was removed because it has connected to this node, or gave way, by the steady clock.
    removed_at: Option<Timestamp>,
}

impl RemoteSessions {
    pub const fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = &RemoteSession> {
        self.sessions.iter()
    }

    /// Returns those that are connected.
    pub fn open(&self) -> impl Iterator<Item = &RemoteSession> {
        self.iter().filter(|one| one.is_open())
    }

    /// Whether another node may have events of the last 5 minutes: there is, or was, a session.
    pub fn may_have_events(&self, now: Timestamp) -> bool {
        let is_recent = |removed_at: Timestamp| now < removed_at.plus(KEPT_FOR);
        self.removed_at.is_some_and(is_recent) || self.may_return(now).next().is_some()
    }

    /// Returns those that are connected, or left less than 5 minutes before `now`.
    pub fn may_return(&self, now: Timestamp) -> impl Iterator<Item = &RemoteSession> {
        self.iter().filter(move |one| one.may_return(now))
    }

    /// Adds a session, in place of an earlier connection of the same one.
    pub fn add(&mut self, session: RemoteSession) {
        self.sessions.retain(|one| one.session != session.session);
        self.sessions.push(session);
    }

    /// Removes a session, which has connected to this node or gives way.
    pub fn remove(&mut self, session: &SessionId, now: Timestamp) {
        let count = self.sessions.len();
        self.sessions.retain(|one| one.session != *session);
        if self.sessions.len() < count {
            self.removed_at = Some(now);
        }
    }

    /// Returns `session`, if it is of `node`.
    pub fn find(&mut self, session: &SessionId, node: i64) -> Option<&mut RemoteSession> {
        let mut sessions = self.sessions.iter_mut();
        sessions.find(|one| one.session == *session && one.node == node)
    }

    /// Removes the sessions of `node`.
    pub fn remove_node(&mut self, node: i64) {
        self.sessions.retain(|one| one.node != node);
    }

    /// Forgets the sessions that left more than 5 minutes ago.
    pub fn forget_departed(&mut self, now: Timestamp) {
        self.sessions.retain(|one| one.may_return(now));
    }

    /// Removes the oldest connected session and returns it, if it is older than `instant`.
    pub fn remove_oldest(
        &mut self,
        instant: Option<Timestamp>,
        now: Timestamp,
    ) -> Option<RemoteSession> {
        let oldest = self.open().min_by_key(|one| one.connected_at)?;
        if instant.is_some_and(|instant| instant <= oldest.connected_at) {
            return None;
        }
        let oldest = oldest.clone();
        self.remove(&oldest.session, now);
        Some(oldest)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::call::Lacking;
    use crate::clock::{Clock, ManualClock};
    use crate::hub::notice::tests::notice;
    use crate::hub::tests::{hub_at, user};
    use crate::hub::{CloseReason, EncodedNotice, Hub, Outgoing, StoredNotice};

    fn hub() -> (Hub, ManualClock) {
        let hand = ManualClock::starting_at(Timestamp::from_millis(1));
        (hub_at(Clock::Manual(hand.clone())), hand)
    }

    fn remote(session: &str, at: i64) -> RemoteSession {
        RemoteSession {
            session: SessionId::new(session),
            node: 7,
            connected_at: Timestamp::from_millis(at),
            is_responsive: true,
            left_at: None,
        }
    }

    #[tokio::test]
    async fn session_that_moves_to_another_node_takes_its_events_along() {
        let (hub, _hand) = hub();
        let (bob, phone) = (user("bob"), SessionId::new("phone"));
        assert_eq!(
            hub.enter_remote(&bob, remote("phone", 0)),
            None,
            "unknown here"
        );
        let here = hub.subscribe(&bob, &phone);
        assert_eq!(hub.connected_sessions(&bob), 1);
        let _ = hub.publish(&hub.sessions(&bob), &notice(1));
        let owed = hub.enter_remote(&bob, remote("phone", 2)).expect("known");
        assert_eq!(owed, [notice(1).notice().clone()]);
        let closed = here.queue().next().await;
        assert_eq!(closed, Outgoing::Close(CloseReason::Replaced));
        drop(here);
        assert_eq!(hub.connected_sessions(&bob), 1);
        let addressees = hub.addressees(notice(3).notice());
        assert!(addressees.has_remote && addressees.has_responsive() && !addressees.is_here());
        // It returns, and its other node is told what it is owed.
        let _here = hub.subscribe(&bob, &phone);
        assert_eq!(
            hub.owed(&bob, &phone, Vec::new()),
            [],
            "another node delivers it"
        );
        assert_eq!(hub.remote_sessions(&bob), []);
    }

    #[test]
    fn events_wait_for_a_session_that_has_left_again() {
        let (hub, _hand) = hub();
        let (bob, phone) = (user("bob"), SessionId::new("phone"));
        assert!(!hub.has_departed(&bob, &phone));
        let here = hub.subscribe(&bob, &phone);
        assert!(!hub.has_departed(&bob, &phone));
        here.queue().close(CloseReason::TooSlow);
        assert!(hub.has_departed(&bob, &phone), "it is about to leave");
        drop(here);
        assert!(hub.has_departed(&bob, &phone));
        let event = notice(1).notice().clone();
        let taken = hub.take_over(&bob, &phone, vec![event.clone()]);
        assert_eq!(taken, [notice(1)]);
        let taken = hub.take_over(&bob, &phone, vec![event.clone()]);
        assert_eq!(taken, [], "it is owed that here");
        let owed = hub.enter_remote(&bob, remote("phone", 2));
        assert_eq!(owed, Some(vec![event.clone()]));
        assert!(!hub.has_departed(&bob, &phone), "it is elsewhere");
        let _here = hub.subscribe(&bob, &phone);
        let taken = hub.take_over(&bob, &phone, vec![event]);
        assert_eq!(taken, [notice(1)], "it comes back with its session");
    }

    #[test]
    fn event_that_a_session_has_confirmed_is_not_taken_over() {
        let (hub, hand) = hub();
        let (bob, phone) = (user("bob"), SessionId::new("phone"));
        let _here = hub.subscribe(&bob, &phone);
        let sent = notice(1);
        let _ = hub.publish(&hub.sessions(&bob), &sent);
        let _ = sent.confirm(&phone, hand.now());
        // Another node did not know that yet.
        let taken = hub.take_over(&bob, &phone, vec![sent.notice().clone()]);
        assert_eq!(taken, []);
    }

    #[test]
    fn stored_event_of_a_session_that_moves() {
        let (hub, _hand) = hub();
        let bob = user("bob");
        let [phone, tablet, laptop] = ["phone", "tablet", "laptop"].map(SessionId::new);
        drop(hub.subscribe(&bob, &phone));
        let row = StoredNotice {
            notice: notice(1).notice().clone(),
            expires_at: notice(1).notice().expires_at(),
            row: 7,
            is_recovered: false,
            lacking: Lacking::All,
        };
        let stored = Arc::new(EncodedNotice::stored(row.clone()));
        stored.address(&phone);
        let _ = hub.publish(&[], &stored);
        // The row may be gone when the phone connects: another session has confirmed the event.
        let owed = hub.enter_remote(&bob, remote("phone", 2));
        assert_eq!(owed, Some(vec![row.notice.clone()]));
        let owed = hub.owed(&bob, &tablet, vec![row]);
        assert_eq!(owed, [notice(1)], "no session has confirmed it");
        let owed = hub.owed(&bob, &laptop, Vec::new());
        assert_eq!(owed, [], "a session of another node has");
    }

    #[test]
    fn event_that_another_node_confirmed_is_owed_to_no_new_session() {
        let (hub, _hand) = hub();
        let (bob, phone) = (user("bob"), SessionId::new("phone"));
        assert!(!hub.is_known_elsewhere(&bob));
        let _ = hub.enter_remote(&bob, remote("tablet", 0));
        assert!(hub.is_known_elsewhere(&bob));
        let here = hub.subscribe(&bob, &phone);
        let _ = hub.publish(&hub.sessions(&bob), &notice(1));
        let _ = hub.publish(&hub.sessions(&bob), &notice(2));
        hub.confirm_elsewhere(&bob, Timestamp::from_millis(1));
        drop(here);
        let laptop = hub.owed(&bob, &SessionId::new("laptop"), Vec::new());
        assert_eq!(laptop, [notice(2)]);
        let returned = hub.owed(&bob, &phone, Vec::new());
        assert_eq!(returned, [1, 2].map(notice), "it was sent to this one");
    }

    #[test]
    fn other_node_may_have_events_for_5_minutes_after_a_session_moved() {
        let (hub, hand) = hub();
        let bob = user("bob");
        let _ = hub.enter_remote(&bob, remote("tablet", 0));
        let _moved = hub.subscribe(&bob, &SessionId::new("tablet"));
        hand.advance(KEPT_FOR / 2);
        assert!(hub.is_known_elsewhere(&bob));
        hand.advance(KEPT_FOR / 2);
        assert!(!hub.is_known_elsewhere(&bob));
    }

    #[test]
    fn oldest_session_of_all_nodes_gives_way() {
        let (hub, hand) = hub();
        let bob = user("bob");
        assert_eq!(hub.enter_remote(&bob, remote("far", 0)), None);
        let first = hub.enter(&bob, &SessionId::new("first"));
        assert_eq!(first.1, []);
        hand.advance(std::time::Duration::from_millis(5));
        let (_second, surplus) = hub.enter(&bob, &SessionId::new("second"));
        assert_eq!(surplus, [remote("far", 0)]);
        let _ = hub.enter_remote(&bob, remote("young", 9));
        let (_third, surplus) = hub.enter(&bob, &SessionId::new("third"));
        assert_eq!(surplus, [], "those of this node are older");
        assert!(!first.0.queue().is_open());
    }

    #[test]
    fn unresponsive_and_departed_sessions_of_other_nodes() {
        let (hub, hand) = hub();
        let (bob, far) = (user("bob"), SessionId::new("far"));
        let _ = hub.enter_remote(&bob, remote("far", 0));
        hub.set_remote_responsive(&bob, &far, 8, false);
        assert!(hub.is_connected(&bob), "not a session of that node");
        hub.set_remote_responsive(&bob, &far, 7, false);
        assert!(hub.has_session(&bob) && !hub.is_connected(&bob));
        hub.leave_remote(&bob, &far, 7, std::time::Duration::ZERO);
        assert!(!hub.has_session(&bob));
        assert!(
            hub.addressees(notice(1).notice()).has_remote,
            "it may return"
        );
        hand.advance(KEPT_FOR);
        let _ = hub.forget_expired();
        assert!(!hub.addressees(notice(1).notice()).has_remote);
        let _ = hub.enter_remote(&bob, remote("far", 0));
        hub.remove_node(7);
        assert_eq!(hub.connected(), []);
    }
}
