//! What receivers of webhooks are told: written with the change itself, delivered by the module `webhook`.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::call::{Call, Transition, transition};
use crate::clock::Timestamp;
use crate::random::Random;
use crate::reloadable::Reloadable;
use crate::store::{self, Post, Read, Write};
use crate::user::{SessionId, UserId};
use crate::webhook_model::delivery::{EndpointId, EndpointReply, Next, PauseCause};
use crate::webhook_model::message::{Attempt, Delivery, Due, Receiver, Sent, State, Tally};
use crate::webhook_model::{CallEvent, CalleeSession, EventType, MessageId, Subject, WebhookEvent};

use super::batch::until_none;
use super::webhook_failures::{FailedAttempt, RecentFailures};
use super::{Core, Error};

/// How long messages are kept: a day in which they are tried, and another to look at what became of them.
const KEPT_FOR: Duration = Duration::from_hours(48);

/// Messages between two looks at the time.
const STEP: u32 = 64;

/// Who is told what, and how that is written.
#[derive(Clone, Debug)]
pub struct WebhookConfig {
    /// The endpoints of the settings.
    pub endpoints: Vec<EndpointConfig>,
    /// Event types of an endpoint that is made without naming some.
    pub common_events: Vec<EventType>,
    /// The text of an announcement, JSON.
    pub body: fn(&WebhookEvent) -> String,
}

/// An endpoint.
#[derive(Clone, Debug)]
pub struct EndpointConfig {
    /// Its URL.
    pub url: String,
    /// Event types that it receives.
    pub events: Vec<EventType>,
}

/// Outbox of webhooks: the configuration, and the signal that there is something new.
pub(super) struct WebhookOutbox {
    /// None while webhooks are off.
    config: Reloadable<Option<WebhookConfig>>,
    /// Event types that some endpoint receives.
    wanted: Reloadable<Vec<EventType>>,
    random: Random,
    wake: watch::Sender<()>,
    endpoint_changes: watch::Sender<()>,
    pub(super) failures: RecentFailures,
}

/// What is not on its way.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Backlog {
    /// Messages that wait, counted for each receiver.
    pub waiting: usize,
    /// Receivers that are paused.
    pub paused: usize,
}

impl Backlog {
    pub fn of(receivers: &[(Receiver, Tally)]) -> Self {
        receivers
            .iter()
            .fold(Self::default(), |sum, (receiver, tally)| Self {
                waiting: sum.waiting + usize::try_from(tally.waiting).unwrap_or(usize::MAX),
                paused: sum.paused + usize::from(receiver.pause.is_some()),
            })
    }
}

impl WebhookOutbox {
    pub fn new(config: Option<WebhookConfig>, random: Random) -> Self {
        Self {
            config: Reloadable::new(config),
            wanted: Reloadable::new(Vec::new()),
            random,
            wake: watch::Sender::new(()),
            endpoint_changes: watch::Sender::new(()),
            failures: RecentFailures::default(),
        }
    }

    pub fn ring(&self) {
        self.wake.send_replace(());
    }

    pub fn announce(
        &self,
        db: &Write<'_>,
        announcement: &WebhookEvent,
    ) -> Result<(), store::Error> {
        let config = self.config.get();
        let Some(config) = config.as_ref() else {
            return Ok(());
        };
        let id = MessageId::from_uuid(self.random.uuid_v7(announcement.at));
        db.announce(id, announcement, &(config.body)(announcement))
    }

    pub fn wants(&self, topic: EventType) -> bool {
        self.wanted.get().contains(&topic)
    }

    fn wants_presence(&self) -> bool {
        self.wants(EventType::UserOnline) || self.wants(EventType::UserOffline)
    }

