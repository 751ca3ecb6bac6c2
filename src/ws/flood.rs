//! Flood protection against peers that send only overhead: empty fragments, endless pings. Messages are not limited
//! (contract section 4); frames that carry none are.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

/// Bytes that may arrive for each byte that a message may have: a message in fragments of one byte takes seven bytes a
/// fragment.
const OVERHEAD: usize = 8;

/// Control frames accepted per second. A client needs one in 25 s.
const CONTROL_FRAMES_PER_SECOND: u32 = 500;

/// Byte count since the last whole message or control frame. Shared by the connection, which counts, and the session,
/// which resets it. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Unfinished(Arc<AtomicUsize>);

impl Unfinished {
    /// Resets the count after a complete message or control frame.
    pub fn reset(&self) {
        self.0.store(0, Ordering::Relaxed);
    }
}

/// Connection that returns an error when too many bytes arrive without a complete message.
pub(super) struct Guarded<S> {
    io: S,
    unfinished: Unfinished,
    limit: usize,
}

impl<S> Guarded<S> {
    /// Wraps `io`, on which messages have at most `max_message_bytes`.
    pub fn new(io: S, unfinished: Unfinished, max_message_bytes: usize) -> Self {
        Self {
            io,
            unfinished,
            limit: max_message_bytes.saturating_mul(OVERHEAD),
        }
    }

    /// Removes the limit: a peer that is being closed may have much in flight.
    pub const fn lift(&mut self) {
        self.limit = usize::MAX;
    }
}

/// Flood: the peer sends only overhead.
#[derive(Debug, thiserror::Error)]
#[error("too many bytes without a whole message")]
pub(super) struct Flood;

impl<S: AsyncRead + Unpin> AsyncRead for Guarded<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.io).poll_read(cx, buf))?;
        let read = buf.filled().len() - before;
        if self.unfinished.0.fetch_add(read, Ordering::Relaxed) > self.limit {
            return Poll::Ready(Err(io::Error::other(Flood)));
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Guarded<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

/// Rate of control frames.
pub(super) struct ControlFrames {
    second_began: Instant,
    count: u32,
}

impl ControlFrames {
    pub const fn new(now: Instant) -> Self {
        Self {
            second_began: now,
            count: 0,
        }
    }

    /// Counts a control frame.
    ///
    /// # Errors
    /// [`Flood`], if it is one too many.
    pub fn count(&mut self, now: Instant) -> Result<(), Flood> {
        if now.duration_since(self.second_began) >= Duration::from_secs(1) {
            *self = Self::new(now);
        }
        self.count += 1;
        if self.count > CONTROL_FRAMES_PER_SECOND {
            Err(Flood)
        } else {
            Ok(())
        }
    }
}
