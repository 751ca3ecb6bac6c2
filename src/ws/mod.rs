//! `/ws/chat` (specification, "WebSocket Call Signaling"; contract section 4).
//!
//! `upgrade` turns a request into a connection, `framing` that into messages, `course` is the loop over them and the
//! way out, `session` what it does for a user, `respond` what a message leads to, `closing` how a connection is closed,
//! `abuse` who says too much, `flood` who sends and says nothing.

mod abuse;
mod closing;
mod course;
#[cfg(test)]
mod echo;
mod flood;
mod framing;
mod respond;
mod session;
mod upgrade;

use std::sync::Arc;
use std::time::Duration;

use rocket::fairing::AdHoc;
use rocket::http::Status;
use rocket::{State, get, routes};
use rocket_ws::WebSocket;

use crate::guard::{Access, ApiError, RequestContext, SocketSignIn};
use crate::hub::LimitReached;
use crate::metrics::Metrics;
use crate::service::Service;

use session::Session;
use upgrade::Upgrade;

/// The settings that sockets follow (contract section 6).
#[derive(Clone, Copy, Debug)]
pub struct SocketRules {
    /// How often the server pings.
    pub ping_interval: Duration,
    /// How long a connection may be silent.
    pub idle_timeout: Duration,
    /// Whether a connection ends with its token.
    pub close_expired_sessions: bool,
    /// The longest message taken, in bytes.
    pub max_message_bytes: usize,
}

/// Mounts the socket, whose requests are counted in `metrics`.
#[must_use]
pub fn stage(rules: SocketRules, metrics: Metrics) -> AdHoc {
    AdHoc::on_ignite("WebSocket", move |rocket| async move {
        rocket
            .manage(rules)
            .attach(connects(metrics))
            .mount("/ws", routes![chat])
    })
}

/// Counts what came of each request for a socket. Only the answer knows of all refusals, those of guards
/// included.
fn connects(metrics: Metrics) -> AdHoc {
    AdHoc::on_response("Connects", move |request, response| {
        if request.route().is_some_and(|route| route.uri == "/ws/chat") {
            metrics.connect(result_of(response.status()));
        }
        Box::pin(async {})
    })
}

/// The word for what came of a request for a socket.
const fn result_of(status: Status) -> &'static str {
    match status.code {
        101 => "opened",
        401 => "unauthenticated",
        403 => "origin_not_allowed",
        429 => "rate_limited",
        503 => "unavailable",
        400..=499 => "invalid_request",
        _ => "service_error",
    }
}

/// Why a connection is refused before it is one.
fn no_place(full: LimitReached) -> ApiError {
    match full {
        LimitReached::Server => {
            tracing::warn!("connection refused: max_connections reached, or stopping");
            ApiError::unavailable("The server accepts no more connections at the moment")
        }
        LimitReached::User => ApiError::too_many_connections("Too many connections of this user"),
        LimitReached::Address => {
            ApiError::too_many_connections("Too many connections from this address")
        }
    }
}

/// Opens a session. The user comes first: a bad token is 401, whatever else the request lacks.
#[get("/chat")]
fn chat(
    user: SocketSignIn,
    socket: WebSocket,
    request_context: &RequestContext,
    access: &State<Access>,
    service: &State<Service>,
    rules: &State<SocketRules>,
) -> Result<Upgrade, ApiError> {
    let slot = service
        .sessions()
        .admit(&user.user, user.address)
        .map_err(no_place)?;
    let session = Session::new(
        user,
        Arc::clone(&request_context.request_id),
        slot,
        access.inner().clone(),
        service.inner().clone(),
        **rules,
    );
    Ok(Upgrade::new(&socket, session))
}
