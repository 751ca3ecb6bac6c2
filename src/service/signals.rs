//! What participants say to each other about the media between them.

use std::sync::Arc;

use crate::call::{Acting, CallId, Signal, signal};
use crate::hub::SharedNotice;
use crate::store::{AfterCommit, Write};

use super::{Delivery, Error, Inner, Service};

impl Service {
    /// Passes `signal` on to the other participant: to the session that is in the call, or to all of that user
    /// where that one is not connected. Nothing is kept for who is not there.
    ///
    /// It takes its turn among the writer's jobs, though it writes nothing: so the other participant hears of
    /// the answer before the first signal, and of no signal after the end.
    ///
    /// # Errors
    /// [`Error::CallNotFound`], [`Error::Refused`], [`Error::Store`].
    pub async fn signal(&self, acting: Acting, call: CallId, signal: Signal) -> Result<(), Error> {
        let inner = Arc::clone(&self.0);
        self.0
            .store
            .write(move |db| inner.pass_on(db, &acting, call, signal))
            .await
    }
}

impl Inner {
    fn pass_on(
        self: &Arc<Self>,
        db: &Write<'_>,
        acting: &Acting,
        call: CallId,
        signal: Signal,
    ) -> Result<((), AfterCommit), Error> {
        let call = db.call(call)?.ok_or(Error::CallNotFound)?;
        let notice = signal::relay(&call, &acting.user, signal, self.clock.now())?;
        let other = notice.audience.user();
        let mut outboxes = self.hub.sessions(other);
        if let Some(engaged) = db.engaged_session(other)?
            && outboxes.iter().any(|outbox| *outbox.session() == engaged)
        {
            outboxes.retain(|outbox| *outbox.session() == engaged);
        }
        let notice = Arc::new(SharedNotice::new(notice));
        let inner = Arc::clone(self);
        Ok((
            (),
            Box::new(move || {
                Delivery::ToSessions { outboxes, notice }.publish(&inner.metrics);
            }),
        ))
    }
}
