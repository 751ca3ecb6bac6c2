//! How the server is: what supervisors and `/metrics` ask.

use std::time::Duration;

use tokio::time::Instant;

use crate::logging;
use crate::metrics::{Metrics, Sample};
use crate::store;
use crate::webhook_model::message::Receiver;

use super::Service;
use super::webhooks::Backlog;

/// Whether the server can do its work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// Whether it is about to end.
    pub stopping: bool,
    /// How the database is.
    pub database: DatabaseHealth,
    /// How the sweeper is.
    pub sweeper: SweeperHealth,
    /// Writes that wait.
    pub queue_depth: usize,
    /// Writes that may wait.
    pub queue_limit: usize,
    /// The receivers of webhooks. They are somebody else's: calls go on however they are.
    pub receivers: Vec<Receiver>,
    /// The time since the start.
    pub uptime: Duration,
}

/// What the database can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DatabaseHealth {
    /// It can be read.
    pub readable: bool,
    /// It can be written.
    pub writable: bool,
    /// Rows that cannot be read and are skipped.
    pub unreadable_rows: usize,
}

/// How the sweeper is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SweeperHealth {
    /// It has shown itself in the last 10 s.
    pub alive: bool,
    /// For how long it has been due to look for deadlines.
    pub late: Duration,
}

impl Health {
    /// Whether requests will be served.
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
    /// Whether requests will be served, but some of what is stored is skipped.
    #[must_use]
    pub const fn is_degraded(&self) -> bool {
        self.is_ready() && self.database.unreadable_rows > 0
    }
}

impl Service {
    /// Whether the server can do its work. Takes half a second at most where the database hangs.
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
            stopping: self.sessions().is_stopping(),
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
            // Where the database cannot be read, that is what there is to tell.
            receivers: self.webhooks().receivers().unwrap_or_default(),
            uptime: self.0.core.started.elapsed(),
        }
    }

    /// The metrics into which everything is recorded.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.0.core.metrics
    }

    /// How things are just now, for the metrics.
    #[must_use]
    pub fn sample(&self) -> Sample {
        let (stats, volume) = (self.0.core.hub.stats(), self.0.core.store.volume());
        let webhooks = self.webhooks().backlog().unwrap_or_else(|error| {
            tracing::warn!(%error, "what waits for webhooks cannot be counted");
            Backlog::default()
        });
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
            log_lines_dropped: logging::dropped_lines(),
            sweeper_late: self.0.core.scheduler.late(Instant::now()),
            webhooks_waiting: webhooks.waiting,
            webhooks_paused: webhooks.paused,
        }
    }
}
