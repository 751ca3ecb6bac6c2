//! JSON Schemas of field values for the API documents, made from the kernel's own limits and words. Each has the name
//! by which both documents define it.

mod app;
mod quality;
mod words;

use std::ops::RangeInclusive;

use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::{call, user};

pub use app::{AppData, AppType};
pub use quality::{QualityReport, ReportedQuality};
pub use words::{
    Availability, CallStatus, CallType, Direction, ErrorType, HistoryStatus, MediaRole,
    NetworkQuality, Period, RejectReason, Standing, TargetStatus, WebhookEventType,
    WebhookMessageState, WebhookPauseCause, WebhookSource, WebhookState,
};

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

#[cfg(test)]
mod tests {
    use serde_json::Value;

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
