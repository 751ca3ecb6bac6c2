//! Progress of the delivery of a notice to the sessions of its user.

use super::super::StoredNotice;
use crate::call::Lacking;
use crate::clock::Timestamp;
use crate::user::{SessionDigest, SessionId};

/// Progress of the delivery to a user's sessions.
pub struct Delivery {
    /// When it expires: moves with the clock.
    pub expires_at: Timestamp,
    /// Row of the table of pending events, if the event is stored.
    pub stored: Option<i64>,
    /// Whether to keep that row: a session for which it is stored has not confirmed the event.
    pub is_pending: bool,
    pub owed_to: OwedTo,
    /// Session that acted before a crash and knows the event; all other sessions are owed it.
    pub acted: Option<SessionDigest>,
    /// Whether a session has confirmed the event.
    pub is_confirmed: bool,
    /// Sessions that it was sent to, is queued for, or waits for.
    pub recipients: Vec<Recipient>,
    /// Those of them that have moved to another node before they confirmed it: they lack it no more.
    pub moved: Vec<SessionId>,
}

/// Sessions of the user that are owed an event, in addition to its recipients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OwedTo {
    /// Any session, until one has confirmed the event.
    #[default]
    Any,
    /// Each session: before a crash any of them may have received the event or not.
    Each,
    /// None: it is stored for its recipients, and another session has received it.
    None,
}

/// Session that an event was sent to, is queued for, or waits for: it has left and may return.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    /// The session.
    pub session: SessionId,
    /// When it was first sent.
    pub sent_at: Option<Timestamp>,
    /// How often it was sent: once per connection.
    pub times_sent: u32,
    /// When the session confirmed it.
    pub confirmed_at: Option<Timestamp>,
}

impl Delivery {
    /// Returns that of a notice that nobody was sent yet.
    pub const fn until(expires_at: Timestamp) -> Self {
        Self {
            expires_at,
            stored: None,
            is_pending: false,
            owed_to: OwedTo::Any,
            acted: None,
            is_confirmed: false,
            recipients: Vec::new(),
            moved: Vec::new(),
        }
    }

    /// Returns that of a pending event.
    pub fn of_stored(stored: &StoredNotice) -> Self {
        let mut delivery = Self {
            stored: Some(stored.row),
            is_pending: true,
            ..Self::until(stored.expires_at)
        };
        match &stored.lacking {
            Lacking::All if stored.is_recovered => delivery.owed_to = OwedTo::Each,
            Lacking::All => (),
            Lacking::Sessions(sessions) => {
                (delivery.owed_to, delivery.is_confirmed) = (OwedTo::None, true);
                for session in sessions {
                    delivery.recipient(session);
                }
            }
            Lacking::AllBut(acted) => {
                (delivery.owed_to, delivery.is_confirmed) = (OwedTo::Each, true);
                delivery.acted = Some(*acted);
            }
        }
        delivery
    }

    /// Returns the recipient `session`, which it adds if it is missing.
    pub fn recipient(&mut self, session: &SessionId) -> &mut Recipient {
        let known = self
            .recipients
            .iter()
            .position(|one| one.session == *session);
        let place = known.unwrap_or_else(|| {
            self.recipients.push(Recipient {
                session: session.clone(),
                sent_at: None,
                times_sent: 0,
                confirmed_at: None,
            });
            self.recipients.len() - 1
        });
        &mut self.recipients[place]
    }

    /// Returns whether `session` has confirmed the event, if it is a recipient.
    pub fn has_confirmed(&self, session: &SessionId) -> Option<bool> {
        let mut recipients = self.recipients.iter();
        let recipient = recipients.find(|one| one.session == *session)?;
        Some(recipient.confirmed_at.is_some())
    }

    /// Whether a recipient has not confirmed the event.
    pub fn is_lacked(&self) -> bool {
        let mut recipients = self.recipients.iter();
        recipients.any(|one| one.confirmed_at.is_none())
    }
}
