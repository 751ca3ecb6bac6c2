//! The one writer: a thread that owns the one write connection and commits in groups.
//!
//! Jobs wait in a bounded queue. The thread takes what is there, runs each job inside one
//! transaction, commits once with the disk synced, and only then runs, in order, the steps that each job
//! registered by [`Write::on_commit`]. So no change is published that could still be lost, all changes are published
//! in the order of their commits. A job that fails rolls back alone. In a SQLite file,
//! a job that foresees its reads rolls back with its whole batch if it fails after it has written something: it has no
//! savepoint, because SQLite copies each page that changes after one.

mod job;
mod postgres;
mod sqlite;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rusqlite::Connection;
use tokio::sync::oneshot;
use tokio::time::timeout_at;

use super::Write;
use super::checkpointer::Checkpointer;
use super::error::Error;
use super::node::Node;
use super::unreadable::UnreadableRows;
use super::write_health::WriteHealth;
use crate::metrics::{Batch, Metrics};

pub(super) use job::Foresight;
use job::{Change, Committed, Finish, Job, run};

/// Jobs that may wait. At some 10,000 jobs a second the last of them waits 0.1 s; a job that comes after that is
/// better refused at once.
pub(super) const QUEUE: usize = 1024;

/// Queue of jobs; none once the writer stops.
type Queue = Mutex<Option<SyncSender<Job>>>;

/// The queue to the writer's thread.
pub(super) struct Writer {
    queue: Arc<Queue>,
    thread: Mutex<Option<JoinHandle<()>>>,
    stats: Arc<WriterStats>,
    /// How long a job may take before it is refused; no limit for a file.
    patience: Option<Duration>,
}

/// What others learn of the thread's work.
struct WriterStats {
    /// Jobs in the queue.
    waiting: AtomicUsize,
    outcomes: WriteHealth,
    unreadable: UnreadableRows,
    metrics: Metrics,
}

impl Writer {
    /// Starts the thread on `conn`, a connection to a file, beside `checkpointer`. SQLite does not check its references: each
    /// job has read the keys that it writes, and deletes the rows that belong to one that it deletes. To look each key up
    /// again costs a twentieth of a call. `db check` and every test of a server look for rows that name none.
    pub fn on_file(
        conn: Connection,
        checkpointer: Checkpointer,
        unreadable: UnreadableRows,
        metrics: Metrics,
    ) -> Result<Self, Error> {
        conn.pragma_update(None, "foreign_keys", false)?;
        Self::start(unreadable, metrics, None, move |jobs, stats| {
            sqlite::work(&conn, checkpointer, jobs, stats);
        })
    }

    /// Starts the thread on the connection of `node`.
    pub fn on_postgres(
        node: Node,
        unreadable: UnreadableRows,
        metrics: Metrics,
    ) -> Result<Self, Error> {
        let server = node.server().clone();
        let patience = Some(server.patience());
        let writer = Self::start(unreadable, metrics, patience, move |jobs, stats| {
            postgres::work(node, jobs, stats);
        })?;
        let (queue, stats) = (Arc::clone(&writer.queue), Arc::clone(&writer.stats));
        // A full queue needs no look: the writer looks with each transaction.
        server.listen(move || {
            let _ = submit(&queue, &stats, Job::Look);
        });
        Ok(writer)
    }

    fn start(
        unreadable: UnreadableRows,
        metrics: Metrics,
        patience: Option<Duration>,
        work: impl FnOnce(&Receiver<Job>, &WriterStats) + Send + 'static,
    ) -> Result<Self, Error> {
        let (queue, jobs) = sync_channel(QUEUE);
        let stats = Arc::new(WriterStats {
            waiting: AtomicUsize::new(0),
            outcomes: WriteHealth::new(),
            unreadable,
            metrics,
        });
        let shared_stats = Arc::clone(&stats);
        let thread = std::thread::Builder::new()
            .name("writer".to_owned())
            .spawn(move || work(&jobs, &shared_stats))
            .map_err(|error| Error::Unavailable(error.to_string()))?;
        Ok(Self {
            queue: Arc::new(Mutex::new(Some(queue))),
            thread: Mutex::new(Some(thread)),
            stats,
            patience,
        })
    }

