//! Requests and answers of the control socket: a request in one line of JSON, then answers, one per line. Both ends are
//! this program, so the same types are read and written.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::call::{Call, State, TimelineEntry};
use crate::clock::Timestamp;
use crate::webhook_model::delivery::EndpointId;
use crate::webhook_model::message::Attempt;

use super::to_json;

/// Request of a command: the one line that it sends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "snake_case")]
pub enum Request {
    /// Return the status of the server. Answered with [`Answer::Status`].
    Status,
    /// End a call. Answered with [`Answer::Done`].
    EndCall {
        /// The call's id.
        call: String,
    },
    /// List the connected sessions. Answered with [`Answer::Sessions`].
    Sessions {
        /// Only those of this user.
        user: Option<String>,
    },
    /// Close sessions of a user. Answered with [`Answer::Counted`].
    CloseSessions {
        /// The user.
        user: String,
        /// Only this session.
        session: Option<String>,
        /// Whether the client should connect again.
        reconnects: bool,
    },
    /// Return how the events of a call were delivered. Answered with [`Answer::Delivered`].
    Delivery {
        /// The call's id.
        call: String,
    },
    /// Add two users to each other's contacts. Answered with [`Answer::Done`].
    AddContacts {
        /// The two users.
        users: [String; 2],
    },
    /// Remove two users from each other's contacts. Answered with [`Answer::Done`].
    RemoveContacts {
        /// The two users.
        users: [String; 2],
    },
    /// List the keys that verify tokens. Answered with [`Answer::Keys`].
    Keys,
    /// Read accounts again: a command has changed some. Answered with [`Answer::Done`].
    ReloadUsers,
    /// Read the settings again. Answered with [`Answer::Reloaded`].
    Reload,
    /// Manage webhooks.
    Webhooks(Webhooks),
    /// Make, change or delete a webhook endpoint.
    Endpoints(Endpoints),
    /// Send every change of a call from now on. Answered with [`Answer::Watching`], then with [`Answer::Change`] and
    /// [`Answer::Missed`] until either side disconnects.
    Watch(WatchFilter),
    /// Delete the calls that ended before a timestamp. Answered with [`Answer::Forgetting`] at intervals, and with
    /// [`Answer::Forgotten`] at the end; it stops if the command disconnects.
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
    /// Pause the endpoint. Answered with [`Answer::Counted`].
    Pause {
        /// The endpoint.
        receiver: Option<i64>,
    },
    /// Resume the endpoint. Answered with [`Answer::Counted`].
    Resume {
        /// The endpoint.
        receiver: Option<i64>,
    },
    /// Send a message again, delivered or not: [`Answer::Done`]. Without an id, send all messages that wait for a retry
    /// or have failed (dead letters): [`Answer::Counted`].
    Retry {
        /// The message's id.
        message: Option<String>,
    },
    /// Send a test message, which has no effect. Answered with [`Answer::Tested`].
    Test {
        /// The endpoint.
        receiver: Option<i64>,
    },
}

/// Request for a webhook endpoint that the settings do not name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Endpoints {
    /// Make an endpoint. Answered with [`Answer::Endpoint`].
    Create {
        /// The body of `POST /api/server/v1/webhooks`.
        endpoint: Value,
    },
    /// Give an endpoint a new secret. Answered with [`Answer::Endpoint`].
    Rotate {
        /// The endpoint.
        receiver: i64,
    },
    /// Delete an endpoint. Answered with [`Answer::Done`].
    Delete {
        /// The endpoint.
        receiver: i64,
    },
}

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
    Watching,
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

/// Connected session of a user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Session {
    /// The user.
    pub user_id: String,
    /// The session.
    pub session_id: String,
    /// When it connected.
    pub connected_at: String,
    /// Whether it confirms its events in time.
    pub responsive: bool,
}

impl Session {
    /// Returns the same as JSON, for programs that read the output of a command.
    ///
    /// # Panics
    /// Never: the shape has text keys.
    #[must_use]
    pub fn to_json(&self) -> Value {
        serde_json::to_value(self).expect("the shape has text keys")
    }
}

