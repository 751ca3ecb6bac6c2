//! The schemas that both documents define, by name.

use std::collections::BTreeMap;

use utoipa::ToSchema;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::openapi::{Ref, RefOr};

use crate::wire::value;

/// Named schemas.
#[derive(Default)]
pub(super) struct Schemas(BTreeMap<String, RefOr<Schema>>);

impl Schemas {
    /// The values that fields hold.
    pub fn of_values() -> Self {
        Self::default()
            .with::<value::UserId>()
            .with::<value::CallId>()
            .with::<value::ChannelId>()
            .with::<value::CallType>()
            .with::<value::Timestamp>()
            .with::<value::DurationSeconds>()
            .with::<value::RejectReason>()
            .with::<value::ErrorType>()
    }

    /// With the schema of `T` and of all it refers to.
    pub fn with<T: ToSchema>(self) -> Self {
        let mut referred = Vec::new();
        T::schemas(&mut referred);
        let all = referred
            .into_iter()
            .chain([(T::name().into_owned(), T::schema())]);
        all.fold(self, |schemas, (name, schema)| schemas.and(&name, schema))
    }

    /// With `schema`, called `name`.
    pub fn and(mut self, name: &str, schema: RefOr<Schema>) -> Self {
        self.0.insert(name.to_owned(), schema);
        self
    }

    /// All of them.
    pub fn into_map(self) -> BTreeMap<String, RefOr<Schema>> {
        self.0
    }
}

/// A reference to the schema of `T`.
pub(super) fn of<T: ToSchema>() -> RefOr<Schema> {
    named(&T::name())
}

/// A reference to the schema called `name`.
pub(super) fn named(name: &str) -> RefOr<Schema> {
    Ref::from_schema_name(name).into()
}

/// The text `word` and no other.
pub(super) fn constant(word: &str) -> RefOr<Schema> {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some([word]))
        .into()
}
