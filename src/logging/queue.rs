//! Bounded queue between the program and its log: a log that nobody reads must not stop the server.
//!
//! Standard error may be a pipe or a terminal whose reader has stopped, and a write to it then blocks for as long as
//! the reader likes. So log lines are written by a thread of their own. Lines that find the queue full are dropped
//! and counted, and the count is logged when the reader is back.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

/// Lines that may wait: half a second of a busy server's access log, at most some megabytes.
const CAPACITY: usize = 8192;

/// What the thread is asked for.
enum Job {
    Write(Vec<u8>),
    /// To answer when all that came before is written.
    Flush(SyncSender<()>),
}

/// Sender of log lines. Cheap to clone.
#[derive(Clone)]
pub(super) struct LogQueue {
    jobs: SyncSender<Job>,
    dropped: Arc<AtomicU64>,
}

impl LogQueue {
    /// Starts the thread that writes to `sink`.
    ///
    /// # Errors
    /// Where the system has no thread.
    pub fn start(sink: impl Write + Send + 'static) -> io::Result<Self> {
        let (jobs, waiting) = sync_channel(CAPACITY);
        let dropped = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&dropped);
        std::thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || write_all(sink, &waiting, &counted))?;
        Ok(Self { jobs, dropped })
    }

    /// Returns how many lines were dropped since the start.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Waits until what was logged so far is written, for at most `time`.
    pub fn flush(&self, time: Duration) {
        let (done, written) = sync_channel(1);
        // A full queue is one that nobody reads: it would not be empty in time either.
        if self.jobs.try_send(Job::Flush(done)).is_ok() {
            let _ = written.recv_timeout(time);
        }
    }

    fn push(&self, line: &[u8]) {
        match self.jobs.try_send(Job::Write(line.to_vec())) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

/// The thread: writes until the last sender is gone. What cannot be written, as to a closed terminal, is lost.
fn write_all(mut sink: impl Write, jobs: &Receiver<Job>, dropped: &AtomicU64) {
    let mut reported = 0;
    while let Ok(job) = jobs.recv() {
        match job {
            Job::Write(line) => {
                let _ = sink.write_all(&line);
            }
            Job::Flush(done) => {
                let _ = sink.flush();
                let _ = done.try_send(());
            }
        }
        let total = dropped.load(Ordering::Relaxed);
        if total > reported {
            let missed = total - reported;
            reported = total;
            // Through the log itself, in its form and by its filter; it is one more line of the queue.
            tracing::warn!(
                dropped = missed,
                "log lines dropped: the log is not read fast enough"
            );
        }
    }
}

/// One event's way into the queue. The formatter writes each event at once.
pub(super) struct Line(LogQueue);

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.push(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for LogQueue {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::mpsc;

    use super::*;

    const LONG: Duration = Duration::from_secs(10);

    /// A sink that waits before each write until it is allowed one.
    struct Gated {
        allowed: Receiver<()>,
        written: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Gated {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            // An error: the gate is open for good.
            let _ = self.allowed.recv();
            self.written
                .lock()
                .expect("unharmed")
                .extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn blocked_sink_drops_lines_and_never_blocks() {
        let (gate, allowed) = mpsc::channel();
        let written = Arc::new(Mutex::new(Vec::new()));
        let sink = Gated {
            allowed,
            written: Arc::clone(&written),
        };
        let queue = LogQueue::start(sink).expect("a thread");
        let lines = CAPACITY + 100;
        for _ in 0..lines {
            queue.make_writer().write_all(b"line\n").expect("taken");
        }
        queue.flush(LONG);
        let dropped = usize::try_from(queue.dropped()).expect("few");
        // One line may be in the thread's hands.
        assert!((99..=100).contains(&dropped), "{dropped}");
        drop(gate);
        // `flush` gives up at once on a full queue, and this one is still being emptied.
        let (done, finished) = sync_channel(1);
        queue.jobs.send(Job::Flush(done)).expect("a thread");
        finished.recv_timeout(LONG).expect("written in time");
        let kept = written.lock().expect("unharmed").len() / b"line\n".len();
        assert_eq!(kept + dropped, lines);
    }

    #[test]
    fn flush_waits_for_the_lines_before_it() {
        let (gate, allowed) = mpsc::channel();
        let written = Arc::new(Mutex::new(Vec::new()));
        let sink = Gated {
            allowed,
            written: Arc::clone(&written),
        };
        let queue = LogQueue::start(sink).expect("a thread");
        drop(gate);
        queue.make_writer().write_all(b"last words").expect("taken");
        queue.flush(LONG);
        assert_eq!(*written.lock().expect("unharmed"), b"last words");
    }
}
