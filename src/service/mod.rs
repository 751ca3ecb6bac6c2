//! Application service: one method per use case, grouped by subject. Only the service combines the call rules, the
//! store and the hub.
//!
//! Requests from REST, the WebSocket, the sweeper and the administrator all use it, so that they behave alike. The
//! order is always: decide (pure) → store → publish → respond. Nothing is published before its commit.

mod accounts;
mod app_messages;
mod availability;
mod batch;
mod call_feed;
mod calls;
mod channels;
mod clock_steps;
mod deadlines;
mod delivery;
mod endpoints;
mod error;
mod health;
mod history;
mod lists;
mod nodes;
mod presence;
mod quality;
mod retention;
mod scheduler;
mod server_api;
mod sessions;
mod signals;
mod status;
#[cfg(test)]
mod tests;
mod unreached;
mod users;
mod webhook_failures;
mod webhook_outbox;
mod webhooks;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::call::transition::Limits;
use crate::call::{Audience, CallPolicy, Lacking, Notice, Status, Transition};
use crate::clock::{Clock, Timestamp};
use crate::hub::{EncodedNotice, Hub, Published, RecipientSessions, SessionQueue};
use crate::metrics::{CallChange, Loss, Metrics};
use crate::random::Random;
use crate::reloadable::Reloadable;
use crate::settings::{Rate, Settings};
use crate::store::{self, Post, Store, Write};
use crate::user::SessionId;

pub use call_feed::{Change, FeedItem, Subscriber};
pub use calls::{Calls, NewCall};
pub use deadlines::Deadlines;
pub use endpoints::{MOST_ENDPOINTS, NewEndpoint};
pub use error::Error;
pub use health::Health;
pub use history::{History, Page};
pub use lists::Lists;
pub use nodes::Nodes;
pub use presence::Presence;
pub use quality::Quality;
pub use server_api::{
    CallDetails, CallPage, IssuedToken, Placed, Recipients, Repeat, Reply, Requester, SentEvent,
    SentTo, ServerApi, SessionPage, UserPage, UserRecord, UserUpdate,
};
pub use sessions::Sessions;
pub use status::ServerStatus;
pub use users::{Offer, SignIn, Users};
pub use webhook_failures::FailedAttempt;
pub use webhook_outbox::{EndpointConfig, WebhookConfig};
pub use webhooks::Webhooks;

pub use crate::store::{CallCount, CallFilter, Forgotten};

use accounts::AccountCache;
use call_feed::CallFeed;
use channels::Channels;
use delivery::Recovery;
use nodes::OtherNodes;
use quality::Monitor;
use scheduler::DeadlineScheduler;
use webhook_outbox::WebhookOutbox;

/// Time for which a retried request is recognised by its idempotency key (contract section 2).
const KEY_REMEMBERED_FOR: Duration = Duration::from_hours(24);

/// Settings of the use cases (contract section 6).
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Ring timeout and maximum duration of calls.
    pub limits: Limits,
    /// Time for which a participant of an answered call may be disconnected, if limited.
    pub disconnect_grace: Option<Duration>,
    /// Whether a valid token creates an account for an unknown user.
    pub auto_provision: bool,
    /// Whom users may call.
    pub call_policy: CallPolicy,
    /// How many calls a user may make in a time, if limited.
    pub initiate_rate: Option<Rate>,
    /// Time for which calls are kept after their end, if limited.
    pub retention: Option<Duration>,
    /// How long changes made with API keys are listed, if limited.
    pub audit_retention: Option<Duration>,
}

impl Rules {
    /// Returns the rules of `settings`.
    #[must_use]
    pub const fn new(settings: &Settings) -> Self {
        Self {
            limits: Limits {
                ring_timeout: settings.ring_timeout,
                max_call_duration: settings.max_call_duration,
            },
            disconnect_grace: settings.disconnect_grace,
            auto_provision: settings.auto_provision,
            call_policy: settings.call_policy,
            initiate_rate: settings.initiate_rate,
            retention: settings.retention,
            audit_retention: settings.audit_retention,
        }
    }

    /// Returns rules with `limits` only: all known users may call each other, a disconnected participant stays in the
    /// call, and nothing is deleted.
    #[must_use]
    pub const fn only(limits: Limits) -> Self {
        Self {
            limits,
            disconnect_grace: None,
            auto_provision: false,
            call_policy: CallPolicy::Everyone,
            initiate_rate: None,
            retention: None,
            audit_retention: None,
        }
    }
}

/// Application service: the use cases, grouped. Cheap to clone.
#[derive(Clone)]
pub struct Service(Arc<Groups>);

struct Groups {
    core: Arc<Core>,
    calls: Calls,
    sessions: Sessions,
    history: History,
    lists: Lists,
    webhooks: Webhooks,
    quality: Quality,
    users: Users,
    deadlines: Deadlines,
    nodes: Nodes,
    server_api: ServerApi,
}

