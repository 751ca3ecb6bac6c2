//! Log of a user's events that some session has not received yet (contract section 4, "Delivery is confirmed").

use std::collections::VecDeque;
use std::sync::Arc;

use super::EncodedNotice;
use crate::call::{Event, Lacking, Notice};
use crate::clock::Timestamp;
use crate::user::SessionId;

/// Maximum number of events of one user in the log. A phone has fewer than 10 calls in 5 minutes; the limit bounds the
/// memory.
const CAPACITY: usize = 256;

/// Maximum number of events of the team's backend that are kept for one user: at most 1 MiB. The oldest are dropped.
pub const KEPT_APP_EVENTS: usize = 32;

/// Pending event that is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredNotice {
    /// The event.
    pub notice: Notice,
    /// Its row.
    pub row: i64,
    /// When it expires.
    pub expires_at: Timestamp,
    /// Whether it is not known which sessions have received it: the process that delivered it crashed.
    pub is_recovered: bool,
    /// Sessions that lack it.
    pub lacking: Lacking,
}

/// Events of the last 5 minutes that a session may be owed, the oldest first.
#[derive(Default)]
pub(super) struct EventLog {
    events: VecDeque<Arc<EncodedNotice>>,
}

impl EventLog {
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// Adds an event. Returns how many events were removed for it that no session has confirmed.
    pub fn add(&mut self, notice: Arc<EncodedNotice>) -> usize {
        self.events.retain(|one| !one.is_done());
        self.events.push_back(notice);
        let surplus = self.events.len().saturating_sub(CAPACITY);
        let dropped: Vec<_> = self.events.drain(..surplus).collect();
        let dropped = dropped.into_iter().chain(self.surplus_of_backend());
        dropped.filter(|one| !one.is_confirmed()).count()
    }

    /// Removes the oldest event of the team's backend if there are too many, so that they displace no event of a call.
    fn surplus_of_backend(&mut self) -> Option<Arc<EncodedNotice>> {
        let is_app = |one: &Arc<EncodedNotice>| matches!(one.notice().event, Event::App(_));
        let of_backend = self.events.iter().filter(|one| is_app(one)).count();
        let oldest = self.events.iter().position(is_app);
        let oldest = oldest.filter(|_| of_backend > KEPT_APP_EVENTS)?;
        self.events.remove(oldest)
    }

    /// Removes events that are done or expired at `now`. Returns how many of them no session has confirmed; those that
    /// are stored are counted when their rows are deleted.
    pub fn remove_old(&mut self, now: Timestamp) -> usize {
        let mut unconfirmed = 0;
        self.events.retain(|one| {
            let fresh = one.is_fresh(now);
            unconfirmed += usize::from(!fresh && one.is_unconfirmed());
            fresh && !one.is_done()
        });
        unconfirmed
    }

    /// Returns the entry of `notice`.
    pub fn find(&self, notice: &Notice) -> Option<Arc<EncodedNotice>> {
        let mut events = self.events.iter();
        events.find(|one| one.notice() == notice).cloned()
    }

    /// Adds those of the user's pending events `stored`, which are all, that are not in the log yet. Returns them.
    pub fn add_stored(&mut self, stored: Vec<StoredNotice>) -> Vec<Arc<EncodedNotice>> {
        for one in &self.events {
            if !stored.iter().any(|stored| one.is_stored_as(stored)) {
                one.settle_row();
            }
        }
        let is_known = |one: &StoredNotice| self.events.iter().any(|known| known.is_stored_as(one));
        let lacking = stored.into_iter().filter(|one| !is_known(one));
        let lacking: Vec<_> = lacking.map(EncodedNotice::stored).map(Arc::new).collect();
        self.events.extend(lacking.iter().cloned());
        let order = |notice: &Arc<EncodedNotice>| notice.notice().at;
        self.events.make_contiguous().sort_by_key(order);
        lacking
    }

    /// Returns, in order, the events that `session` is owed when it connects.
    pub fn owed(&self, session: &SessionId, now: Timestamp) -> Vec<Arc<EncodedNotice>> {
        let owed = self.events.iter();
        let owed: Vec<_> = owed
            .filter(|one| one.is_fresh(now) && one.is_owed_to(session))
            .cloned()
            .collect();
        for notice in &owed {
            notice.address(session);
        }
        owed
    }

