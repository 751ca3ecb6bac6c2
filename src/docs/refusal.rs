//! The failures that a route documents, each with the answer that it gives.

use std::collections::BTreeMap;

use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::schema::{AllOfBuilder, ObjectBuilder, Schema, Type};
use utoipa::openapi::{ContentBuilder, Ref, RefOr};

use crate::api_key::Scope;
use crate::call::{Action, CallError, Status};
use crate::guard::ApiError;
use crate::service::Error;
use crate::wire::ErrorType;
use crate::wire::response::Failure;

use super::{example, schemas};

use std::time::Duration;

/// Error response: its name among the examples, its condition, and its body.
#[derive(Clone)]
pub(super) struct Refusal {
    name: &'static str,
    when: &'static str,
    problem: ApiError,
}

impl Refusal {
    /// The failure `problem`.
    pub fn new(name: &'static str, when: &'static str, problem: impl Into<ApiError>) -> Self {
        Self {
            name,
            when,
            problem: problem.into(),
        }
    }

    /// Missing or invalid token.
    fn unauthenticated() -> Self {
        Self::new(
            "unauthenticated",
            "There is no token, or it is malformed, expired, not yet valid, wrongly signed, or of a user who is \
             unknown or disabled. On the server API: there is no API key, or it is unknown, expired or revoked.",
            ErrorType::Unauthenticated,
        )
    }

    /// Too many requests.
    fn rate_limited() -> Self {
        Self::new(
            "rate_limited",
            "Too many requests: the setting `request_rate` per user, `auth_failure_rate` per address for bad \
             tokens, `initiate_rate` for calls, and `server_api_rate` per API key.",
            ApiError::rate_limited(Duration::from_secs(6)),
        )
    }

    /// A page of a foreign origin.
    fn origin_not_allowed() -> Self {
        Self::new(
            "origin_not_allowed",
            "A browser asks for a page of another origin, which the setting `allowed_origins` does not list.",
            ErrorType::OriginNotAllowed,
        )
    }

    /// Internal error.
    fn service_error() -> Self {
        Self::new(
            "service_error",
            "Anything unexpected. The cause is in the server's log, under the answer's `X-Request-Id`.",
            ErrorType::ServiceError,
        )
    }

    /// The server stops, or is overloaded.
    pub fn unavailable() -> Self {
        Self::new(
            "unavailable",
            "The server is stopping, or has too much to write. Repeat the request after `Retry-After`.",
            ApiError::unavailable("The server is stopping"),
        )
    }

    /// A body over its limit.
    pub fn body_too_large() -> Self {
        Self::new(
            "body_too_large",
            "The body is too long.",
            ApiError::of_status(rocket::http::Status::PayloadTooLarge),
        )
    }

    /// A compressed body.
    pub fn content_encoding() -> Self {
        Self::new(
            "content_encoding",
            "The body is compressed.",
            ApiError::of_status(rocket::http::Status::UnsupportedMediaType),
        )
    }

    /// A body that is not JSON.
    pub fn malformed() -> Self {
        let error = crate::wire::request::reject(b"{\"reason\":").expect_err("half an object");
        Self::new("malformed", "The body is no JSON.", error)
    }

    /// A call that does not exist.
    pub fn call_not_found() -> Self {
        Self::new(
            "call_not_found",
            "There is no such call, or its id is no UUID.",
            Error::CallNotFound,
        )
    }

    /// User who is not a participant of the call.
    pub fn not_a_participant() -> Self {
        Self::new(
            "not_a_participant",
            "The user is not a participant of this call.",
            Error::Refused(CallError::NotAParticipant),
        )
    }

    /// User who is not the callee.
    pub fn not_the_callee() -> Self {
        Self::new(
            "not_the_callee",
            "The user is not the callee of this call.",
            Error::Refused(CallError::NotTheCallee),
        )
    }

    /// A call in the wrong status.
    pub fn invalid_status(when: &'static str, action: Action, status: Status) -> Self {
        Self::new(
            "invalid_status",
            when,
            Error::Refused(CallError::InvalidStatus { action, status }),
        )
    }

    /// Returns the name of the response that the documents define for all routes, if it is one of those.
    fn shared_as(&self) -> Option<&'static str> {
        match self.name {
            "unauthenticated" => Some("Unauthenticated"),
            "rate_limited" => Some("RateLimited"),
            "service_error" => Some("ServiceError"),
            "unavailable" => Some("Unavailable"),
            _ => None,
        }
    }
}