/// Shared parts of all use cases.
struct Core {
    store: Store,
    hub: Hub,
    accounts: AccountCache,
    clock: Clock,
    random: Random,
    rules: Reloadable<Rules>,
    scheduler: DeadlineScheduler,
    monitor: Monitor,
    metrics: Metrics,
    /// Start of the server, by the service's clock and by the monotonic one.
    started_at: Timestamp,
    started: Instant,
    call_feed: CallFeed,
    channels: Channels,
    recovery: Recovery,
    other_nodes: OtherNodes,
    /// Webhook outbox, if webhooks are configured.
    webhook_outbox: WebhookOutbox,
}

impl Service {
    /// Creates the service from these parts; `clock` is that of the server, and `webhook_config` turns webhooks on.
    #[must_use]
    pub fn new(
        store: Store,
        hub: Hub,
        clock: Clock,
        random: Random,
        rules: Rules,
        metrics: Metrics,
        webhook_config: Option<WebhookConfig>,
    ) -> Self {
        let started = Instant::now();
        let webhook_outbox = WebhookOutbox::new(webhook_config, random.clone());
        let core = Arc::new(Core {
            store,
            hub,
            accounts: AccountCache::default(),
            started_at: clock.now(),
            clock,
            random,
            rules: Reloadable::new(rules),
            scheduler: DeadlineScheduler::new(started),
            monitor: Monitor::default(),
            metrics,
            started,
            call_feed: CallFeed::default(),
            channels: Channels::default(),
            recovery: Recovery::default(),
            other_nodes: OtherNodes::default(),
            webhook_outbox,
        });
        core.follow_other_nodes();
        Self(Arc::new(Groups {
            calls: Calls(Arc::clone(&core)),
            sessions: Sessions(Arc::clone(&core)),
            history: History(Arc::clone(&core)),
            lists: Lists(Arc::clone(&core)),
            webhooks: Webhooks(Arc::clone(&core)),
            quality: Quality(Arc::clone(&core)),
            users: Users(Arc::clone(&core)),
            deadlines: Deadlines(Arc::clone(&core)),
            nodes: Nodes(Arc::clone(&core)),
            server_api: ServerApi(Arc::clone(&core)),
            core,
        }))
    }

    /// Returns the use cases of calls.
    #[must_use]
    pub fn calls(&self) -> &Calls {
        &self.0.calls
    }

    /// Returns the use cases of sessions and presence.
    #[must_use]
    pub fn sessions(&self) -> &Sessions {
        &self.0.sessions
    }

    /// Returns the use cases of call history.
    #[must_use]
    pub fn history(&self) -> &History {
        &self.0.history
    }

    /// Returns the use cases of block and contact lists.
    #[must_use]
    pub fn lists(&self) -> &Lists {
        &self.0.lists
    }

    /// Returns the use cases of webhooks.
    #[must_use]
    pub fn webhooks(&self) -> &Webhooks {
        &self.0.webhooks
    }

    /// Returns the use cases of network quality.
    #[must_use]
    pub fn quality(&self) -> &Quality {
        &self.0.quality
    }

    /// Returns the use cases of accounts.
    #[must_use]
    pub fn users(&self) -> &Users {
        &self.0.users
    }

    /// Returns the use cases of the sweeper.
    #[must_use]
    pub fn deadlines(&self) -> &Deadlines {
        &self.0.deadlines
    }

    /// Returns the use cases of the nodes.
    #[must_use]
    pub fn nodes(&self) -> &Nodes {
        &self.0.nodes
    }

    /// Use cases of the team's backend.
    #[must_use]
    pub fn server_api(&self) -> &ServerApi {
        &self.0.server_api
    }

    /// Puts `rules` in force. Ringing calls keep their deadline.
    pub fn set_rules(&self, rules: Rules) {
        self.0.core.rules.replace(rules);
    }

    /// Returns the clock of the service.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.0.core.clock
    }

    /// Returns the random source of the service.
    #[must_use]
    pub fn random(&self) -> &Random {
        &self.0.core.random
    }

    /// Returns the number of open sockets.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.0.core.hub.connections()
    }

    /// Whether the database file is still the one that was opened, and was not replaced or removed.
    #[must_use]
    pub fn has_its_database(&self) -> bool {
        self.0.core.store.is_current()
    }

    /// Whether another server on the database has started under the name of this one.
    #[must_use]
    pub fn is_replaced(&self) -> bool {
        self.0.core.store.is_replaced()
    }

    /// Finishes the queued writes and closes the database. May block until they are done.
    pub fn close(&self) {
        self.0.core.store.close();
    }
}

impl Core {
    /// Stores a transition, and registers what follows the commit. Runs inside the writer's job.
    fn apply(
        self: &Arc<Self>,
        db: &Write<'_>,
        transition: &Transition,
    ) -> Result<(), store::Error> {
        db.update_call(transition)?;
        self.record_effects(db, transition, None)
    }

