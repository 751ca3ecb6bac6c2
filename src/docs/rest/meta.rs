//! What is not about calls: the documents themselves, the way to the socket, and what supervisors ask.

use serde_json::Value;
use utoipa::openapi::path::{HttpMethod, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::response::Response;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{ContentBuilder, Required};

use crate::docs::refusal::Refusal;
use crate::docs::{example, schemas};
use crate::guard::ApiError;
use crate::wire::ErrorType;
use crate::wire::readiness::{Database, Readiness, Sweeper};

use super::{Description, Example, Route, answer, named};

pub(super) fn routes() -> Vec<Route> {
    vec![socket(), openapi(), asyncapi(), alive(), ready(), metrics()]
}

fn socket() -> Route {
    Description {
        tag: "Socket",
        id: "openSocket",
        summary: "Open the socket",
        description: "Upgrades to WebSocket (RFC 6455). What is said there stands in the AsyncAPI document, \
            `/api/asyncapi.json`.",
        parameters: vec![token()],
        body: None,
        success: ("101", answer("The connection is a WebSocket from here on.").build()),
        refusals: vec![Refusal::new(
            "invalid_request",
            "The request is no WebSocket handshake.",
            ApiError::no_handshake(),
        )],
    }
    .for_users(HttpMethod::Get, "/ws/chat")
}

fn openapi() -> Route {
    document(
        "getOpenApi",
        "Get this document",
        "OpenAPI 3.1: the REST interface.",
        "/api/openapi.json",
    )
}

fn asyncapi() -> Route {
    document(
        "getAsyncApi",
        "Get the socket's document",
        "AsyncAPI 3.0: the socket's messages.",
        "/api/asyncapi.json",
    )
}

fn document(
    id: &'static str,
    summary: &'static str,
    description: &'static str,
    path: &'static str,
) -> Route {
    let content = ContentBuilder::new()
        .schema(Some(ObjectBuilder::new().schema_type(Type::Object)))
        .build();
    Description {
        tag: "Documents",
        id,
        summary,
        description,
        parameters: Vec::new(),
        body: None,
        success: (
            "200",
            answer("The document.")
                .content("application/json", content)
                .build(),
        ),
        refusals: Vec::new(),
    }
    .for_everybody(HttpMethod::Get, path)
}

fn alive() -> Route {
    Description {
        tag: "Supervision",
        id: "isAlive",
        summary: "Is the process alive?",
        description: "For supervisors that restart a process that does not answer.",
        parameters: Vec::new(),
        body: None,
        success: ("200", text("It is.", "ok\n")),
        refusals: Vec::new(),
    }
    .for_everybody(HttpMethod::Get, "/healthz")
}

fn ready() -> Route {
    let ready = readiness();
    let stopping = Readiness {
        status: "stopping",
        ..ready.clone()
    };
    let mut route = Description {
        tag: "Supervision",
        id: "isReady",
        summary: "Does the server take requests?",
        description: "For load balancers: the database can be read and written, the sweeper is alive, there is room \
            for writes, and the server is not stopping.",
        parameters: Vec::new(),
        body: None,
        success: (
            "200",
            state("It does.", Example("ready", "All is well.", example::value(&ready.to_json()))),
        ),
        refusals: Vec::new(),
    }
    .for_everybody(HttpMethod::Get, "/readyz");
    let not_ready = state(
        "It does not, and what is in the way.",
        Example(
            "stopping",
            "The server is stopping.",
            example::value(&stopping.to_json()),
        ),
    );
    let responses = &mut route.operation.responses.responses;
    responses.insert("503".to_owned(), not_ready.into());
    route
}

/// A server that has just started.
const fn readiness() -> Readiness {
    Readiness {
        status: "ready",
        version: env!("CARGO_PKG_VERSION"),
        uptime_seconds: 0,
        database: Database {
            readable: true,
            writable: true,
            unreadable_rows: 0,
        },
        sweeper: Sweeper {
            alive: true,
            late_ms: 0,
        },
        queue_depth: 0,
        identity_provider: None,
        webhooks: Vec::new(),
    }
}

fn state(description: &str, example: Example) -> Response {
    let content = ContentBuilder::new()
        .schema(Some(schemas::of::<Readiness>()))
        .examples_from_iter(named([example]))
        .build();
    answer(description)
        .content("application/json", content)
        .build()
}

fn metrics() -> Route {
    Description {
        tag: "Supervision",
        id: "getMetrics",
        summary: "What is counted and measured",
        description: "Prometheus' text format, version 0.0.4, for the addresses of the setting `metrics_allow` \
            (loopback). No user and no call is named in it.",
        parameters: Vec::new(),
        body: None,
        success: (
            "200",
            text(
                "The metrics.",
                concat!("chattrix_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1\n"),
            ),
        ),
        refusals: vec![Refusal::new(
            "address_not_allowed",
            "The address is not in `metrics_allow`.",
            ErrorType::AddressNotAllowed,
        )],
    }
    .for_everybody(HttpMethod::Get, "/metrics")
}

fn text(description: &str, text: &str) -> Response {
    let content = ContentBuilder::new()
        .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
        .example(Some(Value::from(text)))
        .build();
    answer(description).content("text/plain", content).build()
}

fn token() -> Parameter {
    ParameterBuilder::new()
        .name("token")
        .parameter_in(ParameterIn::Query)
        .required(Required::False)
        .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
        .description(Some(
            "The token, for browsers, which cannot set headers on a socket. An `Authorization: Bearer` header does \
             as well.",
        ))
        .build()
}
