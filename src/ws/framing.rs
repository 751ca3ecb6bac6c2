//! From bytes to messages (RFC 6455, section 5): how much a connection may hold, and may be sent.

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use super::flood::{Guarded, Unfinished};

/// The buffer that a connection reads into: some of our messages, which are mostly under 200 bytes. A longer one
/// gets the room it needs when its length is known.
const READ_BUFFER: usize = 512;

/// Bytes that may wait in a connection's write buffer, four of the longest messages.
const WRITE_BUFFER: usize = 256 * 1024;

/// Bytes that a connection may take.
#[derive(Clone, Copy)]
pub(super) struct Room {
    /// A message that comes.
    pub message: usize,
    /// All that waits to be sent.
    pub waiting: usize,
}

impl Room {
    /// That of a session which takes messages of at most `max_message_bytes`.
    pub const fn of_session(max_message_bytes: usize) -> Self {
        Self {
            message: max_message_bytes,
            waiting: WRITE_BUFFER,
        }
    }
}

/// The messages of `io`, where they fit the room and are not drowned in what carries none, whose count is
/// `unfinished`.
pub(super) async fn messages<S: AsyncRead + AsyncWrite + Unpin>(
    io: S,
    unfinished: Unfinished,
    room: Room,
) -> WebSocketStream<Guarded<S>> {
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .max_write_buffer_size(room.waiting)
        .max_message_size(Some(room.message))
        .max_frame_size(Some(room.message));
    let io = Guarded::new(io, unfinished, room.message);
    WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await
}
