//! Unit of work: writes inside one transaction. Each family of tables adds its statements to [`Write`].

use std::cell::RefCell;
use std::ops::Deref;

use rusqlite::params;

use super::Read;
use super::engine::{Conn, DeferredWrites, Params};
use super::error::Error;
use super::post::Post;
use super::unreadable::UnreadableRows;

/// Step that runs once a job's changes are on disk.
pub(super) type OnCommit = Box<dyn FnOnce() + Send>;

/// Unit of work: what can be written inside the writer's transaction, and what follows its commit.
pub struct Write<'c> {
    read: Read<'c>,
    on_commit: RefCell<Vec<OnCommit>>,
    posts: RefCell<Vec<Post>>,
}

impl<'c> Write<'c> {
    pub(super) fn on(conn: impl Into<Conn<'c>>) -> Self {
        Self {
            read: Read::on(conn),
            on_commit: RefCell::default(),
            posts: RefCell::default(),
        }
    }

    pub(super) fn skipping(conn: impl Into<Conn<'c>>, unreadable: &'c UnreadableRows) -> Self {
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

    /// Posts a change to the other nodes, with this job. To be called if there are any (`Store::has_other_nodes`).
    pub fn post(&self, post: Post) {
        self.posts.borrow_mut().push(post);
    }

    /// Sends deferred writes again, with PostgreSQL.
    pub(super) fn repeat(&self, statements: &DeferredWrites) -> Result<(), Error> {
        match self.conn {
            Conn::Sqlite(_) => Ok(()),
            Conn::Postgres(session) => session.repeat(statements),
        }
    }

    /// Ends the unit of work; returns the steps that follow its commit, and its posts.
    pub(super) fn into_parts(self) -> (Vec<OnCommit>, Vec<Post>) {
        (self.on_commit.into_inner(), self.posts.into_inner())
    }

    /// Runs `sql`, which stays prepared; returns how many rows it changed.
    pub(super) fn execute<'p>(
        &self,
        sql: &str,
        params: impl Into<Params<'p>>,
    ) -> Result<usize, Error> {
        self.count().execute(sql, params.into())
    }

    /// Runs `sql`. A failure may come later, from a statement after it or at the end of the job.
    pub(super) fn run<'p>(&self, sql: &str, params: impl Into<Params<'p>>) -> Result<(), Error> {
        self.count().run(sql, params.into())
    }

    /// Runs each of `statements` with the same `params`.
    pub(super) fn run_each<'p>(
        &self,
        statements: &[&str],
        params: impl Into<Params<'p>> + Copy,
    ) -> Result<(), Error> {
        statements.iter().try_for_each(|sql| self.run(sql, params))
    }

    /// Waits for the statements that run; returns `result`, or the failure of one of them.
    pub(super) fn settled<T, E: From<Error>>(&self, result: Result<T, E>) -> Result<T, E> {
        let settled = self.conn.settle();
        let value = result?;
        settled?;
        Ok(value)
    }

    /// Inserts one row into a table that numbers its rows in the column `seq`; returns the number.
    pub(super) fn insert<'p>(
        &self,
        sql: &str,
        params: impl Into<Params<'p>>,
    ) -> Result<i64, Error> {
        self.count().insert(sql, params.into())
    }
}

impl<'c> Deref for Write<'c> {
    type Target = Read<'c>;

    fn deref(&self) -> &Read<'c> {
        &self.read
    }
}
