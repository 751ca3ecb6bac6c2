//! How a connection is closed: what is said on it, and how long it is listened to.

use futures_util::StreamExt as _;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::wire::Close;

use super::course::{End, Patience};
use super::flood::{Flood, Guarded};

impl From<Error> for End {
    fn from(error: Error) -> Self {
        match error {
            Error::Capacity(_) => Self::Broken(Close::TooLong),
            Error::Utf8(_) => Self::Broken(Close::NotUtf8),
            Error::Protocol(
                tokio_tungstenite::tungstenite::error::ProtocolError::ResetWithoutClosingHandshake,
            ) => Self::Gone,
            Error::Protocol(_) => Self::Broken(Close::ProtocolError),
            Error::Io(error)
                if error
                    .get_ref()
                    .is_some_and(<dyn std::error::Error + Send + Sync>::is::<Flood>) =>
            {
                Flood.into()
            }
            // Of the rest, only these can come of a connection that is open already.
            _ => Self::Gone,
        }
    }
}

impl From<Flood> for End {
    fn from(_: Flood) -> Self {
        Self::Broken(Close::Flood)
    }
}

/// Ends the connection: says why where we end it, and lets the peer finish. A peer that takes longer than `patience`
/// is left behind.
pub(super) async fn close<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: WebSocketStream<Guarded<S>>,
    end: End,
    patience: Patience,
) {
    stream.get_mut().lift();
    let told = match end {
        End::Gone => return,
        End::ByPeer(_) => true,
        End::ByUs(close) | End::Broken(close) => {
            let sent = stream.close(Some(frame(close)));
            matches!(timeout(patience.farewell, sent).await, Ok(Ok(())))
        }
    };
    if !told {
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

/// Reads what the peer still sends: a connection closed with unread bytes is reset, and the reset overtakes
/// the close frame.
async fn drain<S: AsyncRead + AsyncWrite + Unpin>(io: &mut S) {
    let mut discarded = [0; 4096];
    if io.shutdown().await.is_ok() {
        while io.read(&mut discarded).await.is_ok_and(|read| read > 0) {}
    }
}

fn frame(close: Close) -> CloseFrame {
    CloseFrame {
        code: CloseCode::from(close.code()),
        reason: close.reason().into(),
    }
}
