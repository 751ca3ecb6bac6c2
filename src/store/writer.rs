//! The one writer: a thread that owns the one write connection and commits in groups.
//!
//! Jobs wait in a bounded queue. The thread takes what is there, runs each job inside one
//! transaction, commits once with the disk synced, and only then runs, in order, the steps that each job
//! registered by [`Write::on_commit`]. So no change is published that could still be lost, all changes are published
//! in the order of their commits. A job that fails rolls back alone. In a SQLite file,
//! a job that foresees its reads rolls back with its whole batch if it fails after it has written something: it has no
//! savepoint, because SQLite copies each page that changes after one.

mod postgres;
mod sqlite;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rusqlite::Connection;
use tokio::sync::oneshot;
use tokio::time::timeout_at;

use crate::metrics::{Batch, Metrics};
use crate::user::UserId;

use super::checkpointer::Checkpointer;
use super::error::Error;
use super::node::Node;
use super::post::Post;
use super::unreadable::UnreadableRows;
use super::write_health::{ProbePermit, WriteHealth};
use super::{OnCommit, Read, Write};

/// Jobs that may wait. At some 10,000 jobs a second the last of them waits 0.1 s; a job that comes after that is
/// better refused at once.
pub(super) const QUEUE: usize = 1024;

/// What the writer is asked for.
enum Job {
    /// To run this inside the transaction.
    Change(Change),
    /// To run this inside the transaction, after reads that are known. It fails only before its first change.
    Foreseen(Foresight, Change),
    /// To find out whether the file can be written; the outcome of the batch tells.
    Probe(ProbePermit),
    /// To look for posts of other nodes.
    Look,
}

