//! `/api/server/v1`: the routes of the team's own backend.

mod calls;
mod events;
mod lists;
mod sessions;
mod status;
mod users;
mod webhooks;

use serde_json::json;
use utoipa::ToSchema;
use utoipa::openapi::path::Parameter;
use utoipa::openapi::request_body::{RequestBody, RequestBodyBuilder};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{ContentBuilder, Required};

use crate::docs::refusal::Refusal;
use crate::docs::{example, schemas};
use crate::guard::ApiError;
use crate::service::Error;
use crate::user::{AccountStatus, User};
use crate::wire::fields::ValidationError;
use crate::wire::query::{LONGEST_PAGE, PAGE};
use crate::wire::{request, value};

use super::{Example, Route, named, path_parameter, query_parameter};

/// Tag of the routes.
pub(in crate::docs) const TAG: &str = "Server API";

pub(super) fn routes() -> Vec<Route> {
    [
        users::routes(),
        lists::routes(),
        sessions::routes(),
        events::routes(),
        calls::routes(),
        status::routes(),
        webhooks::routes(),
    ]
    .concat()
}

/// The user of the examples: John Doe.
fn john(standing: AccountStatus) -> User {
    User {
        profile: example::caller(),
        standing,
    }
}

/// The user in a path.
fn user_id(id: &str) -> Parameter {
    path_parameter(
        "userId",
        schemas::of::<value::UserId>(),
        id.to_owned(),
        "The user's id.",
    )
}

/// The parameters of pages.
fn page_parameters() -> [Parameter; 2] {
    let limit = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .minimum(Some(1))
        .maximum(Some(LONGEST_PAGE))
        .default(Some(PAGE.into()));
    let text = ObjectBuilder::new().schema_type(Type::String);
    [
        query_parameter("limit", limit, "Maximum number of items on the page."),
        query_parameter(
            "cursor",
            text,
            "The `nextCursor` of the page before; absent or empty for the first page.",
        ),
    ]
}

/// A parameter of the query that is `true` or `false`.
fn switch(name: &str, description: &str) -> Parameter {
    let schema = ObjectBuilder::new()
        .schema_type(Type::Boolean)
        .default(Some(json!(false)));
    query_parameter(name, schema, description)
}

/// A parameter of the query that is an instant.
fn instant(name: &str, description: &str) -> Parameter {
    query_parameter(name, schemas::of::<value::Timestamp>(), description)
}

/// The header by which a repetition is recognised.
fn idempotency_key() -> Parameter {
    super::idempotency_key(
        "7f1c2b9e-request",
        "Makes repeating safe: the same request with the same API key and this key gets the same answer within \
         24 hours and changes nothing. Use a new key for each new request.",
    )
}

/// A body of at most 8 MiB.
fn large_body<T: ToSchema>(examples: impl IntoIterator<Item = Example>) -> RequestBody {
    body_up_to::<T>("8 MiB", examples)
}

/// A body of at most `limit`.
fn body_up_to<T: ToSchema>(
    limit: &str,
    examples: impl IntoIterator<Item = Example>,
) -> RequestBody {
    let content = ContentBuilder::new()
        .schema(Some(schemas::of::<T>()))
        .examples_from_iter(named(examples))
        .build();
    RequestBodyBuilder::new()
        .content("application/json", content)
        .required(Some(Required::True))
        .description(Some(format!(
            "JSON of at most {limit}. Unknown fields are ignored."
        )))
        .build()
}

/// The refusals of a body of 16 KiB of which `wrong` is an example.
fn of_body(wrong: ValidationError) -> Vec<Refusal> {
    vec![
        Refusal::malformed(),
        wrong_body(wrong),
        Refusal::body_too_large(),
        Refusal::content_encoding(),
    ]
}

/// The refusals of a body without fields.
fn of_empty_body() -> Vec<Refusal> {
    of_body(request::nothing(b"[]").expect_err("no object"))
}

/// The refusals of a body of 8 MiB of which `wrong` is an example.
fn of_large_body(wrong: ValidationError) -> Vec<Refusal> {
    of_body_up_to("8 MiB", wrong)
}

/// The refusals of a body of at most `limit` of which `wrong` is an example.
fn of_body_up_to(limit: &str, wrong: ValidationError) -> Vec<Refusal> {
    vec![
        Refusal::malformed(),
        wrong_body(wrong),
        Refusal::new(
            "batch_too_large",
            "The body is too long.",
            ApiError::too_large(&format!("body: expected at most {limit}")),
        ),
        Refusal::content_encoding(),
    ]
}

fn wrong_body(wrong: ValidationError) -> Refusal {
    Refusal::new("wrong_body", "The body is not as specified.", wrong)
}

/// The refusal of a parameter.
fn wrong_parameter(wrong: ValidationError) -> Refusal {
    Refusal::new("wrong_parameter", "A parameter is not as specified.", wrong)
}

/// The refusal of a reused `Idempotency-Key`.
fn key_reused() -> Refusal {
    Refusal::new(
        "key_reused",
        "The `Idempotency-Key` came with another request within the last 24 hours.",
        Error::RequestKeyReused,
    )
}

/// The refusal of an unknown user.
fn no_user() -> Refusal {
    Refusal::new(
        "user_not_found",
        "There is no such user.",
        Error::UserNotFound(example::nobody()),
    )
}
