//! Transaction of the writer on PostgreSQL.

use std::collections::HashSet;
use std::time::Instant;

use crate::user::UserId;

use super::super::super::engine::{DeferredWrites, Session};
use super::super::super::error::Error;
use super::super::super::node::Node;
use super::super::super::unreadable::UnreadableRows;
use super::super::super::{Read, Write};
use super::super::{Change, Committed, Finish, Foresight, Job};

/// Job that foresees what it reads.
pub(super) type Foreseen = (Foresight, Change);

/// Transaction of the writer, and what became of its jobs.
pub(super) struct Transaction<'n> {
    pub node: &'n mut Node,
    unreadable: &'n UnreadableRows,
    pub finished: Vec<Finish>,
    /// Jobs that were taken.
    pub size: usize,
    /// Whether nobody knows if it was committed.
    pub in_doubt: bool,
    pub committed: Committed,
    /// Whether it has a post for the other nodes.
    pub has_posted: bool,
}

impl<'n> Transaction<'n> {
    pub fn new(node: &'n mut Node, unreadable: &'n UnreadableRows) -> Self {
        Self {
            node,
            unreadable,
            finished: Vec::new(),
            size: 0,
            in_doubt: false,
            committed: Committed::default(),
            has_posted: false,
        }
    }

    /// Runs those of `jobs` that are about different users; returns the others. If there are other nodes, it may have waited
    /// for its turn: `late`, which gets the number of jobs, returns those that have come meanwhile.
    pub fn run_foreseen(
        &mut self,
        mut jobs: Vec<Foreseen>,
        late: impl FnOnce(usize) -> Vec<Foreseen>,
    ) -> Result<Vec<Change>, Error> {
        self.size = jobs.len();
        let before = self.node.session().round_trips();
        self.node.begin()?;
        let session = self.node.session();
        session.foresee(|| {
            // Nothing is found yet.
            let _ = self.node.posts();
            ask(session, &jobs);
        })?;
        let posts = self.node.posts()?;
        if self.node.standing().has_others() {
            let late = late(jobs.len());
            if !late.is_empty() {
                session.foresee(|| ask(session, &late))?;
                jobs.extend(late);
            }
        }
        let (disjoint, overlapping) = part(jobs, |foresight| foresight(&Read::on(session)));
        session.take_answers();
        self.node.receive(posts);
        let session = self.node.session();
        self.size = disjoint.len();
        session.begin_deferring();
        let undecided = self.run_changes(disjoint);
        let session = self.node.session();
        let Some(deferred) = session.end_deferring() else {
            self.end(undecided, before)?;
            return Ok(overlapping);
        };
        let began = Instant::now();
        let sent = session.send_jobs(&deferred);
        let posted = sent.and_then(|()| self.post());
        let session = self.node.session();
        match posted.and_then(|()| session.commit(&mut self.in_doubt)) {
            Ok(()) => self.record(before, began),
            Err(error) if self.in_doubt => return Err(error),
            // A statement failed: the deferred writes are sent again, each job with a savepoint.
            Err(_) => {
                session.roll_back()?;
                let finished = std::mem::take(&mut self.finished);
                self.run(finished.into_iter().zip(deferred).map(again).collect())?;
            }
        }
        Ok(overlapping)
    }

    /// Runs `jobs`, each with a savepoint.
    pub fn run(&mut self, jobs: Vec<Job>) -> Result<(), Error> {
        self.size = jobs.len();
        let before = self.node.session().round_trips();
        self.node.begin()?;
        let posts = self.node.posts()?;
        self.node.receive(posts);
        let undecided = self.run_changes(jobs.into_iter().filter_map(|job| match job {
            Job::Change(change) | Job::Foreseen(_, change) => Some(change),
            // The renewal of the lease is the write of a probe.
            Job::Probe(_) | Job::Look => None,
        }));
        self.end(undecided, before)
    }

    /// Runs `changes`; returns the last of which a statement may have failed.
    fn run_changes(&mut self, changes: impl IntoIterator<Item = Change>) -> Option<usize> {
        let session = self.node.session();
        let mut undecided = None;
        for change in changes {
            session.begin_job();
            let finish = change(Write::skipping(session, self.unreadable));
            let may_fail = session.end_job(finish.keep);
            self.finished.push(finish);
            fail(&mut self.finished, undecided, session.take_failure());
            if may_fail {
                undecided = Some(self.finished.len() - 1);
            }
        }
        undecided
    }

    /// Commits jobs that had savepoints.
    fn end(&mut self, undecided: Option<usize>, before: u32) -> Result<(), Error> {
        let session = self.node.session();
        let is_alone = self.finished.len() == 1;
        if !is_alone {
            session.settle_last_job();
            fail(&mut self.finished, undecided, session.take_failure());
        }
        let began = Instant::now();
        self.post()?;
        let session = self.node.session();
        match session.commit(&mut self.in_doubt) {
            // Nothing but this job was rolled back, and the renewal of the lease.
            Err(error) if is_alone && !self.in_doubt => {
                fail(&mut self.finished, undecided, Some(error));
                self.node.renew()?;
            }
            committed => committed?,
        }
        self.record(before, began);
        Ok(())
    }

