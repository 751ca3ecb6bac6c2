//! Requests of commands.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::to_json;

/// Request of a command: the one line that it sends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "snake_case")]
pub enum Request {
    /// Return the status of the server. Answered with `Answer::Status`.
    Status,
    /// End a call. Answered with `Answer::Done`.
    EndCall {
        /// The call's id.
        call: String,
    },
    /// List the connected sessions. Answered with `Answer::Sessions`.
    Sessions {
        /// Only those of this user.
        user: Option<String>,
    },
    /// Close sessions of a user. Answered with `Answer::Counted`.
    CloseSessions {
        /// The user.
        user: String,
        /// Only this session.
        session: Option<String>,
        /// Whether the client should connect again.
        reconnects: bool,
    },
    /// Return how the events of a call were delivered. Answered with `Answer::Delivered`.
    Delivery {
        /// The call's id.
        call: String,
    },
    /// Add two users to each other's contacts. Answered with `Answer::Done`.
    AddContacts {
        /// The two users.
        users: [String; 2],
    },
    /// Remove two users from each other's contacts. Answered with `Answer::Done`.
    RemoveContacts {
        /// The two users.
        users: [String; 2],
    },
    /// List the keys that verify tokens. Answered with `Answer::Keys`.
    Keys,
    /// Read accounts again: a command has changed some. Answered with `Answer::Done`.
    ReloadUsers,
    /// Read the settings again. Answered with `Answer::Reloaded`.
    Reload,
    /// Manage webhooks.
    Webhooks(Webhooks),
    /// Make, change or delete a webhook endpoint.
    Endpoints(Endpoints),
    /// Send every change of a call from now on. Answered with `Answer::Watching`, then with `Answer::Change` and
    /// `Answer::Missed` until either side disconnects.
    Watch(WatchFilter),
    /// Delete the calls that ended before a timestamp. Answered with `Answer::Forgetting` at intervals, and with
    /// `Answer::Forgotten` at the end; it stops if the command disconnects.
    Prune {
        /// The timestamp.
        before: String,
    },
}

/// Filter of the changes that a command watches; all conditions must match.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WatchFilter {
    /// Only changes after which the call is live.
    pub live: bool,
    /// Only changes of calls of this user.
    pub user: Option<String>,
    /// Only changes to this status.
    pub status: Option<String>,
    /// Only changes of calls of this type.
    pub call_type: Option<String>,
}

/// Webhook request of a command; it concerns all endpoints if none is named by its number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Webhooks {
    /// Pause the endpoint. Answered with `Answer::Counted`.
    Pause {
        /// The endpoint.
        receiver: Option<i64>,
    },
    /// Resume the endpoint. Answered with `Answer::Counted`.
    Resume {
        /// The endpoint.
        receiver: Option<i64>,
    },
    /// Send a message again, delivered or not: `Answer::Done`. Without an id, send all messages that wait for a retry
    /// or have failed (dead letters): `Answer::Counted`.
    Retry {
        /// The message's id.
        message: Option<String>,
    },
    /// Send a test message, which has no effect. Answered with `Answer::Tested`.
    Test {
        /// The endpoint.
        receiver: Option<i64>,
    },
}

/// Request for a webhook endpoint that the settings do not name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Endpoints {
    /// Make an endpoint. Answered with `Answer::Endpoint`.
    Create {
        /// The body of `POST /api/server/v1/webhooks`.
        endpoint: Value,
    },
    /// Give an endpoint a new secret. Answered with `Answer::Endpoint`.
    Rotate {
        /// The endpoint.
        receiver: i64,
    },
    /// Delete an endpoint. Answered with `Answer::Done`.
    Delete {
        /// The endpoint.
        receiver: i64,
    },
}

impl Request {
    /// Returns the request as a line.
    #[must_use]
    pub fn to_line(&self) -> String {
        to_json(self) + "\n"
    }

    /// Parses a line.
    ///
    /// # Errors
    /// A message that explains the error.
    pub fn read(line: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(line)
            .map_err(|error| format!("this server does not understand the command: {error}"))
    }
}
