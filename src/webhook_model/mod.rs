//! Webhook events: every change of a call, users who connect and disconnect, and messages of the apps.
//!
//! The team's own backend receives them: it has the keys to push to phones whose app sleeps. This module defines the
//! events, [`message`] the endpoints, messages and attempts, and [`delivery`] the retry rules; none of it depends on
//! JSON or HTTP.

pub mod delivery;
pub mod message;

use std::fmt;

use uuid::Uuid;

use crate::call::{AppMessage, Call, CallId, Cause, Status, Transition};
use crate::clock::Timestamp;
use crate::user::{Availability, Profile, SessionId};

/// Event type: its word on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventType {
    /// A call was initiated; it rings already, or waits for a device of the callee.
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
    /// Ring timeout: the callee did not answer in time.
    CallMissed,
    /// The callee was in another call: this one ended at once.
    CallBusy,
    /// No session of the callee has confirmed the invitation in time.
    CallUnreached,
    /// A user's first session connected.
    UserOnline,
    /// A user's last session disconnected.
    UserOffline,
    /// An app sent a message to the team's backend.
    AppMessage,
}

impl EventType {
    /// All event types.
    pub const ALL: [Self; 12] = [
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
        Self::AppMessage,
    ];

    /// Returns the word on the wire and in the settings.
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
            Self::AppMessage => "app.message",
        }
    }

    /// Returns the event type of that word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|topic| topic.as_str() == word)
    }

    /// Returns the event type of `transition`: one each.
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

/// Id of an event, the same in each attempt: `msg_` and 32 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MessageId(Uuid);

impl MessageId {
    /// Makes the id of these bytes.
    #[must_use]
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// Parses an id.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let id = Uuid::try_parse(text.strip_prefix("msg_")?).ok().map(Self)?;
        (id.to_string() == text).then_some(id)
    }

    /// Returns the 16 bytes.
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

/// Event for endpoints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookEvent {
    /// Its type.
    pub topic: EventType,
    /// When it happened.
    pub at: Timestamp,
    /// Its subject.
    pub subject: Subject,
}

/// Subject of an event. The events of one subject are delivered in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A call.
    Call(Box<CallEvent>),
    /// A user who connected or disconnected.
    User(Profile),
    /// A message of a user's app.
    App {
        /// The user.
        user: Profile,
        /// The session that sent it.
        session: SessionId,
        /// The message.
        message: AppMessage,
    },
}

impl Subject {
    /// Returns the id of the call, if the subject is one.
    #[must_use]
    pub fn call(&self) -> Option<CallId> {
        match self {
            Self::Call(call_event) => Some(call_event.call.id),
            Self::User(_) | Self::App { .. } => None,
        }
    }

    /// Returns the key that identifies the subject. No user's id begins with a byte with which a call's id does.
    #[must_use]
    pub fn ordering_key(&self) -> Vec<u8> {
        match self {
            Self::Call(call_event) => call_event.call.id.as_bytes().to_vec(),
            Self::User(user) | Self::App { user, .. } => user.id.as_str().as_bytes().to_vec(),
        }
    }
}

/// Call after the change, with the data that a push needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallEvent {
    /// The call.
    pub call: Call,
    /// Profile of the caller.
    pub caller: Profile,
    /// Profile of the callee.
    pub callee: Profile,
    /// Whether the callee has a connected session, so that no push is needed.
    pub callee_connected: bool,
    /// The callee's sessions that have an open socket, the oldest first.
    pub callee_sessions: Vec<CalleeSession>,
    /// Whether calls ring for the callee. No push should if not.
    pub callee_availability: Availability,
}

/// Session of the callee.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CalleeSession {
    /// Its id.
    pub id: SessionId,
    /// When it connected.
    pub connected_at: Timestamp,
    /// Whether it confirms the events that it gets, so that it counts as connected.
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
