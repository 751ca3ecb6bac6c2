//! What commands and the running server say to each other on the control socket: a request in one line of
//! JSON, then answers, a line each. Both ends are this program, so one set of shapes is read and written.

use serde::{Deserialize, Serialize};

use crate::call::{Call, State, TimelineEntry};
use crate::clock::Timestamp;
use crate::webhook_model::delivery::EndpointId;
use crate::webhook_model::message::Attempt;

use super::to_json;

/// What a command asks: the one line that it sends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "snake_case")]
pub enum Request {
    /// How the server is. Answered with [`Answer::Status`].
    Status,
    /// End a call. Answered with [`Answer::Done`].
    EndCall {
        /// The call's id.
        call: String,
    },
    /// Show how the events of a call were delivered. Answered with [`Answer::Delivered`].
    Delivery {
        /// The call's id.
        call: String,
    },
    /// Put two users into each other's contacts. Answered with [`Answer::Done`].
    AddContacts {
        /// The two.
        users: [String; 2],
    },
    /// Take two users out of each other's contacts. Answered with [`Answer::Done`].
    RemoveContacts {
        /// The two.
        users: [String; 2],
    },
    /// List the keys that verify tokens. Answered with [`Answer::Keys`].
    Keys,
    /// Read accounts again: a command has changed some. Answered with [`Answer::Done`].
    ReloadUsers,
    /// Read the settings again. Answered with [`Answer::Reloaded`].
    Reload,
    /// Do something about webhooks.
    Webhooks(Webhooks),
    /// Tell of every change of a call from now on. Answered with [`Answer::Watching`], then with
    /// [`Answer::Change`] and [`Answer::Missed`] until either side leaves.
    Watch(WatchFilter),
    /// Forget the calls that were over before an instant. Answered with [`Answer::Forgetting`] now and then,
    /// and with [`Answer::Forgotten`] at the end; it stops where the command leaves.
    Prune {
        /// The instant.
        before: String,
    },
}

/// Which changes a command is told: those for which all of it holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WatchFilter {
    /// Only those after which the call is live.
    pub live: bool,
    /// Only of calls of this user.
    pub user: Option<String>,
    /// Only to this status.
    pub status: Option<String>,
    /// Only of calls of this type.
    pub call_type: Option<String>,
}

/// What a command asks of webhooks; of all receivers where none is named by its number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Webhooks {
    /// Leave it alone. Answered with [`Answer::Counted`].
    Pause {
        /// The receiver.
        receiver: Option<i64>,
    },
    /// Tell it again. Answered with [`Answer::Counted`].
    Resume {
        /// The receiver.
        receiver: Option<i64>,
    },
    /// Send a message again, delivered or not: [`Answer::Done`]. Or all that wait for another attempt or were
    /// given up: [`Answer::Counted`].
    Retry {
        /// The message's id.
        message: Option<String>,
    },
    /// Send something without consequence. Answered with [`Answer::Tested`].
    Test {
        /// The receiver.
        receiver: Option<i64>,
    },
}

/// What the server answers: one line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Answer {
    /// How the server is.
    Status(Status),
    /// It is done.
    Done,
    /// The settings were read again.
    Reloaded(Reloaded),
    /// Deliveries of the events of a call, if it is a recent one.
    Delivered {
        /// The events, in the order in which they were sent.
        events: Vec<Delivered>,
    },
    /// The keys that verify tokens.
    Keys(Keys),
    /// Changes follow.
    Watching,
    /// A call has changed.
    Change(Change),
    /// Changes came faster than they were read.
    Missed {
        /// How many were left out.
        changes: u64,
    },
    /// So many calls are forgotten so far; more follow.
    Forgetting {
        /// The calls.
        calls: u64,
    },
    /// What there was to forget is forgotten.
    Forgotten {
        /// The calls.
        calls: u64,
        /// Entries of their participants' histories.
        entries: u64,
    },
    /// It is done, to so many.
    Counted {
        /// How many.
        count: usize,
    },
    /// What came of a test of webhooks.
    Tested {
        /// For each receiver.
        receivers: Vec<Tested>,
    },
    /// It was not done.
    Failed {
        /// Why, as a sentence for the administrator.
        message: String,
    },
}