    /// Returns, in order, the events that `session` is owed. Another node delivers them from now on.
    pub fn hand_over(&self, session: &SessionId, now: Timestamp) -> Vec<Notice> {
        let fresh = self.events.iter().filter(|one| one.is_fresh(now));
        let owed = fresh.filter(|one| one.hand_over(session, now));
        owed.map(|one| one.notice().clone()).collect()
    }

    /// Records that a session of another node has confirmed the event of the time `at`.
    pub fn confirm_elsewhere(&self, at: Timestamp) {
        let mut events = self.events.iter();
        if let Some(one) = events.find(|one| one.notice().at == at && !one.is_confirmed()) {
            one.confirm_elsewhere();
        }
    }

    /// Returns the events that are owed to a session and not stored, with the sessions that lack them.
    pub fn unstored(&self, now: Timestamp) -> impl Iterator<Item = (Notice, Lacking)> {
        let fresh = self.events.iter().filter(move |one| one.is_fresh(now));
        fresh.filter_map(|one| Some((one.notice().clone(), one.unstored()?)))
    }

    /// Moves the expiry of all events by `step` milliseconds.
    pub fn shift_expiry(&self, step: i64) {
        self.events.iter().for_each(|one| one.shift_expiry(step));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::notice::tests::notice;

    const NOW: Timestamp = Timestamp::from_millis(1_000);

    fn session(id: &str) -> SessionId {
        SessionId::new(id)
    }

    fn row(row: i64, at: i64) -> StoredNotice {
        StoredNotice {
            notice: notice(at).notice().clone(),
            row,
            expires_at: notice(at).notice().expires_at(),
            is_recovered: false,
            lacking: Lacking::All,
        }
    }

    #[test]
    fn owed_events_are_in_the_order_of_their_instants() {
        let mut log = EventLog::default();
        log.add(notice(2));
        let stored = vec![row(1, 1), row(2, 3)];
        assert_eq!(log.add_stored(stored.clone()), [1, 3].map(notice));
        assert_eq!(log.add_stored(stored), [], "a row is added once");
        assert_eq!(log.owed(&session("phone"), NOW), [1, 2, 3].map(notice));
    }

    #[test]
    fn row_number_that_is_used_again_is_another_event() {
        let mut log = EventLog::default();
        let phone = session("phone");
        log.add_stored(vec![row(1, 1)]);
        let first = log.owed(&phone, NOW);
        assert_eq!(first[0].confirm(&phone, NOW), Some(1));
        assert_eq!(log.add_stored(vec![row(1, 1)]), []);
        assert_eq!(log.add_stored(vec![row(1, 2)]), [notice(2)]);
        assert_eq!(log.owed(&phone, NOW), [notice(2)]);
        first[0].forget_row();
        log.add(notice(3));
        assert_eq!(log.events, [notice(2), notice(3)]);
    }

    #[test]
    fn expired_events_are_owed_to_nobody_and_counted() {
        let mut log = EventLog::default();
        log.add(notice(1));
        log.add(notice(2));
        let expired = notice(1).notice().expires_at();
        assert_eq!(log.owed(&session("phone"), expired).len(), 1);
        assert_eq!(log.remove_old(expired), 1);
        assert_eq!(log.remove_old(expired), 0);
        assert!(!log.is_empty());
    }

    #[test]
    fn full_log_drops_the_oldest_events() {
        let mut log = EventLog::default();
        let capacity = i64::try_from(CAPACITY).expect("small");
        let dropped: usize = (0..capacity + 3).map(|at| log.add(notice(at))).sum();
        assert_eq!(dropped, 3);
        let owed = log.owed(&session("phone"), NOW);
        assert_eq!((owed.len(), &owed[0]), (CAPACITY, &notice(3)));
    }

    #[test]
    fn confirmed_event_is_removed_with_the_next_one() {
        let mut log = EventLog::default();
        let first = notice(1);
        first.address(&session("phone"));
        log.add(Arc::clone(&first));
        first.confirm(&session("phone"), NOW);
        log.add(notice(2));
        assert_eq!(log.owed(&session("tablet"), NOW), [notice(2)]);
        assert_eq!(log.unstored(NOW).count(), 1);
    }
}
