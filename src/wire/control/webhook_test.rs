//! Results of webhook tests.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::webhook_model::delivery::EndpointId;
use crate::webhook_model::message::Attempt;

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
