//! Confirmations of events of the team's backend by sessions of other nodes.

use std::sync::{Arc, Weak};

use super::OtherNodes;
use crate::clock::Timestamp;
use crate::hub::EncodedNotice;
use crate::user::{SessionId, UserId};

impl OtherNodes {
    /// Waits for the confirmations of `notice` by sessions of other nodes.
    pub fn await_confirmations(&self, notice: &Arc<EncodedNotice>) {
        let mut sent = self.sent.lock();
        sent.retain(|one| one.strong_count() > 0);
        sent.push(Arc::downgrade(notice));
    }

    /// Records that a session of another node has confirmed the event of `user` of that time.
    pub(super) fn confirm(
        &self,
        user: &UserId,
        session: &SessionId,
        at: Timestamp,
        now: Timestamp,
    ) {
        let sent = self.sent.lock();
        let is_meant = |one: &Arc<EncodedNotice>| {
            let notice = one.notice();
            let recipients = one.recipients();
            let mut confirmed = recipients.iter().filter(|one| one.confirmed_at.is_some());
            notice.at == at
                && notice.audience.user() == user
                && confirmed.all(|one| one.session != *session)
        };
        if let Some(notice) = sent.iter().filter_map(Weak::upgrade).find(is_meant) {
            // Its row is deleted by the node of the session.
            let _ = notice.confirm(session, now);
        }
    }
}