    /// Returns the event types of an endpoint that is made without naming some.
    pub fn common_events(&self) -> Vec<EventType> {
        let config = self.config.get();
        let common = config
            .as_ref()
            .as_ref()
            .map(|config| config.common_events.clone());
        common.unwrap_or_default()
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
        let job = move |db: &Write<'_>| -> Result<(), Error> {
            set_endpoints(db, Some(&config))?;
            core.endpoints_changed(db)?;
            db.on_commit(move || core.webhook_outbox.config.replace(Some(config)));
            Ok(())
        };
        self.0.store.write(job).await
    }

    /// The receivers, by number.
    pub fn receivers(&self) -> Result<Vec<Receiver>, Error> {
        let receivers = |db: &Read<'_>| -> Result<_, Error> { Ok(db.receivers()?) };
        self.0.store.read(receivers)
    }

    /// How much waits for receivers, and how many of them are paused. Counts long where much waits.
    pub(super) fn backlog(&self) -> Result<Backlog, Error> {
        Ok(Backlog::of(&self.backlogs()?))
    }

    /// The receivers, each with how much waits for it.
    pub(super) fn backlogs(&self) -> Result<Vec<(Receiver, Tally)>, Error> {
        // Each endpoint receives something: no need to ask the database.
        if self.0.webhook_outbox.wanted.get().is_empty() {
            return Ok(Vec::new());
        }
        let tally = |receiver: Receiver| -> Result<_, Error> {
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
    ) -> Result<(Vec<Sent>, bool), Error> {
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
        self.0.webhook_outbox.ring();
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
    /// Puts the event of `transition` into the webhook outbox, if an endpoint takes its type. Runs inside the writer's
    /// job.
    pub(super) fn announce(
        self: &Arc<Self>,
        db: &Write<'_>,
        transition: &Transition,
        joining: Option<&SessionId>,
    ) -> Result<(), store::Error> {
        let topic = EventType::of(transition);
        self.announce_call(db, topic, &transition.call, transition.entry.at, joining)
    }

    /// The same for an event of type `topic` about `call`; `joining` is a session of the callee that enters the hub after
    /// this.
    pub(super) fn announce_call(
        self: &Arc<Self>,
        db: &Write<'_>,
        topic: EventType,
        call: &Call,
        at: Timestamp,
        joining: Option<&SessionId>,
    ) -> Result<(), store::Error> {
        // An endpoint would push, and the callee's phone would ring for somebody whom the callee has blocked.
        let webhook_outbox = &self.webhook_outbox;
        if call.suppressed || !webhook_outbox.wants(topic) {
            return Ok(());
        }
        let callee_sessions = self.callee_sessions(&call.callee, joining, at);
        let call_event = CallEvent {
            call: call.clone(),
            caller: db.profile(&call.caller)?,
            callee: db.profile(&call.callee)?,
            callee_connected: callee_sessions.iter().any(|one| one.responsive),
            callee_sessions,
            callee_availability: db.availability(&call.callee)?.at(at),
        };
        let subject = Subject::Call(Box::new(call_event));
        webhook_outbox.announce(db, &WebhookEvent { topic, at, subject })?;
        self.wake_senders(db);
        Ok(())
    }

    fn callee_sessions(
        &self,
        callee: &UserId,
        joining: Option<&SessionId>,
        now: Timestamp,
    ) -> Vec<CalleeSession> {
        let sessions = self.hub.connected_to_any_node(callee);
        let known = sessions.into_iter().map(|one| CalleeSession {
            id: one.id,
            connected_at: one.connected_at,
            responsive: one.is_responsive,
        });
        let joining = joining.map(|session| CalleeSession {
            id: session.clone(),
            connected_at: now,
            responsive: true,
        });
        // The connection that the joining one replaces is not listed beside it.
        known
            .filter(|one| joining.as_ref().is_none_or(|new| new.id != one.id))
            .chain(joining.clone())
            .collect()
    }

    /// The same for `user`, who is online from now, or no longer.
    pub(super) fn announce_presence(
        self: &Arc<Self>,
        db: &Write<'_>,
        user: &UserId,
        online: bool,
        at: Timestamp,
    ) -> Result<(), store::Error> {
        let topic = if online {
            EventType::UserOnline
        } else {
            EventType::UserOffline
        };
        let webhook_outbox = &self.webhook_outbox;
        // Noted even where only the other one is told of: a second device's coming needs no event.
        if !webhook_outbox.wants_presence()
            || !db.note_presence(user, online)?
            || !webhook_outbox.wants(topic)
        {
            return Ok(());
        }
        let subject = Subject::User(db.profile(user)?);
        webhook_outbox.announce(db, &WebhookEvent { topic, at, subject })?;
        self.wake_senders(db);
        Ok(())
    }

    /// Takes up the receivers at the start of a server, and tells them that nobody is online.
    pub(super) fn begin_announcing(
        self: &Arc<Self>,
        db: &Write<'_>,
        now: Timestamp,
    ) -> Result<(), store::Error> {
        set_endpoints(db, self.webhook_outbox.config.get().as_ref().as_ref())?;
        // Not only once it is committed: the announcements below look at it.
        self.webhook_outbox.wanted.replace(wanted(db)?);
        if !self.store.is_alone_at_start() {
            return Ok(());
        }
        for user in db.noted_as_online()? {
            if !self.webhook_outbox.wants_presence() {
                db.note_presence(&user, false)?;
            }
            self.announce_presence(db, &user, false, now)?;
        }
        Ok(())
    }

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

    /// Announces changed endpoints to what delivers to them, once the job is committed.
    pub(super) fn endpoints_changed(self: &Arc<Self>, db: &Write<'_>) -> Result<(), store::Error> {
        self.post(db, || Post::EndpointsChanged);
        self.take_up_endpoints(db)
    }

    /// Takes up the endpoints in the database once the job is committed. Runs inside the writer's job.
    pub(super) fn take_up_endpoints(self: &Arc<Self>, db: &Write<'_>) -> Result<(), store::Error> {
        let (core, wanted) = (Arc::clone(self), wanted(db)?);
        db.on_commit(move || {
            core.webhook_outbox.wanted.replace(wanted);
            core.webhook_outbox.endpoint_changes.send_replace(());
        });
        Ok(())
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

    /// Wakes the webhook senders once the job is committed.
    pub(super) fn wake_senders(self: &Arc<Self>, db: &Write<'_>) {
        if !self.store.has_duties() {
            self.post(db, || Post::WebhooksWaiting);
        }
        let core = Arc::clone(self);
        db.on_commit(move || core.webhook_outbox.ring());
    }
}

/// Returns the event types that some endpoint receives.
fn wanted(db: &Read<'_>) -> Result<Vec<EventType>, store::Error> {
    let receivers = db.receivers()?;
    let is_wanted = |event: &EventType| receivers.iter().any(|one| one.events.contains(event));
    Ok(EventType::ALL.into_iter().filter(is_wanted).collect())
}

/// Stores the endpoints of `config` beside those that backends made, and no others.
fn set_endpoints(db: &Write<'_>, config: Option<&WebhookConfig>) -> Result<(), store::Error> {
    let endpoints = config.map_or(&[][..], |config| &config.endpoints);
    let endpoints: Vec<_> = endpoints
        .iter()
        .map(|endpoint| (endpoint.url.as_str(), endpoint.events.as_slice()))
        .collect();
    db.set_receivers(&endpoints)
}
