//! Webhook messages to endpoints, and the responses that endpoints may send.

use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::call::{Actor, CallId, State};
use crate::clock::Timestamp;
use crate::user::{Profile, UserId};
use crate::webhook_model::delivery::Outcome;
use crate::webhook_model::message::{Attempt, SentMessage, Tally, WebhookEndpoint};
use crate::webhook_model::{CallEvent, CalleeSession, EventType, MessageId, Subject, WebhookEvent};

use super::response::{CallShape, CallView};
use super::{Instant, Text, raw, to_json, value};

#[derive(Serialize)]
struct Message<T> {
    #[serde(rename = "type")]
    topic: &'static str,
    timestamp: Instant,
    data: T,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CallData<'a> {
    call: CallShape<'a>,
    caller: UserShape<'a>,
    callee: UserShape<'a>,
    callee_connected: bool,
    callee_sessions: Vec<SessionShape<'a>>,
    callee_availability: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ring_ends_at: Option<Instant>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ring_seconds_left: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_by: Option<Text<&'a Actor>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SessionShape<'a> {
    session_id: &'a str,
    connected_at: Instant,
    responsive: bool,
}

impl<'a> From<&'a CalleeSession> for SessionShape<'a> {
    fn from(session: &'a CalleeSession) -> Self {
        Self {
            session_id: session.id.as_str(),
            connected_at: Instant(session.connected_at),
            responsive: session.responsive,
        }
    }
}

#[derive(Serialize)]
struct UserData<'a> {
    user: UserShape<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AppData<'a> {
    user: UserShape<'a>,
    session_id: &'a str,
    r#type: &'a str,
    data: &'a RawValue,
}

#[derive(Serialize)]
struct UserShape<'a> {
    id: Text<&'a UserId>,
    name: &'a str,
    avatar: Option<&'a str>,
}

impl<'a> From<&'a Profile> for UserShape<'a> {
    fn from(profile: &'a Profile) -> Self {
        Self {
            id: Text(&profile.id),
            name: &profile.name,
            avatar: profile.avatar.as_deref(),
        }
    }
}

impl<'a> CallData<'a> {
    /// Returns the data of an event of type `topic` at `at`.
    fn new(call_event: &'a CallEvent, topic: EventType, at: Timestamp) -> Self {
        let (ring_ends_at, reason, ended_by) = match &call_event.call.state {
            State::Initiating { ring_until } | State::Ringing { ring_until } => {
                (Some(Instant(*ring_until)), None, None)
            }
            State::Rejected { reason, .. } => (None, Some(reason.as_str()), None),
            State::Ended { ended_by, .. } => (None, None, Some(Text(ended_by))),
            State::Connecting { .. } | State::Active { .. } | State::Missed { .. } => {
                (None, None, None)
            }
        };
        let ring_ends = call_event.call.state.deadline();
        let is_unreached = topic == EventType::CallUnreached;
        let ring_left = ring_ends.filter(|_| is_unreached).map(|end| end.since(at));
        Self {
            call: CallShape::new(&call_event.call, CallView::Whole),
            caller: (&call_event.caller).into(),
            callee: (&call_event.callee).into(),
            callee_connected: call_event.callee_connected,
            callee_sessions: call_event.callee_sessions.iter().map(Into::into).collect(),
            callee_availability: call_event.callee_availability.as_str(),
            ring_seconds_left: ring_left.map(|left| left.as_secs()),
            ring_ends_at,
            reason,
            ended_by,
        }
    }
}

/// Returns the body of a webhook.
#[must_use]
pub fn body(announcement: &WebhookEvent) -> String {
    let topic = announcement.topic.as_str();
    let timestamp = Instant(announcement.at);
    match &announcement.subject {
        Subject::Call(call_event) => to_json(&Message {
            topic,
            timestamp,
            data: CallData::new(call_event, announcement.topic, announcement.at),
        }),
        Subject::User(profile) => to_json(&Message {
            topic,
            timestamp,
            data: UserData {
                user: profile.into(),
            },
        }),
        Subject::App {
            user,
            session,
            message,
        } => to_json(&Message {
            topic,
            timestamp,
            data: AppData {
                user: user.into(),
                session_id: session.as_str(),
                r#type: message.kind(),
                data: raw(message.data()),
            },
        }),
    }
}

/// Returns the body of a test webhook, with which an administrator checks the delivery.
#[must_use]
pub fn test_body(now: Timestamp) -> String {
    to_json(&Message {
        topic: "webhook.test",
        timestamp: Instant(now),
        data: serde_json::Map::new(),
    })
}

/// Failure of a request about endpoints if there are none.
pub const NO_ENDPOINTS: &str = "this server has no webhooks: the settings webhook_url and webhooks name their endpoints, \
                                and `chattrix webhook create` makes one";

/// Failure of a request about an endpoint that does not exist.
pub const NO_SUCH_ENDPOINT: &str =
    "there is no such receiver; `chattrix webhook list` shows which there are";

/// Returns the failure of a request about the message `id`, which does not exist.
#[must_use]
pub fn no_such_message(id: &str) -> String {
    format!("there is no message {id}; they are kept for two days")
}

