//! Schemas of network quality, as participants report it.

use serde_json::Value;
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Schema, SchemaType, Type};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

use super::NetworkQuality;
use crate::call;

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

/// What a participant reports of its network: the fields that `request::quality` reads.
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
