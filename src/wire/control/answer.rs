//! Answers of the server.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::to_json;
use super::{Change, Delivered, Keys, Reloaded, Session, Status, Tested};

/// Answer of the server: one line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Answer {
    /// Status of the server.
    Status(Status),
    /// The request succeeded.
    Done,
    /// The settings were reloaded.
    Reloaded(Reloaded),
    /// Deliveries of the events of a call, if the call is a recent one.
    Delivered {
        /// The events, in the order in which they were sent.
        events: Vec<Delivered>,
    },
    /// Connected sessions.
    Sessions {
        /// The sessions, by user and the time of their connection.
        sessions: Vec<Session>,
    },
    /// The keys that verify tokens.
    Keys(Keys),
    /// Watching has started; changes follow.
    Watching {
        /// The name of the node, with PostgreSQL: the changes are those that it makes. Older servers do not send this field.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        node: Option<String>,
    },
    /// A call has changed.
    Change(Change),
    /// Changes were dropped because the command reads too slowly.
    Missed {
        /// Number of dropped changes.
        changes: u64,
    },
    /// Progress of a deletion; more answers follow.
    Forgetting {
        /// Number of calls deleted so far.
        calls: u64,
    },
    /// The deletion is finished.
    Forgotten {
        /// Number of deleted calls.
        calls: u64,
        /// Number of deleted history entries.
        entries: u64,
    },
    /// The request succeeded for this number of endpoints, messages or sessions.
    Counted {
        /// The number.
        count: usize,
    },
    /// Results of a webhook test.
    Tested {
        /// One result per endpoint.
        receivers: Vec<Tested>,
    },
    /// An endpoint that was made or rotated, with its secret.
    Endpoint {
        /// The `data` of the response to `POST /api/server/v1/webhooks`.
        endpoint: Value,
    },
    /// The request failed.
    Failed {
        /// The reason, a message for the administrator.
        message: String,
    },
}

impl Answer {
    /// Returns the answer as a line.
    #[must_use]
    pub fn to_line(&self) -> String {
        to_json(self) + "\n"
    }

    /// Parses a line.
    ///
    /// # Errors
    /// A message that explains the error.
    pub fn read(line: &str) -> Result<Self, String> {
        serde_json::from_str(line)
            .map_err(|error| format!("the server's answer is not understood: {error}"))
    }
}
