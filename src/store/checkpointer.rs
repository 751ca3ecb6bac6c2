//! Moves what was committed out of the write-ahead log into the database file, beside the writer.
//!
//! A checkpoint writes hundreds of pages and syncs twice. On the writer's thread, where SQLite would do it, that
//! is milliseconds in which nobody's change gets to the disk.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use parking_lot::Mutex;
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::error::Error;

/// New pages in the log that are worth a checkpoint: as many as SQLite would wait for.
const WORTHWHILE: u32 = 1_000;

/// Pages in the log, 16 MB, from which it is to begin anew. It can only when all of it is in the database, and where
/// the writer never rests, its next commit comes before the thread is through: so the writer itself moves the rest,
/// once the thread has left it [`FEW`] pages. That syncs twice, which on a slow disk is too much for every thousand
/// pages; and where the log is short, it is written over, which syncs in two thirds of the time that it takes to
/// make the file longer.
const LONG: u32 = 4_000;

/// Pages that are moved in a millisecond or two.
const FEW: u32 = 500;

/// Pages in the log, 64 MB, from which the writer waits for the thread's checkpoint, and then moves the rest
/// however much it is.
const TOO_MANY: u32 = 16_000;

/// The thread that does it, as the writer sees it.
pub(super) struct Checkpointer {
    signal: CheckpointSignal,
    thread: Option<JoinHandle<()>>,
    /// Held during a checkpoint: SQLite would turn away the second who wants to make one.
    running: Arc<Mutex<()>>,
    /// Pages in the log when it was last called.
    called_at: u32,
    /// Pages in the log when the writer last moved the rest.
    finished_at: u32,
}

/// Calls the thread.
#[derive(Clone)]
pub(super) struct CheckpointSignal(Arc<Mutex<Calls>>);

struct Calls {
    /// Gone once the thread is to stop.
    sender: Option<SyncSender<()>>,
    /// Who waits for the next checkpoint that begins.
    waiting: Vec<oneshot::Sender<()>>,
}

impl CheckpointSignal {
    /// Calls for a checkpoint. One that is busy, and has been called again already, will see to it too.
    fn send(&self) {
        let _ = self
            .0
            .lock()
            .sender
            .as_ref()
            .map(|sender| sender.try_send(()));
    }

    /// Calls for a checkpoint and waits for the end of one that has begun since; not where the thread has stopped.
    pub async fn checkpoint_and_wait(&self) {
        let (tell, told) = oneshot::channel();
        {
            let mut calls = self.0.lock();
            let Some(sender) = &calls.sender else { return };
            let _ = sender.try_send(());
            calls.waiting.push(tell);
        }
        // Dropped or sent: it is over.
        let _ = told.await;
    }
}

/// The write-ahead log, as a connection sees it that reads or writes at this moment.
#[derive(Clone, Copy, Debug)]
struct Log {
    pages: u32,
    /// Those of them that are in the database too.
    moved: u32,
}

impl Checkpointer {
    /// Starts the thread on `conn`, a connection of its own, and takes the work off `writer`, on which SQLite
    /// would do it at the end of a COMMIT.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where there is no thread; an error of the engine.
    pub fn start(conn: Connection, writer: &Connection) -> Result<Self, Error> {
        writer.pragma_update(None, "wal_autocheckpoint", 0)?;
        let (sender, calls) = sync_channel(1);
        let signal = CheckpointSignal(Arc::new(Mutex::new(Calls {
            sender: Some(sender),
            waiting: Vec::new(),
        })));
        let thread_signal = signal.clone();
        let running = Arc::new(Mutex::new(()));
        let thread_running = Arc::clone(&running);
        let thread = std::thread::Builder::new()
            .name("checkpointer".to_owned())
            .spawn(move || work(&conn, &calls, &thread_signal, &thread_running))
            .map_err(|error| Error::Unavailable(error.to_string()))?;
        Ok(Self {
            signal,
            thread: Some(thread),
            running,
            called_at: 0,
            finished_at: 0,
        })
    }

    /// How others call it.
    pub fn signal(&self) -> CheckpointSignal {
        self.signal.clone()
    }

    /// Sees to the log after a commit on `conn`, which goes on writing meanwhile.
    pub fn after_commit(&mut self, conn: &Connection) -> Result<(), rusqlite::Error> {
        let Some(Log { pages, moved }) = checkpoint(conn, "NOOP")? else {
            return Ok(());
        };
        if pages < self.called_at {
            // It has begun anew.
            (self.called_at, self.finished_at) = (0, 0);
        }
        let is_due = |since| pages - since >= WORTHWHILE;
        // Not after each commit: a long read somewhere keeps the log from beginning anew.
        let running = if !is_due(self.finished_at) {
            None
        } else if pages >= TOO_MANY {
            Some(self.running.lock())
        } else if pages >= LONG && pages - moved <= FEW {
            self.running.try_lock()
        } else {
            None
        };
        if running.is_some() {
            checkpoint(conn, "PASSIVE")?;
            (self.called_at, self.finished_at) = (pages, pages);
        } else if is_due(self.called_at) {
            self.called_at = pages;
            self.signal.send();
        }
        Ok(())
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.signal.0.lock().sender.take();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the checkpoint thread panicked");
        }
    }
}

