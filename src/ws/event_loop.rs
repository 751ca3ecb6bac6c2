//! Session event loop and session shutdown, in their required order. It depends on no runtime and no connection, only
//! on [`Transport`], so that `tests/interleavings` can run it in orders that no load test produces.

use std::sync::Arc;
use std::time::Duration;

use crate::hub::{CloseReason, EncodedNotice, Outgoing, SessionQueue, Slot, Subscription};

/// End of a session: why its event loop stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The connection is lost.
    Gone,
    /// The peer closed it, with this code if it sent one.
    ByPeer(Option<u16>),
    /// The server closes it.
    ByUs(CloseReason),
    /// The peer violated the protocol: nothing more can be read as messages.
    Broken(CloseReason),
}

impl End {
    /// Returns the close code for the log; if none was sent, the code that means so (RFC 6455, section 7.4.1).
    pub fn code(self) -> u16 {
        match self {
            Self::Gone => 1006,
            Self::ByPeer(code) => code.unwrap_or(1005),
            Self::ByUs(close) | Self::Broken(close) => close.code(),
        }
    }

    /// Returns what happened, for the log.
    pub const fn outcome(self) -> &'static str {
        match self {
            Self::Gone => "connection lost",
            Self::ByPeer(_) => "closed by the client",
            Self::ByUs(close) | Self::Broken(close) => close.reason(),
        }
    }

    /// Returns who closed the connection.
    pub const fn by(self) -> &'static str {
        match self {
            Self::Gone => "nobody",
            Self::ByPeer(_) => "client",
            Self::ByUs(..) | Self::Broken(..) => "server",
        }
    }

    /// Returns the code for the metrics, whose label values must be few: codes that a client can choose freely count as
    /// 3000, the first of them.
    pub fn counted_code(self) -> u16 {
        match self {
            Self::ByPeer(Some(code)) if !(1000..=1015).contains(&code) => 3000,
            Self::Gone | Self::ByPeer(_) | Self::ByUs(..) | Self::Broken(..) => self.code(),
        }
    }
}

impl From<CloseReason> for End {
    fn from(close: CloseReason) -> Self {
        Self::ByUs(close)
    }
}

/// Time limits for closing a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Patience {
    /// Time limit for sending the close frame.
    pub farewell: Duration,
    /// Time limit for the peer's close frame.
    pub answer: Duration,
}

pub(super) const PATIENCE: Patience = Patience {
    farewell: Duration::from_secs(5),
    answer: Duration::from_secs(1),
};

/// Time limits for a reader that is closed because it is too slow: it has to read megabytes from the kernel's buffers
/// before it reaches the close frame, and would lose them all if the connection were closed with unread data from it.
/// The session is no longer in the hub by then and costs a descriptor, its write buffer and its slot, which is why only
/// few of a user's connections may have this time ([`Slot::try_linger`]).
const PATIENCE_WITH_THE_SLOW: Patience = Patience {
    farewell: Duration::from_secs(30),
    answer: Duration::from_secs(30),
};

/// Transport of a session: the connection to its peer, and its timers.
pub(super) trait Transport {
    /// Message of the peer, or a timer that has fired.
    type Incoming;

    /// Sends a notice.
    async fn send(&mut self, notice: &EncodedNotice) -> Result<(), End>;

    /// Checks the session's token again.
    fn recheck(&self) -> Result<(), End>;

    /// Waits for what comes next; cancel-safe.
    async fn next(&mut self) -> Self::Incoming;

    /// Handles what came.
    async fn receive(&mut self, incoming: Self::Incoming) -> Result<(), End>;
}

/// Sends what is in `queue` and receives what the peer sends, one at a time, until one of them ends the session.
/// Notices are sent before the next message of the peer is handled. The futures that send and receive are boxed while
/// they run, so that an idle session is small.
pub(super) async fn run(transport: &mut impl Transport, queue: &SessionQueue) -> End {
    loop {
        let step = tokio::select! {
            biased;
            outgoing = queue.next() => match outgoing {
                Outgoing::Notice(notice) => Box::pin(transport.send(&notice)).await,
                Outgoing::Recheck => transport.recheck(),
                Outgoing::Close(reason) => Err(reason.into()),
            },
            incoming = transport.next() => Box::pin(transport.receive(incoming)).await,
        };
        if let Err(end) = step {
            return end;
        }
    }
}

/// Waits for `sending`, unless the session must close first: a peer that does not read must not delay the close.
pub(super) async fn unless_closed(
    queue: &SessionQueue,
    sending: impl Future<Output = Result<(), End>>,
) -> Result<(), End> {
    tokio::select! {
        biased;
        sent = sending => sent,
        reason = queue.closed() => Err(reason.into()),
    }
}

/// Removes an ended session from the hub by `disconnect`, before its connection is closed, which may take long. Returns
/// how many notices the session misses.
pub(super) async fn unregister<D: Future<Output = ()>>(
    subscription: Subscription,
    disconnect: impl FnOnce(Subscription) -> D,
) -> usize {
    let queue = Arc::clone(subscription.queue());
    disconnect(subscription).await;
    // A publisher may have found the session in the hub just before.
    queue.abandon()
}

/// Closes the connection by `close`, for the reason `end`, then releases its `slot`.
pub(super) async fn close<C: Future<Output = ()>>(
    end: End,
    mut slot: Slot,
    close: impl FnOnce(Patience) -> C,
) {
    close(patience(end, &mut slot)).await;
    drop(slot);
}

/// Returns how long a connection with `slot` may take to close.
fn patience(end: End, slot: &mut Slot) -> Patience {
    if end == End::ByUs(CloseReason::TooSlow) && slot.try_linger() {
        PATIENCE_WITH_THE_SLOW
    } else {
        PATIENCE
    }
}
