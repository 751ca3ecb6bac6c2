//! Webhook endpoints.

use rocket::http::uri::Origin;
use rocket::response::content::RawJson;
use rocket::{Route, State, delete, get, patch, post, routes};

use crate::api_key::Scope;
use crate::guard::{ApiError, Backend};
use crate::http::Answer;
use crate::http::body::Body;
use crate::http::history::parameters;
use crate::service::{Error, NewEndpoint, Reply, Service};
use crate::settings::webhook_url;
use crate::webhook::{self, Webhooks};
use crate::webhook_model::MessageId;
use crate::webhook_model::delivery::EndpointId;
use crate::webhook_model::message::WebhookEndpoint;
use crate::wire::control::Tested;
use crate::wire::server_api::webhooks as shape;
use crate::wire::{request, response};

use super::{StatusAnswer, answered};

pub(super) fn routes() -> Vec<Route> {
    routes![
        list, create, update, rotate, test, remove, messages, retry, retry_all
    ]
}

/// The webhook endpoints.
#[get("/webhooks")]
fn list(backend: Backend, service: &State<Service>) -> Answer {
    backend.may(Scope::Webhooks)?;
    let endpoints = service.server_api().endpoints()?;
    Ok(RawJson(shape::list(
        "Webhook endpoints retrieved successfully",
        &endpoints,
    )))
}

/// Makes a webhook endpoint.
#[post("/webhooks", data = "<body>")]
async fn create(
    backend: Backend,
    body: Body,
    service: &State<Service>,
    webhooks: &State<Webhooks>,
) -> StatusAnswer {
    let requester = backend.may_once(Scope::Webhooks, &body)?;
    let sender = webhooks.sender();
    let url = |text: &str| webhook_url(text).filter(|url| sender.may_reach(url));
    let (url, events) = shape::read(&body, url)?;
    let reply = |made: &WebhookEndpoint| Reply {
        status: 201,
        body: shape::secret("Webhook endpoint created successfully", made),
    };
    let (api, new) = (service.server_api(), NewEndpoint { url, events });
    Ok(answered(api.make_endpoint(requester, new, reply).await?))
}

/// Gives a webhook endpoint a new secret.
#[post("/webhooks/<id>/rotate", data = "<body>")]
async fn rotate(backend: Backend, id: &str, body: Body, service: &State<Service>) -> StatusAnswer {
    let requester = backend.may_once(Scope::Webhooks, &body)?;
    request::nothing(&body)?;
    let reply = |rotated: &WebhookEndpoint| Reply {
        status: 200,
        body: shape::secret("Webhook secret rotated successfully", rotated),
    };
    let (api, id) = (service.server_api(), endpoint_id(id)?);
    Ok(answered(api.rotate_endpoint(requester, id, reply).await?))
}

/// Pauses or resumes a webhook endpoint.
#[patch("/webhooks/<id>", data = "<body>")]
async fn update(backend: Backend, id: &str, body: Body, service: &State<Service>) -> Answer {
    let requester = backend.may(Scope::Webhooks)?;
    let paused = shape::read_update(&body)?;
    let (api, id) = (service.server_api(), endpoint_id(id)?);
    let (endpoint, tally) = api.pause_endpoint(requester, id, paused).await?;
    Ok(RawJson(shape::one(
        "Webhook endpoint updated successfully",
        &endpoint,
        &tally,
    )))
}

/// Sends a test message to a webhook endpoint.
#[post("/webhooks/<id>/test", data = "<body>")]
async fn test(
    backend: Backend,
    id: &str,
    body: Body,
    service: &State<Service>,
    webhooks: &State<Webhooks>,
) -> StatusAnswer {
    let requester = backend.may_once(Scope::Webhooks, &body)?;
    request::nothing(&body)?;
    let test = async |receivers| {
        let tested = webhook::test(&webhooks.sender(), receivers, service.clock().now()).await;
        let (id, attempt) = tested.first()?;
        Some(Reply {
            status: 200,
            body: shape::tested("Webhook endpoint tested", &Tested::new(*id, attempt)),
        })
    };
    let (api, id) = (service.server_api(), endpoint_id(id)?);
    Ok(answered(api.test_endpoint(requester, id, test).await?))
}

/// A page of webhook messages.
#[get("/webhooks/messages")]
fn messages(backend: Backend, uri: &Origin<'_>, service: &State<Service>) -> Answer {
    backend.may(Scope::Webhooks)?;
    let asked = parameters(uri).webhook_messages()?;
    let (page, has_more) = service
        .webhooks()
        .messages(asked.state, asked.after, asked.limit)?;
    Ok(RawJson(shape::messages(
        "Webhook messages retrieved successfully",
        &page,
        has_more,
    )))
}

/// Makes a webhook message due again.
#[post("/webhooks/messages/<id>/retry", data = "<body>")]
async fn retry(backend: Backend, id: &str, body: Body, service: &State<Service>) -> StatusAnswer {
    let requester = backend.may_once(Scope::Webhooks, &body)?;
    request::nothing(&body)?;
    let id = MessageId::parse(id).ok_or(Error::MessageNotFound)?;
    let reply = Reply {
        status: 200,
        body: response::nothing("Webhook message is sent again"),
    };
    let api = service.server_api();
    Ok(answered(api.retry_message(requester, id, reply).await?))
}

/// Makes all undelivered webhook messages due.
#[post("/webhooks/retry", data = "<body>")]
async fn retry_all(backend: Backend, body: Body, service: &State<Service>) -> StatusAnswer {
    let requester = backend.may_once(Scope::Webhooks, &body)?;
    request::nothing(&body)?;
    let reply = |retried: usize| Reply {
        status: 200,
        body: shape::retried("Webhook messages are sent again", retried),
    };
    let api = service.server_api();
    Ok(answered(api.retry_messages(requester, reply).await?))
}

/// Deletes a webhook endpoint.
#[delete("/webhooks/<id>")]
async fn remove(backend: Backend, id: &str, service: &State<Service>) -> Answer {
    let requester = backend.may(Scope::Webhooks)?;
    let id = endpoint_id(id)?;
    service.server_api().remove_endpoint(requester, id).await?;
    Ok(RawJson(response::nothing(
        "Webhook endpoint deleted successfully",
    )))
}

/// Returns the number of an endpoint in a path; a text that cannot be one is no endpoint's.
fn endpoint_id(text: &str) -> Result<EndpointId, ApiError> {
    let id = text.parse().map(EndpointId);
    id.map_err(|_| Error::EndpointNotFound.into())
}