    /// Writes what the other nodes must know of the jobs.
    fn post(&mut self) -> Result<(), Error> {
        let kept = |finish: &&Finish| finish.keep && finish.failure.is_none();
        let posts = self.finished.iter().filter(kept);
        let posts = posts.flat_map(|finish| finish.posts.iter().cloned());
        self.has_posted = self.node.post(posts)?;
        Ok(())
    }

    /// Records the transaction, whose COMMIT began at `began`.
    fn record(&mut self, before: u32, began: Instant) {
        let round_trips = self.node.session().round_trips();
        self.committed = Committed {
            took: began.elapsed(),
            wrote: true,
            statements: self.finished.iter().map(|finish| finish.statements).sum(),
            round_trips: round_trips.wrapping_sub(before),
        };
    }
}

/// Makes the reads that `jobs` foresee.
fn ask(session: &Session, jobs: &[Foreseen]) {
    for (foresight, _) in jobs {
        // What it returns is asked for once there are answers.
        let _ = foresight(&Read::on(session));
    }
}

/// Parts `jobs` into those that are about users of their own, and those that are about a user of a job before them.
fn part(
    jobs: Vec<Foreseen>,
    users_of: impl Fn(&Foresight) -> Result<Vec<UserId>, Error>,
) -> (Vec<Change>, Vec<Change>) {
    let mut known = HashSet::new();
    let (mut disjoint, mut overlapping) = (Vec::new(), Vec::new());
    for (foresight, change) in jobs {
        // A job whose reads fail fails by itself, and writes nothing.
        let users = users_of(&foresight).unwrap_or_default();
        let is_disjoint = users.iter().all(|user| !known.contains(user));
        known.extend(users);
        if is_disjoint {
            disjoint.push(change);
        } else {
            overlapping.push(change);
        }
    }
    (disjoint, overlapping)
}

