//! How a connection ends, and the way out.

use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::hub::{Closing, Place};
use crate::wire::Close;

use super::flood::{Flood, Guarded};

/// How long a connection takes to end.
#[derive(Clone, Copy)]
pub(super) struct Patience {
    /// How long the close frame may take to get out.
    farewell: Duration,
    /// How long the peer may take to answer it.
    answer: Duration,
}

pub(super) const PATIENCE: Patience = Patience {
    farewell: Duration::from_secs(5),
    answer: Duration::from_secs(1),
};

/// That with a reader that is closed for its slowness: it has megabytes in the kernel's buffers to read before it
/// comes to the close frame, and would lose them all if the connection were closed with what it has sent unread. The
/// session has left the hub by then and costs a descriptor, its write buffer and its place, which is why few of a
/// user's may ([`Place::may_linger`]).
const PATIENCE_WITH_THE_SLOW: Patience = Patience {
    farewell: Duration::from_secs(30),
    answer: Duration::from_secs(30),
};

/// Why a session's loop ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The connection is no more.
    Gone,
    /// The peer closed it, with this code if it said one.
    ByPeer(Option<u16>),
    /// We close it.
    ByUs(Close),
    /// The peer broke the protocol: nothing more can be read as messages.
    Broken(Close),
}

impl End {
    /// The code it is closed with, for the log; where none was sent, the one that says so (RFC 6455,
    /// section 7.4.1).
    pub fn code(self) -> u16 {
        match self {
            Self::Gone => 1006,
            Self::ByPeer(code) => code.unwrap_or(1005),
            Self::ByUs(close) | Self::Broken(close) => close.code(),
        }
    }

    /// What happened, for the log.
    pub const fn outcome(self) -> &'static str {
        match self {
            Self::Gone => "connection lost",
            Self::ByPeer(_) => "closed by the client",
            Self::ByUs(close) | Self::Broken(close) => close.reason(),
        }
    }

    /// Who closed it.
    pub const fn by(self) -> &'static str {
        match self {
            Self::Gone => "nobody",
            Self::ByPeer(_) => "client",
            Self::ByUs(..) | Self::Broken(..) => "server",
        }
    }

    /// The code for the metrics, which are to be few: those that a client can make up count as 3000, the
    /// first of them.
    pub fn counted_code(self) -> u16 {
        match self {
            Self::ByPeer(Some(code)) if !(1000..=1015).contains(&code) => 3000,
            Self::Gone | Self::ByPeer(_) | Self::ByUs(..) | Self::Broken(..) => self.code(),
        }
    }
}

impl From<Closing> for End {
    fn from(closing: Closing) -> Self {
        Self::ByUs(match closing {
            Closing::Replaced => Close::Replaced,
            Closing::TooSlow => Close::TooSlow,
            Closing::Barred => Close::Barred,
            Closing::Stopping => Close::Stopping,
        })
    }
}

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

/// How long a connection with `place` may take to end.
pub(super) fn patience(end: End, place: &mut Place) -> Patience {
    if end == End::ByUs(Close::TooSlow) && place.may_linger() {
        PATIENCE_WITH_THE_SLOW
    } else {
        PATIENCE
    }
}

fn frame(close: Close) -> CloseFrame {
    CloseFrame {
        code: CloseCode::from(close.code()),
        reason: close.reason().into(),
    }
}
