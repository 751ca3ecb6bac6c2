//! Database of a running server: its writer and its readers.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use scheduled_thread_pool::ScheduledThreadPool;

use super::checkpointer::Checkpointer;
use super::connection_pool::ConnectionPool;
use super::engine::{Conn, Server};
use super::error::Error;
use super::file_name::beside;
use super::lock::Lock;
use super::node::{Joined, Node, PostReceiver, Standing, default_node_name};
use super::post::NodeKey;
use super::readers::{FileReaders, Readers};
use super::roster::SessionRow;
use super::unreadable::UnreadableRows;
use super::{Read, Write, checkpointer, schema, writer};
use crate::metrics::Metrics;
use crate::system_time::ClockLead;
use crate::user::UserId;

/// Connections for short reads: as many as threads that serve requests, on which these reads run, on most
/// machines; on others some wait for some microseconds.
const READERS: u32 = 4;

/// Connections for reads that take longer, which run beside those threads.
const LONG_READERS: u32 = 4;

/// How a server uses PostgreSQL.
#[derive(Clone, Debug)]
pub struct PostgresOptions {
    /// Name of this node among those of the database.
    pub node_name: String,
    /// Connections for reading, at least two.
    pub connections: usize,
    /// How long to wait for PostgreSQL.
    pub patience: Duration,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self {
            node_name: default_node_name(0),
            connections: 8,
            patience: Duration::from_secs(10),
        }
    }
}

/// A running server's database. Cheap to clone.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    writer: writer::Writer,
    readers: Readers,
    long_readers: Readers,
    unreadable: UnreadableRows,
    stopped_in_order: bool,
    /// Sessions of other nodes at the start.
    sessions: Vec<SessionRow>,
    is_alone: bool,
    /// The last field, since the lock is dropped after the connections.
    engine: Engine,
}

/// What is particular to an engine.
enum Engine {
    File {
        path: PathBuf,
        checkpointer: checkpointer::CheckpointSignal,
        /// Held for as long as the server runs: one server a file.
        lock: Lock,
    },
    Postgres(Arc<Standing>),
}

impl Store {
    /// Opens the database at `path`, a file or the URL of PostgreSQL, for a server; creates it if it is missing.
    ///
    /// # Errors
    /// [`Error::InUse`] if another server holds it, and what [`Error`] says of files.
    pub fn open(path: &Path, metrics: Metrics) -> Result<Self, Error> {
        Self::open_with(path, PostgresOptions::default(), metrics)
    }

