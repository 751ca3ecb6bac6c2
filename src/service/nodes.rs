//! The other nodes of a PostgreSQL database: what this node posts to them and receives, and what happens when one dies.
//!
//! The hub of each node knows the sessions of all. Posts are received on the writer's thread, in the order of the commits
//! and before the jobs that come after them, so that a job decides by what was committed before it on any node. With a
//! file there are no other nodes, and nothing is posted.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;

use crate::call::{Audience, Call, Event, KEPT_FOR, Lacking, Notice};
use crate::clock::Timestamp;
use crate::hub::{CloseReason, EncodedNotice, RemoteSession, SessionQueue, Subscription};
use crate::store::{NodeKey, Post, SessionRow, Write};
use crate::user::{SessionId, UserId};

use super::channels::Move;
use super::{Core, Delivery, Error, delivery};

/// How long the first events of a session wait for those that other nodes owe it.
const HANDOVER: Duration = Duration::from_secs(1);

/// Sessions of a dead node that are removed in one job.
const STEP: u32 = 64;

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
    /// Whether another node has changed webhook endpoints.
    endpoints_are_stale: AtomicBool,
    /// Whether this node had the duties when it last looked.
    had_duties: AtomicBool,
}

/// Session that was known to other nodes: its first events wait for those that they owe it.
pub(super) struct Arrival {
    pub queue: Arc<SessionQueue>,
    /// Events that it is owed here.
    pub owed: Vec<Arc<EncodedNotice>>,
    /// Invitation to the call that rings.
    pub ringing: Option<Arc<EncodedNotice>>,
    /// Nodes that have not answered.
    pub awaited: HashSet<NodeKey>,
}

impl Arrival {
    fn finish(mut self) {
        self.owed.sort_by_key(|notice| notice.notice().at);
        self.queue
            .preload(self.owed.into_iter().chain(self.ringing));
    }
}

impl OtherNodes {
    /// Adds the first events to a session; they wait for the nodes `awaited`, and for those that its connection before waits
    /// for.
    pub fn arrive(&self, user: &UserId, mut arrival: Arrival) {
        let key = (user.clone(), arrival.queue.session().clone());
        self.given_up.lock().remove(&key);
        let mut arrivals = self.arrivals.lock();
        if let Some(before) = arrivals.remove(&key) {
            arrival.awaited.extend(before.awaited);
        }
        if arrival.awaited.is_empty() {
            return arrival.finish();
        }
        arrival.queue.hold();
        arrivals.insert(key, arrival);
    }

    fn is_awaiting(&self, user: &UserId, queue: &SessionQueue) -> bool {
        let key = (user.clone(), queue.session().clone());
        let arrivals = self.arrivals.lock();
        arrivals
            .get(&key)
            .is_some_and(|one| std::ptr::eq(Arc::as_ptr(&one.queue), queue))
    }

    /// Adds what `node` owes to a session. Returns the events if the session does not wait for them.
    fn add_owed(
        &self,
        user: &UserId,
        session: &SessionId,
        node: NodeKey,
        owed: Vec<Arc<EncodedNotice>>,
    ) -> Vec<Arc<EncodedNotice>> {
        let mut arrivals = self.arrivals.lock();
        let key = (user.clone(), session.clone());
        let Some(arrival) = arrivals.get_mut(&key) else {
            return owed;
        };
        arrival.owed.extend(owed);
        arrival.awaited.remove(&node);
        if arrival.awaited.is_empty()
            && let Some(arrival) = arrivals.remove(&key)
        {
            arrival.finish();
        }
        Vec::new()
    }

    /// Waits for the confirmations of `notice` by sessions of other nodes.
    pub fn await_confirmations(&self, notice: &Arc<EncodedNotice>) {
        let mut sent = self.sent.lock();
        sent.retain(|one| one.strong_count() > 0);
        sent.push(Arc::downgrade(notice));
    }

    /// Records that a session of another node has confirmed the event of `user` of that time.
    fn confirm(&self, user: &UserId, session: &SessionId, at: Timestamp, now: Timestamp) {
        let sent = self.sent.lock();
        let is_meant = |one: &Arc<EncodedNotice>| {
            let notice = one.notice();
            let recipients = one.recipients();
            let mut confirmed = recipients.iter().filter(|one| one.confirmed_at.is_some());
            notice.at == at
                && notice.audience.user() == user
                && confirmed.all(|one| one.session != *session)
        };
        if let Some(notice) = sent.iter().filter_map(Weak::upgrade).find(is_meant) {
            // Its row is deleted by the node of the session.
            let _ = notice.confirm(session, now);
        }
    }

    /// Takes the arrival of a session that has waited for too long.
    fn give_up(&self, user: &UserId, queue: &SessionQueue) -> Option<Arrival> {
        if !self.is_awaiting(user, queue) {
            return None;
        }
        let key = (user.clone(), queue.session().clone());
        self.given_up.lock().insert(key.clone());
        self.arrivals.lock().remove(&key)
    }

