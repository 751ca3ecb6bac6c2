//! Use cases of webhooks: endpoints, due deliveries, attempts, retries.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::batch::until_none;
use super::webhook_failures::FailedAttempt;
use super::webhook_outbox::WebhookConfig;
use super::{Core, Error};
use crate::call::transition;
use crate::clock::Timestamp;
use crate::store::{self, Read, Write};
use crate::webhook_model::MessageId;
use crate::webhook_model::delivery::{EndpointId, EndpointReply, Next, PauseCause};
use crate::webhook_model::message::{
    Attempt, Delivery, Due, SentMessage, State, Tally, WebhookEndpoint,
};

/// How long messages are kept: a day in which they are tried, and another to look at what became of them.
const KEPT_FOR: Duration = Duration::from_hours(48);

/// Messages between two looks at the time.
const STEP: u32 = 64;

/// What is not on its way.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Backlog {
    /// Messages that wait, counted for each receiver.
    pub waiting: usize,
    /// Receivers that are paused.
    pub paused: usize,
}

impl Backlog {
    pub fn of(receivers: &[(WebhookEndpoint, Tally)]) -> Self {
        receivers
            .iter()
            .fold(Self::default(), |sum, (receiver, tally)| Self {
                waiting: sum.waiting + usize::try_from(tally.waiting).unwrap_or(usize::MAX),
                paused: sum.paused + usize::from(receiver.pause.is_some()),
            })
    }
}

/// Use cases of webhooks: due deliveries, attempts, pause, resume, retry.
pub struct Webhooks(pub(super) Arc<Core>);

impl Webhooks {
    /// Hears whenever there may be something new for the receivers; none where there are no receivers.
    #[must_use]
    pub fn announcements(&self) -> watch::Receiver<()> {
        self.0.webhook_outbox.wake.subscribe()
    }

    /// Returns the signal that endpoints were made, changed or deleted.
    #[must_use]
    pub fn endpoint_changes(&self) -> watch::Receiver<()> {
        self.0.webhook_outbox.endpoint_changes.subscribe()
    }

    /// Puts `config` in force. New endpoints get the events from now on; what waits for endpoints that are no longer
    /// named is deleted with them.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; then nothing has changed.
    pub async fn configure(&self, config: WebhookConfig) -> Result<(), Error> {
        let core = Arc::clone(&self.0);
        let job = move |db: &Write<'_>| Ok(core.configure_webhooks(db, config)?);
        self.0.store.write(job).await
    }

    /// The receivers, by number.
    pub fn receivers(&self) -> Result<Vec<WebhookEndpoint>, Error> {
        let receivers = |db: &Read<'_>| -> Result<_, Error> { Ok(db.receivers()?) };
        self.0.store.read(receivers)
    }

    /// How much waits for receivers, and how many of them are paused. Counts long where much waits.
    pub(super) fn backlog(&self) -> Result<Backlog, Error> {
        Ok(Backlog::of(&self.backlogs()?))
    }

    /// The receivers, each with how much waits for it.
    pub(super) fn backlogs(&self) -> Result<Vec<(WebhookEndpoint, Tally)>, Error> {
        // Each endpoint receives something: no need to ask the database.
        if self.0.webhook_outbox.wanted.get().is_empty() {
            return Ok(Vec::new());
        }
        let tally = |receiver: WebhookEndpoint| -> Result<_, Error> {
            let tally = self.0.store.read_at_length(|db| db.tally(receiver.id))?;
            Ok((receiver, tally))
        };
        self.receivers()?.into_iter().map(tally).collect()
    }

    /// Returns at most `limit` messages after `after`, newest first, only those in `state` if it is given; and whether
    /// more follow.
    pub fn messages(
        &self,
        state: Option<State>,
        after: Option<(MessageId, EndpointId)>,
        limit: u32,
    ) -> Result<(Vec<SentMessage>, bool), Error> {
        // One more than is shown tells whether there is a next page.
        let wanted = limit.saturating_add(1);
        let read = self
            .0
            .store
            .read_at_length(|db| db.sent(state, after, wanted));
        let mut sent = read?;
        let shown = usize::try_from(limit).unwrap_or(usize::MAX);
        let has_more = sent.len() > shown;
        sent.truncate(shown);
        Ok((sent, has_more))
    }

    /// What is due at `receiver` until `until`, at most `limit`; none where it is paused, or another node delivers.
    pub fn due_deliveries(
        &self,
        receiver: EndpointId,
        until: Timestamp,
        limit: usize,
    ) -> Result<Option<Due>, Error> {
        if !self.0.store.has_duties() {
            return Ok(None);
        }
        Ok(self.0.store.read(|db| -> Result<_, store::Error> {
            let receivers = db.receivers()?;
            let mut told = receivers.iter().filter(|one| one.pause.is_none());
            if !told.any(|one| one.id == receiver) {
                return Ok(None);
            }
            db.due_deliveries(receiver, until, limit).map(Some)
        })?)
    }

    /// Records an attempt and what the endpoint asked for in `reply`. Returns why the receiver is paused from now, if it is.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; the attempt is not recorded then.
    pub async fn attempted(
        &self,
        delivery: Delivery,
        attempt: Attempt,
        reply: EndpointReply,
    ) -> Result<Option<PauseCause>, Error> {
        let core = Arc::clone(&self.0);
        self.0
            .store
            .write(move |db| core.attempted(db, &delivery, &attempt, reply))
            .await
    }

