//! What waits to be told, to whom, and how that went so far.

use std::time::Duration;

use crate::call::CallId;
use crate::clock::Timestamp;

use super::delivery::{EndpointId, Outcome, PauseCause};
use super::{EventType, MessageId};

/// Somebody who is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receiver {
    /// Its number.
    pub id: EndpointId,
    /// Where it is, with whatever secret its query may hold.
    pub url: String,
    /// When it first failed since it last took anything.
    pub failing_since: Option<Timestamp>,
    /// Since when and why it is left alone, if it is.
    pub pause: Option<Pause>,
}

impl Receiver {
    /// The word for how it is: `working`, `failing` or `paused`.
    #[must_use]
    pub const fn standing(&self) -> &'static str {
        match (self.pause, self.failing_since) {
            (Some(_), _) => "paused",
            (None, Some(_)) => "failing",
            (None, None) => "working",
        }
    }
}

/// That a receiver is left alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pause {
    /// Since when.
    pub at: Timestamp,
    /// Why.
    pub cause: PauseCause,
}

/// Where a message stands with one receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It is to be delivered.
    Waiting,
    /// The receiver has it.
    Delivered,
    /// It was tried for long enough.
    GivenUp,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Waiting, Self::Delivered, Self::GivenUp];

    /// The word for programs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Delivered => "delivered",
            Self::GivenUp => "given_up",
        }
    }
}

/// A message for a receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// For whom.
    pub receiver: EndpointId,
    /// Its place in the order of all messages.
    pub seq: i64,
    /// Its id, the same for all receivers and attempts.
    pub id: MessageId,
    /// What it is.
    pub topic: EventType,
    /// The call that it is about, if it is about one.
    pub call: Option<CallId>,
    /// When it happened.
    pub at: Timestamp,
    /// What is sent, JSON.
    pub body: String,
    /// How often that failed.
    pub failures: u32,
    /// When it is due.
    pub due: Timestamp,
}

/// What is due at a receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// What is, the most overdue first: of each ordering key its first message only.
    pub deliveries: Vec<Delivery>,
    /// When more is, where that is known.
    pub next: Option<Timestamp>,
}

/// An attempt that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// When it began.
    pub at: Timestamp,
    /// How long it took.
    pub took: Duration,
    /// What came of it.
    pub outcome: Outcome,
}

/// How much there is for a receiver.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Messages that wait, 100,000 where there are more.
    pub waiting: u64,
    /// When the oldest of them happened.
    pub waiting_since: Option<Timestamp>,
}

/// A message, and how it went with one receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// For whom.
    pub receiver: EndpointId,
    /// Its id.
    pub id: MessageId,
    /// What it is.
    pub topic: EventType,
    /// The call that it is about, if it is about one.
    pub call: Option<CallId>,
    /// When it happened.
    pub at: Timestamp,
    /// Where it stands.
    pub state: State,
    /// When the next attempt is due, if one is.
    pub due: Option<Timestamp>,
    /// The attempts so far, oldest first.
    pub attempts: Vec<Attempt>,
}
