//! What receivers of webhooks are told: every change of a call, and who comes and goes.
//!
//! The team's own backend is such a receiver: it has the keys to push to phones whose app sleeps. This module
//! says what there is to tell, [`message`] to whom and how that went, and [`delivery`] when it is told again or
//! given up; it knows neither JSON nor HTTP.

pub mod delivery;
pub mod message;

use std::fmt;

use uuid::Uuid;

use crate::call::{Call, CallId, Cause, Status, Transition};
use crate::clock::Timestamp;
use crate::user::{Availability, Profile, SessionId};

/// What an announcement is about: its type on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventType {
    /// Somebody calls; the call rings already, or waits for a device of the callee.
    CallInitiated,
    /// A call that waited rings.
    CallRinging,
    /// The callee accepted.
    CallAccepted,
    /// The callee rejected.
    CallRejected,
    /// Media flows.
    CallActive,
    /// The call was ended, after an answer or before.
    CallEnded,
    /// Nobody answered in time.
    CallMissed,
    /// The callee was in another call: this one was over at once.
    CallBusy,
    /// No session of the callee has confirmed the invitation in time.
    CallUnreached,
    /// A user's first session connected.
    UserOnline,
    /// A user's last session is gone.
    UserOffline,
}

impl EventType {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::CallInitiated,
        Self::CallRinging,
        Self::CallAccepted,
        Self::CallRejected,
        Self::CallActive,
        Self::CallEnded,
        Self::CallMissed,
        Self::CallBusy,
        Self::CallUnreached,
        Self::UserOnline,
        Self::UserOffline,
    ];

    /// The word on the wire and in the settings.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CallInitiated => "call.initiated",
            Self::CallRinging => "call.ringing",
            Self::CallAccepted => "call.accepted",
            Self::CallRejected => "call.rejected",
            Self::CallActive => "call.active",
            Self::CallEnded => "call.ended",
            Self::CallMissed => "call.missed",
            Self::CallBusy => "call.busy",
            Self::CallUnreached => "call.unreached",
            Self::UserOnline => "user.online",
            Self::UserOffline => "user.offline",
        }
    }

    /// The topic of that word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|topic| topic.as_str() == word)
    }

    /// What `transition` is to a receiver: one topic each.
    #[must_use]
    pub fn of(transition: &Transition) -> Self {
        match transition.call.status() {
            Status::Initiating => Self::CallInitiated,
            Status::Ringing if transition.from.is_none() => Self::CallInitiated,
            Status::Ringing => Self::CallRinging,
            Status::Connecting => Self::CallAccepted,
            Status::Active => Self::CallActive,
            Status::Ended => Self::CallEnded,
            Status::Rejected if transition.entry.cause == Cause::UserBusy => Self::CallBusy,
            Status::Rejected => Self::CallRejected,
            Status::Missed => Self::CallMissed,
        }
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The id of an announcement, the same each time it is delivered: `msg_` and 32 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MessageId(Uuid);

impl MessageId {
    /// The id of these bytes.
    #[must_use]
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// The id that `text` spells.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let id = Uuid::try_parse(text.strip_prefix("msg_")?).ok().map(Self)?;
        (id.to_string() == text).then_some(id)
    }

    /// The 16 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "msg_{}", self.0.simple())
    }
}

/// Something that receivers are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookEvent {
    /// What it is.
    pub topic: EventType,
    /// When it happened.
    pub at: Timestamp,
    /// Whom or what it concerns.
    pub subject: Subject,
}

/// Whom or what an announcement concerns. The announcements of one subject are delivered in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A call.
    Call(Box<CallEvent>),
    /// A user who came or went.
    User(Profile),
}

impl Subject {
    /// The call, where it is about one.
    #[must_use]
    pub fn call(&self) -> Option<CallId> {
        match self {
            Self::Call(call_event) => Some(call_event.call.id),
            Self::User(_) => None,
        }
    }

    /// What tells this subject from all others. No user's id begins with a byte that a call's does.
    #[must_use]
    pub fn ordering_key(&self) -> Vec<u8> {
        match self {
            Self::Call(call_event) => call_event.call.id.as_bytes().to_vec(),
            Self::User(user) => user.id.as_str().as_bytes().to_vec(),
        }
    }
}

/// A call as it is from then on, with what a push needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallEvent {
    /// The call.
    pub call: Call,
    /// Who calls.
    pub caller: Profile,
    /// Who is called.
    pub callee: Profile,
    /// Whether the callee has a connected session, so that no push is needed.
    pub callee_connected: bool,
    /// The callee's sessions that have an open socket, the oldest first.
    pub callee_sessions: Vec<CalleeSession>,
    /// Whether calls ring for the callee. No push should if not.
    pub callee_availability: Availability,
}

/// A session of the callee.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CalleeSession {
    /// The session.
    pub id: SessionId,
    /// When it connected.
    pub connected_at: Timestamp,
    /// Whether it confirms what it is sent, so that it counts as connected.
    pub responsive: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_read_by_the_words_they_are_written_with() {
        for topic in EventType::ALL {
            assert_eq!(EventType::parse(topic.as_str()), Some(topic));
        }
        assert_eq!(EventType::parse("call.Ended"), None);
    }

    #[test]
    fn a_message_id_is_read_back_and_nothing_else_is() {
        let id = MessageId::from_uuid(Uuid::from_u128(0x0192_f0c1_7a4b_7c3d_8e5f_0123_4567_89ab));
        assert_eq!(id.to_string(), "msg_0192f0c17a4b7c3d8e5f0123456789ab");
        assert_eq!(MessageId::parse(&id.to_string()), Some(id));
        for bad in [
            "",
            "0192f0c17a4b7c3d8e5f0123456789ab",
            "msg_0192f0c1-7a4b-7c3d-8e5f-0123456789ab",
        ] {
            assert_eq!(MessageId::parse(bad), None, "{bad:?}");
        }
    }
}
