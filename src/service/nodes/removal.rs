//! Removal of a node: its sessions are gone, and what they lack is stored.

use std::sync::Arc;
use std::time::Duration;

use crate::call::{Audience, Call, KEPT_FOR, Lacking, Notice};
use crate::hub::RemoteSession;
use crate::service::{Core, Error, delivery};
use crate::store::{NodeKey, Post, SessionRow, Write};
use crate::user::{SessionId, UserId};

use super::Nodes;

/// Sessions of a dead node that are removed in one job.
const STEP: u32 = 64;

/// How long after the beginning of a removal some sessions of the dead node may still be in the table.
const LONGEST_REMOVAL: Duration = Duration::from_mins(1);

impl Nodes {
    /// Removes the node `node`, whose lease is over: its sessions are gone, and whoever comes back is sent the events of
    /// the last minutes, as after a crash.
    pub(super) async fn remove(&self, node: NodeKey) -> Result<(), Error> {
        let core = Arc::clone(&self.0);
        let begin = move |db: &Write<'_>| -> Result<Option<String>, Error> {
            let Some(name) = db.begin_removal(node)? else {
                return Ok(None);
            };
            core.post(db, || Post::NodeRemoved(node));
            db.on_commit(move || core.begin_removal(node));
            Ok(Some(name))
        };
        let Some(name) = self.0.store.write(begin).await? else {
            return Ok(());
        };
        tracing::warn!(node = name, "removing a dead node");
        self.remove_sessions(node, true).await?;
        let end = move |db: &Write<'_>| -> Result<(), Error> { Ok(db.forget_node(node)?) };
        self.0.store.write(end).await
    }

    /// Records that the sessions of this node, which stops, are gone, and that everything is stored. If it is the only
    /// node, its sessions need no record: at its next start every participant counts as disconnected from then.
    ///
    /// # Errors
    /// [`Error::Unavailable`]
    pub async fn leave(&self) -> Result<(), Error> {
        if let Some(node) = self.0.store.node()
            && self.0.store.has_other_nodes()
        {
            self.remove_sessions(node, false).await?;
        }
        self.0.store.mark_stopped();
        Ok(())
    }

    async fn remove_sessions(&self, node: NodeKey, is_dead: bool) -> Result<(), Error> {
        loop {
            let core = Arc::clone(&self.0);
            let step = move |db: &Write<'_>| core.remove_sessions(db, node, is_dead);
            if self.0.store.write(step).await? == 0 {
                return Ok(());
            }
        }
    }
}

impl Core {
    /// Removes a few sessions of `node`; returns how many. Runs inside the writer's job.
    fn remove_sessions(
        self: &Arc<Self>,
        db: &Write<'_>,
        node: NodeKey,
        is_dead: bool,
    ) -> Result<usize, Error> {
        let now = self.clock.now();
        // Of those that have left a living node, it is recorded that they are gone.
        let rows = db.sessions_of_node(node, is_dead, STEP)?;
        for rows in rows.chunk_by(|one, next| one.user == next.user) {
            let user = &rows[0].user;
            db.forget_sessions(user, node)?;
            let has_others = self.has_session_elsewhere(user, node);
            if is_dead {
                self.store_events_of_dead_node(db, rows, has_others)?;
            }
            if !has_others && rows.iter().any(|row| row.left_at.is_none()) {
                self.mark_gone(db, user, now)?;
            }
        }
        Ok(rows.len())
    }

    fn has_session_elsewhere(&self, user: &UserId, node: NodeKey) -> bool {
        let is_this = self.store.node() == Some(node);
        let remote = self.hub.remote_sessions(user);
        let has_remote = remote.iter().any(|one| one.is_open() && one.node != node);
        has_remote || !is_this && !self.hub.sessions(user).is_empty()
    }

    /// Stores the events of the last minutes that sessions of a dead node may lack. Those that are `rows` lack them, and
    /// any session if the user has no other one.
    fn store_events_of_dead_node(
        &self,
        db: &Write<'_>,
        rows: &[SessionRow],
        has_others: bool,
    ) -> Result<(), Error> {
        let user = &rows[0].user;
        for (notice, lacking) in self.recent_events_not_stored(db, user)? {
            let lacking = if has_others {
                let sessions = rows.iter().map(|row| row.session.clone());
                let sessions = sessions.filter(|session| lacking.includes(session));
                Lacking::Sessions(sessions.collect())
            } else {
                lacking
            };
            if lacking != Lacking::Sessions(Vec::new()) {
                delivery::store_pending(db, &notice, &lacking)?;
            }
        }
        Ok(())
    }

    /// Forgets the sessions of `dead`. Their rows are removed one after the other.
    pub(super) fn begin_removal(&self, dead: NodeKey) {
        *self.other_nodes.removal_began.lock() = Some(self.clock.steady());
        self.forget_node(dead);
    }

    /// Returns the events of the last minutes that `session` may lack, if it was connected to a dead node whose sessions
    /// are being removed, and was not removed yet. `remote` are the user's sessions on living nodes. Runs inside the
    /// writer's job, before the session is recorded as one of this node.
    pub(in crate::service) fn events_of_dead_node(
        &self,
        db: &Write<'_>,
        user: &UserId,
        session: &SessionId,
        remote: &[RemoteSession],
    ) -> Result<Vec<Notice>, Error> {
        let began = *self.other_nodes.removal_began.lock();
        let now = self.clock.steady();
        if began.is_none_or(|began| now.since(began) > LONGEST_REMOVAL) {
            return Ok(Vec::new());
        }
        let lives =
            |node| self.store.node() == Some(node) || remote.iter().any(|one| one.node == node);
        let known = db.sessions_of_user(user)?;
        let mut known = known.iter();
        if known.all(|row| row.session != *session || lives(row.node)) {
            return Ok(Vec::new());
        }
        let events = self.recent_events_not_stored(db, user)?.into_iter();
        let lacked = events.filter(|(_, lacking)| lacking.includes(session));
        Ok(lacked.map(|(notice, _)| notice).collect())
    }

    /// Returns the events of [`Core::recent_events_of`] that are not stored for sessions that lack them.
    fn recent_events_not_stored(
        &self,
        db: &Write<'_>,
        user: &UserId,
    ) -> Result<Vec<(Notice, Lacking)>, Error> {
        let stored = db.pending_events(user, self.clock.now())?;
        let mut events = self.recent_events_of(db, user)?;
        events.retain(|(notice, _)| stored.iter().all(|one| one.notice.event != notice.event));
        Ok(events)
    }

    /// Returns the events of the last minutes for `user`, from the timelines of the user's calls, with the sessions that
    /// may lack them.
    pub(super) fn recent_events_of(
        &self,
        db: &Write<'_>,
        user: &UserId,
    ) -> Result<Vec<(Notice, Lacking)>, Error> {
        let since = self.clock.now().minus(KEPT_FOR);
        let calls: Vec<Call> = db.recent_calls_of(user, delivery::oldest_call(since), since)?;
        let mut events = Vec::new();
        for call in calls {
            let of_call = delivery::events_since(db, &call, since)?;
            let is_users = |(notice, _): &(Notice, Lacking)| matches!(&notice.audience, Audience::Participant(one) if one == user);
            events.extend(of_call.into_iter().filter(is_users));
        }
        Ok(events)
    }
}