/// Delivery of an event to a user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Delivered {
    /// The type of the event.
    #[serde(rename = "type")]
    pub kind: String,
    /// The recipient.
    pub user_id: String,
    /// Time of the event.
    pub at: String,
    /// `pending`, `confirmed` if a session has confirmed it, or `expired` if none has in 5 minutes.
    pub status: DeliveryStatus,
    /// The sessions that it was sent to, or is queued for.
    pub sessions: Vec<DeliveredTo>,
}

/// Status of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryStatus {
    /// No session has confirmed the event.
    Pending,
    /// A session has confirmed it.
    Confirmed,
    /// No session has confirmed it within 5 minutes.
    Expired,
}

/// Delivery of an event to a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeliveredTo {
    /// The session.
    pub session_id: String,
    /// When it was first sent.
    #[schema(required)]
    pub sent_at: Option<String>,
    /// Number of connections on which it was sent.
    pub times_sent: u32,
    /// When the session confirmed it.
    #[schema(required)]
    pub confirmed_at: Option<String>,
}

/// Result of a reload of the settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reloaded {
    /// Names of the changed settings that are in force now.
    pub changed: Vec<String>,
    /// Changed settings that are not in force yet.
    pub restart: Vec<NeedsRestart>,
}

/// Changed setting that needs a restart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NeedsRestart {
    /// Name of the setting.
    pub setting: String,
    /// The reason.
    pub reason: String,
}

/// Result of the test of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WebhookTest)]
pub struct Tested {
    /// The number of the endpoint.
    pub receiver: i64,
    /// Whether the endpoint accepted the message.
    pub delivered: bool,
    /// Duration in milliseconds.
    pub took_ms: u64,
    /// The response, or the reason of the failure.
    pub result: String,
}

impl Tested {
    /// Returns the same as JSON, for programs that read the output of a command.
    ///
    /// # Panics
    /// Never: the shape has text keys.
    #[must_use]
    pub fn to_json(&self) -> Value {
        serde_json::to_value(self).expect("the shape has text keys")
    }

    /// Returns the result of `attempt` at `receiver`.
    #[must_use]
    pub fn new(receiver: EndpointId, attempt: &Attempt) -> Self {
        Self {
            receiver: receiver.0,
            delivered: attempt.outcome.is_delivered(),
            took_ms: u64::try_from(attempt.took.as_millis()).unwrap_or(u64::MAX),
            result: attempt.outcome.to_string(),
        }
    }
}

/// Status of a server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// The program's version.
    pub version: String,
    /// The process id.
    pub pid: u32,
    /// Time since the start in seconds.
    pub uptime_seconds: u64,
    /// When it started. Older servers do not send this field.
    #[serde(default)]
    pub up_since: Option<String>,
    /// Whether the server accepts requests.
    pub ready: bool,
    /// Number of open sockets.
    pub connections: usize,
    /// Number of connected sessions. Older servers do not send this field, nor the two after it.
    #[serde(default)]
    pub sessions: usize,
    /// Number of users with a session.
    #[serde(default)]
    pub users: usize,
    /// Number of database rows that cannot be used and are skipped.
    #[serde(default)]
    pub unreadable_rows: usize,
    /// Number of files that the process has open, if the system reports it.
    pub open_files: Option<u64>,
    /// Maximum number of open files, if limited.
    pub open_files_limit: Option<u64>,
    /// Whether a peer on this machine or in a private network sent `X-Forwarded-For`, and is not in `trusted_proxies`.
    /// Older servers do not send this field.
    #[serde(default)]
    pub unnamed_proxy: bool,
}

/// Keys that verify tokens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keys {
    /// Static keys first.
    pub keys: Vec<Key>,
    /// The identity provider, if the settings name one.
    pub provider: Option<Provider>,
}

impl Keys {
    /// Returns the same as JSON, for programs that read the output of a command.
    ///
    /// # Panics
    /// Never: the shape has text keys.
    #[must_use]
    pub fn to_json(&self) -> Value {
        serde_json::to_value(self).expect("the shape has text keys")
    }
}

