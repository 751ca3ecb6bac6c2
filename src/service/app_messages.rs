//! Messages of the apps to the team's backend.

use std::sync::Arc;

use crate::call::AppMessage;
use crate::store::Write;
use crate::user::{SessionId, UserId};
use crate::webhook_model::{EventType, Subject, WebhookEvent};

use super::{Error, Webhooks};

impl Webhooks {
    /// Puts the `message` of a session of `user` into the webhook outbox.
    ///
    /// # Errors
    /// [`Error::NoReceiver`], [`Error::Unavailable`].
    pub async fn pass_on(
        &self,
        user: UserId,
        session: SessionId,
        message: AppMessage,
    ) -> Result<(), Error> {
        let core = Arc::clone(&self.0);
        let job = move |db: &Write<'_>| -> Result<(), Error> {
            if !core.webhook_outbox.wants(EventType::AppMessage) {
                return Err(Error::NoReceiver);
            }
            let event = WebhookEvent {
                topic: EventType::AppMessage,
                at: core.clock.now(),
                subject: Subject::App {
                    user: db.profile(&user)?,
                    session,
                    message,
                },
            };
            core.webhook_outbox.announce(db, &event)?;
            core.wake_senders(db);
            Ok(())
        };
        self.0.store.write(job).await
    }
}
