//! The writer's thread on PostgreSQL.
//!
//! A batch is one transaction, and its first statement takes the turn of the node. Jobs that foresee what they read, and
//! are about different users, take two round trips together: one for what all of them read, one for what all of them write
//! and the COMMIT. The other jobs follow in a transaction of their own, and each of their reads costs a round trip: what a
//! job writes travels with the first read of the job after it, or with the COMMIT.
//!
//! Posts of other nodes are received at the beginning of each transaction, so that jobs know what was committed before
//! them, and whenever PostgreSQL notifies of one.

mod transaction;

use super::super::error::Error;
use super::super::node::{HEARTBEAT, LOOK, Node};
use super::{Job, WriterStats, answer_jobs, record_outcome, refuse_waiting};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use transaction::{Foreseen, Transaction};

/// Jobs that are taken from the queue at once.
const BATCH: usize = 128;

/// Jobs of a transaction with savepoints; PostgreSQL keeps up to 64 of them in the memory of a connection.
const SAVEPOINTS: usize = 48;

/// What the queue holds.
enum Next {
    Batch(Vec<Job>),
    Idle,
    Closed,
}

/// Runs the writer's thread until the queue is closed and empty, and leaves the other nodes.
pub(super) fn work(mut node: Node, jobs: &Receiver<Job>, stats: &WriterStats) {
    loop {
        let waiting: Vec<Job> = jobs.try_iter().take(BATCH).collect();
        node.notify(!waiting.is_empty());
        if let Err(error) = node.report() {
            tracing::warn!(%error, "cannot report this node");
        }
        match next(waiting, jobs, wait_of(&node)) {
            Next::Batch(batch) => run_batch(&mut node, batch, jobs, stats),
            Next::Idle => look_for_posts(&mut node, jobs, stats),
            Next::Closed => break,
        }
    }
    if let Err(error) = node.leave() {
        tracing::warn!(%error, "this node has not left the others; they remove it when its lease is over");
    }
}

/// Returns how long to wait for a job.
fn wait_of(node: &Node) -> Duration {
    if node.standing().has_others() {
        LOOK
    } else {
        HEARTBEAT
    }
}

/// Receives the posts of other nodes, and posts what they make necessary. Renews the lease if nothing was written lately: a
/// node that only hears of others is never idle.
fn look_for_posts(node: &mut Node, jobs: &Receiver<Job>, stats: &WriterStats) {
    let posts = node.ensure_connected().and_then(|()| node.posts());
    match posts {
        Ok(posts) => node.receive(posts),
        // The next transaction or renewal tells.
        Err(error) => tracing::debug!(%error, "cannot look for posts of other nodes"),
    }
    if node.has_replies() {
        commit(node, jobs, stats, |transaction| transaction.run(Vec::new()));
    }
    if node.is_due_for_renewal() {
        keep_lease(node, stats);
    }
}

/// Returns the jobs `waiting`, or waits for some.
fn next(waiting: Vec<Job>, jobs: &Receiver<Job>, wait: Duration) -> Next {
    if !waiting.is_empty() {
        return Next::Batch(waiting);
    }
    match jobs.recv_timeout(wait) {
        Ok(first) => {
            let others = jobs.try_iter().take(BATCH - 1);
            Next::Batch(std::iter::once(first).chain(others).collect())
        }
        Err(RecvTimeoutError::Timeout) => Next::Idle,
        Err(RecvTimeoutError::Disconnected) => Next::Closed,
    }
}

fn keep_lease(node: &mut Node, stats: &WriterStats) {
    let renewed = node.ensure_connected().and_then(|()| node.renew());
    let renewed = renewed.or_else(|error| node.recover(false).and(Err(error)));
    let is_writable = renewed.is_ok() && !node.standing().lacks_standby();
    stats.outcomes.record(is_writable);
    if let Err(error) = renewed {
        tracing::error!(%error, "cannot renew the lease of this node");
    }
}

/// Runs the jobs of `batch`, in one transaction those that foresee what they read and are about different users. Jobs that
/// do not run are answered by being dropped.
fn run_batch(node: &mut Node, batch: Vec<Job>, jobs: &Receiver<Job>, stats: &WriterStats) {
    if node.standing().lacks_standby() {
        stats.waiting.fetch_sub(batch.len(), Ordering::Relaxed);
        drop(batch);
        return keep_lease(node, stats);
    }
    let mut others = Vec::new();
    let foreseen = sort(batch, &mut others, stats);
    if foreseen.is_empty() && others.is_empty() {
        return look_for_posts(node, jobs, stats);
    }
    if !foreseen.is_empty() {
        let late = |taken: usize| {
            let late = jobs.try_iter().take(BATCH.saturating_sub(taken)).collect();
            sort(late, &mut others, stats)
        };
        let run = |transaction: &mut Transaction<'_>| transaction.run_foreseen(foreseen, late);
        match commit(node, jobs, stats, run) {
            Some(overlapping) => others.extend(overlapping.into_iter().map(Job::Change)),
            None => return,
        }
    }
    let mut others = others.into_iter();
    while others.len() > 0 {
        let batch: Vec<Job> = others.by_ref().take(SAVEPOINTS).collect();
        let run = |transaction: &mut Transaction<'_>| transaction.run(batch);
        if commit(node, jobs, stats, run).is_none() {
            return;
        }
    }
}

/// Returns those of `jobs`, taken from the queue, that foresee what they read, and adds the others to `others`. Each
/// transaction looks for posts anyway.
fn sort(jobs: Vec<Job>, others: &mut Vec<Job>, stats: &WriterStats) -> Vec<Foreseen> {
    stats.waiting.fetch_sub(jobs.len(), Ordering::Relaxed);
    let mut foreseen = Vec::new();
    for job in jobs {
        match job {
            Job::Foreseen(foresight, change) => foreseen.push((foresight, change)),
            Job::Change(_) | Job::Probe(_) => others.push(job),
            Job::Look => {}
        }
    }
    foreseen
}

/// Runs a transaction and answers its jobs; returns what `run` does, or none if the transaction failed.
fn commit<T: Default>(
    node: &mut Node,
    jobs: &Receiver<Job>,
    stats: &WriterStats,
    run: impl FnOnce(&mut Transaction<'_>) -> Result<T, Error>,
) -> Option<T> {
    let mut transaction = Transaction::new(node, &stats.unreadable);
    let connected = transaction.node.ensure_connected();
    let outcome = connected.and_then(|()| run(&mut transaction));
    let Transaction {
        finished,
        size,
        in_doubt,
        committed,
        has_posted,
        ..
    } = transaction;
    let outcome = outcome.or_else(|error| {
        tracing::warn!(%error, jobs = size, "a batch of writes was not answered");
        if node.recover(in_doubt)? {
            Ok(T::default())
        } else {
            Err(error)
        }
    });
    record_outcome(outcome.is_ok().then_some(&committed), size, stats);
    if let Err(error) = &outcome {
        tracing::error!(%error, jobs = size, "cannot commit a batch of writes");
        refuse_waiting(jobs, stats);
    }
    let failure = outcome.as_ref().err().map(ToString::to_string);
    if failure.is_none() {
        node.committed(has_posted);
    }
    answer_jobs(finished, failure);
    outcome.ok()
}
