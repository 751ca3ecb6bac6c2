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
use crate::webhook_model::delivery::{EndpointId, Outcome, PauseCause};
use crate::webhook_model::message::{
    Attempt, Made, Pause, SentMessage, State, Tally, WebhookEndpoint,
};
use crate::webhook_model::{EventType, MessageId};
use crate::wire::control::Tested;
use crate::wire::query::Parameters;
use crate::wire::server_api::webhooks as shape;
use crate::wire::webhook::EndpointShape;

use super::super::{
    Description, Example, Route, body, created, empty_body, nothing, path_parameter,
    query_parameter, success,
};
use super::{
    TAG, idempotency_key, key_reused, of_body, of_empty_body, page_parameters, wrong_parameter,
};

const WEBHOOKS: &str = "/api/server/v1/webhooks";

const SECRET: &str = "whsec_QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=";

pub(super) fn routes() -> Vec<Route> {
    vec![
        list(),
        create(),
        update(),
        rotate(),
        test(),
        remove(),
        messages(),
        retry(),
        retry_all(),
    ]
}

/// The endpoint of the examples, with its secret replaced or not.
fn endpoint(is_rotated: bool) -> WebhookEndpoint {
    let replaced = example::asked_at().plus(Duration::from_hours(24));
    WebhookEndpoint {
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
        success: success(
                "The endpoints.",
                MESSAGE,
                schemas::of::<shape::EndpointsShape<'_>>(),
                [Example("made", "A backend made one.", example::value(&shown))],
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
        success: created(
                "The endpoint and its secret.",
                MESSAGE,
                schemas::of::<shape::SecretShape<'_>>(),
                [Example("created", "A new endpoint.", example::value(&made))],
            ),
        refusals: [
            of_body(shape::read(b"{}", |_| None).expect_err("no URL")),
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
        body: Some(empty_body()),
        success: success(
                "The endpoint and its new secret.",
                MESSAGE,
                schemas::of::<shape::SecretShape<'_>>(),
                [Example(
                    "rotated",
                    "Both secrets sign for a day.",
                    example::value(&rotated),
                )],
            ),
        refusals: [
            of_empty_body(),
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
    Description {
        tag: TAG,
        id: "deleteWebhook",
        summary: "Delete a webhook endpoint",
        description: "Messages that wait for it are deleted with it. An endpoint of the settings cannot be deleted. The number may \
            be used again for an endpoint that is created later.",
        parameters: vec![endpoint_id()],
        body: None,
        success: nothing("The endpoint is deleted.", MESSAGE, "deleted", "It is deleted."),
        refusals: vec![of_settings(), no_endpoint()],
    }
    .for_backends(
        Scope::Webhooks,
        HttpMethod::Delete,
        "/api/server/v1/webhooks/{webhookId}",
    )
}

fn update() -> Route {
    const MESSAGE: &str = "Webhook endpoint updated successfully";
    let mut paused = endpoint(false);
    paused.pause = Some(Pause {
        at: example::asked_at(),
        cause: PauseCause::Administrator,
    });
    let shown = shape::one(MESSAGE, &paused, &Tally::default());
    Description {
        tag: TAG,
        id: "updateWebhook",
        summary: "Pause or resume a webhook endpoint",
        description: "An endpoint of the settings too. A paused endpoint gets no messages; they wait, and expire after a day.",
        parameters: vec![endpoint_id()],
        body: Some(body::<shape::UpdateBody>(
            Required::True,
            [Example("pause", "Pause it.", json!({ "paused": true }))],
        )),
        success: success(
                "The endpoint.",
                MESSAGE,
                schemas::of::<EndpointShape<'_>>(),
                [Example("paused", "It is paused.", example::value(&shown))],
            ),
        refusals: [
            of_body(shape::read_update(b"{}").expect_err("no field")),
            vec![no_endpoint()],
        ]
        .concat(),
    }
    .for_backends(
        Scope::Webhooks,
        HttpMethod::Patch,
        "/api/server/v1/webhooks/{webhookId}",
    )
}

fn test() -> Route {
    const MESSAGE: &str = "Webhook endpoint tested";
    let tested = |outcome: Outcome| {
        let attempt = Attempt {
            at: example::asked_at(),
            took: Duration::from_millis(48),
            outcome,
        };
        example::value(&shape::tested(
            MESSAGE,
            &Tested::new(EndpointId(1), &attempt),
        ))
    };
    Description {
        tag: TAG,
        id: "testWebhook",
        summary: "Send a test message to a webhook endpoint",
        description: "Sends a message of type `webhook.test` once and waits for the response, for at most the setting \
            `webhook_timeout`.",
        parameters: vec![endpoint_id(), idempotency_key()],
        body: Some(empty_body()),
        success: success(
                "The result.",
                MESSAGE,
                schemas::of::<Tested>(),
                [
                    Example("delivered", "It was accepted.", tested(Outcome::of_status(200))),
                    Example("rejected", "It was not accepted.", tested(Outcome::of_status(503))),
                ],
            ),
        refusals: [
            of_empty_body(),
            vec![key_reused(), no_endpoint()],
        ]
        .concat(),
    }
    .for_backends(
        Scope::Webhooks,
        HttpMethod::Post,
        "/api/server/v1/webhooks/{webhookId}/test",
    )
}

/// The id of the message of the examples.
fn message_id() -> MessageId {
    MessageId::from_uuid(uuid::Uuid::from_u128(
        0x0192_f0c1_7a4b_7c3d_8e5f_0123_4567_89ab,
    ))
}

fn messages() -> Route {
    const MESSAGE: &str = "Webhook messages retrieved successfully";
    let sent = SentMessage {
        receiver: EndpointId(1),
        id: message_id(),
        topic: EventType::CallInitiated,
        call: Some(example::call_id()),
        at: example::asked_at(),
        state: State::Delivered,
        due: None,
        attempts: vec![Attempt {
            at: example::asked_at(),
            took: Duration::from_millis(48),
            outcome: Outcome::of_status(200),
        }],
    };
    let [limit, cursor] = page_parameters();
    let wrong: Parameters<'_> = [("state", "lost")].into_iter().collect();
    let state = ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(State::ALL.map(State::as_str)));
    Description {
        tag: TAG,
        id: "listWebhookMessages",
        summary: "List webhook messages",
        description: "Newest first, one item for each endpoint of a message, as `chattrix webhook list --messages --json` prints \
            them. Messages are kept for two days.",
        parameters: vec![
            query_parameter("state", state, "Only messages in this state."),
            limit,
            cursor,
        ],
        body: None,
        success: success(
                "A page of messages.",
                MESSAGE,
                schemas::of::<shape::MessagesShape>(),
                [Example(
                    "page",
                    "One message was delivered.",
                    example::value(&shape::messages(MESSAGE, &[sent], false)),
                )],
            ),
        refusals: vec![wrong_parameter(
            wrong.webhook_messages().expect_err("no state"),
        )],
    }
    .for_backends(
        Scope::Webhooks,
        HttpMethod::Get,
        "/api/server/v1/webhooks/messages",
    )
}

fn retry() -> Route {
    const MESSAGE: &str = "Webhook message is sent again";
    let id = ObjectBuilder::new().schema_type(Type::String);
    let id = path_parameter(
        "messageId",
        id.into(),
        message_id().to_string(),
        "The message's id, from the list of messages.",
    );
    Description {
        tag: TAG,
        id: "retryWebhookMessage",
        summary: "Send a webhook message again",
        description: "To each endpoint that it was for, delivered or not.",
        parameters: vec![id, idempotency_key()],
        body: Some(empty_body()),
        success: nothing("The message is due.", MESSAGE, "due", "It is due."),
        refusals: [
            of_empty_body(),
            vec![
                key_reused(),
                Refusal::new(
                    "message_not_found",
                    "There is no such message.",
                    Error::MessageNotFound,
                ),
            ],
        ]
        .concat(),
    }
    .for_backends(
        Scope::Webhooks,
        HttpMethod::Post,
        "/api/server/v1/webhooks/messages/{messageId}/retry",
    )
}

fn retry_all() -> Route {
    const MESSAGE: &str = "Webhook messages are sent again";
    let retried = shape::retried(MESSAGE, 1);
    Description {
        tag: TAG,
        id: "retryWebhookMessages",
        summary: "Send all undelivered webhook messages again",
        description: "Those that wait for another attempt, and those that were given up.",
        parameters: vec![idempotency_key()],
        body: Some(empty_body()),
        success: success(
            "The messages are due.",
            MESSAGE,
            schemas::of::<shape::RetriedShape>(),
            [Example("due", "One is due.", example::value(&retried))],
        ),
        refusals: [of_empty_body(), vec![key_reused()]].concat(),
    }
    .for_backends(
        Scope::Webhooks,
        HttpMethod::Post,
        "/api/server/v1/webhooks/retry",
    )
}
