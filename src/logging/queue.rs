//! Bounded queue between the program and its log: a log that nobody reads must not stop the server.
//!
//! Standard error may be a pipe or a terminal whose reader has stopped, and a write to it then blocks until it reads
//! again. So a separate thread writes log lines. Lines that find the queue full are dropped and counted, and the count
//! is logged when the reader is back.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

/// Maximum number of queued lines: half a second of a busy server's access log, at most some megabytes.
const CAPACITY: usize = 8192;

/// Bytes that are written together.
const TOGETHER: usize = 64 * 1024;

/// Pause after a write, in which more lines come: a busy server writes many lines at once, and none of them wakes the
/// thread. A line that comes later is written at once.
const PAUSE: Duration = Duration::from_millis(2);

/// Job of the thread.
enum Job {
    Write(Vec<u8>),
    /// Flush: reply when all earlier lines are written.
    Flush(SyncSender<()>),
}

/// Sender of log lines. Cheap to clone.
#[derive(Clone)]
pub(super) struct LogQueue {
    /// Bounded by `lines`: a bounded channel would allocate the memory of its full capacity at once.
    jobs: Sender<Job>,
    lines: Arc<Lines>,
}

/// Counts of lines.
#[derive(Default)]
struct Lines {
    /// Queued lines.
    waiting: AtomicUsize,
    /// Lines dropped since the start.
    dropped: AtomicU64,
}

/// Logs that `dropped` lines were dropped: through the log itself, in its format and by its filter.
pub(super) fn report_dropped(dropped: u64) {
    tracing::warn!(
        dropped,
        "log lines dropped: the log is not read fast enough"
    );
}

