//! Webhook endpoints.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::webhook_model::delivery::EndpointId;
use crate::webhook_model::message::{SentMessage, Tally, WebhookEndpoint};
use crate::webhook_model::{EventType, MessageId};
use crate::wire::control::Tested;
use crate::wire::fields::{Fields, ValidationError};
use crate::wire::request::json;
use crate::wire::response::success;
use crate::wire::webhook::{EndpointShape, SentShape, words};
use crate::wire::{Instant, value};

/// Expected form of the URL of an endpoint, for messages.
const URL: &str = "a URL of https or http with a host, without a user or a fragment; a private address only with the \
                   setting webhook_allow_private";

/// The webhook endpoints.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WebhookEndpoints)]
pub(crate) struct EndpointsShape<'a> {
    /// The endpoints, by number.
    items: Vec<EndpointShape<'a>>,
    /// Always null: the list has one page.
    #[schema(required)]
    next_cursor: Option<String>,
}

/// A webhook endpoint with its secret, which no other response has.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WebhookSecret)]
pub(crate) struct SecretShape<'a> {
    /// Its number.
    receiver: i64,
    /// Its URL.
    url: &'a str,
    /// Event types that it receives.
    #[schema(value_type = Vec<value::WebhookEventType>)]
    events: Vec<&'static str>,
    /// The secret that signs its messages: `whsec_` and base64.
    secret: &'a str,
    /// Until when the secret before signs too; null for a new endpoint.
    #[schema(required, value_type = Option<value::Timestamp>)]
    previous_secret_until: Option<Instant>,
}

/// Webhook messages, each at one endpoint.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WebhookMessages)]
pub(crate) struct MessagesShape {
    /// The messages, newest first.
    items: Vec<SentShape>,
    /// `cursor` of the next page; null on the last one.
    #[schema(required)]
    next_cursor: Option<String>,
}

/// Number of deliveries that are due again.
#[derive(Serialize, ToSchema)]
#[schema(as = RetriedWebhooks)]
pub(crate) struct RetriedShape {
    /// The deliveries.
    retried: usize,
}

/// The body of `PATCH /webhooks/{webhookId}`.
#[derive(ToSchema)]
#[schema(as = UpdateWebhook)]
#[expect(dead_code, reason = "for the document alone")]
pub(crate) struct UpdateBody {
    /// Whether the endpoint gets no messages. They wait, for at most a day.
    paused: bool,
}

/// The body of `POST /webhooks`.
#[derive(ToSchema)]
#[schema(as = CreateWebhook)]
#[expect(dead_code, reason = "for the document alone")]
pub(crate) struct CreateBody {
    /// The URL of the endpoint: `https` or `http`.
    #[schema(format = "uri")]
    url: String,
    /// Event types that it receives; those of the setting `webhook_events` if absent.
    #[schema(value_type = Option<Vec<value::WebhookEventType>>, min_items = 1)]
    events: Option<Vec<String>>,
}

/// Returns the success `message` with `endpoints` and what waits for each.
#[must_use]
pub fn list(message: &str, endpoints: &[(WebhookEndpoint, Tally)]) -> String {
    let items = endpoints.iter();
    let shape = EndpointsShape {
        items: items
            .map(|(one, tally)| EndpointShape::new(one, tally))
            .collect(),
        next_cursor: None,
    };
    success(message, shape)
}

/// Returns the success `message` with an endpoint and what waits for it.
#[must_use]
pub fn one(message: &str, endpoint: &WebhookEndpoint, tally: &Tally) -> String {
    success(message, EndpointShape::new(endpoint, tally))
}

/// Returns the success `message` with a page of messages, and the cursor of the next page if there is one.
#[must_use]
pub fn messages(message: &str, page: &[SentMessage], has_more: bool) -> String {
    let last = page.last().filter(|_| has_more);
    let shape = MessagesShape {
        items: page.iter().map(SentShape::from).collect(),
        next_cursor: last.map(|last| format!("{}.{}", last.id, last.receiver)),
    };
    success(message, shape)
}

