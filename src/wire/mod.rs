//! JSON formats of all requests, responses and messages, converted by hand from and to the kernel's types. No logic.
//!
//! [`response`] has the responses of REST ([`history`], [`quality`] and [`presence`] for what exceeds the
//! specification, [`lists`] for block lists and contacts, [`agora`] for tokens), [`request`] its request bodies and
//! [`query`] its query parameters, [`event`] the server's WebSocket messages, [`message`] those of clients,
//! [`readiness`] the health check, [`admin`] the output of administrator commands, [`call_report`] its reader, [`webhook`] the webhook messages,
//! [`control`] the control socket, [`server_api`] the API of the team's backend, [`fields`] the validation of fields, [`value`] the schemas of field values.

pub mod admin;
pub mod agora;
pub mod availability;
pub mod call_report;
pub mod console;
pub mod control;
pub mod cursor;
mod error_type;
pub mod event;
pub mod fields;
pub mod history;
pub mod ice;
mod json;
pub mod lists;
pub mod message;
pub mod presence;
pub mod quality;
pub mod query;
pub mod readiness;
pub mod request;
pub mod response;
pub mod server_api;
pub mod value;
pub mod webhook;

pub use error_type::ErrorType;

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::clock::Timestamp;

/// Timestamp as RFC 3339 with milliseconds.
struct Instant(Timestamp);

impl Serialize for Instant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// Value with a text form, serialized as that text.
struct Text<T>(T);

impl<T: std::fmt::Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// Returns JSON of a client or backend exactly as it was sent.
fn raw(json: &str) -> &RawValue {
    serde_json::from_str(json).expect("it is JSON that was read as such")
}

/// Returns the JSON text of `value`.
fn to_json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("our shapes have text keys and no failing serializers")
}