    /// Runs `job` in the writer's next transaction and waits until its changes are on disk. With a `foresight`, the job
    /// is about the users that it returns and their calls alone.
    ///
    /// On PostgreSQL a COMMIT may wait for a standby without a limit. A job that has not begun in time does not run; one
    /// that has begun may be committed after it was refused.
    ///
    /// # Errors
    /// What the job returns; [`Error::Unavailable`] where the queue is full, the writer has stopped, the
    /// commit failed or took too long; [`Error::Panicked`].
    pub async fn write<T, E>(
        &self,
        foresight: Option<Foresight>,
        job: impl FnOnce(&Write<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let deadline = self.patience.map(|patience| Instant::now() + patience);
        let job = move |db: &Write<'_>| {
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return Err(too_slow().into());
            }
            job(db)
        };
        let change: Change = Box::new(move |db| run(job, db, answer));
        self.submit(match foresight {
            Some(foresight) => Job::Foreseen(foresight, change),
            None => Job::Change(change),
        })?;
        let answered = match deadline {
            Some(deadline) => match timeout_at(deadline.into(), answered).await {
                Ok(answered) => answered,
                Err(_) => return Err(too_slow().into()),
            },
            None => answered.await,
        };
        // A job that was never run was dropped with its sender: its batch could not begin.
        answered.unwrap_or_else(|_| {
            Err(Error::Unavailable("the write was not carried out".to_owned()).into())
        })
    }

    /// Whether changes can be made: by the last ones, or else by a write that changes nothing.
    pub async fn is_working(&self) -> bool {
        let probe = |permit| self.submit(Job::Probe(permit)).is_ok();
        self.stats.outcomes.are_good(probe).await
    }

    /// How many jobs wait.
    pub fn waiting(&self) -> usize {
        self.stats.waiting.load(Ordering::Relaxed)
    }

    fn submit(&self, job: Job) -> Result<(), Error> {
        submit(&self.queue, &self.stats, job).map_err(|refused| match refused {
            Some(Full) => {
                self.stats.metrics.write_refused();
                Error::Unavailable(format!("{QUEUE} writes are waiting"))
            }
            None => stopped(),
        })
    }

    /// Takes no more jobs, finishes those that wait, and returns when the thread has ended.
    pub fn stop(&self) {
        self.queue.lock().take();
        if let Some(thread) = self.thread.lock().take()
            // The last owner may be a job's leftover, dropped by the thread itself, which ends after it.
            && thread.thread().id() != std::thread::current().id()
            && thread.join().is_err()
        {
            tracing::error!("the writer thread panicked");
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The queue is full.
struct Full;

/// Adds `job` to `queue`; fails if that is full, or without a cause if the writer has stopped.
fn submit(queue: &Queue, stats: &WriterStats, job: Job) -> Result<(), Option<Full>> {
    let queue = queue.lock();
    let queue = queue.as_ref().ok_or(None)?;
    // Counted first: the thread may take the job before `try_send` returns.
    stats.waiting.fetch_add(1, Ordering::Relaxed);
    queue.try_send(job).map_err(|refused| {
        stats.waiting.fetch_sub(1, Ordering::Relaxed);
        match refused {
            TrySendError::Full(_) => Some(Full),
            TrySendError::Disconnected(_) => None,
        }
    })
}

fn stopped() -> Error {
    Error::Unavailable("the server is stopping".to_owned())
}

fn too_slow() -> Error {
    Error::Unavailable("PostgreSQL did not confirm the write in time".to_owned())
}

/// Records the outcome of a batch of `size` jobs for the health check and the metrics; none if it failed.
fn record_outcome(committed: Option<&Committed>, size: usize, stats: &WriterStats) {
    // A batch that had nothing to write does not show whether the database can be written.
    if committed.is_none_or(|committed| committed.wrote) {
        stats.outcomes.record(committed.is_some());
    }
    stats.metrics.batch_done(Batch {
        writes: u32::try_from(size).unwrap_or(u32::MAX),
        commit: committed.map(|committed| committed.took),
        statements: committed.map_or(0, |committed| committed.statements),
        round_trips: committed.map_or(0, |committed| committed.round_trips),
    });
}

/// Answers the jobs of a batch, in order: it was committed, or failed for the reason `failure`.
fn answer_jobs(finished: Vec<Finish>, failure: Option<String>) {
    for finish in finished {
        let of_batch = failure.clone().map(Error::Unavailable);
        (finish.answer)(of_batch.or(finish.failure).map_or(Ok(()), Err));
    }
}

/// Answers, by dropping them, the jobs that came while another process held the file. The first of them has
/// waited as long as the batch did, and would wait that long again for each batch before its own.
fn refuse_waiting(jobs: &Receiver<Job>, stats: &WriterStats) {
    for refused in jobs.try_iter().take(QUEUE) {
        stats.waiting.fetch_sub(1, Ordering::Relaxed);
        drop(refused);
    }
}
