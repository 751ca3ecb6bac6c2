//! Webhooks: delivers events to the team's own backend, so that it can push to phones whose app sleeps.
//!
//! The service writes events into an outbox, in the transaction of the change itself. A fairing runs a worker for each
//! endpoint, of the settings or made by a backend, woken after every commit that has a message for it. The worker sends the messages, signed by Standard
//! Webhooks, at least once. No call waits for a webhook. The rules for retries and pauses are in
//! [`crate::webhook_model::delivery`].

mod address;
mod client;
mod sender;
mod signature;
mod target;
mod worker;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use futures_util::future::join_all;
use rocket::fairing::{Fairing, Info, Kind};
use rocket::{Orbit, Rocket};
use tokio::sync::{Mutex, watch};
use tokio::task::{JoinHandle, JoinSet};

use crate::clock::Timestamp;
use crate::reloadable::Reloadable;
use crate::service::{EndpointConfig, Error, Service, WebhookConfig};
use crate::settings::Settings;
use crate::webhook_model::MessageId;
use crate::webhook_model::delivery::{EndpointId, Outcome};
use crate::webhook_model::message::{Attempt, WebhookEndpoint};
use crate::wire::webhook;

use sender::SignedMessage;
use worker::Worker;

pub use client::EndpointError;
pub use sender::{Sender, WebhookError};

/// Endpoints by the settings.
#[must_use]
pub fn webhook_config(settings: &Settings) -> WebhookConfig {
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
    WebhookConfig {
        endpoints: common.chain(own).collect(),
        common_events: settings.webhook_events.clone(),
        body: webhook::body,
    }
}

/// Delivery of webhooks while the server runs: a worker for each endpoint. Cheap to clone.
#[derive(Clone)]
pub struct Webhooks(Arc<Inner>);

struct Inner {
    service: Service,
    sender: Reloadable<Arc<Sender>>,
    /// Locked while workers start and stop.
    workers: Mutex<HashMap<EndpointId, RunningWorker>>,
    stop: watch::Sender<bool>,
    supervisor: Mutex<JoinSet<()>>,
}

/// Worker of an endpoint, and what stops it.
struct RunningWorker {
    /// The endpoint at the start of the worker.
    receiver: WebhookEndpoint,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl RunningWorker {
    /// Returns whether it delivers to `receiver` with the present secrets.
    fn serves(&self, receiver: &WebhookEndpoint) -> bool {
        let ours = &self.receiver;
        (ours.id, &ours.url, &ours.made) == (receiver.id, &receiver.url, &receiver.made)
    }

    /// Stops the worker. Its attempts in progress are repeated by the next one.
    async fn stop(self) {
        self.stop.send_replace(true);
        if let Err(error) = self.task.await {
            tracing::error!(%error, receiver = %self.receiver.id, "a webhook worker panicked");
        }
    }
}

impl Webhooks {
    /// Makes the delivery of the events of `service` through `sender`.
    #[must_use]
    pub fn new(service: Service, sender: Sender) -> Self {
        Self(Arc::new(Inner {
            service,
            sender: Reloadable::new(Arc::new(sender)),
            workers: Mutex::default(),
            stop: watch::Sender::new(false),
            supervisor: Mutex::default(),
        }))
    }

    /// Returns the sender of messages.
    #[must_use]
    pub fn sender(&self) -> Arc<Sender> {
        Arc::clone(&self.0.sender.get())
    }

    /// Delivers to the endpoints of `config`, and to those that backends made, through `sender` from now on. Attempts in
    /// progress are repeated.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; then nothing has changed.
    pub async fn reload(&self, sender: Sender, config: WebhookConfig) -> Result<(), Error> {
        let mut workers = self.0.workers.lock().await;
        stop_all(&mut workers).await;
        let configured = self.0.service.webhooks().configure(config).await;
        if configured.is_ok() {
            self.0.sender.replace(Arc::new(sender));
        }
        self.adjust(&mut workers).await;
        configured
    }

    /// Keeps a worker for each endpoint until the server stops.
    async fn supervise(self) {
        let mut changes = self.0.service.webhooks().endpoint_changes();
        let mut stop = self.0.stop.subscribe();
        loop {
            changes.borrow_and_update();
            self.adjust(&mut *self.0.workers.lock().await).await;
            tokio::select! {
                changed = changes.changed() => if changed.is_err() { break },
                _ = stop.wait_for(|stop| *stop) => break,
            }
        }
        stop_all(&mut *self.0.workers.lock().await).await;
    }

    /// Stops the workers of endpoints that are gone or have another secret, and starts those that are missing.
    async fn adjust(&self, workers: &mut HashMap<EndpointId, RunningWorker>) {
        let receivers = match self.0.service.webhooks().receivers() {
            Ok(receivers) => receivers,
            Err(error) => {
                tracing::error!(%error, "cannot read the webhook endpoints");
                return;
            }
        };
        let is_stale = |_: &EndpointId, worker: &mut RunningWorker| {
            !receivers.iter().any(|one| worker.serves(one))
        };
        let stale: HashMap<_, _> = workers.extract_if(is_stale).collect();
        for worker in stale.into_values() {
            worker.stop().await;
        }
        for receiver in receivers {
            if !workers.contains_key(&receiver.id)
                && let Some(worker) = self.start_worker(receiver)
            {
                workers.insert(worker.receiver.id, worker);
            }
        }
    }

    fn start_worker(&self, receiver: WebhookEndpoint) -> Option<RunningWorker> {
        let (service, sender, id) = (&self.0.service, self.sender(), receiver.id);
        let Some(target) = sender.target(&receiver) else {
            tracing::error!(receiver = %id, "cannot read the URL or the secret of a webhook endpoint");
            return None;
        };
        let wake = service.webhooks().announcements();
        let worker = Worker::new(service.clone(), sender, id, target, wake);
        let stop = watch::Sender::new(false);
        let task = tokio::spawn(worker.run(stop.subscribe()));
        Some(RunningWorker {
            receiver,
            stop,
            task,
        })
    }
}

async fn stop_all(workers: &mut HashMap<EndpointId, RunningWorker>) {
    join_all(workers.drain().map(|(_, worker)| worker.stop())).await;
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
        let supervisor = self.clone().supervise();
        self.0.supervisor.lock().await.spawn(supervisor);
    }

    /// Waits until no worker holds the service: the lock on the database is released with it.
    async fn on_shutdown(&self, _: &Rocket<Orbit>) {
        self.0.stop.send_replace(true);
        let mut supervisor = self.0.supervisor.lock().await;
        while supervisor.join_next().await.is_some() {}
    }
}

/// Sends a test message to `receivers`, all at the same time, and returns the outcome of each.
pub async fn test(
    sender: &Arc<Sender>,
    receivers: Vec<WebhookEndpoint>,
    now: Timestamp,
) -> Vec<(EndpointId, Attempt)> {
    let mut tests = JoinSet::new();
    for receiver in receivers {
        let sender = Arc::clone(sender);
        tests.spawn(async move { (receiver.id, test_one(&sender, &receiver, now).await) });
    }
    let mut tested = tests.join_all().await;
    tested.sort_unstable_by_key(|(id, _)| *id);
    tested
}

async fn test_one(sender: &Sender, receiver: &WebhookEndpoint, at: Timestamp) -> Attempt {
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
    let outcome = match sender.target(receiver) {
        Some(target) => sender.send(&message, &target).await.outcome,
        None => Outcome::Failed {
            cause: "its URL cannot be read".to_owned(),
        },
    };
    let took = began.elapsed();
    Attempt { at, took, outcome }
}
