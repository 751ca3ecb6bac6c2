//! Statements on PostgreSQL.
//!
//! The connections are driven by a runtime of one thread. Whoever runs a statement waits on its own thread, as for
//! SQLite. Statements whose result nobody needs are queued as text ([`Session::queue`]) and sent in one message with the
//! next statement that has a result: PostgreSQL runs them in order, so that what follows sees their changes.
//! [`Session::settle`] sends them and returns the first failure.
//!
//! Jobs whose reads are foreseen ([`Session::foresee`]) defer their writes ([`Session::begin_deferring`]).

mod deferred;
mod foresight;
mod jobs;
mod listen;
mod outage;
mod server;
mod tls;
mod value;
mod wait;
mod wide;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::pin::{Pin, pin};
use std::sync::{Arc, OnceLock};
use std::task::Poll;
use std::time::{Duration, Instant};

use rusqlite::types::{ToSql, ToSqlOutput, Value, ValueRef};
use tokio::task::AbortHandle;
use tokio_postgres::{Client, Statement};

use super::super::error::Error;
use super::dialect::Translation;
use super::{Column, Params, Row};

pub(in super::super) use deferred::DeferredWrites;
use foresight::Foresight;
use jobs::Job;
pub(in super::super) use server::{Server, has_password, is_url};
use value::Parameter;
use wait::{RUNTIME, poll, wait};

/// Answer to a message that was sent.
type Answer = Pin<Box<dyn Future<Output = Result<(), tokio_postgres::Error>> + Send>>;

/// Pause between attempts to reach PostgreSQL.
const PAUSE: Duration = Duration::from_millis(250);

/// Rows of a result.
type Rows = Arc<Vec<tokio_postgres::Row>>;

/// Length at which queued statements are sent before there is one with a result.
const LONGEST_QUEUE: usize = 64 * 1024;

/// Statement that stays prepared.
struct Prepared {
    statement: Statement,
    /// Its text.
    text: String,
    /// Names of its parameters.
    names: Vec<String>,
    /// Its number among those of the connection.
    number: usize,
    /// Name under which `EXECUTE` runs it, once it has one.
    name: OnceLock<String>,
    /// The same for many rows, once it was needed; none if it cannot be written so.
    wide: OnceLock<Option<Statement>>,
}

/// Connection to PostgreSQL.
pub(in super::super) struct Session {
    client: Arc<Client>,
    connection: AbortHandle,
    prepared: RefCell<HashMap<String, Arc<Prepared>>>,
    /// Text of the next message.
    queued: RefCell<String>,
    unanswered: RefCell<Vec<Answer>>,
    round_trips: Cell<u32>,
    job: Job,
    foresight: RefCell<Foresight>,
    /// Deferred writes of each job; none while statements are sent as they come.
    deferred: RefCell<Option<Vec<DeferredWrites>>>,
}

impl Session {
    /// Connects to `server` as soon as it is reachable.
    ///
    /// # Errors
    /// [`Error::Open`] if it is not within its patience.
    pub fn connect_when_reachable(server: &Server) -> Result<Self, Error> {
        let deadline = Instant::now() + server.patience();
        loop {
            match Self::connect(server) {
                Err(_) if Instant::now() + PAUSE < deadline => std::thread::sleep(PAUSE),
                connected => return connected,
            }
        }
    }

    /// Connects to `server`: to the host of its list that takes writes.
    ///
    /// # Errors
    /// [`Error::Open`].
    pub fn connect(server: &Server) -> Result<Self, Error> {
        let (config, tls, listener) = (server.config()?, server.tls(), server.listener.clone());
        let connecting = RUNTIME.spawn(async move {
            let (client, connection) = config.connect(tls).await?;
            let connection = tokio::spawn(listener.drive(connection)).abort_handle();
            Ok((client, connection))
        });
        let (client, connection) = wait(connecting)
            .map_err(|error| server.cannot_open(&error))?
            .map_err(|error: tokio_postgres::Error| server.cannot_open(&Causes(&error)))?;
        Ok(Self {
            client: Arc::new(client),
            connection,
            prepared: RefCell::default(),
            queued: RefCell::default(),
            unanswered: RefCell::default(),
            round_trips: Cell::default(),
            job: Job::default(),
            foresight: RefCell::default(),
            deferred: RefCell::default(),
        })
    }

