//! Webhooks: delivers events to the team's own backend, so that it can push to phones whose app sleeps.
//!
//! The service writes events into an outbox, in the transaction of the change itself. A fairing runs a worker for each
//! endpoint, woken after every commit that has a message for it. The worker sends the messages, signed by Standard
//! Webhooks, at least once. No call waits for a webhook. The rules for retries and pauses are in
//! [`crate::webhook_model::delivery`].

mod address;
mod client;
mod sender;
mod signature;
mod target;
mod worker;

use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use rocket::fairing::{Fairing, Info, Kind};
use rocket::{Orbit, Rocket};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::clock::Timestamp;
use crate::reloadable::Reloadable;
use crate::service::{EndpointConfig, Error, Service, WebhookConfig};
use crate::settings::Settings;
use crate::webhook_model::MessageId;
use crate::webhook_model::delivery::{EndpointId, Outcome};
use crate::webhook_model::message::{Attempt, Receiver};
use crate::wire::webhook;

use sender::SignedMessage;
use worker::Worker;

pub use client::EndpointError;
pub use sender::{Sender, WebhookError};
pub use target::shown;

/// Endpoints by the settings; none if they name none.
#[must_use]
pub fn webhook_config(settings: &Settings) -> Option<WebhookConfig> {
    let common = settings.webhook_url.iter().map(|url| EndpointConfig {
        url: url.to_string(),
        events: settings.webhook_events.clone(),
    });
    let own = settings.webhooks.iter().map(|webhook| {
        let events = webhook.events.as_ref();
        EndpointConfig {
            url: webhook.url.to_string(),
            events: events.unwrap_or(&settings.webhook_events).clone(),
        }
    });
    let endpoints: Vec<_> = common.chain(own).collect();
    (!endpoints.is_empty()).then_some(WebhookConfig {
        endpoints,
        body: webhook::body,
    })
}

/// Delivery of webhooks while the server runs: a worker for each endpoint. Cheap to clone.
#[derive(Clone)]
pub struct Webhooks(Arc<Inner>);

struct Inner {
    service: Service,
    /// None while webhooks are off.
    sender: Reloadable<Option<Arc<Sender>>>,
    running: Mutex<Running>,
}

/// Workers, and what stops them.
#[derive(Default)]
struct Running {
    stop: watch::Sender<bool>,
    workers: JoinSet<()>,
}

impl Webhooks {
    /// Starts delivery of the events of `service` through `sender`, if there is one.
    #[must_use]
    pub fn new(service: Service, sender: Option<Sender>) -> Self {
        Self(Arc::new(Inner {
            service,
            sender: Reloadable::new(sender.map(Arc::new)),
            running: Mutex::default(),
        }))
    }

    /// Returns the sender of messages, if webhooks are on.
    #[must_use]
    pub fn sender(&self) -> Option<Arc<Sender>> {
        self.0.sender.get().as_ref().clone()
    }

    /// Delivers to the endpoints of `config` through `sender` from now on. Attempts in progress are repeated.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; then nothing has changed.
    pub async fn reload(
        &self,
        sender: Option<Sender>,
        config: Option<WebhookConfig>,
    ) -> Result<(), Error> {
        self.stop_workers().await;
        let configured = self.0.service.webhooks().configure(config).await;
        if configured.is_ok() {
            self.0.sender.replace(sender.map(Arc::new));
        }
        self.start_workers();
        configured
    }

    fn start_workers(&self) {
        let Some(sender) = self.sender() else {
            return;
        };
        let (service, mut running) = (&self.0.service, self.0.running.lock());
        let endpoints = service.webhooks().receivers().unwrap_or_else(|error| {
            tracing::error!(%error, "cannot read the webhook endpoints; no webhooks are sent");
            Vec::new()
        });
        for Receiver { id, url, .. } in endpoints {
            let Some(target) = sender.target(&url) else {
                tracing::error!(receiver = %id, "cannot parse the URL of a webhook endpoint");
                continue;
            };
            let wake = service.webhooks().announcements();
            let worker = Worker::new(service.clone(), Arc::clone(&sender), id, target, wake);
            let stop = running.stop.subscribe();
            running.workers.spawn(worker.run(stop));
        }
    }

    async fn stop_workers(&self) {
        let Running { stop, workers } = std::mem::take(&mut *self.0.running.lock());
        stop.send_replace(true);
        workers.join_all().await;
    }
}

#[rocket::async_trait]
impl Fairing for Webhooks {
    fn info(&self) -> Info {
        Info {
            name: "Webhooks",
            kind: Kind::Liftoff | Kind::Shutdown,
        }
    }

    async fn on_liftoff(&self, _: &Rocket<Orbit>) {
        self.start_workers();
    }

    /// Waits until no worker holds the service: the lock on the database is released with it.
    async fn on_shutdown(&self, _: &Rocket<Orbit>) {
        self.stop_workers().await;
    }
}

/// Sends a test message to `receivers`, all at the same time, and returns the outcome of each.
pub async fn test(
    sender: &Arc<Sender>,
    receivers: Vec<Receiver>,
    now: Timestamp,
) -> Vec<(EndpointId, Attempt)> {
    let mut tests = JoinSet::new();
    for Receiver { id, url, .. } in receivers {
        let sender = Arc::clone(sender);
        tests.spawn(async move { (id, test_one(&sender, &url, now).await) });
    }
    let mut tested = tests.join_all().await;
    tested.sort_unstable_by_key(|(id, _)| *id);
    tested
}

async fn test_one(sender: &Sender, url: &str, at: Timestamp) -> Attempt {
    let began = Instant::now();
    let (id, body) = (
        MessageId::from_uuid(uuid::Uuid::new_v4()).to_string(),
        webhook::test_body(at),
    );
    let message = SignedMessage {
        id: &id,
        body: &body,
        at,
    };
    let outcome = match sender.target(url) {
        Some(target) => sender.send(&message, &target).await.outcome,
        None => Outcome::Failed {
            cause: "its URL cannot be read".to_owned(),
        },
    };
    let took = began.elapsed();
    Attempt { at, took, outcome }
}
