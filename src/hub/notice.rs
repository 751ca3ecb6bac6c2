//! Notice in delivery to sessions: its text, encoded once, and the sessions that have confirmed it.

mod delivery;

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, OnceLock};

use super::{Receipt, StoredNotice};
use crate::call::{Audience, Lacking, Notice};
use crate::clock::Timestamp;
use crate::sync::Mutex;
use crate::user::SessionId;

pub use delivery::Recipient;
use delivery::{Delivery, OwedTo};

/// Notice that is delivered to all sessions of its user (contract section 4, "Delivery is confirmed").
pub struct EncodedNotice {
    notice: Notice,
    text: OnceLock<String>,
    receipt: Option<Arc<Receipt>>,
    /// The node that waits for confirmations, if another one has sent it.
    origin: Option<i64>,
    delivery: Mutex<Delivery>,
}

impl fmt::Debug for EncodedNotice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.notice.fmt(f)
    }
}

impl PartialEq for EncodedNotice {
    fn eq(&self, other: &Self) -> bool {
        self.notice == other.notice
    }
}

impl Eq for EncodedNotice {}

impl EncodedNotice {
    /// Makes `notice` deliverable.
    #[must_use]
    pub fn new(notice: Notice) -> Self {
        let delivery = Delivery::until(notice.expires_at());
        Self::delivered(notice, Mutex::new(delivery))
    }

    /// Makes a pending event deliverable.
    #[must_use]
    pub fn stored(stored: StoredNotice) -> Self {
        let delivery = Delivery::of_stored(&stored);
        Self::delivered(stored.notice, Mutex::new(delivery))
    }

    const fn delivered(notice: Notice, delivery: Mutex<Delivery>) -> Self {
        Self {
            notice,
            text: OnceLock::new(),
            receipt: None,
            origin: None,
            delivery,
        }
    }

    /// Returns the same, which is owed to the sessions that it is addressed to alone.
    #[must_use]
    pub fn for_addressees_alone(self) -> Self {
        let mut delivery = self.delivery.lock();
        (delivery.owed_to, delivery.is_confirmed) = (OwedTo::None, true);
        drop(delivery);
        self
    }

    /// Returns the same, for whose confirmations the node `origin` waits.
    #[must_use]
    pub fn sent_by(self, origin: i64) -> Self {
        let origin = Some(origin);
        Self { origin, ..self }
    }

    /// Returns the node that waits for confirmations, if another one has sent it.
    #[must_use]
    pub const fn origin(&self) -> Option<i64> {
        self.origin
    }

    /// Returns the same, whose confirmations `receipt` counts.
    #[must_use]
    pub fn counted_by(self, receipt: &Arc<Receipt>) -> Self {
        let receipt = Some(Arc::clone(receipt));
        Self { receipt, ..self }
    }

    /// Returns the notice.
    #[must_use]
    pub const fn notice(&self) -> &Notice {
        &self.notice
    }