/// Delivery of an event to a user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Delivered {
    /// The type of the event.
    #[serde(rename = "type")]
    pub kind: String,
    /// The user.
    pub user_id: String,
    /// When it happened.
    pub at: String,
    /// `pending`, `confirmed` if a session has confirmed it, or `expired` if none has in 5 minutes.
    pub status: DeliveryStatus,
    /// The sessions that it was sent to, or is waiting for.
    pub sessions: Vec<DeliveredTo>,
}

/// Status of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryStatus {
    /// No session has confirmed the event.
    Pending,
    /// A session has confirmed it.
    Confirmed,
    /// No session has confirmed it in time.
    Expired,
}

/// Delivery of an event to a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeliveredTo {
    /// The session.
    pub session_id: String,
    /// When it was first sent.
    pub sent_at: Option<String>,
    /// On how many connections it was sent.
    pub times_sent: u32,
    /// When the session confirmed it.
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
    /// Why.
    pub reason: String,
}

/// What came of a test of a receiver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tested {
    /// Its number.
    pub receiver: i64,
    /// Whether it took the message.
    pub delivered: bool,
    /// How long that took, in milliseconds.
    pub took_ms: u64,
    /// What it answered, or why it did not.
    pub result: String,
}

impl Tested {
    /// The same for programs that read what a command prints.
    ///
    /// # Panics
    /// Never: the shape has text keys.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::to_value(self).expect("the shape has text keys")
    }

    /// The outcome of `attempt` at `receiver`.
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

/// How a server is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// The program's version.
    pub version: String,
    /// The process.
    pub pid: u32,
    /// How long it has run, in seconds.
    pub uptime_seconds: u64,
    /// Whether requests are served.
    pub ready: bool,
    /// Sockets that are open.
    pub connections: usize,
    /// Files that the process has open, where the system tells.
    pub open_files: Option<u64>,
    /// How many it may have open, where that is limited.
    pub open_files_limit: Option<u64>,
    /// Whether a peer on this machine or in a private network sent `X-Forwarded-For`, and is not in
    /// `trusted_proxies`. Servers before this was told do not say.
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
    /// Returns the same as JSON, for programs that read what a command prints.
    ///
    /// # Panics
    /// Never: the shape has text keys.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
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
    /// Makes a key; the times are those of its first sight and of the last refresh.
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
    /// Makes a status.
    #[must_use]
    pub const fn new(source: String, keys: usize, failure: Option<String>) -> Self {
        Self {
            source,
            keys,
            failure,
        }
    }
}

/// A change of a call, with the words of the contract.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// When.
    pub at: String,
    /// The call.
    pub call_id: String,
    /// Who called.
    pub caller_id: String,
    /// Who was called.
    pub callee_id: String,
    /// `AUDIO` or `VIDEO`.
    pub call_type: String,
    /// The status from then on.
    pub status: String,
    /// Who brought it about: a user, or `system`.
    pub actor: String,
    /// By which way.
    pub via: String,
    /// By what.
    pub cause: String,
    /// How long the call lasted, where it was ended.
    pub duration_seconds: Option<u32>,
    /// Why it was rejected, where it was.
    pub reason: Option<String>,
}

impl Change {
    /// The change of `call` that `entry` tells of.
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
    /// The request as a line.
    #[must_use]
    pub fn to_line(&self) -> String {
        to_json(self) + "\n"
    }

    /// The request that `line` spells.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(line: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(line)
            .map_err(|error| format!("this server does not understand the command: {error}"))
    }
}

impl Answer {
    /// The answer as a line.
    #[must_use]
    pub fn to_line(&self) -> String {
        to_json(self) + "\n"
    }

    /// The answer that `line` spells.
    ///
    /// # Errors
    /// What is wrong with it.
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