    /// Returns whether the connection is lost.
    pub fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Returns the way to break the connection: whoever waits for an answer gets an error.
    pub fn connection(&self) -> AbortHandle {
        self.connection.clone()
    }

    /// Returns how often this connection was waited for.
    pub const fn round_trips(&self) -> u32 {
        self.round_trips.get()
    }

    /// Runs the statements of `script`, which have no parameters.
    pub fn run_script(&self, script: &str) -> Result<(), Error> {
        self.ask(|| self.client.batch_execute(script))
    }

    /// Runs `sql`; returns how many rows it changed.
    pub fn execute(&self, sql: &str, params: Params<'_>) -> Result<usize, Error> {
        let prepared = self.prepare(sql)?;
        let values = parameters(&prepared, params)?;
        let changed = self.ask(|| self.client.execute_raw(&prepared.statement, &values))?;
        Ok(usize::try_from(changed).unwrap_or(usize::MAX))
    }

    /// Queues `sql`, to be sent with the next statement that has a result, or defers it.
    pub fn queue(&self, sql: &str, params: Params<'_>) -> Result<(), Error> {
        self.settle_last_job();
        if params.is_empty() {
            self.send_deferred()?;
            self.append(&Translation::of(sql).sql);
            return Ok(());
        }
        let prepared = self.prepare(sql)?;
        let values = parameters(&prepared, params)?;
        match self.defer(&prepared, values)? {
            None => Ok(()),
            Some(values) => self.append_prepared(&prepared, &values),
        }
    }

    /// Appends `prepared` with `values` to the next message, or sends it if a value is long: PostgreSQL reads it
    /// faster in a message of its own than as a literal.
    fn append_prepared(&self, prepared: &Prepared, values: &[Parameter]) -> Result<(), Error> {
        if values.iter().any(Parameter::is_long) {
            return self.send_prepared(prepared, values.to_vec());
        }
        let mut text = format!("EXECUTE {} (", self.name(prepared)?);
        for (place, (value, kind)) in values.iter().zip(prepared.statement.params()).enumerate() {
            text.push_str(if place > 0 { ", " } else { "" });
            value.write_literal(kind, &mut text)?;
        }
        text.push(')');
        self.append(&text);
        if self.queued.borrow().len() > LONGEST_QUEUE {
            self.flush();
        }
        Ok(())
    }

    /// Sends `prepared` with `values` behind what is queued, in a message of its own.
    fn send_prepared(&self, prepared: &Prepared, values: Vec<Parameter>) -> Result<(), Error> {
        values.iter().try_for_each(Parameter::check)?;
        self.flush();
        let (client, statement) = (Arc::clone(&self.client), prepared.statement.clone());
        self.send(async move { client.execute_raw(&statement, &values).await.map(drop) })?;
        Ok(())
    }

    /// Sends `statement`, which has no parameters, and does not wait for it.
    pub fn send_now(&self, statement: &str) {
        self.append(statement);
        self.flush();
    }

    /// Sends what is queued and waits until it is through.
    ///
    /// # Errors
    /// The first failure among the statements.
    pub fn settle(&self) -> Result<(), Error> {
        self.send_deferred()?;
        self.flush();
        if !self.unanswered.borrow().is_empty() {
            self.count_round_trip();
        }
        self.collect()
    }

