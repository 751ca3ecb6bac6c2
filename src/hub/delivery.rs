//! Delivery of notices to sessions, and the notices that sessions are owed.

use std::sync::Arc;

use super::{EncodedNotice, Hub, SessionQueue, StoredNotice};
use crate::call::{CallId, Lacking, Notice};
use crate::user::{SessionId, UserId};

/// Result of publishing a notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    /// Sessions that it is queued for.
    pub reached: usize,
    /// Notices that sessions miss because their queues are full.
    pub missed: usize,
}

impl Hub {
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
        let mut unconfirmed = 0;
        self.0.users.lock().retain(|_, user| {
            unconfirmed += user.log.remove_old(now);
            user.forget_departed(self.0.clock.steady());
            !user.is_empty()
        });
        unconfirmed
    }

    /// Moves the expiry of all events by `step` milliseconds, with the clock that they are compared with.
    pub fn shift_expiry(&self, step: i64) {
        for user in self.0.users.lock().values() {
            user.log.shift_expiry(step);
        }
    }
}