impl LogQueue {
    /// Starts the thread that writes to `sink`. It calls `report` with the number of lines dropped since the last report.
    ///
    /// # Errors
    /// The system cannot start a thread.
    pub fn start(
        sink: impl Write + Send + 'static,
        report: impl Fn(u64) + Send + 'static,
    ) -> io::Result<Self> {
        let (jobs, waiting) = channel();
        let lines = Arc::new(Lines::default());
        let counted = Arc::clone(&lines);
        std::thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || write_all(sink, &waiting, &counted, report))?;
        Ok(Self { jobs, lines })
    }

    /// Returns how many lines were dropped since the start.
    pub fn dropped(&self) -> u64 {
        self.lines.dropped.load(Ordering::Relaxed)
    }

    /// Waits until all lines logged so far are written, for at most `time`.
    pub fn flush(&self, time: Duration) {
        let (done, written) = sync_channel(1);
        // A full queue is one that nobody reads: it would not be empty in time either.
        let is_full = self.lines.waiting.load(Ordering::Relaxed) >= CAPACITY;
        if !is_full && self.jobs.send(Job::Flush(done)).is_ok() {
            let _ = written.recv_timeout(time);
        }
    }

    fn push(&self, line: &[u8]) {
        let Lines { waiting, dropped } = &*self.lines;
        if waiting.fetch_add(1, Ordering::Relaxed) >= CAPACITY
            || self.jobs.send(Job::Write(line.to_vec())).is_err()
        {
            waiting.fetch_sub(1, Ordering::Relaxed);
            dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Runs the thread: writes until the last sender is dropped. Lines that cannot be written, as to a closed terminal, are
/// lost.
fn write_all(mut sink: impl Write, jobs: &Receiver<Job>, lines: &Lines, report: impl Fn(u64)) {
    let mut reported = 0;
    let mut text = Vec::new();
    while let Ok(job) = jobs.recv() {
        let flushed = take_lines(&mut text, job, jobs, &lines.waiting);
        let _ = sink.write_all(&text);
        text.clear();
        if let Some(done) = flushed {
            let _ = sink.flush();
            let _ = done.try_send(());
        } else {
            std::thread::sleep(PAUSE);
        }
        let total = lines.dropped.load(Ordering::Relaxed);
        // The report is one more line of the queue, and a full queue would drop it.
        if total > reported && lines.waiting.load(Ordering::Relaxed) < CAPACITY {
            report(total - reported);
            reported = total;
        }
    }
}

/// Adds the line of `job`, and those queued behind it, to `text`. Stops at a flush request, and returns its reply
/// channel.
fn take_lines(
    text: &mut Vec<u8>,
    job: Job,
    jobs: &Receiver<Job>,
    waiting: &AtomicUsize,
) -> Option<SyncSender<()>> {
    let mut next = Some(job);
    while let Some(job) = next {
        match job {
            Job::Write(line) => {
                waiting.fetch_sub(1, Ordering::Relaxed);
                text.extend_from_slice(&line);
            }
            Job::Flush(done) => return Some(done),
        }
        let has_room = text.len() < TOGETHER;
        next = has_room.then(|| jobs.try_recv().ok()).flatten();
    }
    None
}

/// Writer of one event into the queue. The formatter writes each event at once.
pub(super) struct Line<'a>(&'a LogQueue);

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.push(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for LogQueue {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line(self)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, OnceLock};

    use super::*;

    const LONG: Duration = Duration::from_secs(10);

    /// Sink that blocks each write until the test releases it.
    struct BlockedSink {
        waits: Sender<()>,
        released: Receiver<()>,
        written: Arc<Mutex<Vec<u8>>>,
    }

    /// Control of a blocked sink.
    struct Control {
        /// Dropped to release all writes.
        release: Sender<()>,
        waits: Receiver<()>,
        written: Arc<Mutex<Vec<u8>>>,
    }

    impl BlockedSink {
        fn new() -> (Self, Control) {
            let (release, released) = channel();
            let (waiting, waits) = channel();
            let written = Arc::new(Mutex::new(Vec::new()));
            let sink = Self {
                waits: waiting,
                released,
                written: Arc::clone(&written),
            };
            let control = Control {
                release,
                waits,
                written,
            };
            (sink, control)
        }
    }

    impl Write for BlockedSink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.waits.send(());
            // An error means that the test has released all writes.
            let _ = self.released.recv();
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
        let (sink, control) = BlockedSink::new();
        let (reports, reported) = channel();
        let started = Arc::new(OnceLock::<LogQueue>::new());
        let log = Arc::clone(&started);
        let report = move |dropped| {
            log.wait().push(b"line\n");
            let _ = reports.send(dropped);
        };
        let queue = LogQueue::start(sink, report).expect("a thread");
        assert!(started.set(queue.clone()).is_ok());
        let write = || queue.make_writer().write_all(b"line\n").expect("taken");
        write();
        control
            .waits
            .recv_timeout(LONG)
            .expect("the sink has a line");
        let lines = 1 + CAPACITY + 100;
        (1..lines).for_each(|_| write());
        queue.flush(LONG);
        let dropped = usize::try_from(queue.dropped()).expect("few");
        assert_eq!(dropped, 100);
        drop(control.release);
        // `flush` returns at once on a full queue, and this one is still being emptied.
        let (done, finished) = sync_channel(1);
        queue.jobs.send(Job::Flush(done)).expect("a thread");
        finished.recv_timeout(LONG).expect("written in time");
        assert_eq!(reported.recv_timeout(LONG), Ok(100));
        queue.flush(LONG);
        assert_eq!(queue.dropped(), 100, "the queue had room for the report");
        let kept = control.written.lock().expect("unharmed").len() / b"line\n".len();
        assert_eq!(kept + dropped, lines + 1);
    }

    #[test]
    fn waiting_lines_are_written_together() {
        let (sink, control) = BlockedSink::new();
        let queue = LogQueue::start(sink, |_| ()).expect("a thread");
        let write = || queue.make_writer().write_all(b"line\n").expect("taken");
        write();
        control
            .waits
            .recv_timeout(LONG)
            .expect("the sink has a line");
        (0..100).for_each(|_| write());
        drop(control.release);
        queue.flush(LONG);
        assert_eq!(control.written.lock().expect("unharmed").len(), 101 * 5);
        assert_eq!(
            control.waits.try_iter().count(),
            1,
            "one write for 100 lines"
        );
    }

    #[test]
    fn flush_waits_for_the_lines_before_it() {
        let (sink, control) = BlockedSink::new();
        let queue = LogQueue::start(sink, |_| ()).expect("a thread");
        drop(control.release);
        queue.make_writer().write_all(b"last words").expect("taken");
        queue.flush(LONG);
        assert_eq!(*control.written.lock().expect("unharmed"), b"last words");
    }
}
