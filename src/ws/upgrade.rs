//! Response that switches a connection to the WebSocket protocol.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use rocket::http::Status;
use rocket::request::{FromRequest, Outcome, Request};
use rocket::response::{self, Responder, Response};
use rocket_ws::WebSocket;

use crate::guard::{ApiError, SESSION_HEADER, session_header};
use crate::listener;

use super::session::NewSession;

/// Bytes of the nonce in `Sec-WebSocket-Key` (RFC 6455, section 4.2.1).
const NONCE_BYTES: usize = 16;

/// Handshake of a client, checked by `rocket_ws`, which takes any key.
pub(super) struct Handshake(WebSocket);

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Handshake {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Self::Error> {
        let key = request.headers().get_one("Sec-WebSocket-Key");
        let nonce = key.and_then(|key| BASE64.decode(key.trim()).ok());
        let is_nonce = nonce.is_some_and(|nonce| nonce.len() == NONCE_BYTES);
        match WebSocket::from_request(request).await {
            Outcome::Success(handshake) if is_nonce => Outcome::Success(Self(handshake)),
            _ => ApiError::no_handshake().refuse(request),
        }
    }
}

/// Response to a handshake (RFC 6455, section 4.2.2).
///
/// The stream of `rocket_ws` is not used, because it hides the connection, which has to be drained after an error, and
/// comes with a larger buffer.
pub(super) struct Upgrade {
    accept_key: String,
    protocol: Option<&'static str>,
    session: NewSession,
}

impl Upgrade {
    /// Creates the response to `handshake`, with the subprotocol `protocol`; `session` gets the
    /// connection.
    pub fn new(handshake: &Handshake, protocol: Option<&'static str>, session: NewSession) -> Self {
        Self {
            accept_key: handshake.0.accept_key().to_owned(),
            protocol,
            session,
        }
    }
}

impl<'r> Responder<'r, 'static> for Upgrade {
    fn respond_to(self, _: &'r Request<'_>) -> response::Result<'static> {
        let Self {
            accept_key,
            protocol,
            session,
        } = self;
        let session_id = session.id().clone();
        // In its own task: the request's task, with its buffers, ends with the response, which halves the memory of an
        // idle session. The shutdown waits for the session through the slot it holds in the hub.
        listener::on_upgrade(|io| async {
            tokio::spawn(session.serve(io));
        });
        let mut response = Response::build();
        response.raw_header(SESSION_HEADER, session_header(&session_id));
        if let Some(protocol) = protocol {
            response.raw_header("Sec-WebSocket-Protocol", protocol);
        }
        response
            .status(Status::SwitchingProtocols)
            .raw_header("Sec-WebSocket-Version", "13")
            .raw_header("Sec-WebSocket-Accept", accept_key)
            .ok()
    }
}