/// A job that changes something.
type Change = Box<dyn FnOnce(Write<'_>) -> Finish + Send>;

/// Makes the reads that a job begins with; returns the users about whom it is.
pub(super) type Foresight = Box<dyn Fn(&Read<'_>) -> Result<Vec<UserId>, Error> + Send>;

/// Answers who waits for a job, given whether its changes were committed, or why not.
type Answer = Box<dyn FnOnce(Result<(), Error>) + Send>;

/// A job that has run.
struct Finish {
    /// Whether its changes are wanted.
    keep: bool,
    /// Statements that it ran.
    statements: u32,
    /// Failure of a statement that was found after the job: its changes are undone.
    failure: Option<Error>,
    /// What the other nodes must know of its changes.
    posts: Vec<Post>,
    answer: Answer,
}

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
    /// Starts the thread on `conn`, a connection to a file, beside `checkpointer`.
    pub fn on_file(
        conn: Connection,
        checkpointer: Checkpointer,
        unreadable: UnreadableRows,
        metrics: Metrics,
    ) -> Result<Self, Error> {
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
        server.listen(move || match submit(&queue, &stats, Job::Look) {
            Ok(()) | Err(Some(_)) => true,
            Err(None) => false,
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

/// Runs one job; a panic inside it is its own error.
fn run<T, E>(
    job: impl FnOnce(&Write<'_>) -> Result<T, E>,
    db: Write<'_>,
    answer: oneshot::Sender<Result<T, E>>,
) -> Finish
where
    T: Send + 'static,
    E: From<Error> + Send + 'static,
{
    let outcome = catch_unwind(AssertUnwindSafe(|| job(&db)));
    let outcome =
        outcome.unwrap_or_else(|panic| Err(Error::Panicked(panic_message(&*panic)).into()));
    let statements = db.statements.get();
    // Nobody waits any more where the client has gone; its change stands all the same.
    match outcome {
        Ok(value) => {
            let (on_commit, posts) = db.into_parts();
            Finish {
                keep: true,
                statements,
                failure: None,
                posts,
                answer: Box::new(move |committed| {
                    let _ = answer.send(match committed {
                        Ok(()) => {
                            follow_commit(on_commit);
                            Ok(value)
                        }
                        Err(failure) => Err(failure.into()),
                    });
                }),
            }
        }
        Err(error) => Finish {
            keep: false,
            statements,
            failure: None,
            posts: Vec::new(),
            // A refusal rests on what the batch had written before it, so it falls with the batch.
            answer: Box::new(move |committed| {
                let _ = answer.send(Err(match committed {
                    Ok(()) => error,
                    Err(failure) => failure.into(),
                }));
            }),
        },
    }
}

/// Runs the steps that follow a commit. The change stands even if one of them panics, so the job is answered with its
/// value and the other steps run.
fn follow_commit(steps: Vec<OnCommit>) {
    for step in steps {
        if catch_unwind(AssertUnwindSafe(step)).is_err() {
            tracing::error!("a step after a commit panicked");
        }
    }
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned())
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

/// A batch that is on disk.
#[derive(Default)]
struct Committed {
    /// How long the commit took.
    took: Duration,
    /// Whether there was anything to write.
    wrote: bool,
    /// Statements of its jobs.
    statements: u32,
    /// How often the database was waited for, over the network.
    round_trips: u32,
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;
    use std::path::Path;

    use crate::clock::Timestamp;
    use crate::user::Profile;

    use super::super::engine::Statements;
    use super::super::schema;
    use super::sqlite::{BATCH, transact};
    use super::*;

    fn writer(path: &Path) -> Writer {
        let conn = schema::open_for_writing(path).expect("a database");
        let reader = schema::open_reader(path).expect("a connection");
        let checkpointer = Checkpointer::start(reader, &conn).expect("a thread");
        let (unreadable, metrics) = (UnreadableRows::default(), Metrics::new("0.0.0"));
        Writer::on_file(conn, checkpointer, unreadable, metrics).expect("a thread")
    }

    async fn works(writer: &Writer) -> bool {
        let job = |_: &Write<'_>| -> Result<(), Error> { Ok(()) };
        writer.write(None, job).await.is_ok()
    }

    #[tokio::test]
    async fn a_job_that_panics_fails_alone_and_leaves_nothing_behind() {
        let dir = tempfile::tempdir().expect("a folder");
        let writer = writer(&dir.path().join("calls.db"));
        let add = |id: &str, panics: bool| {
            let profile = Profile {
                id: UserId::parse(id).expect("an id"),
                name: "Someone".to_owned(),
                avatar: None,
            };
            writer.write(None, move |db| -> Result<(), Error> {
                db.add_user(&profile, Timestamp::from_millis(0))?;
                assert!(!panics, "a defect");
                Ok(())
            })
        };
        let (before, failed, after) =
            tokio::join!(add("alice", false), add("bob", true), add("carol", false));
        assert!(matches!(failed, Err(Error::Panicked(message)) if message == "a defect"));
        assert!(before.is_ok() && after.is_ok());
        let count = |db: &Write<'_>| -> Result<i64, Error> {
            let sql = "SELECT count(*) FROM users";
            db.one(sql, rusqlite::params![], |row| row.get(0))
        };
        assert_eq!(writer.write(None, count).await.expect("counted"), 2);
    }

    #[tokio::test]
    async fn foreseen_job_fails_with_its_batch_and_then_alone() {
        let dir = tempfile::tempdir().expect("a folder");
        let writer = writer(&dir.path().join("calls.db"));
        let add = |id: &'static str, panics: bool| {
            let foresight: Foresight = Box::new(|_| Ok(Vec::new()));
            writer.write(Some(foresight), move |db| -> Result<(), Error> {
                db.run(
                    "INSERT INTO users (id, name, standing, created_at) VALUES (?1, 'A', 0, 0)",
                    rusqlite::params![id],
                )?;
                assert!(!panics, "a defect");
                Ok(())
            })
        };
        let stored = |outcomes: [Result<(), Error>; 2]| {
            i64::try_from(outcomes.iter().filter(|one| one.is_ok()).count()).expect("few")
        };
        let (before, failed, after) =
            tokio::join!(add("alice", false), add("bob", true), add("carol", false));
        assert!(matches!(failed, Err(Error::Panicked(message)) if message == "a defect"));
        let first = stored([before, after]);
        let (before, failed, after) =
            tokio::join!(add("dora", false), add("eve", true), add("frank", false));
        assert!(matches!(failed, Err(Error::Panicked(_))));
        let second = stored([before, after]);
        assert_eq!(second, 2, "for a minute every job has a savepoint");
        let count = |db: &Write<'_>| -> Result<i64, Error> {
            let sql = "SELECT count(*) FROM users";
            db.one(sql, rusqlite::params![], |row| row.get(0))
        };
        let users = writer.write(None, count).await;
        assert_eq!(users.expect("counted"), first + second);
    }

    #[test]
    fn empty_batch_does_not_count_as_writable() {
        let dir = tempfile::tempdir().expect("a folder");
        let conn = schema::open_for_writing(&dir.path().join("calls.db")).expect("a database");
        let wrote = |sql: &'static str, keep: bool| {
            let change = Box::new(move |db: Write<'_>| {
                db.each(sql, rusqlite::params![], |_| Ok(ControlFlow::Continue(())))
                    .expect("SQL");
                let answer = Box::new(|_: Result<(), Error>| ());
                Finish {
                    keep,
                    statements: 1,
                    failure: None,
                    posts: Vec::new(),
                    answer,
                }
            });
            let batch = vec![Job::Change(change)];
            let (statements, unreadable) = (Statements::new(&conn), UnreadableRows::default());
            let committed = transact(&statements, batch, false, &unreadable, &mut Vec::new());
            committed.expect("committed").wrote
        };
        let insert = "INSERT INTO users (id, name, standing, created_at) VALUES ('a', 'A', 0, 0)";
        assert!(!wrote("SELECT 1", true));
        assert!(!wrote(insert, false));
        assert!(wrote(insert, true));
    }

    #[tokio::test]
    async fn a_panic_after_the_commit_leaves_the_other_steps_and_the_answer() {
        let dir = tempfile::tempdir().expect("a folder");
        let writer = writer(&dir.path().join("calls.db"));
        let (sent, steps) = std::sync::mpsc::channel();
        let job = move |db: &Write<'_>| -> Result<u8, Error> {
            db.on_commit(|| panic!("a defect"));
            db.on_commit(move || sent.send("second").expect("a receiver"));
            Ok(7)
        };
        assert_eq!(writer.write(None, job).await.expect("committed"), 7);
        assert_eq!(steps.try_recv(), Ok("second"));
        assert!(works(&writer).await);
    }

    #[tokio::test]
    async fn those_who_wait_behind_a_locked_file_are_refused_together() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("calls.db");
        let writer = writer(&path);
        let other = Connection::open(&path).expect("opened");
        other.execute_batch("BEGIN IMMEDIATE").expect("locked");
        let began = Instant::now();
        // Three batches of them: each by itself would wait for the file in vain, one after the other.
        let waiting = (0..3 * BATCH).map(|_| works(&writer));
        let worked = futures_util::future::join_all(waiting).await;
        assert!(worked.iter().all(|worked| !worked));
        assert!(
            began.elapsed() < 2 * schema::BUSY_TIMEOUT,
            "{:?}",
            began.elapsed()
        );
        assert_eq!(writer.waiting(), 0);
        other.execute_batch("ROLLBACK").expect("unlocked");
        assert!(works(&writer).await);
    }
}
