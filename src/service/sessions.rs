//! Lifecycle of sessions: connect, disconnect and shutdown.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::call::notice::Invitation;
use crate::call::{Audience, Call, Event, Notice, Status, transition};
use crate::clock::Timestamp;
use crate::hub::{
    CloseReason, ConnectedSession, EncodedNotice, LimitReached, SessionQueue, Slot, Subscription,
};
use crate::store::{self, Post, Write};
use crate::user::{SessionId, UserId};

use super::nodes::Arrival;
use super::{Core, Delivery, Error, Nodes};

/// Interval of the waves in which sessions are closed when the server drains.
const WAVE: Duration = Duration::from_millis(100);

/// Session that has left.
#[derive(Clone, Debug)]
pub(super) struct Departure {
    pub user: UserId,
    pub session: SessionId,
    pub at: Timestamp,
    /// Whether it was refused when it connected: the hub has forgotten sessions of other nodes for it.
    pub was_refused: bool,
}

/// Use cases of sessions: connect, disconnect, close, presence.
pub struct Sessions(pub(super) Arc<Core>);

impl Sessions {
    /// Reserves a slot for a connection of `session` of `user` from `address`. A server that shuts down has none.
    pub fn admit(
        &self,
        user: &UserId,
        session: &SessionId,
        address: IpAddr,
    ) -> Result<Slot, LimitReached> {
        if self.are_rejected() {
            Err(LimitReached::Stopping)
        } else {
            self.0.hub.admit(user, session, address)
        }
    }

    /// Whether new sessions are rejected: the server drains or stops.
    #[must_use]
    pub fn are_rejected(&self) -> bool {
        self.0.hub.rejects_sessions()
    }

    /// Whether the server stops: requests are rejected too.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.0.hub.is_stopping()
    }

    /// Registers a session: it gets the stored events of its user, then the invitation to a ringing call, then all
    /// events from now on. A call that waited for the user starts to ring.
    pub async fn connect(&self, user: UserId, session: SessionId) -> Result<Subscription, Error> {
        let core = Arc::clone(&self.0);
        let entered = Departure {
            user: user.clone(),
            session: session.clone(),
            at: self.0.clock.now(),
            was_refused: true,
        };
        let job = move |db: &Write<'_>| core.connect(db, &user, &session);
        let subscription = self.0.store.write(job).await.inspect_err(|_| {
            // It may have been committed all the same: then the other nodes know a session that is not there.
            if self.0.store.node().is_some() {
                self.0.scheduler.postpone(&[entered]);
            }
        })?;
        let nodes = Nodes(Arc::clone(&self.0));
        nodes.await_handover(&subscription);
        Ok(subscription)
    }

    /// Records that data was received from a session of `user`. One that was unresponsive counts as connected again: a
    /// call that waited for the user starts to ring, and the session is invited to the ringing call.
    pub async fn record_received(&self, user: &UserId, queue: &SessionQueue) {
        if !queue.record_received() {
            return;
        }
        let (core, user, session) = (Arc::clone(&self.0), user.clone(), queue.session().clone());
        let job = move |db: &Write<'_>| core.invite_again(db, &user, &session);
        if let Err(error) = Box::pin(self.0.store.write(job)).await {
            tracing::warn!(%error, "a session that is responsive again could not be invited to a call");
        }
    }

    /// Unregisters a session. After the user's last one the disconnect grace starts. If that cannot be stored,
    /// [`Sessions::store_pending_disconnects`] stores it later.
    pub async fn disconnect(&self, subscription: Subscription) {
        let (user, session) = (
            subscription.user().clone(),
            subscription.queue().session().clone(),
        );
        drop(subscription);
        // The only server stops: at the next start every participant counts as disconnected from then.
        if self.are_rejected() && !self.0.store.has_other_nodes() {
            return;
        }
        // The last one alone matters, but other nodes know each.
        if self.0.store.node().is_none() && self.0.hub.has_session(&user) {
            return;
        }
        let departure = Departure {
            user,
            session,
            at: self.0.clock.now(),
            was_refused: false,
        };
        if let Err(error) = self.depart(departure.clone()).await {
            tracing::warn!(%error, "a disconnect could not be stored, and will be");
            self.0.scheduler.postpone(&[departure]);
        }
    }

    /// Stores the disconnects that could not be stored when they happened.
    ///
    /// # Errors
    /// [`Error::Unavailable`], if they still cannot be stored.
    pub async fn store_pending_disconnects(&self) -> Result<(), Error> {
        let postponed = self.0.scheduler.take_postponed();
        for (index, departure) in postponed.iter().enumerate() {
            if let Err(error) = self.depart(departure.clone()).await {
                self.0.scheduler.postpone(&postponed[index..]);
                return Err(error);
            }
        }
        Ok(())
    }

    async fn depart(&self, departure: Departure) -> Result<(), Error> {
        let core = Arc::clone(&self.0);
        let job = move |db: &Write<'_>| core.depart(db, departure);
        self.0.store.write(job).await
    }

    /// Returns the connected sessions of `user`, or of all users, on all nodes.
    #[must_use]
    pub fn connected(&self, user: Option<&UserId>) -> Vec<(UserId, ConnectedSession)> {
        let of = |user: &UserId| {
            let sessions = self.0.hub.connected_to_any_node(user).into_iter();
            sessions.map(|one| (user.clone(), one)).collect()
        };
        user.map_or_else(|| self.0.hub.sessions_after(None, "", usize::MAX), of)
    }

    /// Closes the session `session` of `user`, or all of the user's; returns how many. The clients are told to connect
    /// again if `reconnects`, else to sign out.
    ///
    /// # Errors
    /// [`Error::Unavailable`]
    pub async fn close(
        &self,
        user: UserId,
        session: Option<SessionId>,
        reconnects: bool,
    ) -> Result<usize, Error> {
        let core = Arc::clone(&self.0);
        let job = move |db: &Write<'_>| -> Result<usize, Error> {
            Ok(core.close_sessions(db, user, session, reconnects))
        };
        self.0.store.write(job).await
    }

    /// Makes every session check its token again: keys or required claims may have changed.
    pub fn recheck_tokens(&self) {
        self.0.hub.recheck_tokens();
    }

    /// Closes the sessions of users who were disabled or removed, and rejects their tokens: a command may have written
    /// to the database beside the server.
    pub fn close_disabled_sessions(&self) -> Result<(), Error> {
        self.0.close_disabled_sessions()
    }

    /// Begins a graceful shutdown: for `drain_time`, new sessions are rejected, requests are served until load balancers
    /// have noticed, and the connected sessions are closed one after the other, so that clients do not connect to another
    /// node all at once.
    pub async fn drain(&self, drain_time: Duration) {
        let hub = &self.0.hub;
        hub.reject_sessions();
        let mut left = u32::try_from(drain_time.as_millis() / WAVE.as_millis()).unwrap_or(u32::MAX);
        while left > 0 {
            hub.close_share(left);
            tokio::time::sleep(WAVE).await;
            left -= 1;
        }
    }

    /// Graceful shutdown: rejects new sessions, closes all sessions with the reason that the server stops, and waits
    /// until they are closed.
    pub async fn close_sessions(&self) {
        self.0.hub.stop();
        self.0.hub.emptied().await;
    }
}

