//! Sessions of one user: those that are connected, and those that have left and may return.

use std::sync::Arc;

use super::event_log::EventLog;
use super::remote::{ConnectedSession, RemoteSession, RemoteSessions};
use super::{CloseReason, SessionQueue};
use crate::call::{Audience, KEPT_FOR, Notice};
use crate::clock::{Clock, Timestamp};
use crate::user::SessionId;

/// User with sessions, with sessions that have left in the last 5 minutes, or with events that some session lacks.
#[derive(Default)]
pub(super) struct Connected {
    /// The sessions, the oldest first.
    pub sessions: Vec<Arc<SessionQueue>>,
    pub log: EventLog,
    /// Sessions that have left, the oldest first.
    departed: Vec<Departed>,
    /// Sessions of other nodes.
    pub remote: RemoteSessions,
}

/// Session that has left. If it returns within 5 minutes, it is owed the events since then.
struct Departed {
    session: SessionId,
    left_at: Timestamp,
}

impl Departed {
    fn may_return(&self, now: Timestamp) -> bool {
        now < self.left_at.plus(KEPT_FOR)
    }
}

/// Sessions that a notice goes to.
#[derive(Default)]
pub struct RecipientSessions {
    /// Those that are connected, the oldest first.
    pub queues: Vec<Arc<SessionQueue>>,
    /// Those that have left, and are owed the event when they return.
    pub departed: Vec<SessionId>,
    /// Whether there are some on other nodes.
    pub has_remote: bool,
    /// Whether some of those confirm their events in time.
    pub has_responsive_remote: bool,
}

impl RecipientSessions {
    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        !self.is_here() && !self.has_remote
    }

    /// Whether there are some of this node.
    #[must_use]
    pub const fn is_here(&self) -> bool {
        !self.queues.is_empty() || !self.departed.is_empty()
    }

    /// Whether only sessions of other nodes confirm their events in time: one of them is expected to have the event, and
    /// here those that lack it are owed it alone.
    #[must_use]
    pub fn are_served_elsewhere(&self) -> bool {
        self.has_responsive_remote && !self.queues.iter().any(|one| one.is_responsive())
    }

    /// Whether some session confirms its events in time.
    #[must_use]
    pub fn has_responsive(&self) -> bool {
        self.has_responsive_remote || self.queues.iter().any(|one| one.is_responsive())
    }
}

