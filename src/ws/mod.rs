//! `/ws/chat` (specification, "WebSocket Call Signaling"; contract section 4).
//!
//! `upgrade` answers the handshake, `framing` converts bytes to messages, `session` runs a session from registration to
//! close, `event_loop` is its loop, `session_loop` handles each event, `handler` runs the use cases of messages,
//! `closing` is the closing handshake, `confirmation` sends pings after events, `abuse` reports message rates, `flood`
//! limits frames without messages, `pause` detects that the process did not run.

mod abuse;
mod closing;
mod confirmation;
#[cfg(test)]
mod echo;
mod event_loop;
mod flood;
mod framing;
mod handler;
mod pause;
mod session;
mod session_loop;
mod upgrade;

use std::sync::Arc;
use std::time::Duration;

use rocket::fairing::AdHoc;
use rocket::http::Status;
use rocket::{State, get, routes};

use crate::guard::{Access, ApiError, RequestContext, SocketSignIn};
use crate::hub::LimitReached;
use crate::metrics::Metrics;
use crate::reloadable::Reloadable;
use crate::service::Service;
use crate::settings::Settings;

use session::NewSession;
use upgrade::{Handshake, Upgrade};

/// Settings of sockets (contract section 6).
#[derive(Clone, Copy, Debug)]
pub struct SocketRules {
    /// Interval of the server's pings.
    pub ping_interval: Duration,
    /// Idle timeout: how long a connection may be silent.
    pub idle_timeout: Duration,
    /// Whether a connection ends with its token.
    pub close_expired_sessions: bool,
    /// Maximum size of a message in bytes.
    pub max_message_bytes: usize,
    /// Whether clients may send messages to the team's backend.
    pub app_messages: bool,
}

impl SocketRules {
    /// Returns the settings of sockets in `settings`.
    #[must_use]
    pub const fn new(settings: &Settings) -> Self {
        Self {
            ping_interval: settings.ping_interval,
            idle_timeout: settings.idle_timeout,
            close_expired_sessions: settings.close_expired_sessions,
            max_message_bytes: settings.max_message_bytes,
            app_messages: settings.app_messages,
        }
    }
}

/// Mounts the route of the socket; `metrics` counts its requests.
#[must_use]
pub fn stage(rules: Reloadable<SocketRules>, metrics: Metrics) -> AdHoc {
    AdHoc::on_ignite("WebSocket", move |rocket| async move {
        rocket
            .manage(rules)
            .attach(connects(metrics))
            .attach(AdHoc::on_liftoff("Pause monitor", |rocket| {
                Box::pin(async move {
                    tokio::spawn(pause::watch(rocket.shutdown()));
                })
            }))
            .mount("/ws", routes![chat])
    })
}

/// Counts the result of each request for a socket. Only the response covers all rejections, including those of guards.
fn connects(metrics: Metrics) -> AdHoc {
    AdHoc::on_response("Connects", move |request, response| {
        if request.route().is_some_and(|route| route.uri == "/ws/chat") {
            metrics.connect(result_of(response.status()));
            // A client of another version gets the version that the server supports (RFC 6455, section 4.2.2).
            if response.status() == Status::BadRequest {
                response.set_raw_header("Sec-WebSocket-Version", "13");
            }
        }
        Box::pin(async {})
    })
}

/// Returns the word for the result of a request for a socket.
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

/// Returns the error for a connection that gets no slot.
fn no_slot(full: LimitReached, access: &Access) -> ApiError {
    match full {
        LimitReached::Stopping => ApiError::unavailable("The server is stopping"),
        LimitReached::Server => {
            access.log_full_server();
            ApiError::unavailable("The server accepts no more connections at the moment")
        }
        LimitReached::User => ApiError::too_many_connections("Too many connections of this user"),
        LimitReached::Address => {
            ApiError::too_many_connections("Too many connections from this address")
        }
    }
}

/// Opens a session. The token is checked first: an invalid one is 401, whatever else the request lacks.
#[get("/chat")]
async fn chat(
    user: SocketSignIn,
    handshake: Handshake,
    request_context: &RequestContext,
    access: &State<Access>,
    service: &State<Service>,
    rules: &State<Reloadable<SocketRules>>,
) -> Result<Upgrade, ApiError> {
    let sessions = service.sessions();
    let slot = sessions
        .admit(&user.user, &user.session, user.address)
        .map_err(|full| no_slot(full, access))?;
    // Before the upgrade is answered: a client that sees its connection as open misses no event from then on.
    let subscription = sessions
        .connect(user.user.clone(), user.session.clone())
        .await?;
    let protocol = user.protocol;
    let session = NewSession::new(
        user,
        Arc::clone(&request_context.request_id),
        slot,
        subscription,
        access.inner().clone(),
        service.inner().clone(),
        *rules.get(),
    );
    Ok(Upgrade::new(&handshake, protocol, session))
}
