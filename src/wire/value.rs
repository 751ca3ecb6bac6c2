//! JSON Schemas of field values for the API documents, made from the kernel's own limits and words. Each has the name
//! by which both documents define it.

use std::ops::RangeInclusive;

use serde_json::Value;
use utoipa::openapi::schema::{
    KnownFormat, ObjectBuilder, OneOfBuilder, Schema, SchemaFormat, SchemaType, Type,
};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

use crate::webhook_model::EventType;
use crate::webhook_model::delivery::PauseCause;
use crate::webhook_model::message::State;
use crate::{call, user};

use super::{ErrorType as Word, availability, request};

/// A user's id.
pub struct UserId;

impl PartialSchema for UserId {
    fn schema() -> RefOr<Schema> {
        text("User id: the `sub` of your identity provider. Percent-encoded in paths.")
            .min_length(Some(1))
            .max_length(Some(user::UserId::MAX_LENGTH))
            .pattern(Some("^[!-~]+$"))
            .examples(["user-789"])
            .into()
    }
}

impl ToSchema for UserId {}

/// Who ended a call.
pub struct Actor;

impl PartialSchema for Actor {
    fn schema() -> RefOr<Schema> {
        text(
            "The id of the user who did it, or `system`: the server's own limits, or an administrator.",
        )
        .min_length(Some(1))
        .max_length(Some(user::UserId::MAX_LENGTH))
        .examples(["user-789", "system"])
        .into()
    }
}

impl ToSchema for Actor {}

/// A call's id.
pub struct CallId;

impl PartialSchema for CallId {
    fn schema() -> RefOr<Schema> {
        text("A call's id: a UUIDv7, lower case.")
            .format(Some(SchemaFormat::Custom("uuid".to_owned())))
            .examples(["018d0ca6-5bc0-7abc-8def-0123456789ab"])
            .into()
    }
}

impl ToSchema for CallId {}

/// The name of a media channel.
pub struct ChannelId;

impl PartialSchema for ChannelId {
    fn schema() -> RefOr<Schema> {
        text("The media channel that both participants join: what an Agora channel may be called.")
            .min_length(Some(1))
            .max_length(Some(call::ChannelId::MAX_LENGTH))
            .pattern(Some(r"^[A-Za-z0-9 !#$%&()+\-:;<=.>?@\[\]^_{}|~,]+$"))
            .examples(["agora-channel-456"])
            .into()
    }
}

impl ToSchema for ChannelId {}

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

/// A length of time.
pub struct DurationSeconds;

impl PartialSchema for DurationSeconds {
    fn schema() -> RefOr<Schema> {
        whole_number(
            "A length of time in whole seconds.",
            0..=i32::MAX.unsigned_abs(),
        )
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int32)))
        .examples([125])
        .into()
    }
}

impl ToSchema for DurationSeconds {}

/// An instant.
pub struct Timestamp;

impl PartialSchema for Timestamp {
    fn schema() -> RefOr<Schema> {
        text("An instant: RFC 3339 in UTC with milliseconds.")
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            .pattern(Some(r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$"))
            .examples(["2024-01-15T10:30:00.123Z"])
            .into()
    }
}

impl ToSchema for Timestamp {}

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

/// Returns the schema of a value that is always true.
pub(crate) fn yes() -> RefOr<Schema> {
    boolean(true)
}

/// Returns the schema of a value that is always false.
pub(crate) fn no() -> RefOr<Schema> {
    boolean(false)
}

/// Returns the schema of a value that is always null.
pub(crate) fn nothing() -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(Type::Null).into()
}

fn boolean(value: bool) -> RefOr<Schema> {
    ObjectBuilder::new()
        .schema_type(Type::Boolean)
        .enum_values(Some([value]))
        .into()
}

/// The name of an entry in a history.
pub struct HistoryEntryId;

impl PartialSchema for HistoryEntryId {
    fn schema() -> RefOr<Schema> {
        text("The name of an entry in a history: it means something to its owner alone.")
            .pattern(Some("^[0-9a-f-]{36}-(in|out)$"))
            .examples(["018d0cab-c440-7abc-8def-0123456789ab-out"])
            .into()
    }
}

impl ToSchema for HistoryEntryId {}

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

/// Type of a message between the apps and the team's backend.
pub struct AppType;

impl PartialSchema for AppType {
    fn schema() -> RefOr<Schema> {
        text("`app.` and a name of your own.")
            .min_length(Some(5))
            .max_length(Some(64))
            .pattern(Some(r"^app\.[A-Za-z0-9._-]+$"))
            .examples(["app.chat"])
            .into()
    }
}

impl ToSchema for AppType {}

/// Content of a message between the apps and the team's backend.
pub struct AppData;

impl PartialSchema for AppData {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::AnyValue)
            .description(Some(
                "Any JSON, passed on as it was sent. An event of a backend may have 32 KiB, a message of an app the \
                 setting `max_message_bytes`.",
            ))
            .into()
    }
}

