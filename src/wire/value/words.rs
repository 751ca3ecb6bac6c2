//! Schemas of values that are one of some words.

use serde_json::Value;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;
use utoipa::{PartialSchema, ToSchema};

use super::super::{ErrorType as Word, availability, request};
use super::text;
use crate::call;
use crate::webhook_model::EventType;
use crate::webhook_model::delivery::PauseCause;
use crate::webhook_model::message::State;

/// Voice or video.
pub struct CallType;

impl PartialSchema for CallType {
    fn schema() -> RefOr<Schema> {
        words(
            "What the participants send each other.",
            call::CallType::ALL.map(call::CallType::as_str),
        )
    }
}

impl ToSchema for CallType {}

/// Where a call stands.
pub struct CallStatus;

impl PartialSchema for CallStatus {
    fn schema() -> RefOr<Schema> {
        words(
            "Where a call stands. INITIATING (no device of the callee is connected), RINGING, CONNECTING \
             (accepted) and ACTIVE (media flows) are live; ENDED, REJECTED and MISSED are final.",
            call::Status::ALL.map(call::Status::as_str),
        )
    }
}

impl ToSchema for CallStatus {}

/// A status that a client may set.
pub struct TargetStatus;

impl PartialSchema for TargetStatus {
    fn schema() -> RefOr<Schema> {
        words(
            "A status that a participant may set.",
            request::TARGETS.map(request::target_word),
        )
    }
}

impl ToSchema for TargetStatus {}

/// Whether calls ring for a user.
pub struct Availability;

impl PartialSchema for Availability {
    fn schema() -> RefOr<Schema> {
        words(
            "Whether calls ring for a user. A call to a user who does not want to be disturbed rings nobody, stays \
             INITIATING and is MISSED after the ring timeout.",
            availability::WORDS,
        )
    }
}

impl ToSchema for Availability {
    fn name() -> std::borrow::Cow<'static, str> {
        "AvailabilityStatus".into()
    }
}

/// Whether a user may sign in.
pub struct Standing;

impl PartialSchema for Standing {
    fn schema() -> RefOr<Schema> {
        words(
            "Whether a user may sign in. Tokens of a disabled user are rejected.",
            ["active", "disabled"],
        )
    }
}

impl ToSchema for Standing {}

/// Why a call was rejected.
pub struct RejectReason;

impl PartialSchema for RejectReason {
    fn schema() -> RefOr<Schema> {
        words(
            "Why the callee rejects a call.",
            call::RejectReason::ALL.map(call::RejectReason::as_str),
        )
    }
}

impl ToSchema for RejectReason {}

/// What kind of failure it was.
pub struct ErrorType;

impl PartialSchema for ErrorType {
    fn schema() -> RefOr<Schema> {
        words(
            "What kind of failure it was: a stable word for programs. REST and the socket use the same ones.",
            Word::ALL.map(Word::as_str),
        )
    }
}

impl ToSchema for ErrorType {}

/// How a call went, for one of its participants.
pub struct HistoryStatus;

impl PartialSchema for HistoryStatus {
    fn schema() -> RefOr<Schema> {
        words(
            "How a call went, as its owner sees it: COMPLETED (answered), MISSED, REJECTED, or CANCELLED (given up \
             by the caller, who sees it so; the callee has MISSED it).",
            call::Outcome::ALL.map(call::Outcome::as_str),
        )
    }
}

impl ToSchema for HistoryStatus {}

/// Which way a call went.
pub struct Direction;

impl PartialSchema for Direction {
    fn schema() -> RefOr<Schema> {
        words(
            "Which way a call went, seen from the owner of the history.",
            call::Direction::ALL.map(call::Direction::as_str),
        )
    }
}

impl ToSchema for Direction {}

/// A span of time that ends now.
pub struct Period;

impl PartialSchema for Period {
    fn schema() -> RefOr<Schema> {
        words(
            "A span of time that ends now: 24 hours, 7, 30 or 365 days, or all time.",
            call::Period::ALL.map(call::Period::as_str),
        )
    }
}

impl ToSchema for Period {}

/// How well a network carries a call.
pub struct NetworkQuality;

impl PartialSchema for NetworkQuality {
    fn schema() -> RefOr<Schema> {
        words(
            "How well a participant's network carries the call.",
            call::NetworkQuality::ALL.map(call::NetworkQuality::as_str),
        )
    }
}

impl ToSchema for NetworkQuality {}

/// What a participant may do in a media channel.
pub struct MediaRole;

impl PartialSchema for MediaRole {
    fn schema() -> RefOr<Schema> {
        words(
            "What a participant may do in the media channel.",
            call::MediaRole::ALL.map(call::MediaRole::as_str),
        )
    }
}

impl ToSchema for MediaRole {}

/// Where a webhook endpoint comes from.
pub struct WebhookSource;

impl PartialSchema for WebhookSource {
    fn schema() -> RefOr<Schema> {
        words(
            "Where a webhook endpoint comes from. Only the settings change one of the settings.",
            ["settings", "api"],
        )
    }
}

impl ToSchema for WebhookSource {}

/// State of a webhook endpoint.
pub struct WebhookState;

impl PartialSchema for WebhookState {
    fn schema() -> RefOr<Schema> {
        words(
            "Whether a webhook endpoint accepted its last message. A paused one gets none.",
            ["working", "failing", "paused"],
        )
    }
}

impl ToSchema for WebhookState {}

/// Why a webhook endpoint is paused.
pub struct WebhookPauseCause;

impl PartialSchema for WebhookPauseCause {
    fn schema() -> RefOr<Schema> {
        words(
            "Why a webhook endpoint is paused.",
            PauseCause::ALL.map(PauseCause::as_str),
        )
    }
}

impl ToSchema for WebhookPauseCause {}

/// State of a webhook message at an endpoint.
pub struct WebhookMessageState;

impl PartialSchema for WebhookMessageState {
    fn schema() -> RefOr<Schema> {
        words(
            "State of a webhook message at an endpoint. `given_up`: it failed for a day.",
            State::ALL.map(State::as_str),
        )
    }
}

impl ToSchema for WebhookMessageState {}

/// Type of a webhook event.
pub struct WebhookEventType;

impl PartialSchema for WebhookEventType {
    fn schema() -> RefOr<Schema> {
        words(
            "Type of a webhook event.",
            EventType::ALL.map(EventType::as_str),
        )
    }
}

impl ToSchema for WebhookEventType {}

fn words<const N: usize>(description: &str, words: [&'static str; N]) -> RefOr<Schema> {
    text(description)
        .enum_values(Some(words.map(Value::from)))
        .into()
}