/// Returns the success `message` with how many deliveries are due again.
#[must_use]
pub fn retried(message: &str, retried: usize) -> String {
    success(message, RetriedShape { retried })
}

/// Returns the success `message` with the result of a test.
#[must_use]
pub fn tested(message: &str, tested: &Tested) -> String {
    success(message, tested)
}

impl<'a> SecretShape<'a> {
    fn new(endpoint: &'a WebhookEndpoint) -> Self {
        let made = endpoint.made.as_ref();
        let previous = made.and_then(|made| made.previous.as_ref());
        Self {
            receiver: endpoint.id.0,
            url: &endpoint.url,
            events: words(endpoint),
            secret: made.map_or("", |made| &made.secret),
            previous_secret_until: previous.map(|(_, until)| Instant(*until)),
        }
    }
}

/// Returns the success `message` with an endpoint that a backend made and its secret.
#[must_use]
pub fn secret(message: &str, endpoint: &WebhookEndpoint) -> String {
    success(message, SecretShape::new(endpoint))
}

/// Returns an endpoint that the settings do not name, with its secret, for an administrator.
///
/// # Panics
/// Never: the shape has text keys.
#[must_use]
pub fn with_secret(endpoint: &WebhookEndpoint) -> Value {
    serde_json::to_value(SecretShape::new(endpoint)).expect("the shape has text keys")
}

/// Reads the body of `PATCH /webhooks/{webhookId}`: whether the endpoint is paused.
pub fn read_update(body: &[u8]) -> Result<bool, ValidationError> {
    let body = json(body)?;
    Fields::of(&body, "body")?.read("paused", "true or false", Value::as_bool)
}

/// Returns the message and the endpoint that the `cursor` of a page of messages names.
#[must_use]
pub fn cursor(text: &str) -> Option<(MessageId, EndpointId)> {
    let (id, receiver) = text.rsplit_once('.')?;
    Some((MessageId::parse(id)?, EndpointId(receiver.parse().ok()?)))
}

/// Reads the body of `POST /webhooks`: the URL, which `parse_url` reads, and the event types.
pub fn read(
    body: &[u8],
    parse_url: impl FnOnce(&str) -> Option<String>,
) -> Result<(String, Option<Vec<EventType>>), ValidationError> {
    let body = json(body)?;
    let fields = Fields::of(&body, "body")?;
    let url = fields.parsed("url", URL, parse_url)?;
    let all = EventType::ALL.map(EventType::as_str).join(", ");
    let expected = format!("a list of {all}, or nothing");
    let event = |value: &Value| value.as_str().and_then(EventType::parse);
    let events = fields.optional("events", &expected, |value| {
        let events: Option<Vec<_>> = value.as_array()?.iter().map(event).collect();
        events.filter(|events| !events.is_empty())
    })?;
    Ok((url, events))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_endpoints_are_named() {
        let url = |text: &str| text.starts_with("https:").then(|| text.to_owned());
        for (body, named) in [
            ("{}", "url is missing: expected a URL"),
            (r#"{"url":"ftp://a"}"#, "url: expected a URL"),
            (
                r#"{"url":"https://a","events":[]}"#,
                "events: expected a list of call.initiated",
            ),
            (
                r#"{"url":"https://a","events":["call"]}"#,
                "events: expected a list of",
            ),
            (
                r#"{"url":"https://a","events":"*"}"#,
                "events: expected a list of",
            ),
        ] {
            let ValidationError(message) = read(body.as_bytes(), url).expect_err(named);
            assert!(message.starts_with(named), "{message}");
        }
        let body = br#"{"url":"https://a","events":["call.ended","call.ended"]}"#;
        let (_, events) = read(body, url).expect("an endpoint");
        assert_eq!(events, Some(vec![EventType::CallEnded; 2]));
    }
}
