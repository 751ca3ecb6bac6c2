//! The database: SQL, and only SQL.
//!
//! [`Store`] is what a running server holds: one `writer` and some `readers` of one file, which it
//! keeps other servers away from. [`Database`] is a plain connection for the command line. What can be read
//! stands on [`Read`], what can be written on [`Write`], a file per family of tables. This module knows
//! nothing of HTTP, sockets or JSON, and decides nothing.
//!
//! Every function that returns a `Result` fails with [`Error`] if SQLite fails, the file cannot be used, or a row
//! holds an impossible value. An `# Errors` section names only what a function adds to that.
#![expect(clippy::missing_errors_doc, reason = "said once above")]

mod api_keys;
mod api_replies;
mod audit;
mod availability;
mod backup;
mod call_counts;
mod calls;
mod check;
mod checkpointer;
mod clock_step;
mod contact_lists;
mod copy;
mod database;
mod engine;
mod enum_codes;
mod error;
mod file_name;
mod history;
mod idempotency;
mod invitations;
mod listing;
mod live_calls;
mod lock;
mod node;
mod pending_events;
#[cfg(test)]
mod plans;
mod post;
#[cfg(test)]
mod postgres_tests;
mod quality;
mod readers;
mod retention;
mod roster;
mod schema;
mod schema_postgres;
mod sessions;
mod stats;
mod steps;
mod unreadable;
mod users;
mod webhook;
mod write_health;
mod writer;

use std::cell::{Cell, RefCell};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::params;
use scheduled_thread_pool::ScheduledThreadPool;
use std::ops::ControlFlow;

use crate::metrics::Metrics;
use crate::system_time::ClockLead;
use crate::user::UserId;

use checkpointer::Checkpointer;
use engine::{Aside, Conn, Params, Row, Server};
use node::{Joined, Node, Standing};
use readers::{FileReaders, Readers};
use sessions::Sessions;
use unreadable::UnreadableRows;

pub use api_replies::StoredReply;
pub use audit::AuditQuery;
pub use backup::{Progress, restore};
pub use call_counts::CallCount;
pub use database::{Database, Removal};
pub use error::Error;
pub use file_name::{beside, data_path};
pub use history::HistoryQuery;
pub use idempotency::Remembered;
pub use listing::CallFilter;
pub use live_calls::{Answered, CallParties, CallParty, Gone};
pub use lock::Lock;
pub use node::{NodeInfo, PostReceiver, default_node_name};
pub use pending_events::PendingEvent;
pub use post::{NodeKey, Post};
pub use retention::Forgotten;
pub use roster::SessionRow;
pub use stats::{Day, Stats, TableSize};
pub use users::{Account, Upsert};

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
        let readers = |limit| Readers::Postgres(Box::new(Sessions::new(server.clone(), limit)));
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

/// Returns whether `path` is the URL of a PostgreSQL database.
#[must_use]
pub fn is_url(path: &Path) -> bool {
    engine::is_url(path)
}

/// Returns whether `path` is the URL of a PostgreSQL database with a password, which is refused and never shown.
#[must_use]
pub fn has_password(path: &Path) -> bool {
    engine::has_password(path)
}

/// Returns the name of the PostgreSQL database in the URL `database`, without what a file name cannot have.
#[must_use]
pub fn name_in_url(database: &Path) -> String {
    let url = database.to_string_lossy();
    let place = url.split('?').next().unwrap_or_default();
    let name = place.rsplit('/').next().unwrap_or_default();
    name.chars()
        .filter(|char| char.is_ascii_alphanumeric() || matches!(char, '_' | '-'))
        .collect()
}

/// Returns whether there is a database at `path`, as far as that is known without opening it.
#[must_use]
pub fn is_present(path: &Path) -> bool {
    is_url(path) || path.exists()
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

/// What can be read of the database, on one connection.
pub struct Read<'c> {
    conn: Conn<'c>,
    /// Where a server registers rows that cannot be read. For a command they are errors.
    unreadable: Option<&'c UnreadableRows>,
    /// Statements run so far.
    statements: Cell<u32>,
}

impl<'c> Read<'c> {
    fn on(conn: impl Into<Conn<'c>>) -> Self {
        Self {
            conn: conn.into(),
            unreadable: None,
            statements: Cell::new(0),
        }
    }

    fn skipping(conn: impl Into<Conn<'c>>, unreadable: &'c UnreadableRows) -> Self {
        Self {
            conn: conn.into(),
            unreadable: Some(unreadable),
            statements: Cell::new(0),
        }
    }

