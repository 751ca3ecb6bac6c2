//! Connected sessions, and deliveries of events to them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

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
