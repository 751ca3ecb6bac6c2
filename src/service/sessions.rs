//! Lifecycle of sessions: connect, disconnect and shutdown.

use std::net::IpAddr;
use std::sync::Arc;

use crate::call::notice::Invitation;
use crate::call::{Audience, Call, Event, Notice, Status, transition};
use crate::clock::Timestamp;
use crate::hub::{CloseReason, EncodedNotice, LimitReached, SessionQueue, Slot, Subscription};
use crate::store::{self, Write};
use crate::user::{SessionId, UserId};

use super::{Core, Delivery, Error};

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
        if self.is_stopping() {
            Err(LimitReached::Server)
        } else {
            self.0.hub.admit(user, session, address)
        }
    }

    /// Whether the server rejects new sessions.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.0.hub.is_stopping()
    }

    /// Registers a session: it gets the stored events of its user, then the invitation to a ringing call, then all
    /// events from now on. A call that waited for the user starts to ring.
    pub async fn connect(&self, user: UserId, session: SessionId) -> Result<Subscription, Error> {
        let core = Arc::clone(&self.0);
        self.0
            .store
            .write(move |db| core.connect(db, &user, &session))
            .await
    }

    /// Records that data was received from a session of `user`. One that was unresponsive counts as connected again: a
    /// call that waited for the user starts to ring, and the session is invited to the ringing call.
    pub async fn heard(&self, user: &UserId, queue: &SessionQueue) {
        if !queue.heard() {
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
        let user = subscription.user().clone();
        drop(subscription);
        // At the next start every participant counts as disconnected from then.
        if self.is_stopping() || self.0.hub.has_session(&user) {
            return;
        }
        if let Err(error) = self.mark_gone(user.clone(), self.0.clock.now()).await {
            tracing::warn!(%error, "a disconnect could not be stored, and will be");
            self.0.scheduler.postpone(&[(user, self.0.clock.now())]);
        }
    }

    /// Stores the disconnects that could not be stored when they happened.
    ///
    /// # Errors
    /// [`Error::Unavailable`], if they still cannot be stored.
    pub async fn store_pending_disconnects(&self) -> Result<(), Error> {
        let postponed = self.0.scheduler.take_postponed();
        for (index, (user, at)) in postponed.iter().enumerate() {
            if let Err(error) = self.mark_gone(user.clone(), *at).await {
                self.0.scheduler.postpone(&postponed[index..]);
                return Err(error);
            }
        }
        Ok(())
    }

    async fn mark_gone(&self, user: UserId, at: Timestamp) -> Result<(), Error> {
        let core = Arc::clone(&self.0);
        let job = move |db: &Write<'_>| -> Result<(), Error> {
            // Checked again inside the job: the user may have reconnected in an earlier job.
            if core.hub.has_session(&user) {
                return Ok(());
            }
            let in_call = db.mark_gone(&user, at)?;
            core.announce_presence(db, &user, false, at)?;
            let grace = core.rules.get().disconnect_grace;
            if let Some(grace) = grace.filter(|_| in_call) {
                db.on_commit(move || core.scheduler.wake_by(at.plus(grace)));
            }
            Ok(())
        };
        self.0.store.write(job).await
    }

    /// Returns the connected sessions of `user`, or of all users.
    #[must_use]
    pub fn connected(&self, user: Option<&UserId>) -> Vec<(UserId, Arc<SessionQueue>)> {
        let of = |user: &UserId| {
            let sessions = self.0.hub.sessions(user).into_iter();
            sessions.map(|one| (user.clone(), one)).collect()
        };
        user.map_or_else(|| self.0.hub.sessions_after(None, "", usize::MAX), of)
    }

    /// Closes the session `session` of `user`, or all of the user's; returns how many. The clients are told to connect
    /// again if `reconnects`, else to sign out.
    #[must_use]
    pub fn close(&self, user: &UserId, session: Option<&SessionId>, reconnects: bool) -> usize {
        let reason = CloseReason::by_request(reconnects);
        self.0.hub.close_sessions(user, session, reason)
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
        // Last, because it cannot fail: a session is in the hub only if its job succeeds.
        let subscription = self.hub.subscribe(user, session);
        let queue = Arc::clone(subscription.queue());
        let (core, user) = (Arc::clone(self), user.clone());
        db.on_commit(move || {
            // Now, and not inside the job: events of earlier jobs are published by now.
            let stored = core.recovery.mark(stored);
            let owed = core.hub.owed(&user, queue.session(), stored);
            core.metrics.events_redelivered(owed.len());
            let ringing = ringing.map(EncodedNotice::new).map(Arc::new);
            if let Some(invitation) = &ringing {
                core.hub.remember(invitation);
            }
            queue.preload(owed.into_iter().chain(ringing));
        });
        Ok(subscription)
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
