//! Status of the server.

use reqwest::Url;
use rocket::response::content::RawJson;
use rocket::{Route, State, get, routes};

use crate::api_key::Scope;
use crate::guard::Backend;
use crate::http::Answer;
use crate::http::health::state;
use crate::logging::RecentLine;
use crate::service::{self, ServerStatus, Service};
use crate::webhook_model::message::{Tally, WebhookEndpoint};
use crate::wire::server_api::status::{self as shape, Endpoint, FailedAttempt, Status, Warning};

pub(super) fn routes() -> Vec<Route> {
    routes![status]
}

/// The status of the server.
#[get("/status")]
async fn status(backend: Backend, service: &State<Service>) -> Answer {
    backend.may(Scope::Status)?;
    let nodes = service.nodes();
    let status = shown(&service.status().await?, nodes.name());
    Ok(RawJson(shape::status(
        "Status retrieved successfully",
        &status,
    )))
}

fn shown(status: &ServerStatus, node: Option<&str>) -> Status {
    let sample = &status.sample;
    Status {
        state: state(&status.health).to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        node: node.map(str::to_owned),
        started_at: status.started_at.to_string(),
        connections: sample.connections,
        connections_limit: sample.connections_limit,
        sessions: sample.sessions,
        unresponsive_sessions: sample.unresponsive_sessions,
        connected_users: sample.connected_users,
        live_calls: status.live_calls,
        queue_depth: sample.queue_depth,
        queue_limit: sample.queue_limit,
        database_bytes: sample.database_bytes,
        wal_bytes: sample.wal_bytes,
        webhooks: status.endpoints.iter().map(endpoint).collect(),
        webhook_failures: status.webhook_failures.iter().map(failure).collect(),
        warnings: status.warnings.iter().map(warning).collect(),
        last_hour: status.last_hour.iter().map(Into::into).collect(),
    }
}

fn endpoint((receiver, tally): &(WebhookEndpoint, Tally)) -> Endpoint {
    let url = Url::parse(&receiver.url);
    Endpoint {
        id: receiver.id.0,
        origin: url.map_or_else(|_| String::new(), |url| url.origin().ascii_serialization()),
        state: receiver.standing().to_owned(),
        waiting: tally.waiting,
        waiting_since: tally.waiting_since.map(|at| at.to_string()),
    }
}

fn failure(attempt: &service::FailedAttempt) -> FailedAttempt {
    FailedAttempt {
        at: attempt.at.to_string(),
        endpoint: attempt.endpoint.0,
        message_id: attempt.message.to_string(),
        event: attempt.event.as_str().to_owned(),
        call_id: attempt.call.map(|call| call.to_string()),
        result: attempt.result.clone(),
    }
}

fn warning(line: &RecentLine) -> Warning {
    Warning {
        at: line.at.to_string(),
        level: if line.is_error { "ERROR" } else { "WARN" }.to_owned(),
        text: line.text.clone(),
        count: line.count,
    }
}
