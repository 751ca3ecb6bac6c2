//! Statements on PostgreSQL.
//!
//! The connections are driven by a runtime of one thread. Whoever runs a statement waits on its own thread, as for
//! SQLite. Statements whose result nobody needs are sent without waiting ([`Session::send`]): PostgreSQL runs them in
//! order, so that what follows sees their changes, and [`Session::settle`] returns the first failure.

mod place;
mod tls;
mod value;

use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::pin::{Pin, pin};
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

use rusqlite::types::{ToSql, ToSqlOutput, Value, ValueRef};
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::{Client, Statement};

use super::super::error::Error;
use super::dialect::Translation;
use super::{Column, Params, Row};

pub(in super::super) use place::{Server, is_url};
use value::{Cell, Parameter};

/// Runtime of all connections of this process.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("postgres")
        .enable_all()
        .build()
        .expect("the system has a thread to spare")
});

/// Wakes the thread that waits for an answer.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Blocks this thread until `future` is ready. Unlike a runtime's own way, this works on a thread of a runtime too.
fn wait<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park(),
        }
    }
}

/// Answer to a statement that was sent.
type Answer = Pin<Box<dyn Future<Output = Result<u64, tokio_postgres::Error>> + Send>>;

/// Statement that stays prepared, with the names of its parameters.
struct Prepared {
    statement: Statement,
    names: Vec<String>,
}

/// Connection to PostgreSQL.
pub(in super::super) struct Session {
    client: Arc<Client>,
    prepared: RefCell<HashMap<String, Arc<Prepared>>>,
    unanswered: RefCell<Vec<Answer>>,
}

impl Session {
    /// Connects to `server`: to the host of its list that takes writes.
    ///
    /// # Errors
    /// [`Error::Open`].
    pub fn connect(server: &Server) -> Result<Self, Error> {
        let (config, tls) = (server.config()?, server.tls());
        let connecting = RUNTIME.spawn(async move {
            let (client, connection) = config.connect(tls).await?;
            tokio::spawn(connection);
            Ok(client)
        });
        let client = wait(connecting)
            .map_err(|error| server.cannot_open(&error))?
            .map_err(|error: tokio_postgres::Error| server.cannot_open(&Causes(&error)))?;
        Ok(Self {
            client: Arc::new(client),
            prepared: RefCell::default(),
            unanswered: RefCell::default(),
        })
    }

    /// Returns whether the connection is lost.
    pub fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Runs the statements of `script`, which have no parameters.
    pub fn run_script(&self, script: &str) -> Result<(), Error> {
        self.settle()?;
        Ok(wait(self.client.batch_execute(script))?)
    }

    /// Runs `sql`; returns how many rows it changed.
    pub fn execute(&self, sql: &str, params: Params<'_>) -> Result<usize, Error> {
        let answer = self.start(sql, params)?;
        let changed = self.answered(wait(answer))?;
        Ok(usize::try_from(changed).unwrap_or(usize::MAX))
    }

    /// Sends `sql` and does not wait for its answer.
    pub fn send(&self, sql: &str, params: Params<'_>) -> Result<(), Error> {
        let answer = self.start(sql, params)?;
        self.unanswered.borrow_mut().push(answer);
        Ok(())
    }

    /// Waits for the answers to all statements that were sent.
    ///
    /// # Errors
    /// The first failure among them.
    pub fn settle(&self) -> Result<(), Error> {
        let unanswered = std::mem::take(&mut *self.unanswered.borrow_mut());
        let mut outcome = Ok(());
        for answer in unanswered {
            let answered = wait(answer);
            if outcome.is_ok() {
                outcome = answered.map(drop);
            }
        }
        Ok(outcome?)
    }

