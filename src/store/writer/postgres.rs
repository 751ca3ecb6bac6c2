//! The writer's thread on PostgreSQL.
//!
//! A batch is one transaction, and its first statement renews the lease of the node. A job costs a round trip for each of
//! its reads: what it writes travels with the first read of the job after it, or with the COMMIT.

use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Instant;

use super::super::Write;
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
    let is_writable = renewed.is_ok() && !node.standing().lacks_standby();
    stats.outcomes.record(is_writable);
    if let Err(error) = renewed {
        tracing::error!(%error, "cannot renew the lease of this node");
    }
}

fn run_batch(node: &mut ActiveNode, batch: Vec<Job>, jobs: &Receiver<Job>, stats: &WriterStats) {
    let size = batch.len();
    stats.waiting.fetch_sub(size, Ordering::Relaxed);
    if node.standing().lacks_standby() {
        // The jobs are answered by being dropped.
        drop(batch);
        return keep_lease(node, stats);
    }
    let mut finished = Vec::with_capacity(size);
    let mut in_doubt = false;
    let outcome = node
        .ensure_connected()
        .and_then(|()| transact(node, batch, &stats.unreadable, &mut finished, &mut in_doubt));
    let outcome = outcome.or_else(|error| {
        tracing::warn!(%error, jobs = size, "a batch of writes was not answered");
        if node.recover(in_doubt)? {
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
    in_doubt: &mut bool,
) -> Result<Committed, Error> {
    let before = node.session().round_trips();
    node.begin()?;
    let session = node.session();
    let mut undecided = None;
    for job in batch {
        // The renewal of the lease is the write of a probe.
        let Job::Change(change) = job else { continue };
        session.begin_job();
        let finish = change(Write::skipping(session, unreadable));
        let may_fail = session.end_job(finish.keep);
        finished.push(finish);
        fail(finished, undecided, session.take_failure());
        if may_fail {
            undecided = Some(finished.len() - 1);
        }
    }
    let is_alone = finished.len() == 1;
    if !is_alone {
        session.settle_last_job();
        fail(finished, undecided, session.take_failure());
    }
    let began = Instant::now();
    match session.commit(in_doubt) {
        // Nothing but this job was rolled back, and the renewal of the lease.
        Err(error) if is_alone && !*in_doubt => {
            fail(finished, undecided, Some(error));
            node.renew()?;
        }
        committed => committed?,
    }
    Ok(Committed {
        took: began.elapsed(),
        wrote: true,
        statements: finished.iter().map(|finish| finish.statements).sum(),
        round_trips: node.session().round_trips().wrapping_sub(before),
    })
}

/// Records that a statement of the job `undecided` has failed, if it has.
fn fail(finished: &mut [Finish], undecided: Option<usize>, failure: Option<Error>) {
    if let (Some(job), Some(failure)) = (undecided, failure) {
        finished[job].failure = Some(failure);
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::params;
    use tokio::sync::oneshot;

    use super::super::super::engine::{Server, Session};
    use super::super::run;
    use super::*;

    /// Returns the active node of a new database, in a schema of its own; none without a server.
    fn node() -> Option<ActiveNode> {
        let url = std::env::var("TEST_DATABASE_URL").ok()?;
        let server = |url: &str| Server::of(url.as_ref()).expect("a URL").expect("a URL");
        let session = Session::connect(&server(&url)).expect("connected");
        let made = session.run_script("DROP SCHEMA IF EXISTS jobs CASCADE; CREATE SCHEMA jobs");
        made.expect("a schema");
        let server = server(&format!("{url}&options=-csearch_path%3Djobs"));
        Some(ActiveNode::take(&server).expect("the lease").node)
    }

    type Outcome = oneshot::Receiver<Result<i64, Error>>;

    /// Runs a batch of `jobs`; returns their outcomes, the users in the end, and the round trips.
    fn run_jobs<J>(node: &mut ActiveNode, jobs: Vec<J>) -> (Vec<Result<i64, Error>>, String, u32)
    where
        J: FnOnce(&Write<'_>) -> Result<i64, Error> + Send + 'static,
    {
        let start = |job: J| -> (Job, Outcome) {
            let (answer, outcome) = oneshot::channel();
            let job = Job::Change(Box::new(move |db| run(job, db, answer)));
            (job, outcome)
        };
        let (jobs, outcomes): (Vec<_>, Vec<_>) = jobs.into_iter().map(start).unzip();
        let (mut finished, mut in_doubt) = (Vec::new(), false);
        let unreadable = UnreadableRows::default();
        let committed = transact(node, jobs, &unreadable, &mut finished, &mut in_doubt);
        let round_trips = committed.expect("committed").round_trips;
        answer_jobs(finished, None);
        let outcomes = outcomes
            .into_iter()
            .map(|mut one| one.try_recv().expect("answered"));
        let sql = "SELECT string_agg(id, ' ' ORDER BY id) AS ids FROM users";
        let users = Write::on(node.session()).one(sql, params![], |row| row.get("ids"));
        (outcomes.collect(), users.expect("read"), round_trips)
    }

    /// Job that reads the number of users if it is to, adds `id`, and fails if it is to.
    fn add(
        id: &'static str,
        reads: bool,
        fails: bool,
    ) -> impl FnOnce(&Write<'_>) -> Result<i64, Error> + Send + 'static {
        move |db| {
            let sql = "SELECT count(*) AS users FROM users";
            let read = |db: &Write<'_>| db.one(sql, params![], |row| row.get("users"));
            let users = if reads { read(db)? } else { -1 };
            db.run(
                "INSERT INTO users (id, name, standing, created_at) VALUES (?1, 'A', 0, 0)",
                params![id],
            )?;
            if fails {
                return Err(Error::Panicked("refused".to_owned()));
            }
            Ok(users)
        }
    }

    #[test]
    fn statement_that_fails_undoes_its_job_alone() {
        let Some(mut node) = node() else { return };
        let jobs = vec![
            add("alice", true, false),
            add("alice", true, false),
            add("bob", true, false),
            add("carol", true, true),
            add("bob", false, false),
            add("dora", false, false),
            add("eve", false, true),
            add("dora", true, false),
        ];
        let (outcomes, users, _) = run_jobs(&mut node, jobs);
        let outcomes: Vec<_> = outcomes.into_iter().map(Result::ok).collect();
        let expected = [Some(0), None, Some(1), None, None, Some(-1), None, None];
        assert_eq!(outcomes, expected);
        assert_eq!(users, "alice bob dora");
        // Alone in its transaction, which is rolled back with it.
        let (outcomes, users, _) = run_jobs(&mut node, vec![add("bob", true, false)]);
        assert!(
            matches!(&outcomes[..], [Err(Error::Postgres(_))]),
            "{outcomes:?}"
        );
        assert_eq!(users, "alice bob dora");
        // A round trip for what is read, one for the COMMIT with all before it.
        let (outcomes, users, round_trips) = run_jobs(&mut node, vec![add("o'\\", true, false)]);
        assert!(matches!(&outcomes[..], [Ok(3)]), "{outcomes:?}");
        assert_eq!((users.as_str(), round_trips), ("alice bob dora o'\\", 2));
    }
}