impl ToSchema for AppData {}

/// A level as participants report it.
pub struct ReportedQuality;

impl PartialSchema for ReportedQuality {
    fn schema() -> RefOr<Schema> {
        let agora = (0..=u8::MAX)
            .filter(|number| call::NetworkQuality::of_agora((*number).into()).is_some())
            .map(Value::from);
        let number = ObjectBuilder::new()
            .schema_type(Type::Integer)
            .enum_values(Some(agora))
            .description(Some(
                "Agora's number: 0 unknown, 1 excellent to 5 very bad, 6 down (VERY_BAD), 8 detecting (UNKNOWN).",
            ));
        OneOfBuilder::new()
            .item(Ref::from_schema_name(NetworkQuality::name()))
            .item(number)
            .description(Some("The level as a word, or as Agora's number for it."))
            .into()
    }
}

impl ToSchema for ReportedQuality {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((
            NetworkQuality::name().into_owned(),
            NetworkQuality::schema(),
        ));
    }
}

/// What a participant reports of its network: the fields that [`request::quality`] reads.
pub struct QualityReport;

impl PartialSchema for QualityReport {
    fn schema() -> RefOr<Schema> {
        Self::fields(ObjectBuilder::new()).into()
    }
}

impl ToSchema for QualityReport {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((
            ReportedQuality::name().into_owned(),
            ReportedQuality::schema(),
        ));
        ReportedQuality::schemas(schemas);
    }
}

impl QualityReport {
    /// Adds the fields of a report to `object`.
    pub(crate) fn fields(object: ObjectBuilder) -> ObjectBuilder {
        let number = |description: &str| {
            ObjectBuilder::new()
                .schema_type(SchemaType::from_iter([Type::Number, Type::Null]))
                .minimum(Some(0))
                .description(Some(description))
        };
        let loss = number("The share of packets lost, from 0 to 1, where it was measured.");
        let round_trip =
            number("Milliseconds to the other end and back, where they were measured.");
        object
            .property(
                "networkQuality",
                Ref::from_schema_name(ReportedQuality::name()),
            )
            .property("packetLossRate", loss.maximum(Some(1)))
            .property("roundTripTime", round_trip)
            .required("networkQuality")
    }
}

fn text(description: &str) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some(description))
}

fn whole_number(description: &str, range: RangeInclusive<u32>) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::Integer)
        .minimum(Some(*range.start()))
        .maximum(Some(*range.end()))
        .description(Some(description))
}

fn words<const N: usize>(description: &str, words: [&'static str; N]) -> RefOr<Schema> {
    text(description)
        .enum_values(Some(words.map(Value::from)))
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn validator<T: PartialSchema>() -> jsonschema::Validator {
        let schema = serde_json::to_value(T::schema()).expect("a schema is JSON");
        jsonschema::validator_for(&schema).expect("the schema is valid")
    }

    #[test]
    fn the_documents_allow_the_ids_that_are_taken_and_no_others() {
        let (documented_user, documented_channel) =
            (validator::<UserId>(), validator::<ChannelId>());
        let ascii = (0..=127_u8).map(char::from).map(String::from);
        let lengths = [0, 1, 64, 65, 255, 256].map(|length| "x".repeat(length));
        for id in ascii
            .chain(lengths)
            .chain(["é".to_owned(), "a\n".to_owned()])
        {
            let documented = documented_user.is_valid(&Value::from(id.as_str()));
            assert_eq!(documented, user::UserId::parse(&id).is_some(), "{id:?}");
            let documented = documented_channel.is_valid(&Value::from(id.as_str()));
            assert_eq!(documented, call::ChannelId::parse(&id).is_some(), "{id:?}");
        }
    }
}