    /// Runs `sql` and calls `read` with its rows until it breaks off.
    pub fn each(
        &self,
        sql: &str,
        params: Params<'_>,
        mut read: impl FnMut(&Row<'_>) -> Result<ControlFlow<()>, Error>,
    ) -> Result<(), Error> {
        for row in &self.rows(sql, params)? {
            if read(&Row::Postgres(row))?.is_break() {
                break;
            }
        }
        Ok(())
    }

    /// Runs `sql` and reads its first row, if there is one.
    pub fn find<T>(
        &self,
        sql: &str,
        params: Params<'_>,
        read: impl FnOnce(&Row<'_>) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        let rows = self.rows(sql, params)?;
        rows.first()
            .map(|row| read(&Row::Postgres(row)))
            .transpose()
    }

    fn rows(&self, sql: &str, params: Params<'_>) -> Result<Vec<tokio_postgres::Row>, Error> {
        let prepared = self.prepare(sql)?;
        let values = parameters(&prepared, params)?;
        let values: Vec<&(dyn tokio_postgres::types::ToSql + Sync)> =
            values.iter().map(|value| value as _).collect();
        self.answered(wait(self.client.query(&prepared.statement, &values)))
    }

    /// Sends `sql`; returns the answer that is to come.
    fn start(&self, sql: &str, params: Params<'_>) -> Result<Answer, Error> {
        let prepared = self.prepare(sql)?;
        let values = parameters(&prepared, params)?;
        let client = Arc::clone(&self.client);
        let mut answer: Answer =
            Box::pin(async move { client.execute_raw(&prepared.statement, values).await });
        // The first poll sends it. An answer that is there already waits in the future for the next one.
        match answer
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
        {
            Poll::Pending => Ok(answer),
            Poll::Ready(answered) => Ok(Box::pin(std::future::ready(answered))),
        }
    }

    /// Returns `answer`, or why a statement before it failed: PostgreSQL refuses all that follows in a transaction.
    fn answered<T>(&self, answer: Result<T, tokio_postgres::Error>) -> Result<T, Error> {
        match answer {
            Ok(value) => Ok(value),
            Err(error) => {
                self.settle()?;
                Err(error.into())
            }
        }
    }

    /// Prepares `sql` and does not run it.
    #[cfg(test)]
    pub fn understand(&self, sql: &str) -> Result<(), Error> {
        self.prepare(sql).map(drop)
    }

    fn prepare(&self, sql: &str) -> Result<Arc<Prepared>, Error> {
        if let Some(prepared) = self.prepared.borrow().get(sql) {
            return Ok(Arc::clone(prepared));
        }
        let Translation { sql: text, names } = Translation::of(sql);
        let statement = self.answered(wait(self.client.prepare(&text)))?;
        let prepared = Arc::new(Prepared { statement, names });
        self.prepared
            .borrow_mut()
            .insert(sql.to_owned(), Arc::clone(&prepared));
        Ok(prepared)
    }
}

/// Returns the values of `params` in the order of the statement's parameters.
fn parameters(prepared: &Prepared, params: Params<'_>) -> Result<Vec<Parameter>, Error> {
    match params {
        Params::Ordered(values) => values.iter().map(|value| owned(*value)).collect(),
        Params::Named(values) => {
            let named = |name: &String| {
                let found = values.iter().find(|(one, _)| one == name);
                let (_, value) =
                    found.ok_or_else(|| rusqlite::Error::InvalidParameterName(name.clone()))?;
                owned(*value)
            };
            prepared.names.iter().map(named).collect()
        }
    }
}

fn owned(value: &dyn ToSql) -> Result<Parameter, Error> {
    Ok(Parameter(match value.to_sql()? {
        ToSqlOutput::Borrowed(value) => Value::try_from(value).map_err(rusqlite::Error::from)?,
        ToSqlOutput::Owned(value) => value,
        other => unreachable!("no parameter of the store is {other:?}"),
    }))
}

/// Returns the value of `column`.
pub(super) fn cell(row: &tokio_postgres::Row, column: impl Column) -> Result<ValueRef<'_>, Error> {
    let cell: Cell<'_> = row.try_get(column)?;
    Ok(cell.0)
}

/// Error with all its causes: PostgreSQL's own text is the cause of "db error".
struct Causes<'e>(&'e dyn std::error::Error);

impl std::fmt::Display for Causes<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
