//! Schemas of messages between the apps and the team's backend.

use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaType};
use utoipa::{PartialSchema, ToSchema};

use super::text;

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
