//! Gauges that are read on demand.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;

use super::catalogue::Catalogue;

/// Current values of the gauges.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sample {
    /// Time since the start.
    pub uptime: Duration,
    /// Number of open sockets, including those of sessions that are opening or closing.
    pub connections: usize,
    /// Maximum number of open sockets (`max_connections`).
    pub connections_limit: usize,
    /// Number of connected sessions.
    pub sessions: usize,
    /// Number of sessions that have not confirmed an event for too long.
    pub unresponsive_sessions: usize,
    /// Number of users with at least one session.
    pub connected_users: usize,
    /// Number of queued writes.
    pub queue_depth: usize,
    /// Maximum number of queued writes.
    pub queue_limit: usize,
    /// Size of the database file in bytes.
    pub database_bytes: u64,
    /// Size of its write-ahead log in bytes.
    pub wal_bytes: u64,
    /// Number of database rows that cannot be read and are skipped.
    pub unreadable_rows: usize,
    /// Whether PostgreSQL waits for a standby before it acknowledges a write.
    pub has_synchronous_standby: bool,
    /// Log lines dropped since the start because the log was not read fast enough.
    pub log_lines_dropped: u64,
    /// How long a run of the sweeper has been due.
    pub sweeper_late: Duration,
    /// Number of messages pending for webhook endpoints, counted for each endpoint.
    pub webhooks_waiting: usize,
    /// Number of webhook endpoints that are paused.
    pub webhooks_paused: usize,
}

/// Gauges of a [`Sample`].
pub(super) struct Sampled {
    uptime: Gauge<f64, AtomicU64>,
    connections: Gauge,
    connections_limit: Gauge,
    sessions: Gauge,
    unresponsive_sessions: Gauge,
    connected_users: Gauge,
    queue_depth: Gauge,
    queue_limit: Gauge,
    database_bytes: Gauge,
    wal_bytes: Gauge,
    unreadable_rows: Gauge,
    synchronous_standby: Gauge,
    log_lines_dropped: Counter,
    sweeper_late: Gauge<f64, AtomicU64>,
    webhooks_waiting: Gauge,
    webhooks_paused: Gauge,
}

impl Sampled {
    pub fn new(new: &mut Catalogue) -> Self {
        Self {
            uptime: new.entered(
                "uptime_seconds",
                "Time since the server started",
                Gauge::default(),
            ),
            connections: new.gauge("connections", "Sockets open"),
            connections_limit: new.gauge(
                "connections_limit",
                "Sockets that may be open, the setting max_connections",
            ),
            sessions: new.gauge("sessions", "Sessions connected"),
            unresponsive_sessions: new.gauge(
                "unresponsive_sessions",
                "Sessions that leave an event unconfirmed for longer than confirm_timeout",
            ),
            connected_users: new.gauge("connected_users", "Users with a session connected"),
            queue_depth: new.gauge("writer_queue_depth", "Writes that wait for the writer"),
            queue_limit: new.gauge("writer_queue_limit", "Writes that may wait"),
            database_bytes: new.gauge("database_bytes", "Size of the database file"),
            wal_bytes: new.gauge("wal_bytes", "Size of the database's write-ahead log"),
            unreadable_rows: new.gauge(
                "unreadable_rows",
                "Rows of the database that cannot be read and are skipped",
            ),
            synchronous_standby: new.gauge(
                "synchronous_standby",
                "1 if PostgreSQL waits for a standby before it acknowledges a write; 0 if not, and with a database file",
            ),
            log_lines_dropped: new.counter(
                "log_lines_dropped",
                "Log lines dropped because the log was not read fast enough",
            ),
            sweeper_late: new.entered(
                "sweeper_late_seconds",
                "Time for which the sweeper has been due to look for deadlines",
                Gauge::default(),
            ),
            webhooks_waiting: new.gauge(
                "webhook_messages_waiting",
                "Messages that wait for receivers of webhooks, counted for each receiver",
            ),
            webhooks_paused: new.gauge(
                "webhook_receivers_paused",
                "Receivers of webhooks that are told nothing until somebody resumes them",
            ),
        }
    }

    pub fn set(&self, sample: &Sample) {
        self.uptime.set(sample.uptime.as_secs_f64());
        set(&self.connections, sample.connections);
        set(&self.connections_limit, sample.connections_limit);
        set(&self.sessions, sample.sessions);
        set(&self.unresponsive_sessions, sample.unresponsive_sessions);
        set(&self.connected_users, sample.connected_users);
        set(&self.queue_depth, sample.queue_depth);
        set(&self.queue_limit, sample.queue_limit);
        set(&self.database_bytes, sample.database_bytes);
        set(&self.wal_bytes, sample.wal_bytes);
        set(&self.unreadable_rows, sample.unreadable_rows);
        let has_standby = usize::from(sample.has_synchronous_standby);
        set(&self.synchronous_standby, has_standby);
        let counted = self.log_lines_dropped.get();
        self.log_lines_dropped
            .inc_by(sample.log_lines_dropped.saturating_sub(counted));
        self.sweeper_late.set(sample.sweeper_late.as_secs_f64());
        set(&self.webhooks_waiting, sample.webhooks_waiting);
        set(&self.webhooks_paused, sample.webhooks_paused);
    }
}

fn set(gauge: &Gauge, value: impl TryInto<i64>) {
    gauge.set(value.try_into().unwrap_or(i64::MAX));
}