    /// Whether the events of a session were derived because another node did not answer in time: what it still sends is
    /// among them.
    fn has_given_up(&self, user: &UserId, session: &SessionId) -> bool {
        let key = (user.clone(), session.clone());
        self.given_up.lock().contains(&key)
    }

    /// Forgets a session, which has left.
    pub fn forget(&self, user: &UserId, session: &SessionId) {
        let key = (user.clone(), session.clone());
        self.given_up.lock().remove(&key);
    }
}

impl Nodes {
    /// Looks after the other nodes, every second: tells them which sessions are responsive, and removes dead ones.
    ///
    /// # Errors
    /// [`Error::Unavailable`]
    pub async fn follow(&self) -> Result<(), Error> {
        let core = &self.0;
        let has_duties = core.store.has_duties();
        if has_duties && !core.other_nodes.had_duties.load(Ordering::Relaxed) {
            core.webhook_outbox.ring();
        }
        let had_duties = &core.other_nodes.had_duties;
        had_duties.store(has_duties, Ordering::Relaxed);
        if core
            .other_nodes
            .endpoints_are_stale
            .swap(false, Ordering::Relaxed)
        {
            let changed = Arc::clone(core);
            let job =
                move |db: &Write<'_>| -> Result<(), Error> { Ok(changed.take_up_endpoints(db)?) };
            core.store.write(job).await?;
        }
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
        let changes = self.0.hub.responsiveness_changes();
        if changes.is_empty() {
            return Ok(());
        }
        let core = Arc::clone(&self.0);
        let job = move |db: &Write<'_>| -> Result<(), Error> {
            for (user, session, is_responsive) in changes {
                core.post(db, || Post::Responsive {
                    user,
                    session,
                    is_responsive,
                });
            }
            Ok(())
        };
        self.0.store.write(job).await
    }

    /// Removes the node `node`, whose lease is over: its sessions are gone, and whoever comes back is sent the events of
    /// the last minutes, as after a crash.
    async fn remove(&self, node: NodeKey) -> Result<(), Error> {
        let core = Arc::clone(&self.0);
        let begin = move |db: &Write<'_>| -> Result<bool, Error> {
            if !db.begin_removal(node)? {
                return Ok(false);
            }
            core.post(db, || Post::NodeRemoved(node));
            db.on_commit(move || core.forget_node(node));
            Ok(true)
        };
        if !self.0.store.write(begin).await? {
            return Ok(());
        }
        tracing::warn!(node, "removing a dead node");
        self.remove_sessions(node, true).await?;
        let end = move |db: &Write<'_>| -> Result<(), Error> { Ok(db.forget_node(node)?) };
        self.0.store.write(end).await
    }

    /// Records that the sessions of this node, which stops, are gone. Nothing if it is the only one: at its next start
    /// every participant counts as disconnected from then.
    ///
    /// # Errors
    /// [`Error::Unavailable`]
    pub async fn leave(&self) -> Result<(), Error> {
        match self.0.store.node() {
            Some(node) if self.0.store.has_other_nodes() => self.remove_sessions(node, false).await,
            Some(_) | None => Ok(()),
        }
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

    /// Delivers the first events of a session that waits for other nodes, at the latest after a second.
    pub(super) fn await_handover(&self, subscription: &Subscription) {
        let (user, queue) = (subscription.user(), subscription.queue());
        if !self.0.other_nodes.is_awaiting(user, queue) {
            return;
        }
        let (core, user, queue) = (Arc::clone(&self.0), user.clone(), Arc::clone(queue));
        tokio::spawn(async move {
            tokio::time::sleep(HANDOVER).await;
            let Some(mut arrival) = core.other_nodes.give_up(&user, &queue) else {
                return;
            };
            let (reader, session) = (Arc::clone(&core), queue.session().clone());
            let whose = user.clone();
            let derive = move |db: &Write<'_>| reader.recent_events_of(db, &whose);
            match core.store.write(derive).await {
                Ok(events) => {
                    let lacked = events
                        .into_iter()
                        .filter(|(_, lacking)| lacking.includes(&session))
                        .map(|(notice, _)| notice);
                    let lacked: Vec<Notice> = lacked
                        .filter(|notice| {
                            let mut known = arrival.owed.iter();
                            !known.any(|one| one.notice().event == notice.event)
                                && !queue.contains(&notice.event)
                        })
                        .collect();
                    arrival
                        .owed
                        .extend(core.hub.take_over(&user, &session, lacked));
                }
                Err(error) => {
                    tracing::warn!(%error, "events of a session from another node are not known");
                }
            }
            arrival.finish();
        });
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

    /// Posts a change to the other nodes, if there are any. Runs inside the writer's job.
    pub(super) fn post(&self, db: &Write<'_>, post: impl FnOnce() -> Post) {
        if self.store.has_other_nodes() {
            db.post(post());
        }
    }

    /// Receives a post of `node`; returns the reply, if there is one. Runs on the writer's thread.
    fn receive(self: &Arc<Self>, node: NodeKey, post: Post) -> Option<Post> {
        match post {
            // It takes all sessions for responsive.
            Post::NodeJoined => self.hub.forget_told_responsiveness(),
            Post::NodeLeft => self.forget_node(node),
            Post::NodeRemoved(dead) => self.forget_node(dead),
            Post::Entered { user, session, at } => {
                let remote = RemoteSession::connected(session.clone(), node, at);
                let notices = self.hub.enter_remote(&user, remote)?;
                return Some(Post::Owed {
                    user,
                    session,
                    notices,
                });
            }
            Post::Left { user, session, at } => {
                let ago = self.clock.now().since(at);
                self.hub.leave_remote(&user, &session, node, ago);
            }
            Post::Responsive {
                user,
                session,
                is_responsive,
            } => self
                .hub
                .set_remote_responsive(&user, &session, node, is_responsive),
            Post::Surplus { user, session } => {
                let reason = CloseReason::Replaced;
                let _ = self.hub.close_sessions(&user, Some(&session), reason);
            }
            Post::Close {
                user,
                session,
                reconnects,
            } => {
                let reason = CloseReason::by_request(reconnects);
                let _ = self.hub.close_sessions(&user, session.as_ref(), reason);
            }
            Post::Event { notice, row, only } => {
                self.deliver_here(node, notice, row, only.as_ref());
            }
            Post::Owed {
                user,
                session,
                notices,
            } => self.take_over(node, &user, &session, notices),
            Post::Confirmed {
                origin,
                user,
                session,
                at,
            } => {
                if self.store.node() == Some(origin) {
                    let now = self.clock.now();
                    self.other_nodes.confirm(&user, &session, at, now);
                }
            }
            Post::CallChanged { from, to, answered } => {
                if let Some(answered) = answered {
                    self.channels.tell(Move::new(answered, to));
                }
                self.metrics.live_call_changed(from, to);
            }
            Post::AccountsChanged(users) if users.is_empty() => self.accounts.forget_all(),
            Post::AccountsChanged(users) => self.accounts.forget(&users),
            Post::Barred(user) => self.hub.disconnect_users(&[user]),
            Post::EndpointsChanged => self
                .other_nodes
                .endpoints_are_stale
                .store(true, Ordering::Relaxed),
            Post::WebhooksWaiting => self.webhook_outbox.ring(),
        }
        None
    }

    fn forget_node(&self, node: NodeKey) {
        self.hub.remove_node(node);
    }

    /// Delivers an event of another node to the sessions of this one.
    fn deliver_here(
        &self,
        node: NodeKey,
        notice: Notice,
        row: Option<i64>,
        only: Option<&SessionId>,
    ) {
        let mut addressees = self.hub.addressees(&notice);
        if let Some(only) = only {
            addressees.queues.retain(|queue| queue.session() == only);
        }
        if addressees.queues.is_empty() && addressees.departed.is_empty() {
            return;
        }
        let is_of_backend = matches!(notice.event, Event::App(_));
        let encoded = delivery::addressed(notice, row, &addressees);
        let notice = Arc::new(if is_of_backend {
            encoded.sent_by(node)
        } else {
            encoded
        });
        Delivery::addressed(notice, addressees).publish(&self.hub, &self.metrics);
    }

    /// Delivers what `node` owed to a session that is connected to this one now.
    fn take_over(&self, node: NodeKey, user: &UserId, session: &SessionId, notices: Vec<Notice>) {
        let mut sessions = self.hub.sessions(user).into_iter();
        let Some(queue) = sessions.find(|queue| queue.session() == session) else {
            return;
        };
        if self.other_nodes.has_given_up(user, session) {
            return;
        }
        let owed = self.hub.take_over(user, session, notices);
        self.metrics.events_redelivered(owed.len());
        for late in self.other_nodes.add_owed(user, session, node, owed) {
            queue.push(late);
        }
    }

    /// Removes a few sessions of `node`; returns how many. Runs inside the writer's job.
    fn remove_sessions(
        self: &Arc<Self>,
        db: &Write<'_>,
        node: NodeKey,
        is_dead: bool,
    ) -> Result<usize, Error> {
        let now = self.clock.now();
        let rows = db.sessions_of_node(node, STEP)?;
        for rows in rows.chunk_by(|one, next| one.user == next.user) {
            let user = &rows[0].user;
            db.forget_sessions(user, node)?;
            let has_others = self.has_session_elsewhere(user, node);
            if is_dead {
                self.store_events_of_dead_node(db, rows, has_others, now)?;
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
        now: Timestamp,
    ) -> Result<(), Error> {
        let user = &rows[0].user;
        let pending = db.pending_events(user, now)?;
        for (notice, lacking) in self.recent_events_of(db, user)? {
            if pending.iter().any(|one| one.notice.event == notice.event) {
                continue;
            }
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

    /// Returns the events of the last minutes for `user`, from the timelines of the user's calls, with the sessions that
    /// may lack them.
    fn recent_events_of(
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
