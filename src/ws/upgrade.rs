//! From a request to a stream of messages.

use std::io;
use std::pin::Pin;

use rocket::data::{IoHandler, IoStream};
use rocket::http::Status;
use rocket::request::Request;
use rocket::response::{self, Responder, Response};
use rocket_ws::WebSocket;

use super::session::Session;

/// The answer that switches a connection to WebSocket (RFC 6455, section 4.2.2).
///
/// The handshake is checked by `rocket_ws`. Its stream is not used, because it hides the connection, which has
/// to be drained after an error, and comes with a larger buffer.
pub(super) struct Upgrade {
    accept_key: String,
    session: Session,
}

impl Upgrade {
    /// Carries out the handshake of `socket` and hands the connection to `session`.
    pub fn new(socket: &WebSocket, session: Session) -> Self {
        Self {
            accept_key: socket.accept_key().to_owned(),
            session,
        }
    }
}

impl<'r> Responder<'r, 'static> for Upgrade {
    fn respond_to(self, _: &'r Request<'_>) -> response::Result<'static> {
        Response::build()
            .status(Status::SwitchingProtocols)
            .raw_header("Sec-WebSocket-Version", "13")
            .raw_header("Sec-WebSocket-Accept", self.accept_key)
            .upgrade("websocket", Connection(self.session))
            .ok()
    }
}

struct Connection(Session);

#[rocket::async_trait]
impl IoHandler for Connection {
    async fn io(self: Pin<Box<Self>>, io: IoStream) -> io::Result<()> {
        // A task of its own: the request's, with its buffers, ends here, which halves what an idle session
        // costs. Stopping waits for the session through the slot it holds in the hub.
        tokio::spawn(Pin::into_inner(self).0.serve(io));
        Ok(())
    }
}