    /// Like [`Store::open`], with `options` for PostgreSQL.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_with(
        path: &Path,
        options: PostgresOptions,
        metrics: Metrics,
    ) -> Result<Self, Error> {
        match Server::of(path)? {
            Some(server) => Self::open_postgres(server, options, metrics),
            None => Self::open_file(path, metrics),
        }
    }

    fn open_postgres(
        mut server: Server,
        options: PostgresOptions,
        metrics: Metrics,
    ) -> Result<Self, Error> {
        server.set_patience(options.patience);
        let Joined {
            node,
            is_alone,
            stopped_in_order,
            sessions,
        } = Node::join(&server, &options.node_name)?;
        let standing = node.standing();
        let unreadable = UnreadableRows::default();
        let long = options.connections / 2;
        let readers =
            |limit| Readers::Postgres(Box::new(ConnectionPool::new(server.clone(), limit)));
        Ok(Self(Arc::new(Inner {
            writer: writer::Writer::on_postgres(node, unreadable.clone(), metrics)?,
            readers: readers(options.connections - long),
            long_readers: readers(long),
            unreadable,
            stopped_in_order,
            sessions,
            is_alone,
            engine: Engine::Postgres(standing),
        })))
    }

    fn open_file(path: &Path, metrics: Metrics) -> Result<Self, Error> {
        let lock = Lock::take(path)?;
        let stopped_in_order = lock.take_stopped_mark();
        let conn = schema::open_for_writing(path)?;
        // One thread for both, where r2d2 would have three for each.
        let threads = Arc::new(ScheduledThreadPool::new(1));
        let readers = FileReaders::open(path, READERS, Arc::clone(&threads))?;
        let long_readers = FileReaders::open(path, LONG_READERS, threads)?;
        let checkpointer = Checkpointer::start(schema::open_reader(path)?, &conn)?;
        let signal = checkpointer.signal();
        let unreadable = UnreadableRows::default();
        let writer = writer::Writer::on_file(conn, checkpointer, unreadable.clone(), metrics)?;
        Ok(Self(Arc::new(Inner {
            writer,
            readers: Readers::File(readers),
            long_readers: Readers::File(long_readers),
            unreadable,
            stopped_in_order,
            sessions: Vec::new(),
            is_alone: true,
            engine: Engine::File {
                path: path.to_owned(),
                checkpointer: signal,
                lock,
            },
        })))
    }

    /// Runs `job` in the writer's next transaction and waits until its changes are on disk. What the job registers
    /// by [`Write::on_commit`] runs right after the commit, in the order of the commits.
    ///
    /// # Errors
    /// What the job returns; [`Error::Unavailable`] where the queue is full, the store is closed or the
    /// commit failed; [`Error::Panicked`].
    pub async fn write<T, E>(
        &self,
        job: impl FnOnce(&Write<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        self.0.writer.write(None, job).await
    }

    /// Like [`Store::write`], for a job about some users and their calls alone that fails only before its first change,
    /// unless the database fails. `foresee` makes the reads that the job begins with, and returns these users. With
    /// PostgreSQL, jobs about different users are one transaction that makes all these reads in one round trip, and writes
    /// the rows of all of them by the same statements. In a SQLite file the job needs no savepoint: if it fails later,
    /// nothing of it is stored, and the other writes of its batch fail with it.
    ///
    /// # Errors
    /// As [`Store::write`].
    pub async fn write_foreseen<T, E>(
        &self,
        foresee: impl Fn(&Read<'_>) -> Result<Vec<UserId>, Error> + Send + 'static,
        job: impl FnOnce(&Write<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        self.0.writer.write(Some(Box::new(foresee)), job).await
    }

    /// Waits until what is committed by now has been moved from the write-ahead log into the database file; not
    /// where the store is closed.
    pub async fn settle(&self) {
        match &self.0.engine {
            Engine::File { checkpointer, .. } => checkpointer.checkpoint_and_wait().await,
            Engine::Postgres(_) => (),
        }
    }

    /// Reads what is committed: some rows by their keys, which takes less than to hand the read, or the other
    /// tasks of this thread, to another one.
    ///
    /// # Errors
    /// What `read` returns; [`Error::Unavailable`] where no reader is free in time.
    pub fn read<T, E: From<Error>>(
        &self,
        read: impl FnOnce(&Read<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let read = |conn: Conn<'_>| read(&Read::skipping(conn, &self.0.unreadable));
        self.0.readers.with(read)?
    }

    /// Reads what is committed and may take long, or wait for something. Other tasks of this thread go on
    /// elsewhere in the meantime.
    ///
    /// # Errors
    /// What `read` returns; [`Error::Unavailable`] where no reader is free in time.
    ///
    /// # Panics
    /// Outside a multi-threaded runtime.
    pub fn read_at_length<T, E: From<Error>>(
        &self,
        read: impl FnOnce(&Read<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let read = |conn: Conn<'_>| read(&Read::skipping(conn, &self.0.unreadable));
        tokio::task::block_in_place(|| self.0.long_readers.with(read))?
    }

    /// Whether what is written now gets to the disk: by the outcome of the last writes, or, where there were
    /// none in the last half second, of a write that changes nothing. Answers within that time.
    pub async fn is_writable(&self) -> bool {
        self.0.writer.is_working().await
    }

    /// Returns whether the file is still the one that was opened: nobody replaced or removed it. With PostgreSQL,
    /// whether the other nodes have not removed this one.
    #[must_use]
    pub fn is_current(&self) -> bool {
        match &self.0.engine {
            Engine::File { lock, .. } => lock.is_current(),
            Engine::Postgres(standing) => standing.is_active(),
        }
    }

    /// Returns whether another server on the database has started under the name of this one, which was removed for it.
    #[must_use]
    pub fn is_replaced(&self) -> bool {
        match &self.0.engine {
            Engine::File { .. } => false,
            Engine::Postgres(standing) => standing.is_replaced(),
        }
    }

    /// Returns the key of this node among those of the database; none with a file, which has one server.
    #[must_use]
    pub fn node(&self) -> Option<NodeKey> {
        match &self.0.engine {
            Engine::File { .. } => None,
            Engine::Postgres(standing) => Some(standing.key()),
        }
    }

    /// Returns whether there was no other node at the start.
    #[must_use]
    pub fn is_alone_at_start(&self) -> bool {
        self.0.is_alone
    }

    /// Returns the sessions of other nodes at the start. What has changed since comes by posts.
    #[must_use]
    pub fn sessions_at_start(&self) -> &[SessionRow] {
        &self.0.sessions
    }

    /// Returns the name of this node, with PostgreSQL.
    #[must_use]
    pub fn node_name(&self) -> Option<&str> {
        match &self.0.engine {
            Engine::File { .. } => None,
            Engine::Postgres(standing) => Some(standing.name()),
        }
    }

    /// Returns whether other nodes must know what changes. Inside a job, it is exact.
    #[must_use]
    pub fn has_other_nodes(&self) -> bool {
        match &self.0.engine {
            Engine::File { .. } => false,
            Engine::Postgres(standing) => standing.has_others(),
        }
    }

    /// Returns whether this node does what one node does for all.
    #[must_use]
    pub fn has_duties(&self) -> bool {
        match &self.0.engine {
            Engine::File { .. } => true,
            Engine::Postgres(standing) => standing.has_duties(),
        }
    }

    /// Returns the other nodes whose lease is over.
    #[must_use]
    pub fn dead_nodes(&self) -> Vec<NodeKey> {
        match &self.0.engine {
            Engine::File { .. } => Vec::new(),
            Engine::Postgres(standing) => standing.dead(),
        }
    }

    /// Hands the posts of other nodes to `receiver`, on the writer's thread, before the jobs that come after them.
    pub fn receive_posts(&self, receiver: PostReceiver) {
        match &self.0.engine {
            Engine::File { .. } => (),
            Engine::Postgres(standing) => standing.receive_posts(receiver),
        }
    }

    /// Returns the lead of the database's clock over the clock of this machine.
    #[must_use]
    pub fn clock_lead(&self) -> ClockLead {
        match &self.0.engine {
            Engine::File { .. } => ClockLead::default(),
            Engine::Postgres(standing) => standing.clock_lead(),
        }
    }

    /// Refuses writes from now on while PostgreSQL does not wait for a synchronous standby.
    ///
    /// # Errors
    /// [`Error::NoStandby`] if it does not now.
    pub fn require_synchronous_standby(&self) -> Result<(), Error> {
        let found = match &self.0.engine {
            Engine::File { .. } => "the database is a file",
            Engine::Postgres(standing) if !standing.has_standby() => "PostgreSQL waits for none",
            Engine::Postgres(standing) => {
                standing.require_standby();
                return Ok(());
            }
        };
        Err(Error::NoStandby { found })
    }

    /// How much there is of it just now.
    #[must_use]
    pub fn volume(&self) -> Volume {
        // A file that cannot be looked at has no size to tell; what is wrong with it shows elsewhere.
        let bytes = |path: &Path| std::fs::metadata(path).map_or(0, |file| file.len());
        let size = |db: &Read<'_>| db.database_bytes();
        let (database_bytes, wal_bytes) = match &self.0.engine {
            Engine::File { path, .. } => (bytes(path), bytes(&beside(path, "-wal"))),
            Engine::Postgres(_) => (self.read(size).unwrap_or(0), 0),
        };
        let has_synchronous_standby = match &self.0.engine {
            Engine::File { .. } => false,
            Engine::Postgres(standing) => standing.has_standby(),
        };
        Volume {
            queue_depth: self.0.writer.waiting(),
            queue_limit: writer::QUEUE,
            database_bytes,
            wal_bytes,
            unreadable_rows: self.0.unreadable.count(),
            has_synchronous_standby,
        }
    }

    /// Whether the server that ran on the database before stopped in order: everything that it knew is stored.
    #[must_use]
    pub fn stopped_in_order(&self) -> bool {
        self.0.stopped_in_order
    }

    /// Records that everything that this server knows is stored. To be called before [`Store::close`].
    pub fn mark_stopped(&self) {
        match &self.0.engine {
            Engine::File { lock, .. } => lock.mark_stopped(),
            Engine::Postgres(standing) => standing.mark_stopped(),
        }
    }

    /// Takes no more writes, finishes those that wait, and checkpoints the file. May block for as long as
    /// that takes.
    pub fn close(&self) {
        self.0.writer.stop();
    }
}

/// How much there is to write and how much is written.
#[derive(Clone, Copy, Debug)]
pub struct Volume {
    /// Writes that wait.
    pub queue_depth: usize,
    /// Writes that may wait.
    pub queue_limit: usize,
    /// The size of the database file, in bytes.
    pub database_bytes: u64,
    /// The size of its write-ahead log, in bytes: the most that was in it since it was last emptied.
    pub wal_bytes: u64,
    /// Rows that cannot be read and are skipped.
    pub unreadable_rows: usize,
    /// Whether PostgreSQL waits for a standby before it acknowledges a write.
    pub has_synchronous_standby: bool,
}
