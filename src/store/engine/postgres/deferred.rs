//! Deferred writes: statements of jobs that are sent when all jobs of the transaction have run, as one statement for many
//! rows.
//!
//! A job that is not to be kept drops its deferred writes, so nothing has to be undone. A job that reads something that
//! was not foreseen must see its own changes: the deferred writes are sent, and from then on each job has a savepoint.

use std::sync::Arc;

use tokio_postgres::Statement;

use super::super::super::error::Error;
use super::value::{Column, Parameter};
use super::wide::widen;
use super::{Prepared, Session};

/// Deferred statements of a job, in their order.
pub(in super::super::super) type DeferredWrites = Vec<DeferredStatement>;

/// Statement with its parameters, to be sent later.
#[derive(Clone)]
pub(in super::super::super) struct DeferredStatement {
    prepared: Arc<Prepared>,
    values: Arc<Vec<Parameter>>,
}

impl Session {
    /// Makes PostgreSQL plan each prepared statement once, and find rows by their keys. A plan that was made while a table was
    /// small would read all of it when it is large. Where there is no key, such a plan counts as so expensive that
    /// PostgreSQL would compile it for each execution.
    pub fn plan_by_keys(&self) -> Result<(), Error> {
        self.run_script(
            "SET plan_cache_mode = force_generic_plan; SET jit = off;
             SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off",
        )
    }

    /// Defers the writes of jobs from now on.
    pub fn begin_deferring(&self) {
        self.deferred.replace(Some(Vec::new()));
    }

    /// Forgets what was foreseen, and returns the deferred writes of each job; none if a job read something else.
    pub fn end_deferring(&self) -> Option<Vec<DeferredWrites>> {
        self.foresight.take();
        self.deferred.take()
    }

    /// Defers `prepared` if writes are deferred; returns `values` otherwise.
    pub(super) fn defer(
        &self,
        prepared: &Arc<Prepared>,
        values: Vec<Parameter>,
    ) -> Result<Option<Vec<Parameter>>, Error> {
        let mut deferred = self.deferred.borrow_mut();
        let Some(job) = deferred.as_mut().and_then(|jobs| jobs.last_mut()) else {
            return Ok(Some(values));
        };
        for value in &values {
            value.check()?;
        }
        job.push(DeferredStatement {
            prepared: Arc::clone(prepared),
            values: Arc::new(values),
        });
        Ok(None)
    }

    /// Sends the deferred writes, if writes are deferred, and gives the job that runs a savepoint.
    pub(super) fn send_deferred(&self) -> Result<(), Error> {
        let Some(mut jobs) = self.deferred.take() else {
            return Ok(());
        };
        let running = jobs.pop();
        self.send_jobs(&jobs)?;
        let Some(running) = running else {
            return Ok(());
        };
        self.begin_job();
        self.repeat(&running)
    }

    /// Sends the statements of a job one by one.
    pub fn repeat(&self, statements: &DeferredWrites) -> Result<(), Error> {
        self.settle_last_job();
        for DeferredStatement { prepared, values } in statements {
            self.append_prepared(prepared, values)?;
        }
        Ok(())
    }

    /// Sends the statements of `jobs`: each statement once for all jobs that have it next.
    pub fn send_jobs(&self, jobs: &[DeferredWrites]) -> Result<(), Error> {
        let mut rest: Vec<&[DeferredStatement]> = jobs.iter().map(Vec::as_slice).collect();
        while let Some(first) = rest.iter().find_map(|job| job.first()) {
            let mut rows = Vec::new();
            for job in &mut rest {
                if let [next, others @ ..] = *job
                    && Arc::ptr_eq(&next.prepared, &first.prepared)
                {
                    rows.push(Arc::clone(&next.values));
                    *job = others;
                }
            }
            self.write_rows(&first.prepared, rows)?;
        }
        Ok(())
    }

    fn write_rows(&self, prepared: &Prepared, rows: Vec<Arc<Vec<Parameter>>>) -> Result<(), Error> {
        if rows.len() > 1
            && let Some(statement) = self.widened(prepared)?.cloned()
        {
            self.flush();
            let client = Arc::clone(&self.client);
            return Ok(self.send(async move {
                let columns = Column::all_of(&rows);
                client.execute_raw(&statement, &columns).await.map(drop)
            })?);
        }
        rows.iter()
            .try_for_each(|row| self.append_prepared(prepared, row))
    }

    /// Returns the statement that does for many rows what `prepared` does for one, if there is one.
    pub(super) fn widened<'p>(
        &self,
        prepared: &'p Prepared,
    ) -> Result<Option<&'p Statement>, Error> {
        if let Some(known) = prepared.wide.get() {
            return Ok(known.as_ref());
        }
        let statement = match widen(&prepared.text, prepared.statement.params()) {
            Some(sql) => Some(self.ask_behind_queue(|| self.client.prepare(&sql))?),
            None => None,
        };
        Ok(prepared.wide.get_or_init(|| statement).as_ref())
    }
}