/// Key that verifies tokens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Key {
    /// The setting that names it, with its file or URL.
    pub source: String,
    /// Its id at the provider.
    pub kid: Option<String>,
    /// Algorithms of its tokens.
    pub algorithms: Vec<String>,
    /// When it was first seen at the provider.
    pub since: Option<String>,
    /// When the keys of the provider were last refreshed.
    pub refreshed_at: Option<String>,
}

impl Key {
    /// Returns a key; the times are those of its first sight and of the last refresh.
    #[must_use]
    pub fn new(
        source: String,
        kid: Option<String>,
        algorithms: Vec<String>,
        times: [Option<Timestamp>; 2],
    ) -> Self {
        let [since, refreshed_at] = times.map(|at| at.map(|at| at.to_string()));
        Self {
            source,
            kid,
            algorithms,
            since,
            refreshed_at,
        }
    }
}

/// Status of the identity provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provider {
    /// The setting that names it, with its URL or file.
    pub source: String,
    /// Keys in use.
    pub keys: usize,
    /// Why the last refresh failed, if it did.
    pub failure: Option<String>,
}

impl Provider {
    /// Returns the status.
    #[must_use]
    pub const fn new(source: String, keys: usize, failure: Option<String>) -> Self {
        Self {
            source,
            keys,
            failure,
        }
    }
}

/// Change of a call, in the words of the contract.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// Time of the change.
    pub at: String,
    /// The call.
    pub call_id: String,
    /// The caller.
    pub caller_id: String,
    /// The callee.
    pub callee_id: String,
    /// `AUDIO` or `VIDEO`.
    pub call_type: String,
    /// The status after the change.
    pub status: String,
    /// Who made the change: a user, or `system`.
    pub actor: String,
    /// Interface through which it was made.
    pub via: String,
    /// Cause of the change.
    pub cause: String,
    /// Duration of the call, if it was ended.
    pub duration_seconds: Option<u32>,
    /// Reason of the rejection, if it was rejected.
    pub reason: Option<String>,
}

impl Change {
    /// Returns the change of `call` that `entry` describes.
    #[must_use]
    pub fn new(call: &Call, entry: &TimelineEntry) -> Self {
        let reason = match &call.state {
            State::Rejected { reason, .. } => Some(reason.as_str().to_owned()),
            State::Initiating { .. }
            | State::Ringing { .. }
            | State::Connecting { .. }
            | State::Active { .. }
            | State::Ended { .. }
            | State::Missed { .. } => None,
        };
        Self {
            at: entry.at.to_string(),
            call_id: call.id.to_string(),
            caller_id: call.caller.to_string(),
            callee_id: call.callee.to_string(),
            call_type: call.call_type.as_str().to_owned(),
            status: entry.status.to_string(),
            actor: entry.actor.to_string(),
            via: entry.via.as_str().to_owned(),
            cause: entry.cause.as_str().to_owned(),
            duration_seconds: call.state.duration_seconds(),
            reason,
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_end_writes_the_other_reads() {
        for request in [
            Request::Status,
            Request::EndCall {
                call: "0192f0c1-7a4b-7c3d-8e5f-0123456789ab".to_owned(),
            },
            Request::Watch(WatchFilter {
                status: Some("MISSED".to_owned()),
                ..WatchFilter::default()
            }),
            Request::Prune {
                before: "2024-01-15T10:30:00.000Z".to_owned(),
            },
        ] {
            let line = request.to_line();
            assert_eq!(line.lines().count(), 1);
            assert_eq!(Request::read(line.as_bytes()), Ok(request));
        }
        let failed = Answer::Failed {
            message: "no\nsuch call".to_owned(),
        };
        assert_eq!(failed.to_line().lines().count(), 1);
        assert_eq!(Answer::read(&failed.to_line()), Ok(failed));
    }

    #[test]
    fn a_request_of_another_version_is_told_so() {
        let error = Request::read(br#"{"request":"sing"}"#).expect_err("unknown");
        assert!(error.contains("sing"), "{error}");
    }
}
