//! Schemas of values that are one of some words.

use std::borrow::Cow;

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

/// Defines types of the schemas with their names, descriptions and words.
macro_rules! schemas {
    ($($(#[$doc:meta])* $type:ident $(as $name:literal)?: $description:literal, $words:expr;)*) => {$(
        $(#[$doc])*
        pub struct $type;

        impl PartialSchema for $type {
            fn schema() -> RefOr<Schema> {
                words($description, $words)
            }
        }

        impl ToSchema for $type {
            $(fn name() -> Cow<'static, str> {
                $name.into()
            })?
        }
    )*};
}

schemas! {
    /// Voice or video.
    CallType:
        "What the participants send each other.",
        call::CallType::ALL.map(call::CallType::as_str);
    /// Where a call stands.
    CallStatus:
        "Where a call stands. INITIATING (no device of the callee is connected), RINGING, CONNECTING \
         (accepted) and ACTIVE (media flows) are live; ENDED, REJECTED and MISSED are final.",
        call::Status::ALL.map(call::Status::as_str);
    /// A status that a client may set.
    TargetStatus:
        "A status that a participant may set.",
        request::TARGETS.map(request::target_word);
    /// Whether calls ring for a user.
    Availability as "AvailabilityStatus":
        "Whether calls ring for a user. A call to a user who does not want to be disturbed rings nobody, stays \
         INITIATING and is MISSED after the ring timeout.",
        availability::WORDS;
    /// Whether a user may sign in.
    Standing:
        "Whether a user may sign in. Tokens of a disabled user are rejected.",
        ["active", "disabled"];
    /// Why a call was rejected.
    RejectReason:
        "Why the callee rejects a call.",
        call::RejectReason::ALL.map(call::RejectReason::as_str);
    /// What kind of failure it was.
    ErrorType:
        "What kind of failure it was: a stable word for programs. REST and the socket use the same ones.",
        Word::ALL.map(Word::as_str);
    /// How a call went, for one of its participants.
    HistoryStatus:
        "How a call went, as its owner sees it: COMPLETED (answered), MISSED, REJECTED, or CANCELLED (given up \
         by the caller, who sees it so; the callee has MISSED it).",
        call::Outcome::ALL.map(call::Outcome::as_str);
    /// Which way a call went.
    Direction:
        "Which way a call went, seen from the owner of the history.",
        call::Direction::ALL.map(call::Direction::as_str);
    /// A span of time that ends now.
    Period:
        "A span of time that ends now: 24 hours, 7, 30 or 365 days, or all time.",
        call::Period::ALL.map(call::Period::as_str);
    /// How well a network carries a call.
    NetworkQuality:
        "How well a participant's network carries the call.",
        call::NetworkQuality::ALL.map(call::NetworkQuality::as_str);
    /// What a participant may do in a media channel.
    MediaRole:
        "What a participant may do in the media channel.",
        call::MediaRole::ALL.map(call::MediaRole::as_str);
    /// Where a webhook endpoint comes from.
    WebhookSource:
        "Where a webhook endpoint comes from. Only the settings change one of the settings.",
        ["settings", "api"];
    /// State of a webhook endpoint.
    WebhookState:
        "Whether a webhook endpoint accepted its last message. A paused one gets none.",
        ["working", "failing", "paused"];
    /// Why a webhook endpoint is paused.
    WebhookPauseCause:
        "Why a webhook endpoint is paused.",
        PauseCause::ALL.map(PauseCause::as_str);
    /// State of a webhook message at an endpoint.
    WebhookMessageState:
        "State of a webhook message at an endpoint. `given_up`: it failed for a day.",
        State::ALL.map(State::as_str);
    /// Type of a webhook event.
    WebhookEventType:
        "Type of a webhook event.",
        EventType::ALL.map(EventType::as_str);
}

fn words<const N: usize>(description: &str, words: [&'static str; N]) -> RefOr<Schema> {
    text(description)
        .enum_values(Some(words.map(Value::from)))
        .into()
}
