//! The REST routes, one function each: what is asked, what is answered.

mod agora;
mod calls;
mod history;
mod ice;
mod lists;
mod meta;
mod quality;
pub(super) mod server_api;
mod users;

use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::path::{
    HttpMethod, Operation, OperationBuilder, Parameter, ParameterBuilder, ParameterIn,
};
use utoipa::openapi::request_body::{RequestBody, RequestBodyBuilder};
use utoipa::openapi::response::{Response, ResponseBuilder, ResponsesBuilder};
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Required};

use crate::api_key::Scope;
use crate::wire::{request, response, value};

use super::refusal::{self, Refusal};
use super::{example, schemas};

/// The name of the security scheme of API keys.
pub(super) const API_KEY: &str = "apiKey";

/// A route.
#[derive(Clone)]
pub(super) struct Route {
    pub method: HttpMethod,
    pub path: &'static str,
    pub operation: Operation,
}

/// Status and response of a success.
type Success = (&'static str, Response);

/// Documentation of a route.
struct Description {
    tag: &'static str,
    id: &'static str,
    summary: &'static str,
    description: &'static str,
    parameters: Vec<Parameter>,
    body: Option<RequestBody>,
    success: Success,
    refusals: Vec<Refusal>,
}

/// All routes, in the order of the document.
pub(super) fn routes() -> Vec<Route> {
    [
        calls::routes(),
        quality::routes(),
        history::routes(),
        users::routes(),
        lists::routes(),
        ice::routes(),
        agora::routes(),
        server_api::routes(),
        meta::routes(),
    ]
    .concat()
}

impl Description {
    /// The route for signed-in users.
    fn for_users(self, method: HttpMethod, path: &'static str) -> Route {
        let refusals = refusal::of_signed_in(self.refusals.clone());
        Route {
            method,
            path,
            operation: self.operation(refusals).build(),
        }
    }

    /// The route for backends whose API key has `scope`.
    fn for_backends(self, scope: Scope, method: HttpMethod, path: &'static str) -> Route {
        let refusals = refusal::of_backend(scope, self.refusals.clone());
        let key = SecurityRequirement::new(API_KEY, [scope.as_str()]);
        let operation = self.operation(refusals).securities(Some([key]));
        Route {
            method,
            path,
            operation: operation.build(),
        }
    }

    /// The route for everybody, without a token.
    fn for_everybody(self, method: HttpMethod, path: &'static str) -> Route {
        let refusals = self.refusals.clone();
        let operation = self.operation(refusals).securities(Some([]));
        Route {
            method,
            path,
            operation: operation.build(),
        }
    }

    fn operation(self, refusals: Vec<Refusal>) -> OperationBuilder {
        let (status, success) = self.success;
        let responses = ResponsesBuilder::new()
            .response(status, success)
            .responses_from_iter(refusal::responses(refusals));
        OperationBuilder::new()
            .tag(self.tag)
            .operation_id(Some(self.id))
            .summary(Some(self.summary))
            .description(Some(self.description))
            .parameters((!self.parameters.is_empty()).then_some(self.parameters))
            .request_body(self.body)
            .responses(responses)
    }
}

/// Example: its name, its summary, and its JSON.
struct Example(&'static str, &'static str, Value);

/// A body with these examples.
fn body<T: ToSchema>(
    required: Required,
    examples: impl IntoIterator<Item = Example>,
) -> RequestBody {
    let content = ContentBuilder::new()
        .schema(Some(schemas::of::<T>()))
        .examples_from_iter(named(examples))
        .build();
    RequestBodyBuilder::new()
        .content("application/json", content)
        .required(Some(required))
        .description(Some("JSON of at most 16 KiB. Unknown fields are ignored."))
        .build()
}

/// A body without fields, which may be missing.
fn empty_body() -> RequestBody {
    let empty = Example(
        "empty",
        "An empty object. The body may also be missing.",
        json!({}),
    );
    body::<request::Nothing>(Required::False, [empty])
}

/// Returns status 200 with the envelope of a success: the message `message` and `data`. The examples are whole responses.
fn success(
    description: &str,
    message: &str,
    data: RefOr<Schema>,
    examples: impl IntoIterator<Item = Example>,
) -> Success {
    let envelope = ObjectBuilder::new()
        .property("success", value::yes())
        .property("message", schemas::constant(message))
        .property("data", data)
        .required("success")
        .required("message")
        .required("data");
    let content = ContentBuilder::new()
        .schema(Some(envelope))
        .examples_from_iter(named(examples))
        .build();
    let response = answer(description).content("application/json", content);
    ("200", response.build())
}

/// Returns the same with status 201.
fn created(
    description: &str,
    message: &str,
    data: RefOr<Schema>,
    examples: impl IntoIterator<Item = Example>,
) -> Success {
    ("201", success(description, message, data, examples).1)
}

/// Returns status 200 with a success without data. Its example has this name and summary.
fn nothing(description: &str, message: &str, name: &'static str, summary: &'static str) -> Success {
    let done = example::value(&response::nothing(message));
    success(
        description,
        message,
        value::nothing(),
        [Example(name, summary, done)],
    )
}

fn answer(description: &str) -> ResponseBuilder {
    ResponseBuilder::new()
        .description(description)
        .header_ref("X-Request-Id", Ref::new("#/components/headers/XRequestId"))
}

fn named(
    examples: impl IntoIterator<Item = Example>,
) -> impl Iterator<Item = (&'static str, ExampleBuilder)> {
    examples.into_iter().map(|Example(name, summary, value)| {
        (
            name,
            ExampleBuilder::new().summary(summary).value(Some(value)),
        )
    })
}

/// Returns the path parameter of a call.
fn call_id() -> Parameter {
    path_parameter(
        "callId",
        schemas::of::<value::CallId>(),
        example::call_id().to_string(),
        "The call's id.",
    )
}

/// Returns a path parameter.
fn path_parameter(
    name: &str,
    schema: RefOr<Schema>,
    example: String,
    description: &str,
) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .schema(Some(schema))
        .example(Some(Value::from(example)))
        .description(Some(description))
        .build()
}

/// Returns a query parameter.
fn query_parameter(name: &str, schema: impl Into<RefOr<Schema>>, description: &str) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Query)
        .required(Required::False)
        .schema(Some(schema))
        .description(Some(description))
        .build()
}

/// Returns the header by which the server recognises a repeated request.
fn idempotency_key(example: &str, description: &str) -> Parameter {
    let key = ObjectBuilder::new()
        .schema_type(Type::String)
        .min_length(Some(1))
        .max_length(Some(64))
        .pattern(Some("^[!-~]+$"));
    ParameterBuilder::new()
        .name("Idempotency-Key")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .schema(Some(key))
        .example(Some(Value::from(example)))
        .description(Some(description))
        .build()
}