    /// Leaves `receiver` alone, or all where none is named; returns how many were not paused before,
    /// or none where there is no such receiver.
    pub async fn pause_receivers(
        &self,
        receiver: Option<EndpointId>,
    ) -> Result<Option<usize>, Error> {
        let now = self.0.clock.now();
        self.change_receivers(receiver, move |db, id| {
            Ok(db.pause_receiver(id, PauseCause::Administrator, now)?)
        })
        .await
    }

    /// Tells `receiver` again, or all where none is named; returns how many were paused, or none where
    /// there is no such receiver.
    pub async fn resume_receivers(
        &self,
        receiver: Option<EndpointId>,
    ) -> Result<Option<usize>, Error> {
        self.change_receivers(receiver, |db, id| Ok(db.resume_receiver(id)?))
            .await
    }

    async fn change_receivers(
        &self,
        receiver: Option<EndpointId>,
        change: impl Fn(&Write<'_>, EndpointId) -> Result<bool, Error> + Send + 'static,
    ) -> Result<Option<usize>, Error> {
        let core = Arc::clone(&self.0);
        let job = move |db: &Write<'_>| -> Result<Option<usize>, Error> {
            let mut ids: Vec<_> = db.receivers()?.into_iter().map(|one| one.id).collect();
            ids.retain(|id| receiver.is_none_or(|wanted| wanted == *id));
            if ids.is_empty() {
                return Ok(None);
            }
            let mut changed = 0;
            for id in ids {
                changed += usize::from(change(db, id)?);
            }
            core.wake_senders(db);
            Ok(Some(changed))
        };
        self.0.store.write(job).await
    }

    /// Makes one message due again, delivered or not; false where there is none of that id any more.
    pub async fn retry_message(&self, id: MessageId) -> Result<bool, Error> {
        let (core, now) = (Arc::clone(&self.0), self.0.clock.now());
        let job = move |db: &Write<'_>| Ok(core.retry_message(db, id, now)?);
        self.0.store.write(job).await
    }

    /// Makes due whatever waits for another attempt or was given up; returns how many deliveries. Others write
    /// in between.
    pub async fn retry_all(&self) -> Result<usize, Error> {
        let now = self.0.clock.now();
        let retried = self
            .0
            .run_in_batches(move |db| Ok(until_none(db.retry_deliveries(STEP, now)?)))
            .await?;
        self.0.webhook_outbox.wake_up();
        Ok(retried)
    }

    /// Forgets messages that are older than two days; returns how many.
    pub async fn forget_old_messages(&self) -> Result<usize, Error> {
        if !self.0.store.has_duties() {
            return Ok(0);
        }
        let now = self.0.clock.now();
        let before = now.minus(KEPT_FOR);
        self.0
            .run_in_batches(move |db| Ok(until_none(db.forget_messages(before, STEP, now)?)))
            .await
    }
}

impl Core {
    fn attempted(
        self: &Arc<Self>,
        db: &Write<'_>,
        delivery: &Delivery,
        attempt: &Attempt,
        reply: EndpointReply,
    ) -> Result<Option<PauseCause>, Error> {
        let now = self.clock.now();
        self.ring_by_push(db, delivery, reply.device_woken, now)?;
        let outcome = &attempt.outcome;
        let next = Next::after(
            outcome,
            delivery.failures,
            delivery.at,
            reply.retry_after,
            self.random.value(),
            now,
        );
        db.record_attempt(delivery, attempt, next, now)?;
        let pause = if outcome.is_delivered() {
            db.mark_working(delivery.receiver)?;
            None
        } else {
            let (core, failed) = (Arc::clone(self), FailedAttempt::new(delivery, attempt));
            db.on_commit(move || core.webhook_outbox.failures.add(failed));
            let since = db.mark_failing(delivery.receiver, now)?;
            since.and_then(|since| PauseCause::after(outcome, since, now))
        };
        let pause = match pause {
            Some(cause) if db.pause_receiver(delivery.receiver, cause, now)? => Some(cause),
            Some(_) | None => None,
        };
        self.wake_senders(db);
        Ok(pause)
    }

    /// A call whose callee's device was woken by a push rings, where it still waits for one.
    fn ring_by_push(
        self: &Arc<Self>,
        db: &Write<'_>,
        delivery: &Delivery,
        pushed: bool,
        now: Timestamp,
    ) -> Result<(), store::Error> {
        let call = delivery.call.filter(|_| pushed);
        let Some(call) = call.map(|call| db.call(call)).transpose()?.flatten() else {
            return Ok(());
        };
        if self.is_undisturbed(db, &call.callee)? {
            return Ok(());
        }
        // One that rings already, was answered or is over is no worse for the push.
        transition::ring_by_push(&call, now)
            .map_or(Ok(()), |transition| self.apply(db, &transition))
    }

    /// Makes one message due again, delivered or not; returns false if there is none of that id. Runs inside the writer's
    /// job.
    pub(super) fn retry_message(
        self: &Arc<Self>,
        db: &Write<'_>,
        id: MessageId,
        now: Timestamp,
    ) -> Result<bool, store::Error> {
        self.wake_senders(db);
        db.retry_message(id, now)
    }
}
