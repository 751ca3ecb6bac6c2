//! Webhook endpoints.

use rocket::response::content::RawJson;
use rocket::{Route, State, delete, get, post, routes};

use crate::api_key::Scope;
use crate::guard::{ApiError, Backend};
use crate::http::Answer;
use crate::http::body::Body;
use crate::service::{Error, NewEndpoint, Reply, Service};
use crate::settings::webhook_url;
use crate::webhook::Webhooks;
use crate::webhook_model::delivery::EndpointId;
use crate::webhook_model::message::Receiver;
use crate::wire::server_api::webhooks as shape;
use crate::wire::{request, response};

use super::{Answered, answered};

pub(super) fn routes() -> Vec<Route> {
    routes![list, create, rotate, remove]
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
) -> Answered {
    let requester = backend.may_once(Scope::Webhooks, &body)?;
    let sender = webhooks.sender();
    let url = |text: &str| webhook_url(text).filter(|url| sender.may_reach(url));
    let (url, events) = shape::read(&body, url)?;
    let reply = |made: &Receiver| Reply {
        status: 201,
        body: shape::secret("Webhook endpoint created successfully", made),
    };
    let (api, new) = (service.server_api(), NewEndpoint { url, events });
    Ok(answered(api.make_endpoint(requester, new, reply).await?))
}

/// Gives a webhook endpoint a new secret.
#[post("/webhooks/<id>/rotate", data = "<body>")]
async fn rotate(backend: Backend, id: &str, body: Body, service: &State<Service>) -> Answered {
    let requester = backend.may_once(Scope::Webhooks, &body)?;
    request::nothing(&body)?;
    let reply = |rotated: &Receiver| Reply {
        status: 200,
        body: shape::secret("Webhook secret rotated successfully", rotated),
    };
    let (api, id) = (service.server_api(), endpoint_id(id)?);
    Ok(answered(api.rotate_endpoint(requester, id, reply).await?))
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
