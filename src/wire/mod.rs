//! Every JSON shape, both directions, converted by hand from the kernel's types. No logic.
//!
//! [`response`] has the responses of REST ([`history`], [`quality`] and [`presence`] for what goes beyond the
//! specification, [`lists`] for whom users have listed, [`agora`] for
//! tokens), [`request`] what it is asked in a body and [`query`] in a URL, [`event`] what the socket
//! says, [`message`] what it is told, [`readiness`] what supervisors are told, [`admin`] what the
//! administrator's commands show, [`webhook`] what receivers of webhooks are sent, [`control`] what commands
//! and the running server say to each other, [`fields`] how a field is read so that a wrong one is named,
//! [`value`] what the fields may hold.

pub mod admin;
pub mod agora;
pub mod availability;
pub mod console;
pub mod control;
mod cursor;
mod error_type;
pub mod event;
pub mod fields;
pub mod history;
pub mod ice;
pub mod lists;
pub mod message;
pub mod presence;
pub mod quality;
pub mod query;
pub mod readiness;
pub mod request;
pub mod response;
pub mod value;
pub mod webhook;

pub use error_type::ErrorType;

use serde::{Serialize, Serializer};

use crate::clock::Timestamp;

/// An instant, as RFC 3339 with milliseconds.
struct Instant(Timestamp);

impl Serialize for Instant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// Anything with a text form, as that text.
struct Text<T>(T);

impl<T: std::fmt::Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// The JSON text of `value`.
fn to_json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("our shapes have text keys and no failing serializers")
}