    /// Returns its text, identical byte for byte each time. It is encoded once, by the first session that sends it, unless
    /// it is long: the content of an event of the backend is shared by many users, its text is not.
    pub fn text(&self, write: impl FnOnce(&Notice) -> String) -> Cow<'_, str> {
        if self.notice.event.carried_bytes() > 0 {
            return write(&self.notice).into();
        }
        self.text.get_or_init(|| write(&self.notice)).into()
    }

    /// Records that `session` has confirmed it. Returns its row if that is to be deleted now.
    pub fn confirm(&self, session: &SessionId, now: Timestamp) -> Option<i64> {
        let mut delivery = self.delivery.lock();
        let recipient = delivery.recipient(session);
        let is_first = recipient.confirmed_at.is_none();
        recipient.confirmed_at.get_or_insert(now);
        if let Some(receipt) = self.receipt.as_ref().filter(|_| is_first) {
            receipt.count();
        }
        delivery.is_confirmed = true;
        if delivery.owed_to == OwedTo::None && delivery.is_lacked() {
            return None;
        }
        let was_pending = std::mem::take(&mut delivery.is_pending);
        delivery.stored.filter(|_| was_pending)
    }

    /// Whether it has not expired at `now`.
    pub(super) fn is_fresh(&self, now: Timestamp) -> bool {
        now < self.delivery.lock().expires_at
    }

    /// Moves its expiry by `step` milliseconds.
    pub(super) fn shift_expiry(&self, step: i64) {
        let mut delivery = self.delivery.lock();
        let moved = delivery.expires_at.as_millis().saturating_add(step);
        delivery.expires_at = Timestamp::from_millis(moved);
    }

    /// Records that another node delivers it to `session` from now on; returns whether `session` is owed it.
    pub(super) fn hand_over(&self, session: &SessionId, now: Timestamp) -> bool {
        if !self.is_owed_to(session) {
            return false;
        }
        let mut delivery = self.delivery.lock();
        delivery.recipient(session).confirmed_at = Some(now);
        delivery.moved.push(session.clone());
        // As long as its row is there, no session has confirmed it.
        delivery.is_confirmed |= !delivery.is_pending;
        true
    }

    /// Records that `session`, for which another node had it, is owed it here again.
    pub(super) fn owe_again(&self, session: &SessionId) {
        let mut delivery = self.delivery.lock();
        delivery.recipient(session).confirmed_at = None;
        delivery.moved.retain(|one| one != session);
    }

    /// Whether `session` has confirmed it here.
    pub(super) fn has_confirmed(&self, session: &SessionId) -> bool {
        let delivery = self.delivery.lock();
        delivery.has_confirmed(session) == Some(true) && !delivery.moved.contains(session)
    }

    /// Records that its row, if it is stored, is there no more: a session has confirmed it on another node.
    pub(super) fn settle_row(&self) {
        let mut delivery = self.delivery.lock();
        if std::mem::take(&mut delivery.is_pending) {
            delivery.is_confirmed = true;
            delivery.stored = None;
        }
    }

    /// Records that a session of another node has confirmed it.
    pub(super) fn confirm_elsewhere(&self) {
        self.delivery.lock().is_confirmed = true;
    }

    /// Whether a session has confirmed it.
    #[must_use]
    pub fn is_confirmed(&self) -> bool {
        self.delivery.lock().is_confirmed
    }

    /// Returns the sessions that it was sent to, is queued for, or waits for.
    #[must_use]
    pub fn recipients(&self) -> Vec<Recipient> {
        self.delivery.lock().recipients.clone()
    }

    /// Records that its row is deleted and will not be read again.
    pub fn forget_row(&self) {
        self.delivery.lock().stored = None;
    }

    /// Whether it is stored as `stored`. The row number alone does not prove it: SQLite reuses the number of a deleted
    /// row.
    pub(super) fn is_stored_as(&self, stored: &StoredNotice) -> bool {
        let Notice { event, at, .. } = &stored.notice;
        self.delivery.lock().stored == Some(stored.row)
            && self.notice.event == *event
            && self.notice.at == *at
    }

    /// Whether no session of the user has confirmed it, and no row has it that outlives the process. The session that
    /// acted knows the event.
    pub(super) fn is_unconfirmed(&self) -> bool {
        let delivery = self.delivery.lock();
        self.is_for_the_user() && !delivery.is_confirmed && !delivery.is_pending
    }

    /// Returns the sessions for which to store it before the process ends, if any. A user's own actions are not stored
    /// for that user.
    pub(super) fn unstored(&self) -> Option<Lacking> {
        let delivery = self.delivery.lock();
        if delivery.is_pending {
            return None;
        }
        if self.is_for_the_user() && !delivery.is_confirmed {
            return Some(Lacking::All);
        }
        let lacking = delivery.recipients.iter();
        let lacking = lacking.filter(|one| one.confirmed_at.is_none());
        let lacking: Vec<_> = lacking.map(|one| one.session.clone()).collect();
        (!lacking.is_empty()).then_some(Lacking::Sessions(lacking))
    }

    /// Adds `session` to its recipients.
    pub fn address(&self, session: &SessionId) {
        self.delivery.lock().recipient(session);
    }

    /// Whether it has recipients.
    pub(super) fn is_addressed(&self) -> bool {
        !self.delivery.lock().recipients.is_empty()
    }

    /// Records that it was sent to `session`.
    pub(super) fn record_sent(&self, session: &SessionId, now: Timestamp) {
        let mut delivery = self.delivery.lock();
        let recipient = delivery.recipient(session);
        recipient.sent_at.get_or_insert(now);
        recipient.times_sent += 1;
    }

    /// Whether to send it to `session`, which connects now: the session was sent it and has not confirmed it, or no
    /// session has confirmed it. After a crash it is not known which sessions have received it, so it goes to all
    /// sessions that have not confirmed it since, except the one that acted.
    ///
    /// An event for the other sessions of the user who acted goes only to the sessions that existed at the time, or had
    /// left in the 5 minutes before: the session that acted may reconnect under another id, and must not be notified that
    /// another device answered.
    pub(super) fn is_owed_to(&self, session: &SessionId) -> bool {
        let delivery = self.delivery.lock();
        match delivery.has_confirmed(session) {
            Some(has_confirmed) => !has_confirmed,
            None => {
                self.is_for_the_user()
                    && delivery.acted != Some(session.digest())
                    && (!delivery.is_confirmed || delivery.owed_to == OwedTo::Each)
            }
        }
    }

    /// Whether no session is owed it any more. While its row is being deleted, a session that connects may still read
    /// the row, and has to recognise the event.
    pub(super) fn is_done(&self) -> bool {
        let delivery = self.delivery.lock();
        let is_known = delivery.is_confirmed || !self.is_for_the_user();
        let is_settled = is_known && delivery.owed_to != OwedTo::Each;
        is_settled && !delivery.is_lacked() && delivery.stored.is_none()
    }

    /// Whether any session of the user has to receive it.
    const fn is_for_the_user(&self) -> bool {
        matches!(self.notice.audience, Audience::Participant(_))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::call::{CallId, Event};
    use crate::user::UserId;

    pub fn notice(at: i64) -> Arc<EncodedNotice> {
        Arc::new(EncodedNotice::new(Notice {
            audience: Audience::Participant(UserId::parse("bob").expect("a user id")),
            event: Event::TimedOut {
                call: CallId::from_uuid(uuid::Uuid::nil()),
            },
            at: Timestamp::from_millis(at),
        }))
    }

    #[test]
    fn text_is_encoded_once() {
        let shared = notice(1);
        let write = |notice: &Notice| notice.at.as_millis().to_string();
        assert_eq!(shared.text(write), "1");
        assert_eq!(shared.text(|_| unreachable!("it is written")), "1");
    }

    const NOW: Timestamp = Timestamp::from_millis(9);

    fn stored(is_recovered: bool) -> EncodedNotice {
        EncodedNotice::stored(StoredNotice {
            notice: notice(1).notice().clone(),
            expires_at: notice(1).notice().expires_at(),
            row: 7,
            is_recovered,
            lacking: Lacking::All,
        })
    }

    #[test]
    fn stored_for_some_sessions_it_is_owed_to_no_other() {
        let [phone, tablet, laptop] = ["phone", "tablet", "laptop"].map(SessionId::new);
        let notice = EncodedNotice::stored(StoredNotice {
            notice: notice(1).notice().clone(),
            expires_at: notice(1).notice().expires_at(),
            row: 7,
            is_recovered: false,
            lacking: Lacking::Sessions(vec![phone.clone(), tablet.clone()]),
        });
        assert!(notice.is_owed_to(&phone) && notice.is_owed_to(&tablet));
        assert!(!notice.is_owed_to(&laptop));
        assert_eq!(notice.confirm(&phone, NOW), None);
        assert_eq!(notice.confirm(&tablet, NOW), Some(7));
    }

    #[test]
    fn confirmed_notice_is_owed_to_those_who_lack_it() {
        let [phone, tablet, laptop] = ["phone", "tablet", "laptop"].map(SessionId::new);
        let notice = stored(false);
        notice.address(&phone);
        notice.address(&tablet);
        assert!(notice.is_owed_to(&laptop), "nobody has confirmed it");
        assert_eq!(notice.confirm(&phone, NOW), Some(7));
        assert_eq!(notice.confirm(&phone, NOW), None);
        assert!(!notice.is_owed_to(&phone) && !notice.is_owed_to(&laptop));
        assert!(notice.is_owed_to(&tablet));
        assert_eq!(notice.confirm(&tablet, NOW), None);
        assert!(!notice.is_owed_to(&tablet));
    }

    #[test]
    fn after_a_crash_each_session_is_owed_the_notice_once() {
        let [phone, tablet] = ["phone", "tablet"].map(SessionId::new);
        let notice = stored(true);
        assert_eq!(notice.confirm(&phone, NOW), Some(7));
        assert!(notice.is_owed_to(&tablet), "it may have lacked it before");
        assert!(!notice.is_owed_to(&phone));
        notice.confirm(&tablet, NOW);
        notice.forget_row();
        assert!(!notice.is_owed_to(&tablet) && !notice.is_done());
    }

    #[test]
    fn after_a_crash_an_own_action_is_owed_to_the_other_sessions() {
        let [phone, tablet, laptop] = ["phone", "tablet", "laptop"].map(SessionId::new);
        let notice = EncodedNotice::stored(StoredNotice {
            notice: notice(1).notice().clone(),
            expires_at: notice(1).notice().expires_at(),
            row: 7,
            is_recovered: false,
            lacking: Lacking::AllBut(phone.digest()),
        });
        assert!(!notice.is_owed_to(&phone));
        assert!(notice.is_owed_to(&tablet) && notice.is_owed_to(&laptop));
        assert_eq!(notice.confirm(&tablet, NOW), Some(7));
        assert!(!notice.is_owed_to(&tablet) && notice.is_owed_to(&laptop));
    }

    #[test]
    fn own_action_is_owed_to_the_sessions_that_there_were() {
        let [phone, tablet, laptop] = ["phone", "tablet", "laptop"].map(SessionId::new);
        let notice = EncodedNotice::new(Notice {
            audience: Audience::OtherSessions {
                user: UserId::parse("bob").expect("a user id"),
                acted: phone.clone(),
            },
            ..notice(1).notice().clone()
        });
        notice.address(&tablet);
        assert!(notice.is_owed_to(&tablet));
        assert!(!notice.is_owed_to(&phone) && !notice.is_owed_to(&laptop));
        assert!(!notice.is_done());
        let lacking = Lacking::Sessions(vec![tablet.clone()]);
        assert_eq!(notice.unstored(), Some(lacking));
        notice.confirm(&tablet, NOW);
        assert!(notice.is_done());
    }

    #[test]
    fn recipients_say_when_they_were_sent_the_notice() {
        let phone = SessionId::new("phone");
        let notice = notice(1);
        notice.address(&phone);
        notice.record_sent(&phone, NOW);
        notice.record_sent(&phone, Timestamp::from_millis(10));
        notice.confirm(&phone, Timestamp::from_millis(11));
        let expected = Recipient {
            session: phone,
            sent_at: Some(NOW),
            times_sent: 2,
            confirmed_at: Some(Timestamp::from_millis(11)),
        };
        assert_eq!(notice.recipients(), [expected]);
    }
}
