//! What is asked when somebody reads.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;

use super::catalogue::Catalogue;

/// How things are just now.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sample {
    /// The time since the start.
    pub uptime: Duration,
    /// Sockets open, those of sessions that are about to begin or have just ended included.
    pub connections: usize,
    /// Sockets that may be open (`max_connections`).
    pub connections_limit: usize,
    /// Sessions connected.
    pub sessions: usize,
    /// Sessions that leave an event unconfirmed for too long.
    pub unresponsive_sessions: usize,
    /// Users with at least one of them.
    pub connected_users: usize,
    /// Writes that wait.
    pub queue_depth: usize,
    /// Writes that may wait.
    pub queue_limit: usize,
    /// The size of the database file, in bytes.
    pub database_bytes: u64,
    /// The size of its write-ahead log, in bytes.
    pub wal_bytes: u64,
    /// Rows of the database that cannot be read and are skipped.
    pub unreadable_rows: usize,
    /// Log lines dropped since the start because the log was not read fast enough.
    pub log_lines_dropped: u64,
    /// For how long the sweeper has been due to look for deadlines.
    pub sweeper_late: Duration,
    /// Messages that wait for receivers of webhooks, counted for each.
    pub webhooks_waiting: usize,
    /// Receivers of webhooks that are paused.
    pub webhooks_paused: usize,
}

/// The gauges of a [`Sample`].
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
