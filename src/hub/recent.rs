//! Recent events of all users, by which administrators inspect deliveries.

use std::collections::VecDeque;
use std::sync::Arc;

use super::EncodedNotice;
use crate::call::CallId;
use crate::sync::Mutex;

/// Maximum number of remembered events: those of about 300 calls, in about 1 MB.
const CAPACITY: usize = 1024;

/// The newest events, the oldest first.
#[derive(Default)]
pub(super) struct RecentEvents(Mutex<VecDeque<Arc<EncodedNotice>>>);

impl RecentEvents {
    /// Adds an event; the oldest one is removed if the log is full. Only events of calls are remembered, and no signals.
    pub fn add(&self, notice: &Arc<EncodedNotice>) {
        if notice.notice().event.call().is_none() || notice.notice().event.is_transient() {
            return;
        }
        let mut events = self.0.lock();
        if events.len() == CAPACITY {
            events.pop_front();
        }
        events.push_back(Arc::clone(notice));
    }

    /// Replaces the entry of an event that was stored for a user without a session.
    pub fn replace(&self, notice: &Arc<EncodedNotice>) {
        let mut events = self.0.lock();
        let mut same = events.iter_mut().rev();
        if let Some(known) = same.find(|one| *one == notice && one.recipients().is_empty()) {
            *known = Arc::clone(notice);
            return;
        }
        drop(events);
        self.add(notice);
    }

    /// Returns the events of `call`, in the order in which they were sent.
    pub fn of(&self, call: CallId) -> Vec<Arc<EncodedNotice>> {
        let events = self.0.lock();
        let of_call = events
            .iter()
            .filter(|one| one.notice().event.call() == Some(call));
        of_call.cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::notice::tests::notice;
    use crate::user::SessionId;

    #[test]
    fn stored_event_is_replaced_when_it_is_sent() {
        let recent = RecentEvents::default();
        for at in 1..=2 {
            recent.add(&notice(at));
        }
        let sent = notice(1);
        sent.address(&SessionId::new("phone"));
        recent.replace(&sent);
        let call = sent.notice().event.call().expect("it is of a call");
        let sessions = |one: &Arc<EncodedNotice>| one.recipients().len();
        let remembered = recent.of(call);
        assert_eq!(remembered.iter().map(sessions).collect::<Vec<_>>(), [1, 0]);
        recent.replace(&notice(3));
        assert_eq!(recent.of(call).len(), 3);
    }

    #[test]
    fn only_the_newest_events_are_remembered() {
        let recent = RecentEvents::default();
        let capacity = i64::try_from(CAPACITY).expect("small");
        for at in 0..=capacity {
            recent.add(&notice(at));
        }
        let call = notice(0).notice().event.call().expect("it is of a call");
        let remembered = recent.of(call);
        assert_eq!(remembered.len(), CAPACITY);
        assert_eq!(remembered[0], notice(1));
    }
}
