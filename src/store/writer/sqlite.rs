//! The writer's thread on a SQLite file: immediate transactions. A savepoint isolates each job, except those that foresee
//! what they read: they check everything before they write.

use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode};

use super::super::checkpointer::Checkpointer;
use super::super::engine::Statements;
use super::super::unreadable::UnreadableRows;
use super::super::{Write, schema};
use super::{Committed, Finish, Job, WriterStats, answer_jobs, record_outcome, refuse_waiting};

/// Jobs of one transaction: enough that the sync is paid once for many, few enough that the first of them
/// is not kept waiting for the last.
pub(super) const BATCH: usize = 256;

/// Time after a failed batch in which a savepoint isolates every job: a job that failed for itself may come again, and
/// then fails alone.
const CAUTION: Duration = Duration::from_mins(1);

/// Runs the writer's thread until the queue is closed and empty.
pub(super) fn work(
    conn: &Connection,
    mut checkpointer: Checkpointer,
    jobs: &Receiver<Job>,
    stats: &WriterStats,
) {
    let statements = Statements::new(conn);
    let mut failed_at: Option<Instant> = None;
    while let Some(batch) = next_batch(jobs) {
        let size = batch.len();
        stats.waiting.fetch_sub(size, Ordering::Relaxed);
        let mut finished = Vec::with_capacity(size);
        let began = Instant::now();
        let is_cautious = failed_at.is_some_and(|failed_at| began - failed_at < CAUTION);
        let unreadable = &stats.unreadable;
        let outcome = transact(&statements, batch, is_cautious, unreadable, &mut finished);
        let written = began.elapsed();
        let commit = outcome.as_ref().ok().map(|committed| committed.took);
        record_outcome(outcome.as_ref().ok(), size, stats);
        if let Err(error) = &outcome {
            tracing::error!(%error, jobs = size, "cannot commit a batch of writes");
            failed_at = Some(began);
            roll_back(conn, error, jobs, stats);
        }
        answer_jobs(finished, outcome.err().map(|error| error.to_string()));
        if let Err(error) = checkpointer.after_commit(conn) {
            tracing::warn!(%error, "cannot truncate the write-ahead log, it grows");
        }
        // Whose turn is next waits for all of this. For whoever measures it: `benches/history/holds.rs`.
        tracing::trace!(
            jobs = size,
            written_us = micros(written),
            commit_us = micros(commit.unwrap_or_default()),
            held_us = micros(began.elapsed()),
            "committed a batch of writes"
        );
    }
    drop(checkpointer);
    if let Err(error) = conn.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)") {
        tracing::warn!(%error, "the last checkpoint failed; the next start retries it");
    }
}

/// Waits for a job and takes those that wait behind it, up to [`BATCH`]; none if the queue is closed.
fn next_batch(jobs: &Receiver<Job>) -> Option<Vec<Job>> {
    let first = jobs.recv().ok()?;
    let others = jobs.try_iter().take(BATCH - 1);
    Some(std::iter::once(first).chain(others).collect())
}

/// Ends the transaction that failed with `error`.
fn roll_back(
    conn: &Connection,
    error: &rusqlite::Error,
    jobs: &Receiver<Job>,
    stats: &WriterStats,
) {
    if !conn.is_autocommit() {
        let _ = conn.execute_batch("ROLLBACK");
    }
    if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) {
        refuse_waiting(jobs, stats);
    }
}

/// Runs `batch` in one transaction, with a savepoint for every job if `is_cautious`. Where it fails, none of it is on
/// disk, and jobs that did not run are answered by being dropped.
pub(super) fn transact(
    statements: &Statements<'_>,
    batch: Vec<Job>,
    is_cautious: bool,
    unreadable: &UnreadableRows,
    finished: &mut Vec<Finish>,
) -> Result<Committed, rusqlite::Error> {
    let conn = statements.connection();
    let mut wrote = false;
    statements.run("BEGIN IMMEDIATE")?;
    let mut count = 0;
    for job in batch {
        let (is_isolated, change) = match job {
            Job::Change(change) => (true, change),
            Job::Foreseen(_, change) => (is_cautious, change),
            Job::Probe(_permit) => {
                schema::touch(conn)?;
                wrote = true;
                continue;
            }
            Job::Look => continue,
        };
        if is_isolated {
            statements.run("SAVEPOINT job")?;
        }
        let changes = conn.total_changes();
        let finish = change(Write::skipping(statements, unreadable));
        let keep = finish.keep;
        count += finish.statements;
        let has_written = conn.total_changes() != changes;
        if !keep && !is_isolated && has_written && !conn.is_autocommit() {
            // It gets its own error, the others that of the batch.
            (finish.answer)(Ok(()));
            return Err(rolled_back("a write failed after its first change"));
        }
        finished.push(finish);
        if conn.is_autocommit() {
            // The engine itself rolled everything back: disk full, or an error of the disk.
            return Err(rolled_back("the transaction was rolled back by the engine"));
        }
        wrote |= keep && has_written;
        if !keep && is_isolated {
            statements.run("ROLLBACK TO job")?;
        }
        if is_isolated {
            statements.run("RELEASE job")?;
        }
    }
    let began = Instant::now();
    statements.run("COMMIT")?;
    Ok(Committed {
        took: began.elapsed(),
        wrote,
        statements: count,
        round_trips: 0,
    })
}

fn rolled_back(message: &str) -> rusqlite::Error {
    let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_ABORT_ROLLBACK);
    rusqlite::Error::SqliteFailure(code, Some(message.to_owned()))
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