    /// Returns the connection, and counts the statement that is to run on it.
    fn count(&self) -> Conn<'c> {
        self.statements.set(self.statements.get() + 1);
        self.conn
    }

    /// Runs `sql` and reads its first row, if there is one.
    fn find<'p, T>(
        &self,
        sql: &str,
        params: impl Into<Params<'p>>,
        read: impl FnOnce(&Row<'_>) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        self.count().find(sql, params.into(), read)
    }

    /// Runs `sql` and reads its first row, which must be there.
    fn one<'p, T>(
        &self,
        sql: &str,
        params: impl Into<Params<'p>>,
        read: impl FnOnce(&Row<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.find(sql, params, read)?
            .ok_or_else(|| rusqlite::Error::QueryReturnedNoRows.into())
    }

    /// Runs `sql` and calls `read` with its rows until it breaks off.
    fn each<'p>(
        &self,
        sql: &str,
        params: impl Into<Params<'p>>,
        read: impl FnMut(&Row<'_>) -> Result<ControlFlow<()>, Error>,
    ) -> Result<(), Error> {
        self.count().each(sql, params.into(), read)
    }

    /// Runs `sql` and reads all its rows.
    fn many<'p, T>(
        &self,
        sql: &str,
        params: impl Into<Params<'p>>,
        mut read: impl FnMut(&Row<'_>) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        let mut values = Vec::new();
        self.each(sql, params, |row| {
            values.push(read(row)?);
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(values)
    }

    /// Runs `sql` and reads its rows but for those that a server skips.
    fn readable<'p, T>(
        &self,
        sql: &str,
        params: impl Into<Params<'p>>,
        mut read: impl FnMut(&Row<'_>) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        let mut values = Vec::new();
        self.each(sql, params, |row| {
            values.extend(self.skip(read(row))?);
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(values)
    }

    /// Returns how many rows have to be read for `wanted` rows that are not skipped.
    fn with_skipped(&self, wanted: usize) -> i64 {
        let skipped = self.unreadable.map_or(0, UnreadableRows::count);
        i64::try_from(wanted.saturating_add(skipped)).unwrap_or(i64::MAX)
    }

    /// Returns the value of a row, or none if a server skips it because it cannot be read.
    fn skip<T>(&self, row: Result<T, Error>) -> Result<Option<T>, Error> {
        match self.unreadable {
            Some(unreadable) => unreadable.skip(row),
            None => row.map(Some),
        }
    }

    fn is_skipped(&self, table: &'static str, id: impl ToString) -> bool {
        let skips = |rows: &UnreadableRows| rows.contains(table, id.to_string());
        self.unreadable.is_some_and(skips)
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// [`Error`], where it does not.
    pub fn ping(&self) -> Result<(), Error> {
        let sql = "SELECT EXISTS (SELECT 1 FROM users)";
        self.one(sql, params![], |_| Ok(()))
    }
}

/// Step that runs once a job's changes are on disk.
type OnCommit = Box<dyn FnOnce() + Send>;

/// Unit of work: what can be written inside the writer's transaction, and what follows its commit.
pub struct Write<'c> {
    read: Read<'c>,
    on_commit: RefCell<Vec<OnCommit>>,
    posts: RefCell<Vec<Post>>,
}

impl<'c> Write<'c> {
    fn on(conn: impl Into<Conn<'c>>) -> Self {
        Self {
            read: Read::on(conn),
            on_commit: RefCell::default(),
            posts: RefCell::default(),
        }
    }

    fn skipping(conn: impl Into<Conn<'c>>, unreadable: &'c UnreadableRows) -> Self {
        Self {
            read: Read::skipping(conn, unreadable),
            on_commit: RefCell::default(),
            posts: RefCell::default(),
        }
    }

    /// Runs `step`; if it fails, what it wrote and registered is undone and the job goes on.
    ///
    /// # Errors
    /// What `step` returns.
    pub fn attempt<T, E: From<Error>>(
        &self,
        step: impl FnOnce(&Self) -> Result<T, E>,
    ) -> Result<T, E> {
        let registered = self.on_commit.borrow().len();
        let posted = self.posts.borrow().len();
        self.run("SAVEPOINT step", params![])?;
        let result = self.settled(step(self));
        if result.is_err() {
            self.run("ROLLBACK TO step", params![])?;
            self.on_commit.borrow_mut().truncate(registered);
            self.posts.borrow_mut().truncate(posted);
        }
        self.run("RELEASE step", params![])?;
        result
    }

    /// Registers `step` to run once this job's changes are on disk. Steps run in the order in which they were
    /// registered, and the steps of all jobs in the order of the commits. They are dropped if the job fails or its
    /// batch is not committed.
    pub fn on_commit(&self, step: impl FnOnce() + Send + 'static) {
        self.on_commit.borrow_mut().push(Box::new(step));
    }

    /// Posts a change to the other nodes, with this job. To be called if there are any ([`Store::has_other_nodes`]).
    pub fn post(&self, post: Post) {
        self.posts.borrow_mut().push(post);
    }

    /// Writes again what was put aside, with PostgreSQL.
    fn repeat(&self, statements: &Aside) -> Result<(), Error> {
        match self.conn {
            Conn::Sqlite(_) => Ok(()),
            Conn::Postgres(session) => session.repeat(statements),
        }
    }

    /// Ends the unit of work; returns the steps that follow its commit, and its posts.
    fn into_parts(self) -> (Vec<OnCommit>, Vec<Post>) {
        (self.on_commit.into_inner(), self.posts.into_inner())
    }

    /// Runs `sql`, which stays prepared; returns how many rows it changed.
    fn execute<'p>(&self, sql: &str, params: impl Into<Params<'p>>) -> Result<usize, Error> {
        self.count().execute(sql, params.into())
    }

    /// Runs `sql`. A failure may come later, from a statement after it or at the end of the job.
    fn run<'p>(&self, sql: &str, params: impl Into<Params<'p>>) -> Result<(), Error> {
        self.count().run(sql, params.into())
    }

    /// Waits for the statements that run; returns `result`, or the failure of one of them.
    fn settled<T, E: From<Error>>(&self, result: Result<T, E>) -> Result<T, E> {
        let settled = self.conn.settle();
        let value = result?;
        settled?;
        Ok(value)
    }

    /// Inserts one row into a table that numbers its rows in the column `seq`; returns the number.
    fn insert<'p>(&self, sql: &str, params: impl Into<Params<'p>>) -> Result<i64, Error> {
        self.count().insert(sql, params.into())
    }
}

impl<'c> Deref for Write<'c> {
    type Target = Read<'c>;

    fn deref(&self) -> &Read<'c> {
        &self.read
    }
}
