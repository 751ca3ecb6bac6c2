//! Status of the server.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::metrics::Minute;
use crate::wire::response::success;
use crate::wire::value;

/// Status of the server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ServerStatus)]
pub struct Status {
    /// `ready`, `degraded`, `not_ready` or `stopping`, as in `/readyz`.
    pub state: String,
    /// The program's version.
    pub version: String,
    /// The name of the node that answers, with PostgreSQL: sockets, queue, failures, warnings and the last hour are its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// When the server started.
    #[schema(value_type = value::Timestamp)]
    pub started_at: String,
    /// Number of open sockets.
    pub connections: usize,
    /// Maximum number of open sockets.
    pub connections_limit: usize,
    /// Number of connected sessions.
    pub sessions: usize,
    /// Number of sessions that have not confirmed an event for too long.
    pub unresponsive_sessions: usize,
    /// Number of users with a connected session.
    pub connected_users: usize,
    /// Number of live calls.
    pub live_calls: u64,
    /// Number of queued writes of the database.
    pub queue_depth: usize,
    /// Maximum number of queued writes.
    pub queue_limit: usize,
    /// Size of the database in bytes.
    pub database_bytes: u64,
    /// Size of its write-ahead log in bytes.
    pub wal_bytes: u64,
    /// Webhook endpoints.
    pub webhooks: Vec<Endpoint>,
    /// The last failed attempts at webhook endpoints since the start, newest first, at most 20.
    pub webhook_failures: Vec<FailedAttempt>,
    /// The last warnings and errors of the log since the start, newest first, at most 50.
    pub warnings: Vec<Warning>,
    /// The last hour, oldest first, an entry a minute; the last entry is the current minute.
    pub last_hour: Vec<MinuteShape>,
}

/// Webhook endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = EndpointStatus)]
pub struct Endpoint {
    /// Its number.
    pub id: i64,
    /// Scheme, host and port of its URL. The rest may contain a secret.
    pub origin: String,
    /// `working`, `failing` or `paused`.
    pub state: String,
    /// Number of pending messages.
    pub waiting: u64,
    /// Time of the oldest pending event.
    #[schema(value_type = Option<value::Timestamp>, required)]
    pub waiting_since: Option<String>,
}

/// Failed attempt to deliver a webhook message. The server retries for a day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = FailedAttempt)]
pub struct FailedAttempt {
    /// Time of the attempt.
    #[schema(value_type = value::Timestamp)]
    pub at: String,
    /// The number of the endpoint.
    pub endpoint: i64,
    /// The id of the message.
    pub message_id: String,
    /// The event type.
    #[serde(rename = "type")]
    pub event: String,
    /// The call, if the event is about one.
    #[schema(value_type = Option<value::CallId>, required)]
    pub call_id: Option<String>,
    /// The response, or why there was none.
    pub result: String,
}

/// Warning or error of the log; lines of the same kind are one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = LogWarning)]
pub struct Warning {
    /// Time of the last line.
    #[schema(value_type = value::Timestamp)]
    pub at: String,
    /// `WARN` or `ERROR`.
    pub level: String,
    /// The last line.
    pub text: String,
    /// Number of lines of this kind.
    pub count: u64,
}

/// Values of a minute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = MinuteStatus)]
pub struct MinuteShape {
    /// End of the minute.
    #[schema(value_type = value::Timestamp)]
    at: String,
    /// Open sockets at its end.
    connections: usize,
    /// Live calls at its end.
    live_calls: u64,
    /// Messages pending for webhook endpoints at its end.
    webhooks_waiting: usize,
    /// Calls that began.
    calls_started: u64,
    /// Events written to sockets.
    events_sent: u64,
    /// Requests that were answered.
    requests: u64,
    /// Requests that were answered with a status from 500.
    server_errors: u64,
}

impl From<&Minute> for MinuteShape {
    fn from(minute: &Minute) -> Self {
        Self {
            at: minute.at.to_string(),
            connections: minute.connections,
            live_calls: minute.live_calls,
            webhooks_waiting: minute.webhooks_waiting,
            calls_started: minute.calls_started,
            events_sent: minute.events_sent,
            requests: minute.requests,
            server_errors: minute.server_errors,
        }
    }
}

/// Returns the success `message` with the status.
#[must_use]
pub fn status(message: &str, status: &Status) -> String {
    success(message, status)
}
