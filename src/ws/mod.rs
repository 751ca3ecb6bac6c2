//! `/ws/chat` (specification, "WebSocket Call Signaling"; contract section 4).
//!
//! [`upgrade`] turns a request into a stream, [`session`] is the loop over it, [`respond`] what a message
//! leads to, [`closing`] how it ends, [`abuse`] who says too much, [`flood`] who sends and says nothing.

mod abuse;
mod closing;
mod flood;
mod respond;
mod session;
mod upgrade;

use std::time::Duration;

use rocket::fairing::AdHoc;
use rocket::{State, get, routes};
use rocket_ws::WebSocket;

use crate::gate::{Gate, Problem, SocketSignIn};
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

/// Mounts the socket.
#[must_use]
pub fn stage(rules: SocketRules) -> AdHoc {
    AdHoc::on_ignite("WebSocket", move |rocket| async move {
        rocket.manage(rules).mount("/ws", routes![chat])
    })
}

/// Opens a session. The user comes first: a bad token is 401, whatever else the request lacks.
#[get("/chat")]
fn chat(
    user: SocketSignIn,
    socket: WebSocket,
    gate: &State<Gate>,
    service: &State<Service>,
    rules: &State<SocketRules>,
) -> Result<Upgrade, Problem> {
    let place = service.admit().ok_or_else(|| {
        tracing::warn!("connection refused: max_connections reached, or stopping");
        Problem::unavailable("The server takes no more connections just now")
    })?;
    let session = Session::new(
        user,
        place,
        gate.inner().clone(),
        service.inner().clone(),
        **rules,
    );
    Ok(Upgrade::new(&socket, session))
}