    /// Runs `sql` and calls `read` with its rows until it breaks off.
    pub fn each(
        &self,
        sql: &str,
        params: Params<'_>,
        mut read: impl FnMut(&Row<'_>) -> Result<ControlFlow<()>, Error>,
    ) -> Result<(), Error> {
        for row in self.rows(sql, params)?.iter() {
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

    fn rows(&self, sql: &str, params: Params<'_>) -> Result<Rows, Error> {
        let prepared = self.prepare(sql)?;
        let values = parameters(&prepared, params)?;
        if let Some(rows) = self.foreseen(&prepared, &values) {
            return Ok(rows);
        }
        let values: Vec<&(dyn tokio_postgres::types::ToSql + Sync)> =
            values.iter().map(|value| value as _).collect();
        let rows = self.ask(|| self.client.query(&prepared.statement, &values))?;
        Ok(Arc::new(rows))
    }

    /// Sends the request behind the deferred writes and what is queued, and returns its answer.
    fn ask<T, F>(&self, request: impl Fn() -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, tokio_postgres::Error>>,
    {
        self.send_deferred()?;
        self.ask_behind_queue(request)
    }

    /// Sends the request behind what is queued, in one round trip, and returns its answer. If the job before this one
    /// failed, undoes that one and sends the request again.
    fn ask_behind_queue<T, F>(&self, request: impl Fn() -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, tokio_postgres::Error>>,
    {
        let asked = self.ask_behind(request());
        let answer = match asked {
            Err(error) if self.job.is_first.take() => {
                self.undo_last_job(error);
                self.ask_behind(request())?
            }
            asked => asked?,
        };
        self.job.is_first.set(false);
        Ok(answer?)
    }

    /// Sends `request` behind what is queued; returns its answer, or the failure of a statement before it.
    fn ask_behind<T>(
        &self,
        request: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<Result<T, tokio_postgres::Error>, Error> {
        self.flush();
        self.count_round_trip();
        let mut request = pin!(request);
        let first = poll(request.as_mut());
        self.collect()?;
        Ok(match first {
            Poll::Ready(answer) => answer,
            Poll::Pending => wait(request),
        })
    }

    /// Appends `statement` to the next message.
    fn append(&self, statement: &str) {
        let mut queued = self.queued.borrow_mut();
        queued.push_str(statement);
        queued.push(';');
    }

    /// Sends what is queued as one message.
    fn flush(&self) {
        self.job.start.set(0);
        let text = std::mem::take(&mut *self.queued.borrow_mut());
        if text.is_empty() {
            return;
        }
        let client = Arc::clone(&self.client);
        if let Err(error) = self.send(async move { client.batch_execute(&text).await }) {
            let failed = Box::pin(std::future::ready(Err(error)));
            self.unanswered.borrow_mut().push(failed);
        }
    }

    /// Sends `request`, whose answer comes with later ones.
    ///
    /// # Errors
    /// It cannot be sent.
    fn send(
        &self,
        request: impl Future<Output = Result<(), tokio_postgres::Error>> + Send + 'static,
    ) -> Result<(), tokio_postgres::Error> {
        let mut answer: Answer = Box::pin(request);
        match poll(answer.as_mut()) {
            Poll::Pending => self.unanswered.borrow_mut().push(answer),
            Poll::Ready(answered) => answered?,
        }
        Ok(())
    }

    /// Waits for the answers to all messages that were sent. In their order: PostgreSQL's answers to the next ones wait
    /// until those to the first are taken.
    fn collect(&self) -> Result<(), Error> {
        let unanswered = std::mem::take(&mut *self.unanswered.borrow_mut());
        let mut outcome = Ok(());
        for answer in unanswered {
            let answered = wait(answer);
            if outcome.is_ok() {
                outcome = answered;
            }
        }
        Ok(outcome?)
    }

    fn count_round_trip(&self) {
        self.round_trips.set(self.round_trips.get() + 1);
    }

    /// Prepares `sql` and what is made of it for many rows, and runs neither.
    #[cfg(test)]
    pub fn understand(&self, sql: &str) -> Result<(), Error> {
        let prepared = self.prepare(sql)?;
        self.widened(&prepared).map(drop)
    }

    /// Returns the name under which `EXECUTE` runs `prepared`.
    fn name<'p>(&self, prepared: &'p Prepared) -> Result<&'p str, Error> {
        if let Some(name) = prepared.name.get() {
            return Ok(name);
        }
        let name = format!("write_{}", prepared.number);
        self.run_script(&format!("PREPARE {name} AS {}", prepared.text))?;
        Ok(prepared.name.get_or_init(|| name))
    }

    fn prepare(&self, sql: &str) -> Result<Arc<Prepared>, Error> {
        if let Some(prepared) = self.prepared.borrow().get(sql) {
            return Ok(Arc::clone(prepared));
        }
        let Translation { sql: text, names } = Translation::of(sql);
        let statement = self.ask_behind_queue(|| self.client.prepare(&text))?;
        let mut known = self.prepared.borrow_mut();
        let prepared = Arc::new(Prepared {
            statement,
            text,
            names,
            number: known.len(),
            name: OnceLock::new(),
            wide: OnceLock::new(),
        });
        known.insert(sql.to_owned(), Arc::clone(&prepared));
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
    let cell: value::Cell<'_> = row.try_get(column)?;
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
