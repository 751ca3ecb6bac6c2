//! The writer's thread on PostgreSQL.
//!
//! A batch is one transaction, and its first statement renews the lease of the node. Statements are sent without waiting
//! for the answers that nobody needs, so that a job costs a round trip for each of its reads and one at its end.

use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Instant;

use rusqlite::params;

use super::super::Write;
use super::super::engine::Conn;
use super::super::error::Error;
use super::super::node::{ActiveNode, HEARTBEAT};
use super::super::unreadable::UnreadableRows;
use super::{Committed, Finish, Job, WriterStats, answer_jobs, record_outcome, refuse_waiting};

/// Jobs of one transaction. Each has a savepoint; PostgreSQL keeps up to 64 of them in the memory of a connection.
const BATCH: usize = 48;

/// What the queue holds.
enum Next {
    Batch(Vec<Job>),
    Idle,
    Closed,
}

/// Runs the writer's thread until the queue is closed and empty, and gives the lease back.
pub(super) fn work(mut node: ActiveNode, jobs: &Receiver<Job>, stats: &WriterStats) {
    loop {
        match next(jobs) {
            Next::Batch(batch) => run_batch(&mut node, batch, jobs, stats),
            Next::Idle => keep_lease(&mut node, stats),
            Next::Closed => break,
        }
    }
    if let Err(error) = node.release() {
        tracing::warn!(%error, "the lease was not given back; a waiting node takes it when it is over");
    }
}

fn next(jobs: &Receiver<Job>) -> Next {
    match jobs.recv_timeout(HEARTBEAT) {
        Ok(first) => {
            let others = jobs.try_iter().take(BATCH - 1);
            Next::Batch(std::iter::once(first).chain(others).collect())
        }
        Err(RecvTimeoutError::Timeout) => Next::Idle,
        Err(RecvTimeoutError::Disconnected) => Next::Closed,
    }
}

fn keep_lease(node: &mut ActiveNode, stats: &WriterStats) {
    let renewed = node.ensure_connected().and_then(|()| node.renew());
    let renewed = renewed.or_else(|error| node.recover(false).and(Err(error)));
    stats.outcomes.record(renewed.is_ok());
    if let Err(error) = renewed {
        tracing::error!(%error, "cannot renew the lease of this node");
    }
}

fn run_batch(node: &mut ActiveNode, batch: Vec<Job>, jobs: &Receiver<Job>, stats: &WriterStats) {
    let size = batch.len();
    stats.waiting.fetch_sub(size, Ordering::Relaxed);
    let mut finished = Vec::with_capacity(size);
    let mut committing = false;
    let outcome = node.ensure_connected().and_then(|()| {
        transact(
            node,
            batch,
            &stats.unreadable,
            &mut finished,
            &mut committing,
        )
    });
    let outcome = outcome.or_else(|error| {
        tracing::warn!(%error, jobs = size, "a batch of writes was not answered");
        if node.recover(committing)? {
            Ok(Committed::default())
        } else {
            Err(error)
        }
    });
    record_outcome(outcome.as_ref().ok(), size, stats);
    if let Err(error) = &outcome {
        tracing::error!(%error, jobs = size, "cannot commit a batch of writes");
        refuse_waiting(jobs, stats);
    }
    answer_jobs(finished, outcome.err().map(|error| error.to_string()));
    if let Err(error) = node.report() {
        tracing::warn!(%error, "cannot report this node");
    }
}

/// Runs `batch` in one transaction. Jobs that did not run are answered by being dropped.
fn transact(
    node: &mut ActiveNode,
    batch: Vec<Job>,
    unreadable: &UnreadableRows,
    finished: &mut Vec<Finish>,
    committing: &mut bool,
) -> Result<Committed, Error> {
    node.begin()?;
    let conn = Conn::from(node.session());
    let run = |sql| conn.run(sql, params![].into());
    let mut statements = 0;
    for job in batch {
        // The renewal of the lease is the write of a probe.
        let Job::Change(change) = job else { continue };
        run("SAVEPOINT job")?;
        let finish = change(Write::skipping(conn, unreadable));
        let keep = finish.keep;
        statements += finish.statements;
        finished.push(finish);
        if !keep {
            // What a job that panicked had sent fails with it, not with the next one.
            let _ = conn.settle();
            run("ROLLBACK TO job")?;
        }
        run("RELEASE job")?;
    }
    let began = Instant::now();
    *committing = true;
    run("COMMIT")?;
    conn.settle()?;
    Ok(Committed {
        took: began.elapsed(),
        wrote: true,
        statements,
    })
}
