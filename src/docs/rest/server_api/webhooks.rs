//! Webhook endpoints.

use std::time::Duration;

use serde_json::json;
use utoipa::openapi::Required;
use utoipa::openapi::path::{HttpMethod, Parameter};
use utoipa::openapi::schema::{ObjectBuilder, Type};

use crate::api_key::Scope;
use crate::docs::refusal::Refusal;
use crate::docs::{example, schemas};
use crate::service::{Error, MOST_ENDPOINTS};
use crate::webhook_model::EventType;
use crate::webhook_model::delivery::EndpointId;
use crate::webhook_model::message::{Made, Receiver, Tally};
use crate::wire::server_api::webhooks as shape;
use crate::wire::{request, response, value};

use super::super::{Description, Example, Route, body, path_parameter, success};
use super::{TAG, idempotency_key, key_reused, of_body};

const WEBHOOKS: &str = "/api/server/v1/webhooks";

const SECRET: &str = "whsec_QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=";

pub(super) fn routes() -> Vec<Route> {
    vec![list(), create(), rotate(), remove()]
}

/// The endpoint of the examples, with its secret replaced or not.
fn endpoint(is_rotated: bool) -> Receiver {
    let replaced = example::asked_at().plus(Duration::from_hours(24));
    Receiver {
        id: EndpointId(1),
        url: "https://app.example.com/chattrix".to_owned(),
        failing_since: None,
        pause: None,
        events: vec![EventType::CallInitiated, EventType::AppMessage],
        made: Some(Made {
            at: example::asked_at(),
            secret: SECRET.to_owned(),
            previous: is_rotated.then(|| (SECRET.to_owned(), replaced)),
        }),
    }
}

fn endpoint_id() -> Parameter {
    let id = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .minimum(Some(1));
    path_parameter(
        "webhookId",
        id.into(),
        "1".to_owned(),
        "The endpoint's number (`receiver`), from the list of endpoints.",
    )
}

fn no_endpoint() -> Refusal {
    Refusal::new(
        "endpoint_not_found",
        "There is no such endpoint.",
        Error::EndpointNotFound,
    )
}

fn of_settings() -> Refusal {
    Refusal::new(
        "endpoint_of_settings",
        "The settings name the endpoint: only they change it.",
        Error::EndpointOfSettings(EndpointId(1)),
    )
}

fn list() -> Route {
    const MESSAGE: &str = "Webhook endpoints retrieved successfully";
    let one = endpoint(false);
    let shown = shape::list(MESSAGE, &[(one, Tally::default())]);
    Description {
        tag: TAG,
        id: "listWebhooks",
        summary: "List the webhook endpoints",
        description: "Those that backends made and those of the settings, by number, as `chattrix webhook list --json` prints them.",
        parameters: Vec::new(),
        body: None,
        success: (
            "200",
            success(
                "The endpoints.",
                MESSAGE,
                schemas::of::<shape::EndpointsShape<'_>>(),
                [Example("made", "A backend made one.", example::value(&shown))],
            ),
        ),
        refusals: Vec::new(),
    }
    .for_backends(Scope::Webhooks, HttpMethod::Get, WEBHOOKS)
}

fn create() -> Route {
    const MESSAGE: &str = "Webhook endpoint created successfully";
    let made = shape::secret(MESSAGE, &endpoint(false));
    Description {
        tag: TAG,
        id: "createWebhook",
        summary: "Create a webhook endpoint",
        description: "It receives the events from now on, as an endpoint of the settings does. Only this response has the secret. \
            At most 16 endpoints beside those of the settings.",
        parameters: vec![idempotency_key()],
        body: Some(body::<shape::CreateBody>(
            Required::True,
            [Example(
                "endpoint",
                "An endpoint for two event types.",
                json!({
                    "url": "https://app.example.com/chattrix",
                    "events": ["call.initiated", "app.message"],
                }),
            )],
        )),
        success: (
            "201",
            success(
                "The endpoint and its secret.",
                MESSAGE,
                schemas::of::<shape::SecretShape<'_>>(),
                [Example("created", "A new endpoint.", example::value(&made))],
            ),
        ),
        refusals: [
            of_body(shape::read(br#"{"url":"ftp://app.example.com"}"#, |_| None).expect_err("no URL")),
            vec![
                key_reused(),
                Refusal::new(
                    "endpoint_exists",
                    "There is an endpoint of that URL.",
                    Error::EndpointExists,
                ),
                Refusal::new(
                    "too_many_endpoints",
                    "There are 16 endpoints beside those of the settings.",
                    Error::TooManyEndpoints(MOST_ENDPOINTS),
                ),
            ],
        ]
        .concat(),
    }
    .for_backends(Scope::Webhooks, HttpMethod::Post, WEBHOOKS)
}

fn rotate() -> Route {
    const MESSAGE: &str = "Webhook secret rotated successfully";
    let rotated = shape::secret(MESSAGE, &endpoint(true));
    Description {
        tag: TAG,
        id: "rotateWebhookSecret",
        summary: "Give a webhook endpoint a new secret",
        description: "For a day, each message has a signature of the new secret and one of the secret before. Only this response \
            has the new secret.",
        parameters: vec![endpoint_id(), idempotency_key()],
        body: Some(body::<request::Nothing>(Required::False, [])),
        success: (
            "200",
            success(
                "The endpoint and its new secret.",
                MESSAGE,
                schemas::of::<shape::SecretShape<'_>>(),
                [Example(
                    "rotated",
                    "Both secrets sign for a day.",
                    example::value(&rotated),
                )],
            ),
        ),
        refusals: [
            of_body(request::nothing(b"[]").expect_err("no object")),
            vec![key_reused(), of_settings(), no_endpoint()],
        ]
        .concat(),
    }
    .for_backends(
        Scope::Webhooks,
        HttpMethod::Post,
        "/api/server/v1/webhooks/{webhookId}/rotate",
    )
}

fn remove() -> Route {
    const MESSAGE: &str = "Webhook endpoint deleted successfully";
    let done = response::nothing(MESSAGE);
    Description {
        tag: TAG,
        id: "deleteWebhook",
        summary: "Delete a webhook endpoint",
        description: "Messages that wait for it are deleted with it. An endpoint of the settings cannot be deleted. The number may \
            be used again for an endpoint that is created later.",
        parameters: vec![endpoint_id()],
        body: None,
        success: (
            "200",
            success(
                "The endpoint is deleted.",
                MESSAGE,
                value::nothing(),
                [Example("deleted", "It is deleted.", example::value(&done))],
            ),
        ),
        refusals: vec![of_settings(), no_endpoint()],
    }
    .for_backends(
        Scope::Webhooks,
        HttpMethod::Delete,
        "/api/server/v1/webhooks/{webhookId}",
    )
}
