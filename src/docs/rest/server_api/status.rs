//! Status of the server.

use utoipa::openapi::path::HttpMethod;

use crate::api_key::Scope;
use crate::docs::{example, schemas};
use crate::metrics::Minute;
use crate::wire::server_api::status::{self as shape, Endpoint, FailedAttempt, Status, Warning};

use super::super::{Description, Example, Route, success};
use super::TAG;

pub(super) fn routes() -> Vec<Route> {
    vec![status()]
}

fn status() -> Route {
    const MESSAGE: &str = "Status retrieved successfully";
    Description {
        tag: TAG,
        id: "getServerStatus",
        summary: "Get the status of the server",
        description: "What the page `/admin` shows: health, gauges, counts of the last hour, webhook endpoints, and the last \
            warnings and errors of the log. Counts, failures and warnings are those since the start.",
        parameters: Vec::new(),
        body: None,
        success: success(
                "The status.",
                MESSAGE,
                schemas::of::<Status>(),
                [Example(
                    "status",
                    "An endpoint fails.",
                    example::value(&shape::status(MESSAGE, &example_status())),
                )],
            ),
        refusals: Vec::new(),
    }
    .for_backends(Scope::Status, HttpMethod::Get, "/api/server/v1/status")
}

fn example_status() -> Status {
    let at = example::accepted_at().to_string();
    let minute = Minute {
        at: example::accepted_at(),
        connections: 1,
        live_calls: 1,
        webhooks_waiting: 1,
        calls_started: 1,
        events_sent: 1,
        requests: 2,
        server_errors: 0,
    };
    Status {
        state: "ready".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        node: None,
        started_at: example::asked_at().to_string(),
        connections: 1,
        connections_limit: 20_000,
        sessions: 1,
        unresponsive_sessions: 0,
        connected_users: 1,
        live_calls: 1,
        queue_depth: 0,
        queue_limit: 1_024,
        database_bytes: 196_608,
        wal_bytes: 41_200,
        webhooks: vec![Endpoint {
            id: 1,
            origin: "https://app.example.com".to_owned(),
            state: "failing".to_owned(),
            waiting: 1,
            waiting_since: Some(example::asked_at().to_string()),
        }],
        webhook_failures: vec![FailedAttempt {
            at: at.clone(),
            endpoint: 1,
            message_id: "018d0cab-c440-7abc-8def-0123456789ac".to_owned(),
            event: "call.initiated".to_owned(),
            call_id: Some(example::call_id().to_string()),
            result: "answered 500".to_owned(),
        }],
        warnings: vec![Warning {
            at,
            level: "WARN".to_owned(),
            text: "a webhook endpoint accepts no messages receiver=1".to_owned(),
            count: 1,
        }],
        last_hour: vec![(&minute).into()],
    }
}
