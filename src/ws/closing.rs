//! Closing handshake of a connection, and its time limits.

use futures_util::StreamExt as _;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::hub::CloseReason;

use super::event_loop::{End, Patience};
use super::flood::{Flood, Guarded};

impl From<Error> for End {
    fn from(error: Error) -> Self {
        match error {
            Error::Capacity(_) => Self::Broken(CloseReason::TooLong),
            Error::Utf8(_) => Self::Broken(CloseReason::NotUtf8),
            Error::Protocol(
                tokio_tungstenite::tungstenite::error::ProtocolError::ResetWithoutClosingHandshake,
            ) => Self::Gone,
            Error::Protocol(_) => Self::Broken(CloseReason::ProtocolError),
            Error::Io(error)
                if error
                    .get_ref()
                    .is_some_and(<dyn std::error::Error + Send + Sync>::is::<Flood>) =>
            {
                Flood.into()
            }
            // Of the other errors, only those of a lost connection can occur on one that is open.
            _ => Self::Gone,
        }
    }
}

impl From<Flood> for End {
    fn from(_: Flood) -> Self {
        Self::Broken(CloseReason::Flood)
    }
}

/// Closes the connection: sends the reason if the server ends it, and lets the peer finish. A peer that takes longer
/// than `patience` is cut off.
pub(super) async fn close<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: WebSocketStream<Guarded<S>>,
    end: End,
    patience: Patience,
) {
    stream.get_mut().lift();
    let sent = match end {
        End::Gone => return,
        End::ByPeer(_) => true,
        End::ByUs(close) | End::Broken(close) => {
            let closing = stream.close(Some(frame(close)));
            matches!(timeout(patience.farewell, closing).await, Ok(Ok(())))
        }
    };
    if !sent {
        return;
    }
    let finish = async {
        match end {
            End::Broken(..) => drain(stream.get_mut()).await,
            End::Gone | End::ByPeer(_) | End::ByUs(..) => {
                while let Some(Ok(_)) = stream.next().await {}
            }
        }
    };
    let _ = timeout(patience.answer, finish).await;
}

/// Reads what the peer still sends: a connection that is closed with unread bytes is reset, and the reset overtakes
/// the close frame.
async fn drain<S: AsyncRead + AsyncWrite + Unpin>(io: &mut S) {
    let mut discarded = [0; 4096];
    if io.shutdown().await.is_ok() {
        while io.read(&mut discarded).await.is_ok_and(|read| read > 0) {}
    }
}

fn frame(close: CloseReason) -> CloseFrame {
    CloseFrame {
        code: CloseCode::from(close.code()),
        reason: close.reason().into(),
    }
}
