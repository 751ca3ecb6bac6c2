//! Connections for reading, each used by one read at a time.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};
use r2d2_sqlite::SqliteConnectionManager;
use rusqlite::Connection;
use scheduled_thread_pool::ScheduledThreadPool;
use tokio::runtime::{Handle, RuntimeFlavor};

use super::connection_pool::ConnectionPool;
use super::engine::Conn;
use super::error::Error;
use super::schema;

/// How long a read waits for a connection.
const PATIENCE: Duration = Duration::from_secs(1);

/// The connections of one kind of reads.
pub(super) enum Readers {
    /// To a SQLite file.
    File(FileReaders),
    /// To PostgreSQL.
    Postgres(Box<ConnectionPool>),
}

impl Readers {
    /// Reads on a connection, when it is one's turn. With PostgreSQL, other tasks of this thread go on elsewhere in the
    /// meantime.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if none is free in time.
    pub fn with<T>(&self, read: impl FnOnce(Conn<'_>) -> T) -> Result<T, Error> {
        match self {
            Self::File(readers) => readers.with(|conn| read(Conn::from(conn))),
            Self::Postgres(sessions) => {
                in_background(|| sessions.with(PATIENCE, |session| read(Conn::from(session))))
            }
        }
    }
}

/// Runs `read`, which waits for the network, so that other tasks of this thread go on elsewhere.
fn in_background<T>(read: impl FnOnce() -> T) -> T {
    let runtime = Handle::try_current().map(|runtime| runtime.runtime_flavor());
    match runtime {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(read),
        Ok(_) | Err(_) => read(),
    }
}

/// The connections of one kind of reads to a SQLite file.
pub(super) struct FileReaders {
    pool: r2d2::Pool<SqliteConnectionManager>,
    /// Who wants a connection stands in line for it: the pool gives what is free to whoever comes by, so that
    /// one who waits could do so for ever while others come and go.
    line: Mutex<()>,
}

impl FileReaders {
    /// Opens `count` connections to `path`: all of them now, since a descriptor may be hard to get once
    /// thousands of clients are there. `threads` replace one that broke.
    ///
    /// # Errors
    /// [`Error::Open`].
    pub fn open(path: &Path, count: u32, threads: Arc<ScheduledThreadPool>) -> Result<Self, Error> {
        let manager = SqliteConnectionManager::file(path)
            .with_flags(schema::reader_flags())
            .with_init(schema::prepare_reader);
        let pool = r2d2::Pool::builder()
            .max_size(count)
            .thread_pool(threads)
            .test_on_check_out(false)
            .build(manager)
            .map_err(|error| Error::Open {
                path: path.to_owned(),
                cause: error.to_string(),
            })?;
        let line = Mutex::new(());
        Ok(Self { pool, line })
    }

    /// Reads on a connection, when it is one's turn.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where none is free in time.
    pub fn with<T>(&self, read: impl FnOnce(&Connection) -> T) -> Result<T, Error> {
        let busy = || Error::Unavailable("every reader of the database is busy".to_owned());
        let until = Instant::now() + PATIENCE;
        let first = self.line.try_lock_until(until).ok_or_else(busy)?;
        let left = until.saturating_duration_since(Instant::now());
        let connection = self.pool.get_timeout(left).map_err(|_| busy())?;
        MutexGuard::unlock_fair(first);
        Ok(read(&connection))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::time::Instant;

    use super::*;

    #[test]
    fn nobody_starves_behind_many_who_read_without_a_pause() {
        const READERS: usize = 16;
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("calls.db");
        drop(schema::open_for_writing(&path).expect("a database"));
        let threads = Arc::new(ScheduledThreadPool::new(1));
        let readers = FileReaders::open(&path, 1, threads).expect("a reader");
        let (all, until) = (Barrier::new(READERS), Duration::from_millis(500));
        let read = || {
            all.wait();
            let (began, mut longest) = (Instant::now(), Duration::ZERO);
            while began.elapsed() < until {
                let asked = Instant::now();
                let spin = |_: &Connection| {
                    let got = Instant::now();
                    while got.elapsed() < Duration::from_micros(100) {
                        std::hint::spin_loop();
                    }
                };
                readers.with(spin).expect("a turn");
                longest = longest.max(asked.elapsed());
            }
            longest
        };
        let longest = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..READERS).map(|_| scope.spawn(read)).collect();
            let waits = threads.into_iter().map(|it| it.join().expect("it reads"));
            waits.max()
        });
        assert!(longest < Some(PATIENCE), "{longest:?}");
    }
}
