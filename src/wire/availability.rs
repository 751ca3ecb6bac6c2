//! Availability (do not disturb) in REST requests and responses.

use serde::Serialize;
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::user::Availability;

use super::fields::{Fields, ValidationError};
use super::request::json;
use super::response::success;
use super::{Instant, value};

/// Words of `status`.
pub const WORDS: [&str; 2] = ["available", "do_not_disturb"];

/// The body of `PUT /v1/users/me/availability`.
#[derive(ToSchema)]
#[schema(as = SetAvailability)]
pub(crate) struct SetAvailability {
    /// Whether calls ring.
    #[schema(value_type = value::Availability)]
    status: &'static str,
    /// When do not disturb ends by itself, in the future; without it, when the user sets `available`. Only with
    /// `do_not_disturb`.
    #[schema(value_type = Option<value::Timestamp>)]
    until: Option<Timestamp>,
}

/// Whether calls ring for the user.
#[derive(Serialize, ToSchema)]
#[schema(as = Availability)]
pub(crate) struct AvailabilityShape {
    /// Whether calls ring.
    #[schema(value_type = value::Availability)]
    status: &'static str,
    /// When do not disturb ends by itself; null if it does not, or if calls ring.
    #[schema(required, value_type = Option<value::Timestamp>)]
    until: Option<Instant>,
}

/// Reads the body of `PUT /v1/users/me/availability`.
///
/// # Errors
/// [`ValidationError`] if a field is wrong, or if `until` comes with `available`.
pub fn read(body: &[u8]) -> Result<Availability, ValidationError> {
    const UNTIL: &str = "an instant such as 2024-01-15T18:00:00Z, or nothing";
    let body = json(body)?;
    let fields = Fields::of(&body, "body")?;
    let SetAvailability { status, until } = SetAvailability {
        status: fields.one_of("status", &WORDS, |word| word)?,
        until: fields.optional("until", UNTIL, |value| {
            value.as_str().and_then(Timestamp::parse)
        })?,
    };
    match (status == Availability::Available.as_str(), until) {
        (true, None) => Ok(Availability::Available),
        (true, Some(_)) => Err(ValidationError(
            "until: expected only with the status do_not_disturb".to_owned(),
        )),
        (false, until) => Ok(Availability::DoNotDisturb { until }),
    }
}

/// Returns the success `message` with an availability.
#[must_use]
pub fn shown(message: &str, availability: Availability) -> String {
    let until = match availability {
        Availability::Available => None,
        Availability::DoNotDisturb { until } => until,
    };
    let shown = AvailabilityShape {
        status: availability.as_str(),
        until: until.map(Instant),
    };
    success(message, shown)
}
