//! Webhook endpoints.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::webhook_model::EventType;
use crate::webhook_model::message::{Receiver, Tally};
use crate::wire::fields::{Fields, ValidationError};
use crate::wire::request::json;
use crate::wire::response::success;
use crate::wire::webhook::{EndpointShape, words};
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
pub fn list(message: &str, endpoints: &[(Receiver, Tally)]) -> String {
    let items = endpoints.iter();
    let shape = EndpointsShape {
        items: items
            .map(|(one, tally)| EndpointShape::new(one, tally))
            .collect(),
        next_cursor: None,
    };
    success(message, shape)
}

/// Returns the success `message` with an endpoint that a backend made and its secret.
#[must_use]
pub fn secret(message: &str, endpoint: &Receiver) -> String {
    let made = endpoint.made.as_ref();
    let previous = made.and_then(|made| made.previous.as_ref());
    let shape = SecretShape {
        receiver: endpoint.id.0,
        url: &endpoint.url,
        events: words(endpoint),
        secret: made.map_or("", |made| &made.secret),
        previous_secret_until: previous.map(|(_, until)| Instant(*until)),
    };
    success(message, shape)
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
