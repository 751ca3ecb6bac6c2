//! Signals between the participants of a call, by which they set up media.

use std::sync::Arc;

use crate::call::{CallId, Principal, Signal, signal};
use crate::hub::{EncodedNotice, RemoteSession};
use crate::store::{Post, Write};

use super::{Calls, Core, Delivery, Error};

impl Calls {
    /// Relays `signal` to the other participant: to the session that is in the call, or to all sessions of that user if
    /// that one is not connected. Signals for offline users are not stored.
    ///
    /// It is a job of the writer, although it writes nothing: so the other participant receives the answer before the
    /// first signal, and no signal after the end.
    ///
    /// # Errors
    /// [`Error::CallNotFound`], [`Error::Refused`], [`Error::Unavailable`].
    pub async fn signal(
        &self,
        principal: Principal,
        call: CallId,
        signal: Signal,
    ) -> Result<(), Error> {
        let core = Arc::clone(&self.0);
        self.0
            .store
            .write(move |db| core.pass_on(db, &principal, call, signal))
            .await
    }
}

impl Core {
    fn pass_on(
        self: &Arc<Self>,
        db: &Write<'_>,
        principal: &Principal,
        call: CallId,
        signal: Signal,
    ) -> Result<(), Error> {
        let call = db.call(call)?.ok_or(Error::CallNotFound)?;
        let notice = signal::relay(&call, &principal.user, signal, self.clock.now())?;
        let other = notice.audience.user();
        let mut queues = self.hub.sessions(other);
        let mut remote = self.hub.remote_sessions(other);
        remote.retain(RemoteSession::is_open);
        let engaged = db.engaged_session(other)?.filter(|engaged| {
            queues.iter().any(|queue| queue.session() == engaged)
                || remote.iter().any(|one| one.session == *engaged)
        });
        if let Some(engaged) = &engaged {
            queues.retain(|queue| queue.session() == engaged);
            remote.retain(|one| one.session == *engaged);
        }
        if !remote.is_empty() {
            self.post(db, || Post::Event {
                notice: notice.clone(),
                row: None,
                only: engaged,
            });
        }
        let notice = Arc::new(EncodedNotice::new(notice));
        let core = Arc::clone(self);
        db.on_commit(move || {
            Delivery::ToSessions { queues, notice }.publish(&core.hub, &core.metrics);
        });
        Ok(())
    }
}
