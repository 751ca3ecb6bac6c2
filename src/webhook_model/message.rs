//! Webhook messages in the outbox, their endpoints, and the log of their attempts.

use std::fmt;
use std::time::Duration;

use crate::call::CallId;
use crate::clock::Timestamp;

use super::delivery::{EndpointId, Outcome, PauseCause};
use super::{EventType, MessageId};

/// Endpoint of webhooks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookEndpoint {
    /// Its number.
    pub id: EndpointId,
    /// Its URL, with any secret in its query.
    pub url: String,
    /// When it first failed since it last accepted a message.
    pub failing_since: Option<Timestamp>,
    /// When and why it was paused, if it was.
    pub pause: Option<Pause>,
    /// Event types that it receives.
    pub events: Vec<EventType>,
    /// When and with which secrets a backend made it; none for an endpoint of the settings.
    pub made: Option<Made>,
}

/// Creation and secrets of an endpoint that a backend made.
#[derive(Clone, PartialEq, Eq)]
pub struct Made {
    /// When it was made.
    pub at: Timestamp,
    /// Secret that signs its messages, `whsec_...`.
    pub secret: String,
    /// Secret before that, which signs too until this time.
    pub previous: Option<(String, Timestamp)>,
}

impl fmt::Debug for Made {
    /// Omits the secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "made at {}", self.at)
    }
}

impl WebhookEndpoint {
    /// Returns the word for its state: `working`, `failing` or `paused`.
    #[must_use]
    pub const fn standing(&self) -> &'static str {
        match (self.pause, self.failing_since) {
            (Some(_), _) => "paused",
            (None, Some(_)) => "failing",
            (None, None) => "working",
        }
    }

    /// Returns its URL for people. The path and query of a URL in the settings may be a credential.
    #[must_use]
    pub fn shown_url(&self) -> &str {
        match self.made {
            Some(_) => &self.url,
            None => shown(&self.url),
        }
    }
}

/// Returns the scheme, host and port of `url` for logs, since its path or query may be a credential.
#[must_use]
pub fn shown(url: &str) -> &str {
    let host = url.find("://").map_or(0, |at| at + "://".len());
    let end = url[host..]
        .find(['/', '?'])
        .map_or(url.len(), |at| host + at);
    &url[..end]
}

/// Pause of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pause {
    /// Start of the pause.
    pub at: Timestamp,
    /// Reason.
    pub cause: PauseCause,
}

/// State of a message at one endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Pending: it is to be delivered.
    Waiting,
    /// Delivered: the endpoint has it.
    Delivered,
    /// Expired: it was retried for long enough.
    GivenUp,
}

impl State {
    /// All states.
    pub const ALL: [Self; 3] = [Self::Waiting, Self::Delivered, Self::GivenUp];

    /// Returns the word for programs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Delivered => "delivered",
            Self::GivenUp => "given_up",
        }
    }
}

/// Message for an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Its endpoint.
    pub receiver: EndpointId,
    /// Its position in the order of all messages.
    pub seq: i64,
    /// Its id, the same for all receivers and attempts.
    pub id: MessageId,
    /// Its event type.
    pub topic: EventType,
    /// Its call, if it has one.
    pub call: Option<CallId>,
    /// When the event happened.
    pub at: Timestamp,
    /// Body, JSON.
    pub body: String,
    /// Number of failed attempts.
    pub failures: u32,
    /// When the next attempt is due.
    pub due: Timestamp,
}

/// Messages that are due at an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// Due messages, the most overdue first: the first message only of each ordering key.
    pub deliveries: Vec<Delivery>,
    /// When more are due, if known.
    pub next: Option<Timestamp>,
}

/// Attempt that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// When it began.
    pub at: Timestamp,
    /// Its duration.
    pub took: Duration,
    /// Its outcome.
    pub outcome: Outcome,
}

/// Backlog of an endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Pending messages, at most 100,000.
    pub waiting: u64,
    /// When the oldest of their events happened.
    pub waiting_since: Option<Timestamp>,
}

/// Message with its attempts at one endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentMessage {
    /// Its endpoint.
    pub receiver: EndpointId,
    /// Its id.
    pub id: MessageId,
    /// Its event type.
    pub topic: EventType,
    /// Its call, if it has one.
    pub call: Option<CallId>,
    /// When the event happened.
    pub at: Timestamp,
    /// Its state.
    pub state: State,
    /// When the next attempt is due, if one is.
    pub due: Option<Timestamp>,
    /// Attempts so far, oldest first.
    pub attempts: Vec<Attempt>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_and_query_of_a_url_are_not_shown() {
        for (url, told) in [
            ("https://a.example/key/x?token=1", "https://a.example"),
            ("https://a.example?token=1", "https://a.example"),
            ("http://[::1]:8080/key", "http://[::1]:8080"),
            ("http://a.example", "http://a.example"),
        ] {
            assert_eq!(shown(url), told);
        }
    }
}