    /// Routes a transition's notices, stores those of participants who are not connected, and registers what follows
    /// the commit. The order of the steps matters. `joining` is a session of the callee that registers in the hub after
    /// this. Runs inside the writer's job.
    fn record_effects(
        self: &Arc<Self>,
        db: &Write<'_>,
        transition: &Transition,
        joining: Option<&SessionId>,
    ) -> Result<(), store::Error> {
        let moved = channels::ChannelUpdate::of(&transition.call);
        self.post(db, || Post::CallChanged {
            from: transition.from,
            to: transition.call.status(),
            answered: moved.as_ref().map(|moved| moved.answered().clone()),
        });
        let deliveries = self.route(db, &transition.notices)?;
        self.expect_confirmation(db, transition)?;
        if transition.answered_with.is_some() {
            self.begin_disconnect_grace(db, transition)?;
        }
        // First: no quality warning follows the event that ends the call.
        if transition.history.is_some() {
            self.settle_quality(db, transition.call.id)?;
        }
        let (core, change) = (Arc::clone(self), CallChange::from(transition));
        let item = self.call_feed.of(transition);
        let deadline = self.next_deadline_of(transition);
        db.on_commit(move || {
            // Before the answer is published: a participant who is notified of it may ask to join the channel at once.
            if let Some(moved) = moved {
                core.channels.apply(moved);
            }
            for delivery in deliveries {
                delivery.publish(&core.hub, &core.metrics);
            }
            core.metrics.call_changed(&change);
            if let Some(item) = item {
                core.call_feed.publish(item);
            }
            if let Some(deadline) = deadline {
                core.scheduler.wake_by(deadline);
            }
        });
        self.announce(db, transition, joining)
    }

    /// Starts the disconnect grace of participants who were disconnected before the answer.
    fn begin_disconnect_grace(
        &self,
        db: &Write<'_>,
        transition: &Transition,
    ) -> Result<(), store::Error> {
        for user in transition.call.participants() {
            if !self.hub.has_session(user) {
                db.restart_grace_of(user, transition.entry.at)?;
            }
        }
        Ok(())
    }

    /// Chooses the sessions that receive each notice. They are chosen now, at the job's place in the order of all jobs:
    /// a session that registers later gets the earlier events when it connects.
    fn route(&self, db: &Write<'_>, notices: &[Notice]) -> Result<Vec<Delivery>, store::Error> {
        let mut deliveries = Vec::with_capacity(notices.len());
        for notice in notices {
            let addressees = self.hub.addressees(notice);
            let is_for_the_user = matches!(notice.audience, Audience::Participant(_));
            let mut stored = None;
            if is_for_the_user && notice.event.is_kept() && !addressees.has_responsive() {
                stored = delivery::store_pending(db, notice, &Lacking::All)?;
                deliveries.push(Delivery::Stored(notice.event.as_str()));
            }
            if addressees.has_remote {
                self.post(db, || Post::Event {
                    notice: notice.clone(),
                    row: stored,
                    only: None,
                });
            }
            if addressees.is_here() || stored.is_some() {
                let notice = Arc::new(delivery::addressed(notice.clone(), stored, &addressees));
                deliveries.push(Delivery::addressed(notice, addressees));
            }
        }
        Ok(deliveries)
    }

    /// Returns the time by which the sweeper has to check the call again.
    fn next_deadline_of(&self, transition: &Transition) -> Option<Timestamp> {
        let call = &transition.call;
        let somebody_is_gone =
            || !self.hub.has_session(&call.caller) || !self.hub.has_session(&call.callee);
        match call.status() {
            // A participant who was disconnected before the answer counts as disconnected from the answer on.
            Status::Connecting if somebody_is_gone() => {
                let grace_ends = self.rules.get().disconnect_grace;
                let grace_ends = grace_ends.map(|grace| call.updated_at.plus(grace));
                [grace_ends, call.state.deadline()]
                    .into_iter()
                    .flatten()
                    .min()
            }
            Status::Initiating
            | Status::Ringing
            | Status::Connecting
            | Status::Active
            | Status::Ended
            | Status::Rejected
            | Status::Missed => call.state.deadline(),
        }
    }
}

/// Delivery of a notice.
enum Delivery {
    /// It is sent to the sessions of its audience.
    ToSessions {
        queues: Vec<Arc<SessionQueue>>,
        notice: Arc<EncodedNotice>,
    },
    /// An event of this type is stored: no session is responsive.
    Stored(&'static str),
}

impl Delivery {
    /// Returns the delivery of `notice` to `addressees`.
    fn addressed(notice: Arc<EncodedNotice>, addressees: RecipientSessions) -> Self {
        let RecipientSessions {
            queues, departed, ..
        } = addressees;
        for session in &departed {
            notice.address(session);
        }
        Self::ToSessions { queues, notice }
    }

    /// Returns the number of sessions that it is queued for.
    fn publish(self, hub: &Hub, metrics: &Metrics) -> usize {
        match self {
            Self::ToSessions { queues, notice } => {
                let Published { reached, missed } = hub.publish(&queues, &notice);
                if missed > 0 {
                    metrics.events_dropped(Loss::SlowReader, missed);
                }
                reached
            }
            Self::Stored(event) => {
                metrics.event_kept(event);
                0
            }
        }
    }
}