/// A webhook endpoint, as administrators and backends see it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WebhookEndpoint)]
pub(crate) struct EndpointShape<'a> {
    /// Its number.
    receiver: i64,
    /// Its URL; of one in the settings, scheme, host and port only.
    url: &'a str,
    #[schema(value_type = value::WebhookSource)]
    source: &'static str,
    /// Event types that it receives.
    #[schema(value_type = Vec<value::WebhookEventType>)]
    events: Vec<&'static str>,
    #[schema(value_type = value::WebhookState)]
    state: &'static str,
    /// When it first failed since it last accepted a message.
    #[schema(required, value_type = Option<value::Timestamp>)]
    failing_since: Option<Instant>,
    #[schema(required, value_type = Option<value::Timestamp>)]
    paused_at: Option<Instant>,
    #[schema(required, value_type = Option<value::WebhookPauseCause>)]
    pause_cause: Option<&'static str>,
    /// Messages that wait for it, at most 100,000.
    waiting: u64,
    /// When the oldest of their events happened.
    #[schema(required, value_type = Option<value::Timestamp>)]
    waiting_since: Option<Instant>,
    /// When a backend made it; null for one of the settings.
    #[schema(required, value_type = Option<value::Timestamp>)]
    created_at: Option<Instant>,
}

impl<'a> EndpointShape<'a> {
    pub(super) fn new(receiver: &'a WebhookEndpoint, tally: &Tally) -> Self {
        Self {
            receiver: receiver.id.0,
            url: receiver.shown_url(),
            source: source(receiver),
            events: words(receiver),
            state: receiver.standing(),
            failing_since: receiver.failing_since.map(Instant),
            paused_at: receiver.pause.map(|pause| Instant(pause.at)),
            pause_cause: receiver.pause.map(|pause| pause.cause.as_str()),
            waiting: tally.waiting,
            waiting_since: tally.waiting_since.map(Instant),
            created_at: receiver.made.as_ref().map(|made| Instant(made.at)),
        }
    }
}

/// Returns the word for where an endpoint comes from.
const fn source(receiver: &WebhookEndpoint) -> &'static str {
    match receiver.made {
        Some(_) => "api",
        None => "settings",
    }
}

/// Returns the words of the event types that an endpoint receives.
pub(super) fn words(receiver: &WebhookEndpoint) -> Vec<&'static str> {
    let events = receiver.events.iter();
    events.map(|event| event.as_str()).collect()
}

/// Returns an endpoint as administrators see it.
///
/// # Panics
/// Never: the shape has text keys.
#[must_use]
pub fn receiver(receiver: &WebhookEndpoint, tally: &Tally) -> Value {
    let shape = EndpointShape::new(receiver, tally);
    serde_json::to_value(shape).expect("the shape has text keys")
}

/// A webhook message at one endpoint, as administrators and backends see it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WebhookMessage)]
pub(crate) struct SentShape {
    /// Its id, the header `webhook-id`.
    #[schema(value_type = String)]
    id: Text<MessageId>,
    #[serde(rename = "type")]
    #[schema(value_type = value::WebhookEventType)]
    topic: &'static str,
    /// Its call; null for an event of no call.
    #[schema(required, value_type = Option<value::CallId>)]
    call_id: Option<Text<CallId>>,
    /// The number of the endpoint.
    receiver: i64,
    /// When the event happened.
    #[schema(value_type = value::Timestamp)]
    at: Instant,
    #[schema(value_type = value::WebhookMessageState)]
    state: &'static str,
    /// When the next attempt is due, if one is.
    #[schema(required, value_type = Option<value::Timestamp>)]
    next_attempt_at: Option<Instant>,
    /// The attempts, oldest first.
    attempts: Vec<AttemptShape>,
}

/// An attempt to deliver a webhook message.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WebhookAttempt)]
pub(crate) struct AttemptShape {
    #[schema(value_type = value::Timestamp)]
    at: Instant,
    /// Its duration in milliseconds.
    took_ms: u64,
    /// HTTP status of the response; null if there was none.
    #[schema(required)]
    status: Option<u16>,
    /// Why there was no response.
    #[schema(required)]
    failure: Option<String>,
}

impl From<&Attempt> for AttemptShape {
    fn from(attempt: &Attempt) -> Self {
        let (status, failure) = match &attempt.outcome {
            Outcome::Delivered { status } | Outcome::Refused { status } => (Some(*status), None),
            Outcome::Failed { cause } => (None, Some(cause.clone())),
        };
        Self {
            at: Instant(attempt.at),
            took_ms: u64::try_from(attempt.took.as_millis()).unwrap_or(u64::MAX),
            status,
            failure,
        }
    }
}

impl From<&SentMessage> for SentShape {
    fn from(sent: &SentMessage) -> Self {
        Self {
            id: Text(sent.id),
            topic: sent.topic.as_str(),
            call_id: sent.call.map(Text),
            receiver: sent.receiver.0,
            at: Instant(sent.at),
            state: sent.state.as_str(),
            next_attempt_at: sent.due.map(Instant),
            attempts: sent.attempts.iter().map(AttemptShape::from).collect(),
        }
    }
}

/// Returns a message with all its attempts, as administrators see it.
///
/// # Panics
/// Never: the shape has text keys.
#[must_use]
pub fn sent(sent: &SentMessage) -> Value {
    serde_json::to_value(SentShape::from(sent)).expect("the shape has text keys")
}

/// Whether an endpoint's response reports that it has woken the callee's device.
#[must_use]
pub fn says_delivered(answer: &[u8]) -> bool {
    serde_json::from_slice::<Value>(answer).is_ok_and(|answer| answer["delivered"] == true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_delivered_true_says_that_a_device_was_woken() {
        assert!(says_delivered(b"{\"delivered\": true, \"to\": 2}"));
        for other in [
            "",
            "true",
            "{}",
            "{\"delivered\": \"true\"}",
            "{\"delivered\": false}",
            "{\"delivered\": true",
            "[{\"delivered\": true}]",
        ] {
            assert!(!says_delivered(other.as_bytes()), "{other}");
        }
    }
}
