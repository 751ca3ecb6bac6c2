//! Jobs of a transaction: each has a savepoint and can fail alone.
//!
//! Nobody waits for the statements at the end of a job: they travel with the first statement of the job after it. If one
//! of them failed, that is found there: the failed job is undone, and the statement is sent again.

use std::cell::{Cell, RefCell};

use super::super::super::error::Error;
use super::Session;

/// Place in a transaction.
#[derive(Default)]
pub(super) struct Job {
    /// Whether no statement of this job was run yet: what is unanswered belongs to the job before it.
    pub is_first: Cell<bool>,
    /// Length of the queue when this job began, or 0 after it was sent.
    pub start: Cell<usize>,
    /// Failure of a statement of the job before this one.
    failure: RefCell<Option<Error>>,
}

impl Session {
    /// Begins a job.
    pub fn begin_job(&self) {
        if let Some(jobs) = &mut *self.deferred.borrow_mut() {
            jobs.push(Vec::new());
            return;
        }
        self.append("SAVEPOINT job");
        self.mark_start();
    }

    /// Ends the job, which is undone if it is not to be kept. Returns whether a statement of it may still fail.
    pub fn end_job(&self, keep: bool) -> bool {
        if let Some(statements) = self
            .deferred
            .borrow_mut()
            .as_mut()
            .and_then(|jobs| jobs.last_mut())
        {
            if !keep {
                statements.clear();
            }
            return !statements.is_empty();
        }
        let has_queued = self.queued.borrow().len() > self.job.start.get();
        if !keep {
            self.queued.borrow_mut().truncate(self.job.start.get());
            self.append("ROLLBACK TO job");
        }
        self.append("RELEASE job");
        self.job.is_first.set(true);
        keep && (has_queued || !self.unanswered.borrow().is_empty())
    }

    /// Waits for the statements of the job that ended last, and undoes it if one of them failed.
    pub fn settle_last_job(&self) {
        if self.job.is_first.take()
            && let Err(error) = self.settle()
        {
            self.undo_last_job(error);
        }
    }

    /// Returns the failure of the last job of which a statement may have failed, if one was found.
    pub fn take_failure(&self) -> Option<Error> {
        self.job.failure.take()
    }

    /// Undoes the job that ended last, of which a statement failed with `error`. Its savepoint is still there: PostgreSQL
    /// runs nothing after the failure.
    pub(super) fn undo_last_job(&self, error: Error) {
        self.job.failure.replace(Some(error));
        self.append("ROLLBACK TO job; RELEASE job; SAVEPOINT job");
        self.mark_start();
    }

    /// Commits. `in_doubt` is true afterwards if nobody knows whether PostgreSQL has: its answer is lost.
    ///
    /// # Errors
    /// Also the failure of a statement before it, with which PostgreSQL rolls back.
    pub fn commit(&self, in_doubt: &mut bool) -> Result<(), Error> {
        self.flush();
        let before = self.unanswered.take();
        self.append("COMMIT");
        self.flush();
        self.job.is_first.set(false);
        *in_doubt = true;
        self.count_round_trip();
        let committed = self.unanswered.replace(before);
        let outcome = self.collect();
        self.unanswered.replace(committed);
        if let Err(Error::Postgres(_)) = &outcome {
            *in_doubt = self.collect().is_err();
        }
        outcome?;
        self.collect()
    }

    /// Rolls back, whatever became of the statements before.
    ///
    /// # Errors
    /// The connection is lost.
    pub fn roll_back(&self) -> Result<(), Error> {
        self.queued.borrow_mut().clear();
        self.deferred.take();
        self.foresight.take();
        self.job.is_first.set(false);
        self.job.failure.take();
        // Their failure is known, or is the reason.
        let _ = self.settle();
        self.run_script("ROLLBACK")
    }

    fn mark_start(&self) {
        self.job.start.set(self.queued.borrow().len());
    }
}
