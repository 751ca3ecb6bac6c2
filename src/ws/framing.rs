//! Message framing (RFC 6455, section 5) and the byte limits of a connection.

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use super::flood::{Guarded, Unfinished};

/// Size of the read buffer of a connection: several messages, which are mostly under 200 bytes. For a longer message
/// the buffer grows when its length is known.
const READ_BUFFER: usize = 512;

/// Bytes that are buffered until a flush: an event, mostly under 400 bytes, and its ping are sent in one packet.
const FLUSHED_TOGETHER: usize = 1024;

/// Maximum bytes in a connection's write buffer: four of the longest messages.
const WRITE_BUFFER: usize = 256 * 1024;

/// Byte limits of a connection.
#[derive(Clone, Copy)]
pub(super) struct FrameLimits {
    /// Maximum size of a message that is received.
    pub message: usize,
    /// Maximum size of the write buffer.
    pub waiting: usize,
}

impl FrameLimits {
    /// Returns the limits of a session that accepts messages of at most `max_message_bytes`.
    pub const fn of_session(max_message_bytes: usize) -> Self {
        Self {
            message: max_message_bytes,
            waiting: WRITE_BUFFER,
        }
    }
}

/// Returns the message stream of `io`, within `limits`. Bytes that belong to no complete message are counted in
/// `unfinished`.
pub(super) async fn messages<S: AsyncRead + AsyncWrite + Unpin>(
    io: S,
    unfinished: Unfinished,
    limits: FrameLimits,
) -> WebSocketStream<Guarded<S>> {
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(FLUSHED_TOGETHER)
        .max_write_buffer_size(limits.waiting)
        .max_message_size(Some(limits.message))
        .max_frame_size(Some(limits.message));
    let io = Guarded::new(io, unfinished, limits.message);
    WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await
}
