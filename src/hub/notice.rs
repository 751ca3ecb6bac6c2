//! A notice on its way to sessions: its text, encoded once, and who has confirmed it.

use std::fmt;
use std::sync::OnceLock;

use crate::call::{Audience, Notice};
use crate::sync::Mutex;
use crate::user::SessionId;

/// A notice as it goes to all sessions of its user (contract section 4, "Delivery is confirmed").
pub struct EncodedNotice {
    notice: Notice,
    text: OnceLock<String>,
    delivery: Mutex<Delivery>,
}

/// Progress of the delivery to a user's sessions.
#[derive(Default)]
struct Delivery {
    /// Row of the table of pending events, where the event is stored.
    stored: Option<i64>,
    /// Whether that row is to be kept: no session has confirmed the event.
    is_pending: bool,
    /// Sessions that it was sent to, or is waiting for, and that have not confirmed it.
    lacking: Vec<SessionId>,
    /// Whether a session has confirmed it.
    is_confirmed: bool,
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
    /// `notice`, to be delivered.
    #[must_use]
    pub fn new(notice: Notice) -> Self {
        Self::stored(notice, None)
    }

    /// `notice`, to be delivered, which is row `stored` of the pending events.
    #[must_use]
    pub fn stored(notice: Notice, stored: Option<i64>) -> Self {
        Self {
            notice,
            text: OnceLock::new(),
            delivery: Mutex::new(Delivery {
                stored,
                is_pending: stored.is_some(),
                ..Delivery::default()
            }),
        }
    }

    /// The notice.
    #[must_use]
    pub const fn notice(&self) -> &Notice {
        &self.notice
    }

    /// Its text, which the first session to send it writes, once for all. So a repetition is the same to the byte.
    pub fn text(&self, write: impl FnOnce(&Notice) -> String) -> &str {
        self.text.get_or_init(|| write(&self.notice))
    }

    /// Records that `session` confirmed it. Returns its row, which is to be deleted, where it is the first one.
    pub fn confirm(&self, session: &SessionId) -> Option<i64> {
        let mut delivery = self.delivery.lock();
        delivery.lacking.retain(|lacking| lacking != session);
        delivery.is_confirmed = true;
        let was_pending = std::mem::take(&mut delivery.is_pending);
        delivery.stored.filter(|_| was_pending)
    }

    /// Whether a session has confirmed it.
    #[must_use]
    pub fn is_confirmed(&self) -> bool {
        self.delivery.lock().is_confirmed
    }

    /// Whether it is stored as row `stored`, or was.
    pub(super) fn is_row(&self, stored: i64) -> bool {
        self.delivery.lock().stored == Some(stored)
    }

    /// Whether it is stored, so that it outlasts the process.
    pub(super) fn is_stored(&self) -> bool {
        self.delivery.lock().is_pending
    }

    /// Records that it goes to `session`.
    pub(super) fn address(&self, session: &SessionId) {
        let mut delivery = self.delivery.lock();
        if !delivery.lacking.contains(session) {
            delivery.lacking.push(session.clone());
        }
    }

    /// Whether `session`, which connects now, is to be sent it: the session has not confirmed it, or nobody has.
    pub(super) fn is_owed_to(&self, session: &SessionId) -> bool {
        let acted = matches!(&self.notice.audience, Audience::OtherSessions { acted, .. } if acted == session);
        let delivery = self.delivery.lock();
        !acted && (!delivery.is_confirmed || delivery.lacking.contains(session))
    }

    /// Whether nobody is owed it any more. A row that is being deleted may still be read: it is recognised by its
    /// number for as long as the notice is remembered.
    pub(super) fn is_done(&self) -> bool {
        let delivery = self.delivery.lock();
        delivery.is_confirmed && delivery.lacking.is_empty() && delivery.stored.is_none()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::call::{CallId, Event};
    use crate::clock::Timestamp;
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

    #[test]
    fn confirmed_notice_is_owed_to_those_who_lack_it() {
        let [phone, tablet, laptop] = ["phone", "tablet", "laptop"].map(SessionId::new);
        let notice = EncodedNotice::stored(notice(1).notice().clone(), Some(7));
        notice.address(&phone);
        notice.address(&tablet);
        assert!(notice.is_owed_to(&laptop), "nobody has confirmed it");
        assert_eq!(notice.confirm(&phone), Some(7));
        assert_eq!(notice.confirm(&phone), None);
        assert!(!notice.is_owed_to(&phone) && !notice.is_owed_to(&laptop));
        assert!(notice.is_owed_to(&tablet));
        assert_eq!(notice.confirm(&tablet), None);
        assert!(!notice.is_owed_to(&tablet));
    }
}