fn work(conn: &Connection, calls: &Receiver<()>, signal: &CheckpointSignal, running: &Mutex<()>) {
    while calls.recv().is_ok() {
        let waiting = std::mem::take(&mut signal.0.lock().waiting);
        let moved = {
            let _running = running.lock();
            checkpoint(conn, "PASSIVE")
        };
        drop(waiting);
        if let Err(error) = moved {
            tracing::warn!(%error, "a checkpoint failed; the next one retries");
        }
    }
}

/// Moves what can be moved without waiting for anybody ("PASSIVE"), or only looks at the log ("NOOP"). None
/// where somebody else is moving it.
fn checkpoint(conn: &Connection, mode: &'static str) -> Result<Option<Log>, rusqlite::Error> {
    let mut statement = conn.prepare_cached(&format!("PRAGMA wal_checkpoint({mode})"))?;
    statement.query_one([], |row| {
        let busy: bool = row.get("busy")?;
        // Busy, SQLite says -1 of the rest.
        let log = || -> Result<Log, rusqlite::Error> {
            Ok(Log {
                pages: row.get("log")?,
                moved: row.get("checkpointed")?,
            })
        };
        (!busy).then(log).transpose()
    })
}

#[cfg(test)]
mod tests {
    use super::super::schema;
    use super::*;

    /// A new database in a folder, its writer and the checkpointer.
    fn started() -> (tempfile::TempDir, Connection, Checkpointer) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("calls.db");
        let conn = schema::open_for_writing(&path).expect("a database");
        let reader = schema::open_reader(&path).expect("a connection");
        let checkpointer = Checkpointer::start(reader, &conn).expect("a thread");
        (folder, conn, checkpointer)
    }

    fn pages(conn: &Connection) -> u32 {
        let log = checkpoint(conn, "NOOP").expect("a look");
        log.expect("looking is never busy").pages
    }

    #[test]
    fn the_log_stays_short_however_long_is_written_without_a_pause() {
        let (_folder, conn, mut checkpointer) = started();
        conn.execute_batch("PRAGMA synchronous = OFF; CREATE TABLE filler (bytes BLOB)")
            .expect("a table");
        let by_itself: u32 = conn
            .pragma_query_value(None, "wal_autocheckpoint", |row| row.get(0))
            .expect("a value");
        assert_eq!(by_itself, 0, "a COMMIT never ends in a checkpoint");
        let mut longest = 0;
        for _ in 0..300 {
            // A hundred pages and some.
            conn.execute("INSERT INTO filler VALUES (zeroblob(400000))", [])
                .expect("written");
            checkpointer.after_commit(&conn).expect("a look");
            longest = longest.max(pages(&conn));
        }
        assert!(longest > WORTHWHILE, "{longest}");
        assert!(longest < TOO_MANY + 200, "{longest}");
        drop(checkpointer);
        let left = checkpoint(&conn, "PASSIVE").expect("a checkpoint");
        let left = left.expect("nobody else is at it");
        assert_eq!(left.pages, left.moved);
    }

    #[test]
    fn the_log_begins_anew_under_a_writer_that_never_rests() {
        let (_folder, conn, mut checkpointer) = started();
        conn.execute_batch("CREATE TABLE filler (bytes BLOB)")
            .expect("a table");
        let (mut longest, mut last, mut beginnings) = (0, 0, 0);
        for _ in 0..3_000 {
            // Half a dozen pages, as a call's change has.
            conn.execute("INSERT INTO filler VALUES (zeroblob(16000))", [])
                .expect("written");
            checkpointer.after_commit(&conn).expect("a look");
            let now = pages(&conn);
            beginnings += u32::from(now < last);
            (longest, last) = (longest.max(now), now);
        }
        assert!(
            beginnings > 0 && longest < TOO_MANY,
            "{beginnings}, {longest}"
        );
    }

    #[tokio::test]
    async fn checkpoint_wait_ends_after_the_move_or_a_stop() {
        let (_folder, conn, checkpointer) = started();
        let signal = checkpointer.signal();
        for _ in 0..20 {
            conn.execute_batch("CREATE TABLE filler (bytes BLOB); DROP TABLE filler")
                .expect("written");
            let (first, second) = (signal.checkpoint_and_wait(), signal.checkpoint_and_wait());
            tokio::join!(first, second);
            let log = checkpoint(&conn, "NOOP").expect("a look");
            let log = log.expect("looking is never busy");
            assert!(log.pages == log.moved, "{log:?}");
        }
        let waiting = tokio::spawn({
            let signal = signal.clone();
            async move { signal.checkpoint_and_wait().await }
        });
        drop(checkpointer);
        waiting.await.expect("an end");
        signal.checkpoint_and_wait().await;
    }
}
