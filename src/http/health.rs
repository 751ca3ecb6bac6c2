//! What supervisors ask: `/healthz`, `/readyz` (contract section 5).

use rocket::{Route, State, get, routes};

use crate::gate::Problem;
use crate::service::Service;

pub(super) fn routes() -> Vec<Route> {
    routes![alive, ready]
}

/// The process answers.
#[get("/healthz")]
const fn alive() -> &'static str {
    "ok\n"
}

/// The database answers, and the server is not stopping.
#[get("/readyz")]
fn ready(service: &State<Service>) -> Result<&'static str, Problem> {
    if service.is_stopping() {
        return Err(Problem::unavailable("The server is stopping"));
    }
    service.ping().map_err(|error| {
        tracing::warn!(%error, "not ready");
        Problem::unavailable("The database does not answer")
    })?;
    Ok("ready\n")
}
