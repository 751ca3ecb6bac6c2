//! Status of the server, for administrators.

use crate::clock::Timestamp;
use crate::logging::{self, RecentLine};
use crate::metrics::{Minute, Sample};
use crate::webhook_model::message::{Tally, WebhookEndpoint};

use super::webhook_failures::FailedAttempt;
use super::webhooks::Backlog;
use super::{Error, Health, Service};

/// Status of the server.
#[derive(Clone, Debug)]
pub struct ServerStatus {
    /// Start of the server.
    pub started_at: Timestamp,
    /// Health checks.
    pub health: Health,
    /// Gauges.
    pub sample: Sample,
    /// Number of live calls.
    pub live_calls: u64,
    /// The last hour, a minute an entry; the last entry is the current minute.
    pub last_hour: Vec<Minute>,
    /// Webhook endpoints with their backlog.
    pub endpoints: Vec<(WebhookEndpoint, Tally)>,
    /// The last failed attempts at webhook endpoints, newest first.
    pub webhook_failures: Vec<FailedAttempt>,
    /// The last warnings and errors of the log, newest first.
    pub warnings: Vec<RecentLine>,
}

impl Service {
    /// Returns the status of the server.
    pub async fn status(&self) -> Result<ServerStatus, Error> {
        let health = self.health().await;
        let endpoints = self.webhooks().backlogs()?;
        let sample = self.sample_with(Backlog::of(&endpoints));
        let core = &self.0.core;
        Ok(ServerStatus {
            started_at: core.started_at,
            health,
            sample,
            live_calls: core.metrics.live_calls(),
            last_hour: core.metrics.last_hour(core.clock.now(), &sample),
            endpoints,
            webhook_failures: core.webhook_outbox.failures.all(),
            warnings: logging::recent_warnings(),
        })
    }

    /// Returns when the server started.
    #[must_use]
    pub fn started_at(&self) -> Timestamp {
        self.0.core.started_at
    }

    /// Ends a minute of the last hour in [`Service::status`].
    pub fn end_minute(&self) {
        let core = &self.0.core;
        core.metrics.end_minute(core.clock.now(), &self.sample());
    }
}
