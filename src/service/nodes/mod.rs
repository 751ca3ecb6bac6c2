//! The other nodes of a PostgreSQL database: what this node posts to them and receives, and what happens when one dies.
//!
//! The hub of each node knows the sessions of all. Posts are received on the writer's thread, in the order of the commits
//! and before the jobs that come after them, so that a job decides by what was committed before it on any node. With a
//! file there are no other nodes, and nothing is posted.

mod arrivals;
mod confirmations;
mod posts;
mod removal;

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use crate::call::KEPT_FOR;
use crate::clock::Timestamp;
use crate::hub::{EncodedNotice, RemoteSession, SessionQueue};
use crate::store::{Post, SessionRow, Write};
use crate::user::{SessionId, UserId};

use super::{Core, Error};

pub(super) use arrivals::Arrival;

/// Use cases of the nodes.
pub struct Nodes(pub(super) Arc<Core>);

/// What this node knows of the others beside their sessions, which are in the hub.
#[derive(Default)]
pub(super) struct OtherNodes {
    arrivals: Mutex<HashMap<(UserId, SessionId), Arrival>>,
    /// Connected sessions that wait for no other node any more, although one has not answered.
    given_up: Mutex<HashSet<(UserId, SessionId)>>,
    /// Events of the team's backend that were sent to other nodes, as long as somebody waits for confirmations.
    sent: Mutex<Vec<Weak<EncodedNotice>>>,
    /// Whether this node had the duties when it last looked.
    had_duties: AtomicBool,
    /// When the removal of a dead node last began, by the steady clock.
    removal_began: Mutex<Option<Timestamp>>,
}

impl Nodes {
    /// Returns whether this server is a node, also if it is the only one. With a file, it is not.
    #[must_use]
    pub fn is_node(&self) -> bool {
        self.0.store.node().is_some()
    }

    /// Returns the name of this node, if it is one.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.0.store.node_name()
    }

    /// Returns the name of the node that `session` of `user` is connected to.
    ///
    /// # Errors
    /// [`Error::Unavailable`]
    pub fn node_of_session(
        &self,
        user: &UserId,
        session: &SessionId,
    ) -> Result<Option<String>, Error> {
        if !self.is_node() {
            return Ok(None);
        }
        let read = self.0.store.read(|db| db.node_of_session(user, session));
        Ok(read?)
    }

    /// Looks after the other nodes, every second: tells them which sessions are responsive, and removes dead ones.
    ///
    /// # Errors
    /// [`Error::Unavailable`]
    pub async fn follow(&self) -> Result<(), Error> {
        let core = &self.0;
        let has_duties = core.store.has_duties();
        if has_duties && !core.other_nodes.had_duties.load(Ordering::Relaxed) {
            core.webhook_outbox.wake_up();
        }
        let had_duties = &core.other_nodes.had_duties;
        had_duties.store(has_duties, Ordering::Relaxed);
        if core.store.has_other_nodes() {
            self.post_responsiveness().await?;
        }
        if has_duties {
            for node in core.store.dead_nodes() {
                self.remove(node).await?;
            }
        }
        Ok(())
    }

    /// Forgets sessions of all nodes that left long ago.
    ///
    /// # Errors
    /// [`Error::Unavailable`]
    pub async fn forget_left_sessions(&self) -> Result<(), Error> {
        if self.0.store.node().is_none() || !self.0.store.has_duties() {
            return Ok(());
        }
        let now = self.0.clock.now();
        let job = move |db: &Write<'_>| -> Result<(), Error> {
            Ok(db.forget_left_sessions(now, KEPT_FOR)?)
        };
        self.0.store.write(job).await
    }

    async fn post_responsiveness(&self) -> Result<(), Error> {
        if self.0.hub.responsiveness_changes().is_empty() {
            return Ok(());
        }
        let core = Arc::clone(&self.0);
        let job = move |db: &Write<'_>| -> Result<(), Error> {
            // Inside the job, in the order of the posts.
            for (user, queue, is_responsive) in core.hub.responsiveness_changes() {
                core.post_responsiveness(db, &user, queue, is_responsive);
            }
            Ok(())
        };
        self.0.store.write(job).await
    }
}

impl Core {
    /// Takes up the sessions of the other nodes, and receives their posts from now on.
    pub(super) fn follow_other_nodes(self: &Arc<Self>) {
        for row in self.store.sessions_at_start() {
            self.restore_remote_session(row.clone());
        }
        let core = Arc::downgrade(self);
        self.store.receive_posts(Box::new(move |node, post| {
            core.upgrade()
                .and_then(|core| core.receive(node, post))
                .into_iter()
                .collect()
        }));
    }

    /// Adds the sessions of `user` on other nodes to the hub that are missing there. Runs inside the writer's job.
    pub(super) fn restore_remote_sessions(
        &self,
        db: &Write<'_>,
        user: &UserId,
    ) -> Result<(), Error> {
        let Some(node) = self.store.node() else {
            return Ok(());
        };
        let remote = db.sessions_of_user(user)?.into_iter();
        for row in remote.filter(|row| row.node != node) {
            self.restore_remote_session(row);
        }
        Ok(())
    }

    /// Adds a session of another node to the hub if it is missing there.
    fn restore_remote_session(&self, row: SessionRow) {
        let ago = row.left_at.map(|left_at| self.clock.now().since(left_at));
        let remote = RemoteSession::connected(row.session, row.node, row.entered_at);
        self.hub.restore_remote(&row.user, remote, ago);
    }

    /// Posts whether a session is responsive. Until that is committed, the other nodes do not know it. Runs inside the
    /// writer's job.
    pub(super) fn post_responsiveness(
        &self,
        db: &Write<'_>,
        user: &UserId,
        queue: Arc<SessionQueue>,
        is_responsive: bool,
    ) {
        self.post(db, || Post::Responsive {
            user: user.clone(),
            session: queue.session().clone(),
            is_responsive,
        });
        db.on_commit(move || queue.set_known_responsive(is_responsive));
    }

    /// Posts a change to the other nodes, if there are any. Runs inside the writer's job.
    pub(super) fn post(&self, db: &Write<'_>, post: impl FnOnce() -> Post) {
        if self.store.has_other_nodes() {
            db.post(post());
        }
    }
}