impl Connected {
    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty()
            && self.departed.is_empty()
            && self.log.is_empty()
            && self.remote.is_empty()
    }

    /// Whether the user has, or has had lately, a session on this node.
    pub fn is_known_here(&self) -> bool {
        !(self.sessions.is_empty() && self.departed.is_empty() && self.log.is_empty())
    }

    /// Whether `session` has left this node and has not connected to another one since.
    pub fn has_departed(&self, session: &SessionId) -> bool {
        let mut closed = self.sessions.iter().filter(|one| !one.is_open());
        closed.any(|one| one.session() == session)
            || self.departed.iter().any(|one| one.session == *session)
    }

    /// Returns the sessions on all nodes, the oldest first.
    pub fn on_all_nodes(&self) -> Vec<ConnectedSession> {
        let here = self.sessions.iter().filter(|one| one.is_open());
        let here = here.map(|one| ConnectedSession {
            id: one.session().clone(),
            connected_at: one.connected_at(),
            is_responsive: one.is_responsive(),
        });
        let remote = self.remote.open().map(|one| ConnectedSession {
            id: one.session.clone(),
            connected_at: one.connected_at,
            is_responsive: one.is_responsive,
        });
        let mut sessions: Vec<_> = here.chain(remote).collect();
        sessions.sort_by_key(|one| one.connected_at);
        sessions
    }

    /// Returns the number of sessions on all nodes that count as connected.
    pub fn count(&self) -> usize {
        let is_connected = |one: &&Arc<SessionQueue>| one.is_open() && one.is_responsive();
        let here = self.sessions.iter().filter(is_connected).count();
        here + self.remote.iter().filter(|one| one.is_connected()).count()
    }

    /// Adds a session. It replaces an older connection of the same session, and the oldest session if there are `most`
    /// already. Returns the sessions of other nodes that give way.
    pub fn add(
        &mut self,
        queue: &Arc<SessionQueue>,
        most: usize,
        now: Timestamp,
    ) -> Vec<RemoteSession> {
        let session = queue.session();
        self.remote.remove(session, now);
        for older in self.sessions.iter().filter(|one| one.session() == session) {
            older.close(CloseReason::Replaced);
        }
        let all = std::mem::take(&mut self.sessions).into_iter();
        let (mut open, mut left): (Vec<_>, Vec<_>) = all.partition(|one| one.is_open());
        let mut surplus = Vec::new();
        while open.len() + self.remote.open().count() + 1 > most {
            let oldest_here = open.first().map(|one| one.connected_at());
            if let Some(oldest) = self.remote.remove_oldest(oldest_here, now) {
                surplus.push(oldest);
            } else if oldest_here.is_some() {
                let oldest = open.remove(0);
                oldest.close(CloseReason::Replaced);
                left.push(oldest);
            } else {
                break;
            }
        }
        open.push(Arc::clone(queue));
        self.sessions = open;
        for one in left {
            self.remember(one.session(), most, now);
        }
        self.departed.retain(|one| one.session != *session);
        surplus
    }

    /// Adds a session of another node. It replaces a connection of the same session to this one.
    pub fn add_remote(&mut self, remote: RemoteSession) {
        let is_same = |one: &&Arc<SessionQueue>| *one.session() == remote.session;
        for older in self.sessions.iter().filter(is_same) {
            older.close(CloseReason::Replaced);
        }
        self.sessions.retain(|one| *one.session() != remote.session);
        self.departed.retain(|one| one.session != remote.session);
        self.remote.add(remote);
    }

    /// Returns the number of open sessions if a connection of `session` would replace one of them, else 0.
    pub fn replaceable(&self, session: &SessionId, most: usize) -> usize {
        let open: Vec<_> = self.sessions.iter().filter(|one| one.is_open()).collect();
        let replaces = open.len() >= most || open.iter().any(|one| one.session() == session);
        if replaces { open.len() } else { 0 }
    }

    /// Removes a session that leaves, and remembers up to `most` of those.
    pub fn remove(&mut self, queue: &Arc<SessionQueue>, most: usize, now: Timestamp) {
        let place = self.sessions.iter().position(|one| Arc::ptr_eq(one, queue));
        if let Some(place) = place {
            let left = self.sessions.remove(place);
            self.remember(left.session(), most, now);
        }
    }

    fn remember(&mut self, session: &SessionId, most: usize, now: Timestamp) {
        self.departed.push(Departed {
            session: session.clone(),
            left_at: now,
        });
        let surplus = self.departed.len().saturating_sub(most);
        self.departed.drain(..surplus);
    }

    /// Forgets the sessions of this node, and its events.
    pub fn forget_own(&mut self) {
        *self = Self {
            remote: std::mem::take(&mut self.remote),
            ..Self::default()
        };
    }

    /// Forgets the sessions that left more than 5 minutes ago.
    pub fn forget_departed(&mut self, now: Timestamp) {
        self.departed.retain(|one| one.may_return(now));
        self.remote.forget_departed(now);
    }

    /// Returns the sessions that `notice` goes to. A session that is closed and has not been removed yet has left.
    pub fn addressees(&self, notice: &Notice, clock: &Clock) -> RecipientSessions {
        let mut addressees = RecipientSessions::default();
        let is_kept = notice.event.is_kept();
        let acted = match &notice.audience {
            Audience::OtherSessions { acted, .. } => Some(acted),
            Audience::Participant(_) => None,
        };
        let is_meant = |session: &SessionId| acted != Some(session);
        for queue in self.sessions.iter().filter(|one| is_meant(one.session())) {
            if queue.is_open() {
                addressees.queues.push(Arc::clone(queue));
            } else if is_kept {
                addressees.departed.push(queue.session().clone());
            }
        }
        if is_kept && !self.departed.is_empty() {
            let now = clock.steady();
            let departed = self.departed.iter().filter(|one| one.may_return(now));
            let departed = departed.map(|one| &one.session);
            let departed = departed.filter(|session| is_meant(session));
            addressees.departed.extend(departed.cloned());
        }
        for remote in self.remote.iter().filter(|one| is_meant(&one.session)) {
            addressees.has_remote |= is_kept || remote.is_open();
            addressees.has_responsive_remote |= remote.is_connected();
        }
        addressees
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::call::{CallId, Event, Lacking, NetworkQuality};
    use crate::clock::ManualClock;
    use crate::hub::notice::tests::notice;
    use crate::hub::tests::{hub_at, user};
    use crate::hub::{EncodedNotice, Hub, StoredNotice};

    fn world() -> (Hub, ManualClock) {
        let hand = ManualClock::starting_at(Timestamp::from_millis(1));
        (hub_at(Clock::Manual(hand.clone())), hand)
    }

    fn departed(hub: &Hub, notice: &Notice) -> Vec<String> {
        let departed = hub.addressees(notice).departed;
        departed.iter().map(ToString::to_string).collect()
    }

    /// Publishes `notice` as the service does.
    fn publish(hub: &Hub, notice: &Arc<EncodedNotice>) {
        let RecipientSessions {
            queues, departed, ..
        } = hub.addressees(notice.notice());
        for session in &departed {
            notice.address(session);
        }
        let _ = hub.publish(&queues, notice);
    }

    #[test]
    fn departed_session_is_owed_what_another_confirmed() {
        let (hub, hand) = world();
        let [phone, tablet, laptop] = ["phone", "tablet", "laptop"].map(SessionId::new);
        let bob = user("bob");
        let at_phone = hub.subscribe(&bob, &phone);
        let _at_tablet = hub.subscribe(&bob, &tablet);
        drop(at_phone);
        let ended = notice(1);
        publish(&hub, &ended);
        ended.confirm(&tablet, hand.now());
        assert_eq!(hub.owed(&bob, &laptop, Vec::new()), []);
        let returned = hub.subscribe(&bob, &phone);
        assert_eq!(hub.owed(&bob, &phone, Vec::new()), [Arc::clone(&ended)]);
        assert_eq!(departed(&hub, ended.notice()), [""; 0]);
        ended.confirm(&phone, hand.now());
        drop(returned);
        let _returned = hub.subscribe(&bob, &phone);
        assert_eq!(hub.owed(&bob, &phone, Vec::new()), []);
    }

    #[test]
    fn stored_event_is_owed_to_each_departed_session() {
        let (hub, hand) = world();
        let sessions = ["phone", "tablet"].map(SessionId::new);
        let bob = user("bob");
        drop(sessions.each_ref().map(|one| hub.subscribe(&bob, one)));
        let stored = StoredNotice {
            notice: notice(1).notice().clone(),
            expires_at: notice(1).notice().expires_at(),
            row: 7,
            is_recovered: false,
            lacking: Lacking::All,
        };
        publish(&hub, &Arc::new(EncodedNotice::stored(stored.clone())));
        let mut rows = vec![stored];
        for (session, row) in sessions.iter().zip([Some(7), None]) {
            let _returned = hub.subscribe(&bob, session);
            let owed = hub.owed(&bob, session, std::mem::take(&mut rows));
            assert_eq!(owed, [notice(1)], "{session}");
            assert_eq!(owed[0].confirm(session, hand.now()), row);
        }
    }

    #[test]
    fn departed_sessions_are_few_and_forgotten_after_5_minutes() {
        let (hub, hand) = world();
        let bob = user("bob");
        let ended = notice(1);
        for id in ["1", "2", "3"] {
            drop(hub.subscribe(&bob, &SessionId::new(id)));
        }
        assert_eq!(departed(&hub, ended.notice()), ["2", "3"]);
        hand.advance(Duration::from_secs(299));
        assert_eq!(hub.forget_expired(), 0);
        drop(hub.subscribe(&bob, &SessionId::new("4")));
        hand.advance(Duration::from_secs(1));
        assert_eq!(departed(&hub, ended.notice()), ["4"]);
        hand.advance(Duration::from_secs(299));
        assert_eq!(hub.forget_expired(), 0);
        assert!(hub.0.users.lock().is_empty());
    }

    #[test]
    fn session_that_was_closed_or_gave_way_has_departed() {
        let (hub, _hand) = world();
        let bob = user("bob");
        let sessions = ["1", "2", "3"].map(|id| hub.subscribe(&bob, &SessionId::new(id)));
        sessions[1].queue().close(CloseReason::TooSlow);
        let ended = notice(1);
        assert_eq!(departed(&hub, ended.notice()), ["2", "1"]);
        drop(sessions);
        assert_eq!(departed(&hub, ended.notice()), ["2", "3"]);
    }

    #[test]
    fn own_actions_and_events_that_are_not_kept() {
        let (hub, _hand) = world();
        let bob = user("bob");
        let [phone, tablet] = ["phone", "tablet"].map(SessionId::new);
        drop([&phone, &tablet].map(|one| hub.subscribe(&bob, one)));
        let own = Arc::new(EncodedNotice::new(Notice {
            audience: Audience::OtherSessions {
                user: bob.clone(),
                acted: phone.clone(),
            },
            ..notice(1).notice().clone()
        }));
        assert_eq!(departed(&hub, own.notice()), ["tablet"]);
        publish(&hub, &own);
        assert_eq!(hub.owed(&bob, &phone, Vec::new()), []);
        assert_eq!(hub.owed(&bob, &tablet, Vec::new()), [own]);
        let warning = Notice {
            event: Event::QualityWarning {
                call: CallId::from_uuid(uuid::Uuid::nil()),
                quality: NetworkQuality::Poor,
            },
            ..notice(2).notice().clone()
        };
        assert!(hub.addressees(&warning).is_empty());
    }
}