/// Returns a job that sends the deferred writes of a finished job again.
fn again((mut finish, deferred): (Finish, DeferredWrites)) -> Job {
    Job::Change(Box::new(move |db| {
        if let Err(error) = db.repeat(&deferred) {
            finish.keep = false;
            finish.failure = Some(error);
        }
        finish
    }))
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

    use super::super::super::super::engine::Server;
    use super::super::super::{answer_jobs, run};
    use super::*;

    /// Returns the node of a new database, in the schema `schema`; none without a server.
    fn node(schema: &str) -> Option<Node> {
        Some(join(&database(schema)?, "here"))
    }

    fn join(server: &Server, name: &str) -> Node {
        Node::join(server, name).expect("joined").node
    }

    /// Returns a new database, in the schema `schema`; none without a server.
    fn database(schema: &str) -> Option<Server> {
        let url = std::env::var("TEST_DATABASE_URL").ok()?;
        let server = |url: &str| Server::of(url.as_ref()).expect("a URL").expect("a URL");
        let session = Session::connect(&server(&url)).expect("connected");
        let made = session.run_script(&format!(
            "DROP SCHEMA IF EXISTS {schema} CASCADE; CREATE SCHEMA {schema}"
        ));
        made.expect("a schema");
        Some(server(&format!("{url}&options=-csearch_path%3D{schema}")))
    }

    type Outcome = oneshot::Receiver<Result<i64, Error>>;

    /// Runs a transaction; returns the outcomes of its jobs, the users in the end, and the round trips.
    fn commit<T>(
        node: &mut Node,
        outcomes: Vec<Outcome>,
        run: impl FnOnce(&mut Transaction<'_>) -> Result<T, Error>,
    ) -> (Vec<Result<i64, Error>>, String, u32) {
        let unreadable = UnreadableRows::default();
        let mut transaction = Transaction::new(node, &unreadable);
        run(&mut transaction).expect("committed");
        let round_trips = transaction.committed.round_trips;
        answer_jobs(transaction.finished, None);
        let not_run = || Error::Unavailable("it was not run".to_owned());
        let outcomes = outcomes
            .into_iter()
            .map(|mut one| one.try_recv().unwrap_or_else(|_| Err(not_run())));
        let sql = "SELECT string_agg(id, ' ' ORDER BY id) AS ids FROM users";
        let users = Write::on(node.session()).one(sql, params![], |row| row.get("ids"));
        (outcomes.collect(), users.expect("read"), round_trips)
    }

    fn start<J>(job: J) -> (Change, Outcome)
    where
        J: FnOnce(&Write<'_>) -> Result<i64, Error> + Send + 'static,
    {
        let (answer, outcome) = oneshot::channel();
        (Box::new(move |db| run(job, db, answer)), outcome)
    }

    fn run_jobs<J>(node: &mut Node, jobs: Vec<J>) -> (Vec<Result<i64, Error>>, String, u32)
    where
        J: FnOnce(&Write<'_>) -> Result<i64, Error> + Send + 'static,
    {
        let (jobs, outcomes): (Vec<_>, Vec<_>) = jobs.into_iter().map(start).unzip();
        let jobs = jobs.into_iter().map(Job::Change).collect();
        commit(node, outcomes, |transaction| transaction.run(jobs))
    }

    /// What a job about a user does after it has read the user.
    #[derive(Clone, Copy)]
    enum Then {
        Add,
        AddAndCount,
        Refuse,
    }

    /// Runs jobs that foresee the user that they read; each returns the number of users that it finds.
    fn run_foreseen(
        node: &mut Node,
        jobs: &[(&'static str, Then)],
    ) -> (Vec<Option<i64>>, String, u32) {
        run_with_late(node, jobs, &[])
    }

    /// Runs `jobs` like [`run_foreseen`], and `late`, which come while the node waits for its turn.
    fn run_with_late(
        node: &mut Node,
        jobs: &[(&'static str, Then)],
        late: &[(&'static str, Then)],
    ) -> (Vec<Option<i64>>, String, u32) {
        let (mut foreseen, mut outcomes) = (Vec::new(), Vec::new());
        for &(id, then) in jobs.iter().chain(late) {
            let user = UserId::parse(id).expect("an id");
            let known = user.clone();
            let (change, outcome) = start(move |db: &Write<'_>| {
                let found = i64::from(db.user(&user)?.is_some());
                add(id, false, matches!(then, Then::Refuse))(db)?;
                let sql = "SELECT count(*) AS users FROM users";
                match then {
                    Then::AddAndCount => db.one(sql, params![], |row| row.get("users")),
                    Then::Add | Then::Refuse => Ok(found),
                }
            });
            let foresight: Foresight = Box::new(move |db| {
                db.user(&known)?;
                Ok(vec![known.clone()])
            });
            foreseen.push((foresight, change));
            outcomes.push(outcome);
        }
        let late = foreseen.split_off(jobs.len());
        let run = |transaction: &mut Transaction<'_>| transaction.run_foreseen(foreseen, |_| late);
        let (outcomes, users, round_trips) = commit(node, outcomes, run);
        let outcomes = outcomes.into_iter().map(Result::ok);
        (outcomes.collect(), users, round_trips)
    }

    #[test]
    fn foreseen_jobs_share_two_round_trips_and_fail_alone() {
        let Some(mut node) = node("foreseen") else {
            return;
        };
        let first = [("alice", Then::Add), ("bob", Then::Add)];
        run_foreseen(&mut node, &first);
        let jobs = [
            ("carol", Then::Add),
            ("dora", Then::Refuse),
            ("eve", Then::Add),
            // Waits for the next transaction.
            ("eve", Then::Add),
        ];
        let (outcomes, users, round_trips) = run_foreseen(&mut node, &jobs);
        assert_eq!(outcomes, [Some(0), None, Some(0), None]);
        assert_eq!((users.as_str(), round_trips), ("alice bob carol eve", 2));
        // A statement that fails undoes its job alone.
        let jobs = [
            ("alice", Then::Add),
            ("frank", Then::Add),
            ("gus", Then::Refuse),
        ];
        let (outcomes, users, _) = run_foreseen(&mut node, &jobs);
        assert_eq!(outcomes, [None, Some(0), None]);
        assert_eq!(users, "alice bob carol eve frank");
        // A job that reads something else sees what it and those before have written.
        let jobs = [
            ("hal", Then::Add),
            ("ida", Then::AddAndCount),
            ("jim", Then::Refuse),
            ("bob", Then::Add),
            ("kim", Then::AddAndCount),
        ];
        let (outcomes, users, _) = run_foreseen(&mut node, &jobs);
        assert_eq!(outcomes, [Some(0), Some(7), None, None, Some(8)]);
        assert_eq!(users, "alice bob carol eve frank hal ida kim");
    }

    #[test]
    fn jobs_that_come_while_a_node_waits_for_its_turn_join_its_transaction() {
        let Some(server) = database("late") else {
            return;
        };
        let mut alone = join(&server, "here");
        let late = [("bob", Then::Add), ("alice", Then::Add)];
        let jobs = [("alice", Then::Add)];
        let (outcomes, ..) = run_with_late(&mut alone, &jobs, &late);
        assert_eq!(
            outcomes,
            [Some(0), None, None],
            "there is no turn to wait for"
        );
        let mut node = join(&server, "there");
        run_foreseen(&mut node, &[("eve", Then::Add), ("frank", Then::Add)]);
        let jobs = [("alice", Then::Refuse), ("carol", Then::Add)];
        let late = [
            ("bob", Then::Add),
            ("carol", Then::Add),
            ("dora", Then::Refuse),
        ];
        let (outcomes, users, round_trips) = run_with_late(&mut node, &jobs, &late);
        assert_eq!(outcomes, [None, Some(0), Some(0), None, None]);
        assert_eq!(
            (users.as_str(), round_trips),
            ("alice bob carol eve frank", 3)
        );
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
        let Some(mut node) = node("jobs") else {
            return;
        };
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
