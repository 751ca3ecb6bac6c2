//! Outbox of webhooks: events are written with the change itself, and the module `webhook` delivers them.

use std::sync::Arc;

use tokio::sync::watch;

use super::Core;
use super::webhook_failures::RecentFailures;
use crate::call::{Call, Transition};
use crate::clock::Timestamp;
use crate::random::Random;
use crate::reloadable::Reloadable;
use crate::store::{self, Post, Read, Write};
use crate::user::{SessionId, UserId};
use crate::webhook_model::{CallEvent, CalleeSession, EventType, MessageId, Subject, WebhookEvent};

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
    pub(super) wanted: Reloadable<Vec<EventType>>,
    random: Random,
    pub(super) wake: watch::Sender<()>,
    pub(super) endpoint_changes: watch::Sender<()>,
    pub(super) failures: RecentFailures,
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

    pub fn wake_up(&self) {
        self.wake.send_replace(());
    }

    /// Takes up changed endpoints, of which some receive the event types `wanted`.
    pub fn take_up(&self, wanted: Vec<EventType>) {
        self.wanted.replace(wanted);
        self.endpoint_changes.send_replace(());
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

    /// Stores the endpoints of `config`, and puts it in force once the job is committed.
    pub(super) fn configure_webhooks(
        self: &Arc<Self>,
        db: &Write<'_>,
        config: WebhookConfig,
    ) -> Result<(), store::Error> {
        set_endpoints(db, Some(&config))?;
        self.endpoints_changed(db)?;
        let core = Arc::clone(self);
        db.on_commit(move || core.webhook_outbox.config.replace(Some(config)));
        Ok(())
    }

    /// Announces changed endpoints to what delivers to them, once the job is committed.
    pub(super) fn endpoints_changed(self: &Arc<Self>, db: &Write<'_>) -> Result<(), store::Error> {
        let (core, wanted) = (Arc::clone(self), wanted(db)?);
        self.post(db, || Post::EndpointsChanged(wanted.clone()));
        db.on_commit(move || core.webhook_outbox.take_up(wanted));
        Ok(())
    }

    /// Wakes the webhook senders once the job is committed.
    pub(super) fn wake_senders(self: &Arc<Self>, db: &Write<'_>) {
        if !self.store.has_duties() {
            self.post(db, || Post::WebhooksWaiting);
        }
        let core = Arc::clone(self);
        db.on_commit(move || core.webhook_outbox.wake_up());
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