impl Core {
    pub(super) fn close_disabled_sessions(&self) -> Result<(), Error> {
        let disabled = self
            .store
            .read_at_length(|db| -> Result<_, Error> { Ok(db.disabled_users()?) })?;
        self.accounts.forget(&disabled);
        self.hub.disconnect_users(&disabled);
        Ok(())
    }

    fn connect(
        self: &Arc<Self>,
        db: &Write<'_>,
        user: &UserId,
        session: &SessionId,
    ) -> Result<Subscription, Error> {
        let now = self.clock.now();
        let stored = db.pending_events(user, now)?;
        db.mark_present(user)?;
        self.announce_presence(db, user, true, now)?;
        let ringing = match Core::unanswered_call_to(db, user, now)? {
            Some(call) => self.ring(db, call, session, now)?,
            None => None,
        };
        let remote = self.hub.remote_sessions(user);
        let lacked = if let Some(node) = self.store.node() {
            let lacked = self.events_of_dead_node(db, user, session, &remote)?;
            db.enter_session(user, session, node, now)?;
            lacked
        } else {
            Vec::new()
        };
        // Last, because it cannot fail: a session is in the hub only if its job succeeds.
        let (subscription, surplus) = self.hub.enter(user, session);
        self.post(db, || Post::Entered {
            user: user.clone(),
            session: session.clone(),
            at: now,
        });
        for session in surplus.into_iter().map(|one| one.session) {
            let user = user.clone();
            self.post(db, || Post::Surplus { user, session });
        }
        let queue = Arc::clone(subscription.queue());
        let (core, user) = (Arc::clone(self), user.clone());
        db.on_commit(move || {
            // Now, and not inside the job: events of earlier jobs are published by now.
            let stored = core.recovery.mark(stored);
            let mut owed = core.hub.owed(&user, queue.session(), stored);
            owed.extend(core.hub.take_over(&user, queue.session(), lacked));
            core.metrics.events_redelivered(owed.len());
            let ringing = ringing.map(EncodedNotice::new).map(Arc::new);
            if let Some(invitation) = &ringing {
                core.hub.remember(invitation);
            }
            let arrival = Arrival {
                queue,
                owed,
                ringing,
                awaited: remote.iter().map(|one| one.node).collect(),
                answered: HashSet::new(),
            };
            core.other_nodes.arrive(&user, arrival);
        });
        Ok(subscription)
    }

    /// Records that a session has left, and that its user is gone if it was the last one.
    fn depart(self: &Arc<Self>, db: &Write<'_>, departure: Departure) -> Result<(), Error> {
        let Departure {
            user,
            session,
            at,
            was_refused,
        } = departure;
        if was_refused {
            self.restore_remote_sessions(db, &user)?;
        }
        let mut sessions = self.hub.sessions(&user).into_iter();
        // It may have returned in an earlier job.
        if sessions.all(|one| *one.session() != session)
            && let Some(node) = self.store.node()
        {
            self.other_nodes.forget(&user, &session);
            db.leave_session(&user, &session, node, at)?;
            let user = user.clone();
            self.post(db, || Post::Left { user, session, at });
        }
        // Checked inside the job: the user may have reconnected in an earlier one.
        if self.hub.has_session(&user) {
            return Ok(());
        }
        self.mark_gone(db, &user, at)
    }

