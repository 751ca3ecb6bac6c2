//! The course of a session and its way out, in the order that they have to have. It knows no runtime and no connection,
//! but [`Peer`], so that `tests/interleavings` can drive it through the orders that no load brings about.

use std::sync::Arc;
use std::time::Duration;

use crate::hub::{CloseReason, EncodedNotice, Outgoing, SessionQueue, Slot, Subscription};
use crate::wire::Close;

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

impl From<CloseReason> for End {
    fn from(closing: CloseReason) -> Self {
        Self::ByUs(match closing {
            CloseReason::Replaced => Close::Replaced,
            CloseReason::TooSlow => Close::TooSlow,
            CloseReason::UserDisabled => Close::UserDisabled,
            CloseReason::Stopping => Close::Stopping,
        })
    }
}

/// How long a connection takes to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Patience {
    /// How long the close frame may take to get out.
    pub farewell: Duration,
    /// How long the peer may take to answer it.
    pub answer: Duration,
}

pub(super) const PATIENCE: Patience = Patience {
    farewell: Duration::from_secs(5),
    answer: Duration::from_secs(1),
};

/// That with a reader that is closed for its slowness: it has megabytes in the kernel's buffers to read before it
/// comes to the close frame, and would lose them all if the connection were closed with what it has sent unread. The
/// session has left the hub by then and costs a descriptor, its write buffer and its slot, which is why few of a
/// user's may ([`Slot::try_linger`]).
const PATIENCE_WITH_THE_SLOW: Patience = Patience {
    farewell: Duration::from_secs(30),
    answer: Duration::from_secs(30),
};

/// Whom a session is with.
pub(super) trait Peer {
    /// What comes from it, or is due.
    type Incoming;

    /// Tells it what has happened.
    async fn tell(&mut self, notice: &EncodedNotice) -> Result<(), End>;

    /// Waits for what comes next; may be dropped while it waits.
    async fn next(&mut self) -> Self::Incoming;

    /// Does what comes of that.
    async fn hear(&mut self, incoming: Self::Incoming) -> Result<(), End>;
}

/// Tells `peer` what is in `queue` and hears what it says, one at a time, until one of them ends it. What has
/// happened comes before what the peer has to say.
pub(super) async fn run(peer: &mut impl Peer, queue: &SessionQueue) -> End {
    loop {
        let step = tokio::select! {
            biased;
            outgoing = queue.next() => match outgoing {
                Outgoing::Notice(notice) => peer.tell(&notice).await,
                Outgoing::Close(closing) => Err(closing.into()),
            },
            incoming = peer.next() => peer.hear(incoming).await,
        };
        if let Err(end) = step {
            return end;
        }
    }
}

/// Does `sending`, unless the session has to end first: a peer that does not read holds up nobody.
pub(super) async fn unless_closed(
    queue: &SessionQueue,
    sending: impl Future<Output = Result<(), End>>,
) -> Result<(), End> {
    tokio::select! {
        biased;
        sent = sending => sent,
        closing = queue.closed() => Err(closing.into()),
    }
}

/// The session is over: it leaves the hub by `disconnect`, before its connection is closed, which may take long.
/// Returns how many notices it misses.
pub(super) async fn leave<D: Future<Output = ()>>(
    subscription: Subscription,
    disconnect: impl FnOnce(Subscription) -> D,
) -> usize {
    let queue = Arc::clone(subscription.queue());
    disconnect(subscription).await;
    // Whoever publishes may have found the session there a moment ago.
    queue.abandon()
}

/// Closes the connection by `close`, for the reason `end`. Its `slot` is given back when it is gone.
pub(super) async fn see_off<C: Future<Output = ()>>(
    end: End,
    mut slot: Slot,
    close: impl FnOnce(Patience) -> C,
) {
    close(patience(end, &mut slot)).await;
    drop(slot);
}

/// How long a connection with `slot` may take to end.
fn patience(end: End, slot: &mut Slot) -> Patience {
    if end == End::ByUs(Close::TooSlow) && slot.try_linger() {
        PATIENCE_WITH_THE_SLOW
    } else {
        PATIENCE
    }
}
