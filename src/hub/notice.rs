//! What many sessions hear, written once.

use std::sync::OnceLock;

use crate::call::Notice;

/// A notice as it goes to all sessions that hear it.
#[derive(Debug, PartialEq, Eq)]
pub struct EncodedNotice {
    notice: Notice,
    text: OnceLock<String>,
}

impl EncodedNotice {
    /// `notice`, to be told.
    #[must_use]
    pub const fn new(notice: Notice) -> Self {
        let text = OnceLock::new();
        Self { notice, text }
    }

    /// What is told.
    #[must_use]
    pub const fn notice(&self) -> &Notice {
        &self.notice
    }

    /// Its text, which the first session to send it writes, once for all.
    pub fn text(&self, write: impl FnOnce(&Notice) -> String) -> &str {
        self.text.get_or_init(|| write(&self.notice))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::call::{Audience, CallId, Event};
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
    fn what_many_sessions_hear_is_written_once() {
        let shared = notice(1);
        let write = |notice: &Notice| notice.at.as_millis().to_string();
        assert_eq!(shared.text(write), "1");
        assert_eq!(shared.text(|_| unreachable!("it is written")), "1");
    }
}