    /// Records that `user` has no session any more. Runs inside the writer's job.
    pub(super) fn mark_gone(
        self: &Arc<Self>,
        db: &Write<'_>,
        user: &UserId,
        at: Timestamp,
    ) -> Result<(), Error> {
        let in_call = db.mark_gone(user, at)?;
        self.announce_presence(db, user, false, at)?;
        let grace = self.rules.get().disconnect_grace;
        if let Some(grace) = grace.filter(|_| in_call) {
            let core = Arc::clone(self);
            db.on_commit(move || core.scheduler.wake_by(at.plus(grace)));
        }
        Ok(())
    }

    /// Closes the session `session` of `user`, or all, on all nodes once the job is committed; returns how many.
    pub(super) fn close_sessions(
        self: &Arc<Self>,
        db: &Write<'_>,
        user: UserId,
        session: Option<SessionId>,
        reconnects: bool,
    ) -> usize {
        let sessions = self.hub.connected_to_any_node(&user).into_iter();
        let is_wanted = |one: &ConnectedSession| session.as_ref().is_none_or(|id| one.id == *id);
        let count = sessions.filter(is_wanted).count();
        self.post(db, || Post::Close {
            user: user.clone(),
            session: session.clone(),
            reconnects,
        });
        let (core, reason) = (Arc::clone(self), CloseReason::by_request(reconnects));
        db.on_commit(move || {
            let _ = core.hub.close_sessions(&user, session.as_ref(), reason);
        });
        count
    }

    /// Invites a session that is responsive again to the call that waits or rings for its user, unless it was invited
    /// on this connection. Runs inside the writer's job.
    fn invite_again(
        self: &Arc<Self>,
        db: &Write<'_>,
        user: &UserId,
        session: &SessionId,
    ) -> Result<(), Error> {
        let now = self.clock.now();
        let mut sessions = self.hub.sessions(user).into_iter();
        let Some(queue) = sessions.find(|one| one.session() == session) else {
            return Ok(());
        };
        // Now, and not with the next look: a call from another node that comes after this must find it.
        if queue.responsiveness_change() == Some(true) {
            self.post_responsiveness(db, user, Arc::clone(&queue), true);
        }
        let call = Core::unanswered_call_to(db, user, now)?;
        let Some(call) = call.filter(|call| !queue.is_invited_to(call.id)) else {
            return Ok(());
        };
        if let Some(invitation) = self.ring(db, call, session, now)? {
            let delivery = Delivery::ToSessions {
                queues: vec![queue],
                notice: Arc::new(EncodedNotice::new(invitation)),
            };
            let core = Arc::clone(self);
            db.on_commit(move || {
                delivery.publish(&core.hub, &core.metrics);
            });
        }
        Ok(())
    }

    /// Returns the unanswered call to `user`. A call whose ring timeout has passed rings no more, also if the sweeper has
    /// not ended it yet.
    pub(super) fn unanswered_call_to(
        db: &Write<'_>,
        user: &UserId,
        now: Timestamp,
    ) -> Result<Option<Call>, store::Error> {
        let is_over = |call: &Call| call.state.deadline().is_some_and(|at| at <= now);
        let call = db.live_call(user)?;
        Ok(call.filter(|call| {
            let status = call.status();
            let is_unanswered = status == Status::Initiating || status == Status::Ringing;
            call.callee == *user && is_unanswered && !is_over(call)
        }))
    }

    /// Makes `call`, which waits for a session of the callee, ring. Returns the invitation for `session`; none while do
    /// not disturb is set.
    fn ring(
        self: &Arc<Self>,
        db: &Write<'_>,
        mut call: Call,
        session: &SessionId,
        now: Timestamp,
    ) -> Result<Option<Notice>, Error> {
        if call.status() == Status::Initiating {
            if self.is_undisturbed(db, &call.callee)? {
                return Ok(None);
            }
            let transition = transition::ring(&call, now)?;
            db.update_call(&transition)?;
            self.record_effects(db, &transition, Some(session))?;
            call = transition.call;
        }
        self.expect_confirmation_by(db, &call.callee)?;
        Ok(Some(invitation(db, call)?))
    }
}

/// Returns the invitation to a ringing call.
pub(super) fn invitation(db: &Write<'_>, call: Call) -> Result<Notice, Error> {
    let caller = db
        .user(&call.caller)?
        .ok_or_else(|| Error::UserNotFound(call.caller.clone()))?;
    Ok(Notice {
        audience: Audience::Participant(call.callee),
        event: Event::Invitation(Invitation {
            call: call.id,
            channel: call.channel,
            caller: caller.profile,
            call_type: call.call_type,
        }),
        at: call.created_at,
    })
}
