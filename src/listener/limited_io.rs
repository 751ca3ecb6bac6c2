//! Limits of a connection's bytes: memory for request heads, and a timeout for writes that make no progress.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// Bytes of a head that every connection may send without the shared budget: hyper's first buffer.
const OWN_BYTES: usize = 8 * 1024;

/// Bytes of longer heads, complete or not, that all connections together may have sent. One head is at most 400 KiB,
/// hyper's limit; without the shared limit, 2,000 incomplete heads would take 800 MB.
const SHARED_BYTES: usize = 16 * 1024 * 1024;

/// Memory for long heads, shared by all connections of a server.
pub(super) struct HeadBudget(AtomicUsize);

impl Default for HeadBudget {
    fn default() -> Self {
        Self(AtomicUsize::new(SHARED_BYTES))
    }
}

impl HeadBudget {
    fn take(&self, bytes: usize) -> bool {
        let take = |left: usize| left.checked_sub(bytes);
        self.0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take)
            .is_ok()
    }

    fn give_back(&self, bytes: usize) {
        self.0.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// State of a connection: which limits apply to its bytes now.
pub(super) struct Progress {
    budget: Arc<HeadBudget>,
    /// Bytes received of the head that is not complete yet.
    head: AtomicUsize,
    /// Bytes of that head taken from the shared budget.
    borrowed: AtomicUsize,
    has_head: AtomicBool,
    has_asked: AtomicBool,
    began: Instant,
    /// Milliseconds from `began` to the last byte received or sent.
    last_byte: AtomicU64,
    is_upgraded: AtomicBool,
}

impl Progress {
    pub fn new(budget: Arc<HeadBudget>) -> Self {
        Self {
            budget,
            head: AtomicUsize::new(0),
            borrowed: AtomicUsize::new(0),
            has_head: AtomicBool::new(false),
            has_asked: AtomicBool::new(false),
            began: Instant::now(),
            last_byte: AtomicU64::new(0),
            is_upgraded: AtomicBool::new(false),
        }
    }

    /// Records that the head of a request is complete: its body follows.
    pub fn head_arrived(&self) {
        self.has_head.store(true, Ordering::Relaxed);
        self.has_asked.store(true, Ordering::Relaxed);
        self.head.store(0, Ordering::Relaxed);
        self.return_bytes();
    }

    /// Records that the response is being sent: another head follows.
    pub fn responded(&self) {
        self.has_head.store(false, Ordering::Relaxed);
    }

    /// Records that the connection no longer carries HTTP. A WebSocket session has its own limits.
    pub fn upgraded(&self) {
        self.is_upgraded.store(true, Ordering::Relaxed);
    }

    /// Whether the head of a request was complete.
    pub fn has_asked(&self) -> bool {
        self.has_asked.load(Ordering::Relaxed)
    }

    /// Whether the body of a request, or the server's response to it, is awaited.
    pub fn is_answering(&self) -> bool {
        self.has_head.load(Ordering::Relaxed)
    }

    /// Returns when the last byte was received or sent.
    pub fn last_byte(&self) -> Instant {
        self.began + Duration::from_millis(self.last_byte.load(Ordering::Relaxed))
    }

    fn byte_passed(&self) {
        if self.is_upgraded.load(Ordering::Relaxed) {
            return;
        }
        let since = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last_byte.store(since, Ordering::Relaxed);
    }

    /// Counts `bytes` that were received; returns false if they exceed the limit.
    fn admit(&self, bytes: usize) -> bool {
        if self.has_head.load(Ordering::Relaxed) || self.is_upgraded.load(Ordering::Relaxed) {
            return true;
        }
        let head = self.head.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let borrowed = self.borrowed.load(Ordering::Relaxed);
        let wanted = head.saturating_sub(OWN_BYTES).saturating_sub(borrowed);
        let admitted = wanted == 0 || self.budget.take(wanted);
        if admitted {
            self.borrowed.fetch_add(wanted, Ordering::Relaxed);
        }
        admitted
    }

    fn return_bytes(&self) {
        let borrowed = self.borrowed.swap(0, Ordering::Relaxed);
        self.budget.give_back(borrowed);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.return_bytes();
    }
}

/// Connection whose reads fail above the limit of heads, and whose writes fail if the peer accepts no byte for a given
/// time. Without that, a response that the peer does not read would keep its buffers without limit.
pub(super) struct LimitedIo<S> {
    io: S,
    write_time: Duration,
    /// Runs while a write waits.
    timer: Option<Pin<Box<Sleep>>>,
    progress: Arc<Progress>,
}

impl<S> LimitedIo<S> {
    pub fn new(io: S, write_time: Duration, progress: Arc<Progress>) -> Self {
        Self {
            io,
            write_time,
            timer: None,
            progress,
        }
    }

    /// Returns the `outcome` of a write, [limited](Self::limited).
    fn written(
        &mut self,
        outcome: Poll<io::Result<usize>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if outcome.is_ready() {
            self.progress.byte_passed();
        }
        self.limited(outcome, context)
    }

    /// Returns `outcome`, or an error if the write has waited for too long.
    fn limited<T>(
        &mut self,
        outcome: Poll<io::Result<T>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if outcome.is_ready() || self.progress.is_upgraded.load(Ordering::Relaxed) {
            self.timer = None;
            return outcome;
        }
        let write_time = self.write_time;
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(sleep(write_time)));
        ready!(timer.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for LimitedIo<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.io).poll_read(context, buffer))?;
        self.progress.byte_passed();
        if self.progress.admit(buffer.filled().len() - before) {
            Poll::Ready(Ok(()))
        } else {
            Poll::Ready(Err(io::ErrorKind::OutOfMemory.into()))
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for LimitedIo<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(context, bytes);
        self.written(written, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(context, slices);
        self.written(written, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.io).poll_flush(context);
        self.limited(flushed, context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut_down = Pin::new(&mut self.io).poll_shutdown(context);
        self.limited(shut_down, context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
    use tokio::time::timeout;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(1);

    fn limited(io: DuplexStream) -> LimitedIo<DuplexStream> {
        LimitedIo::new(io, LIMIT, Arc::new(Progress::new(Arc::default())))
    }

    #[tokio::test]
    async fn write_without_progress_fails_after_the_limit() {
        let (ours, _theirs) = duplex(4);
        let mut io = limited(ours);
        let began = Instant::now();
        let error = io.write_all(b"12345").await.expect_err("nobody reads");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(began.elapsed() >= LIMIT);
    }

    #[tokio::test]
    async fn write_with_progress_may_outlast_the_limit() {
        let (ours, mut theirs) = duplex(1);
        let mut io = limited(ours);
        let reader = tokio::spawn(async move {
            for _ in 0..3 {
                sleep(LIMIT / 2).await;
                theirs.read_u8().await.expect("a byte");
            }
            theirs
        });
        io.write_all(b"1234").await.expect("slow is not stalled");
        reader.await.expect("read");
    }

    #[tokio::test]
    async fn upgraded_connection_has_no_limit_of_writing() {
        let (ours, _theirs) = duplex(1);
        let mut io = limited(ours);
        io.progress.upgraded();
        let waiting = timeout(2 * LIMIT, io.write_all(b"12")).await;
        assert!(waiting.is_err(), "it waits on");
    }

    #[test]
    fn heads_share_a_budget_beyond_their_own_bytes() {
        let budget = Arc::new(HeadBudget::default());
        let [first, second] = [0, 1].map(|_| Progress::new(Arc::clone(&budget)));
        assert!(first.admit(OWN_BYTES + SHARED_BYTES));
        assert!(second.admit(OWN_BYTES));
        assert!(!second.admit(1));
        first.head_arrived();
        assert!(first.admit(SHARED_BYTES), "a body is limited elsewhere");
        assert!(second.admit(1), "the bytes are back");
        first.responded();
        assert!(!first.admit(OWN_BYTES + SHARED_BYTES));
        drop(second);
        assert!(first.admit(0));
    }
}
