//! Callees whom an invitation does not reach: no session confirms it within `confirm_timeout`. The webhook
//! `call.unreached` reports them, so that the team's backend can still push.
//!
//! The deadline is stored beside the live call, so that it holds over a restart. Without endpoints that take the event
//! nothing is stored.

use std::sync::Arc;

use crate::call::{CallId, Event, Transition};
use crate::clock::Timestamp;
use crate::hub::EncodedNotice;
use crate::store::{self, Write};
use crate::user::UserId;
use crate::webhook_model::EventType;

use super::{Core, Deadlines, Error};

/// Calls that are reported in one job.
const BATCH: usize = 64;

impl Deadlines {
    /// The nearest instant at which [`Deadlines::report_unreached`] has something to do.
    pub(super) fn next_confirmation(&self) -> Result<Option<Timestamp>, Error> {
        self.0
            .store
            .read(|db| -> Result<_, Error> { Ok(db.nearest_confirmation()?) })
    }

    /// Reports the callees of the calls whose invitation had to be confirmed by now. Returns how many.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn report_unreached(&self) -> Result<usize, Error> {
        let now = self.0.clock.now();
        let mut reported = 0;
        while let Some(due) = self.next_confirmation()? {
            if due > now {
                break;
            }
            let core = Arc::clone(&self.0);
            let job =
                move |db: &Write<'_>| -> Result<usize, Error> { Ok(core.report_unreached(db)?) };
            let unreached = self.0.store.write(job).await?;
            if unreached == 0 {
                break;
            }
            reported += unreached;
        }
        Ok(reported)
    }
}

impl Core {
    fn reports_unreached(&self) -> bool {
        self.webhook_outbox.wants(EventType::CallUnreached)
    }

    /// Stores by when the invitation among the notices of `transition` has to be confirmed, if there is one. Runs inside
    /// the writer's job.
    pub(super) fn expect_confirmation(
        self: &Arc<Self>,
        db: &Write<'_>,
        transition: &Transition,
    ) -> Result<(), store::Error> {
        let mut notices = transition.notices.iter();
        if notices.any(|notice| matches!(notice.event, Event::Invitation(_))) {
            self.expect_confirmation_by(db, &transition.call.callee)?;
        }
        Ok(())
    }

    /// Stores by when `callee`, who is invited now, has to confirm the invitation. Runs inside the writer's job.
    pub(super) fn expect_confirmation_by(
        self: &Arc<Self>,
        db: &Write<'_>,
        callee: &UserId,
    ) -> Result<(), store::Error> {
        if !self.reports_unreached() {
            return Ok(());
        }
        let confirm_by = self.clock.now().plus(self.hub.capacity().confirm_timeout);
        db.await_confirmation(callee, confirm_by)?;
        let core = Arc::clone(self);
        db.on_commit(move || core.scheduler.wake_by(confirm_by));
        Ok(())
    }

    /// Returns the call that `notice`, which a session has confirmed, invites to, if that is to be stored.
    pub(super) fn confirmed_invitation(&self, notice: &EncodedNotice) -> Option<CallId> {
        match &notice.notice().event {
            Event::Invitation(invitation) if self.reports_unreached() => Some(invitation.call),
            _ => None,
        }
    }

    fn report_unreached(self: &Arc<Self>, db: &Write<'_>) -> Result<usize, store::Error> {
        let now = self.clock.now();
        let unreached = db.unreached_calls(now, BATCH)?;
        for call in &unreached {
            db.settle_invitation(call.id)?;
            self.announce_call(db, EventType::CallUnreached, call, now, None)?;
        }
        Ok(unreached.len())
    }
}
