//! Unreached callees: no session confirms the invitation within `confirm_timeout`. The webhook `call.unreached` reports
//! them, so that the backend of the app can still send a push.
//!
//! The deadline is stored beside the live call, so that it survives a restart. If no endpoint subscribes to the event,
//! nothing is stored.

use std::sync::Arc;

use crate::call::{CallId, Event, Transition};
use crate::clock::Timestamp;
use crate::hub::EncodedNotice;
use crate::store::{self, Write};
use crate::user::UserId;
use crate::webhook_model::EventType;

use super::{Core, Deadlines, Error};

/// Maximum number of calls reported in one job.
const BATCH: usize = 64;

impl Deadlines {
    /// Returns the next deadline of [`Deadlines::report_unreached`].
    pub(super) fn next_confirmation(&self) -> Result<Option<Timestamp>, Error> {
        self.0
            .store
            .read(|db| -> Result<_, Error> { Ok(db.nearest_confirmation()?) })
    }

    /// Reports the callees of the calls whose invitation should have been confirmed by now. Returns how many.
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

    /// Stores the confirmation deadline of the invitation among the notices of `transition`, if there is one. Runs
    /// inside the writer's job.
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

    /// Stores the confirmation deadline of the invitation to `callee`, who is invited now. Runs inside the writer's
    /// job.
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

    /// Returns the call of the invitation `notice`, which a session has confirmed, if that is to be stored.
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
