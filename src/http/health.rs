//! Health checks for supervisors: `/healthz`, `/readyz` (contract section 5).

use rocket::http::Status;
use rocket::response::content::RawJson;
use rocket::{Route, State, get, routes};

use crate::auth::ProviderStatus;
use crate::clock::Clock;
use crate::guard::Access;
use crate::service::{Health, Service};
use crate::wire::readiness::{Database, IdentityProvider, Readiness, Sweeper, Webhook};

pub(super) fn routes() -> Vec<Route> {
    routes![alive, ready]
}

/// Liveness check: the process responds.
#[get("/healthz")]
const fn alive() -> &'static str {
    "ok\n"
}

/// Readiness check: 200 if requests are accepted, else 503 with the reason.
#[get("/readyz")]
async fn ready(service: &State<Service>, access: &State<Access>) -> (Status, RawJson<String>) {
    let health = service.health().await;
    let provider = access.authenticator().provider();
    let status = if health.is_ready() {
        Status::Ok
    } else {
        Status::ServiceUnavailable
    };
    (
        status,
        RawJson(readiness(&health, provider.as_ref()).to_json()),
    )
}

/// Returns the word for the state of the server.
pub(super) const fn state(health: &Health) -> &'static str {
    if health.stopping {
        "stopping"
    } else if health.is_degraded() {
        "degraded"
    } else if health.is_ready() {
        "ready"
    } else {
        "not_ready"
    }
}

fn readiness(health: &Health, provider: Option<&ProviderStatus>) -> Readiness {
    Readiness {
        status: state(health),
        version: env!("CARGO_PKG_VERSION"),
        uptime_seconds: health.uptime.as_secs(),
        database: Database {
            readable: health.database.readable,
            writable: health.database.writable,
            unreadable_rows: health.database.unreadable_rows,
        },
        sweeper: Sweeper {
            alive: health.sweeper.alive,
            late_ms: u64::try_from(health.sweeper.late.as_millis()).unwrap_or(u64::MAX),
        },
        queue_depth: health.queue_depth,
        identity_provider: provider.map(identity_provider),
        webhooks: health
            .receivers
            .iter()
            .map(|receiver| Webhook {
                receiver: receiver.id.0,
                state: receiver.standing(),
            })
            .collect(),
    }
}

fn identity_provider(status: &ProviderStatus) -> IdentityProvider {
    let state = match (status.keys, &status.failure) {
        (0, _) => "unavailable",
        (_, Some(_)) => "failing",
        (_, None) => "working",
    };
    let since = |at| Clock::System.now().since(at).as_secs();
    IdentityProvider {
        state,
        keys: status.keys,
        refreshed_seconds_ago: status.fetched_at.map(since),
    }
}