/// Returns the errors of a route of signed-in users, with its own `refusals`.
pub(super) fn of_signed_in(refusals: Vec<Refusal>) -> Vec<Refusal> {
    let before = [
        Refusal::unauthenticated(),
        Refusal::rate_limited(),
        Refusal::origin_not_allowed(),
    ];
    let after = [Refusal::service_error(), Refusal::unavailable()];
    before.into_iter().chain(refusals).chain(after).collect()
}

/// Returns the errors of a route of backends with `scope`, with its own `refusals`.
pub(super) fn of_backend(scope: Scope, refusals: Vec<Refusal>) -> Vec<Refusal> {
    let before = [
        Refusal::unauthenticated(),
        Refusal::rate_limited(),
        Refusal::new(
            "backend_not_allowed",
            "The client's address is not in the setting `server_api_allow`.",
            ApiError::backend_not_allowed(),
        ),
        Refusal::new(
            "missing_scope",
            "The API key does not have the scope of this route.",
            ApiError::missing_scope(scope),
        ),
    ];
    let after = [Refusal::service_error(), Refusal::unavailable()];
    before.into_iter().chain(refusals).chain(after).collect()
}

/// Returns the responses that all routes share, by the names under which they are defined.
pub(super) fn shared() -> impl Iterator<Item = (String, Response)> {
    of_signed_in(Vec::new())
        .into_iter()
        .filter_map(|refusal| Some((refusal.shared_as()?.to_owned(), response(&[refusal]))))
}

/// Returns the responses for `refusals`, by status.
pub(super) fn responses(refusals: Vec<Refusal>) -> BTreeMap<String, RefOr<Response>> {
    let mut by_status: BTreeMap<u16, Vec<Refusal>> = BTreeMap::new();
    for refusal in refusals {
        let of_status = by_status.entry(refusal.problem.status().code).or_default();
        of_status.push(refusal);
    }
    by_status
        .into_iter()
        .map(|(status, refusals)| (status.to_string(), shared_or_own(&refusals)))
        .collect()
}

fn shared_or_own(refusals: &[Refusal]) -> RefOr<Response> {
    match refusals {
        [one] if let Some(name) = one.shared_as() => Ref::from_response_name(name).into(),
        _ => response(refusals).into(),
    }
}

/// Returns the response of one status, with an example of each error.
fn response(refusals: &[Refusal]) -> Response {
    let examples = refusals.iter().map(|refusal| {
        let example = ExampleBuilder::new()
            .summary(refusal.when)
            .value(Some(example::value(&refusal.problem.body())));
        (refusal.name, example)
    });
    let content = ContentBuilder::new()
        .schema(Some(schema(refusals)))
        .examples_from_iter(examples)
        .build();
    let words: Vec<_> = words(refusals)
        .iter()
        .map(|word| format!("`{word}`"))
        .collect();
    let response = ResponseBuilder::new()
        .description(words.join(", "))
        .header_ref("X-Request-Id", header("XRequestId"))
        .content("application/json", content);
    let status = refusals
        .first()
        .map_or(0, |refusal| refusal.problem.status().code);
    match status {
        401 => response.header_ref("WWW-Authenticate", header("WwwAuthenticate")),
        429 | 503 => response.header_ref("Retry-After", header("RetryAfter")),
        _ => response,
    }
    .build()
}

/// Returns the schema of the envelope, with these error words only.
fn schema(refusals: &[Refusal]) -> RefOr<Schema> {
    let narrowed = ObjectBuilder::new().property(
        "errorType",
        ObjectBuilder::new()
            .schema_type(Type::String)
            .enum_values(Some(words(refusals))),
    );
    AllOfBuilder::new()
        .item(schemas::of::<Failure<'_>>())
        .item(narrowed)
        .into()
}

/// Returns the error words, each once.
fn words(refusals: &[Refusal]) -> Vec<&'static str> {
    let mut words = Vec::new();
    for refusal in refusals {
        let word = refusal.problem.error_type().as_str();
        if !words.contains(&word) {
            words.push(word);
        }
    }
    words
}

fn header(name: &str) -> Ref {
    Ref::new(format!("#/components/headers/{name}"))
}
