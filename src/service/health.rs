//! Health of the server, for supervisors and `/metrics`.

use std::time::Duration;

use tokio::time::Instant;

use crate::logging;
use crate::metrics::{Metrics, Sample};
use crate::store;
use crate::webhook_model::message::WebhookEndpoint;

use super::Service;
use super::webhooks::Backlog;

/// Health of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// Whether the server is shutting down.
    pub stopping: bool,
    /// Health of the database.
    pub database: DatabaseHealth,
    /// Health of the sweeper.
    pub sweeper: SweeperHealth,
    /// Number of queued writes.
    pub queue_depth: usize,
    /// Maximum number of queued writes.
    pub queue_limit: usize,
    /// Webhook endpoints. They belong to others: calls continue whatever their state.
    pub receivers: Vec<WebhookEndpoint>,
    /// Time since the start.
    pub uptime: Duration,
}

/// Health of the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DatabaseHealth {
    /// It can be read.
    pub readable: bool,
    /// It can be written.
    pub writable: bool,
    /// Rows that cannot be read and are skipped.
    pub unreadable_rows: usize,
}

/// Health of the sweeper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SweeperHealth {
    /// Whether it has run in the last 10 s.
    pub alive: bool,
    /// How long its next run has been due.
    pub late: Duration,
}

impl Health {
    /// Whether the server accepts requests.
    #[must_use]
    pub const fn is_ready(&self) -> bool {
        !self.stopping
            && self.database.readable
            && self.database.writable
            && self.sweeper.alive
            && self.queue_depth < self.queue_limit
    }
}

impl Health {
    /// Whether the server accepts requests but skips some of the stored rows.
    #[must_use]
    pub const fn is_degraded(&self) -> bool {
        self.is_ready() && self.database.unreadable_rows > 0
    }
}

impl Service {
    /// Checks the health. Takes at most half a second if the database hangs.
    pub async fn health(&self) -> Health {
        let readable = self
            .0
            .core
            .store
            .read(|db| -> Result<_, store::Error> { db.ping() });
        if let Err(error) = &readable {
            tracing::warn!(%error, "the database cannot be read");
        }
        let writable = self.0.core.store.is_writable().await;
        let (now, volume) = (Instant::now(), self.0.core.store.volume());
        Health {
            stopping: self.sessions().are_rejected(),
            database: DatabaseHealth {
                readable: readable.is_ok(),
                writable,
                unreadable_rows: volume.unreadable_rows,
            },
            sweeper: SweeperHealth {
                alive: self.0.core.scheduler.is_alive(now),
                late: self.0.core.scheduler.late(now),
            },
            queue_depth: volume.queue_depth,
            queue_limit: volume.queue_limit,
            // If the database cannot be read, no endpoints are reported.
            receivers: self.webhooks().receivers().unwrap_or_default(),
            uptime: self.0.core.started.elapsed(),
        }
    }

    /// Returns the metrics in which events are recorded.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.0.core.metrics
    }

    /// Returns the current values of the gauges.
    #[must_use]
    pub fn sample(&self) -> Sample {
        let webhooks = self.webhooks().backlog().unwrap_or_else(|error| {
            tracing::warn!(%error, "what waits for webhooks cannot be counted");
            Backlog::default()
        });
        self.sample_with(webhooks)
    }

    pub(super) fn sample_with(&self, webhooks: Backlog) -> Sample {
        let (stats, volume) = (self.0.core.hub.stats(), self.0.core.store.volume());
        Sample {
            uptime: self.0.core.started.elapsed(),
            connections: stats.connections,
            connections_limit: self.0.core.hub.capacity().connections,
            sessions: stats.sessions,
            unresponsive_sessions: stats.unresponsive,
            connected_users: stats.users,
            queue_depth: volume.queue_depth,
            queue_limit: volume.queue_limit,
            database_bytes: volume.database_bytes,
            wal_bytes: volume.wal_bytes,
            unreadable_rows: volume.unreadable_rows,
            has_synchronous_standby: volume.has_synchronous_standby,
            log_lines_dropped: logging::dropped_lines(),
            sweeper_late: self.0.core.scheduler.late(Instant::now()),
            webhooks_waiting: webhooks.waiting,
            webhooks_paused: webhooks.paused,
        }
    }
}
