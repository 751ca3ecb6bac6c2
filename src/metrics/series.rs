//! Names, labels and buckets of all metrics.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;

use super::catalogue::Catalogue;
use super::last_hour::LastHour;
use super::sample::Sampled;

/// Buckets in seconds of request durations: most take under 1 ms, and none should take 1 s.
const REQUEST_S: [f64; 13] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0,
];

/// Buckets in seconds of commit durations: 0.1 ms on a good disk, 5 ms on a slow one.
const COMMIT_S: [f64; 14] = [
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
];

/// Buckets of the number of writes in a transaction, which is 256 at most.
const BATCH_SIZES: [f64; 9] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];

/// Buckets in seconds of ring durations; by default a call is missed after 60.
const RING_S: [f64; 11] = [
    1.0, 2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0, 90.0, 120.0,
];

/// Buckets in seconds of call durations; by default a call is ended after 4 hours.
const CALL_S: [f64; 11] = [
    5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1_800.0, 3_600.0, 7_200.0, 14_400.0,
];

/// Buckets in seconds of missed deadlines: a timer is off by 1 ms, a full queue of writes takes 0.1 s.
const LATE_S: [f64; 12] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 60.0,
];

/// Buckets in seconds from an event to its confirmation: a round trip on a good network, minutes for a phone in a
/// tunnel.
const CONFIRM_S: [f64; 12] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0, 300.0,
];

/// Label names with their values.
type Labels<const N: usize> = [(&'static str, &'static str); N];

/// The series of all metrics, with their names, labels and buckets.
pub(super) struct Series {
    pub catalogue: Catalogue,
    pub sampled: Sampled,
    pub last_hour: LastHour,
    pub requests: Family<RequestLabels, Histogram>,
    pub connects: Family<Labels<1>, Counter>,
    pub closes: Family<CloseLabels, Counter>,
    pub events_sent: Family<Labels<1>, Counter>,
    pub events_kept: Family<Labels<1>, Counter>,
    pub events_dropped: Family<Labels<1>, Counter>,
    pub events_redelivered: Counter,
    pub confirmations: Histogram,
    pub limits_hit: Family<Labels<1>, Counter>,
    pub auth_failures: Family<Labels<1>, Counter>,
    pub identity_keys: IdentityKeys,
    pub abuse_warnings: Counter,
    pub calls_started: Family<Labels<1>, Counter>,
    pub calls_finished: Family<Labels<3>, Counter>,
    pub live_calls: Family<Labels<1>, Gauge>,
    pub rings: Family<Labels<1>, Histogram>,
    pub talks: Family<Labels<1>, Histogram>,
    pub batch_sizes: Histogram,
    pub commits: Histogram,
    pub statements: Counter,
    pub round_trips: Counter,
    pub batches_failed: Counter,
    pub writes_refused: Counter,
    pub lateness: Histogram,
    pub sweeper_failures: Counter,
    pub webhooks: WebhookSeries,
}

/// Series about the keys of the identity provider.
pub(super) struct IdentityKeys {
    pub refreshes: Family<Labels<1>, Counter>,
    pub usable: Gauge,
    pub refreshed_at: Gauge,
}

impl IdentityKeys {
    fn new(new: &mut Catalogue) -> Self {
        Self {
            refreshes: new.counters(
                "identity_key_refreshes",
                "Refreshes of the identity provider's keys, by result",
            ),
            usable: new.gauge(
                "identity_keys",
                "Keys of the identity provider that verify tokens",
            ),
            refreshed_at: new.gauge(
                "identity_keys_refreshed_timestamp_seconds",
                "Time of the last successful refresh of the identity provider's keys",
            ),
        }
    }
}

/// Series about webhooks.
pub(super) struct WebhookSeries {
    pub attempts: Family<Labels<1>, Histogram>,
    pub delays: Histogram,
}

impl WebhookSeries {
    fn new(new: &mut Catalogue) -> Self {
        Self {
            attempts: new.histograms(
                "webhook_attempt_seconds",
                "Time that an attempt to tell a receiver took, by what came of it",
                || Histogram::new(REQUEST_S),
            ),
            delays: new.histogram(
                "webhook_delay_seconds",
                "Time for which a message was due before its first attempt",
                Histogram::new(LATE_S),
            ),
        }
    }
}

/// Labels of request durations.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct RequestLabels {
    pub method: &'static str,
    pub route: String,
    pub status: u16,
}

/// Labels of closed sockets.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct CloseLabels {
    pub code: u16,
    pub by: &'static str,
}

impl Series {
    /// Creates the series of the program's `version`, all zero.
    pub fn new(version: &'static str, node: Option<&str>) -> Self {
        let mut new = Catalogue::new(version, node);
        Self {
            sampled: Sampled::new(&mut new),
            last_hour: LastHour::default(),
            requests: new.histograms(
                "request_duration_seconds",
                "Time from a request to its answer, by route template",
                || Histogram::new(REQUEST_S),
            ),
            connects: new.counters("connects", "Requests for a socket, by what came of them"),
            closes: new.counters(
                "closes",
                "Sockets closed, by close code and by whom; 1005 is none, 1006 no close frame",
            ),
            events_sent: new.counters("events_sent", "Events written to a socket"),
            events_kept: new.counters(
                "events_kept",
                "Events kept for a participant who was not connected",
            ),
            events_dropped: new.counters(
                "events_dropped",
                "Events that did not reach a session, by reason",
            ),
            events_redelivered: new.counter(
                "events_redelivered",
                "Events sent to a session that connected and lacked them",
            ),
            confirmations: new.histogram(
                "event_confirmation_seconds",
                "Time from an event to a session's confirmation that it received it",
                Histogram::new(CONFIRM_S),
            ),
            limits_hit: new.counters(
                "rate_limits_hit",
                "Requests refused with 429, by the setting that limits them",
            ),
            auth_failures: new.counters("auth_failures", "Tokens refused, by reason"),
            identity_keys: IdentityKeys::new(&mut new),
            abuse_warnings: new.counter(
                "abuse_warnings",
                "Warnings of a session's message or error rate, one a minute and session",
            ),
            calls_started: new.counters("calls_started", "Calls that began"),
            calls_finished: new.counters(
                "calls_finished",
                "Calls that became final, by their outcome for the caller and what ended them",
            ),
            live_calls: new.gauges("live_calls", "Calls that are live"),
            rings: new.histograms(
                "ring_duration_seconds",
                "Time from a call's beginning to its answer or its end without one, by what ended it",
                || Histogram::new(RING_S),
            ),
            talks: new.histograms(
                "call_duration_seconds",
                "Time from a call's answer to its end",
                || Histogram::new(CALL_S),
            ),
            batch_sizes: new.histogram(
                "writer_batch_size",
                "Writes of one transaction",
                Histogram::new(BATCH_SIZES),
            ),
            commits: new.histogram(
                "writer_commit_seconds",
                "Time that a commit took, the sync of the disk included",
                Histogram::new(COMMIT_S),
            ),
            statements: new.counter(
                "writer_statements",
                "SQL statements of committed writes, without those that begin and end transactions",
            ),
            round_trips: new.counter(
                "writer_round_trips",
                "Round trips to PostgreSQL for committed writes; 0 with a database file",
            ),
            batches_failed: new.counter(
                "writer_batches_failed",
                "Transactions that were not committed",
            ),
            writes_refused: new.counter(
                "writer_refused",
                "Writes refused because too many waited",
            ),
            lateness: new.histogram(
                "deadline_lateness_seconds",
                "Time from a call's deadline to the end that the server made of it, once a batch",
                Histogram::new(LATE_S),
            ),
            sweeper_failures: new.counter(
                "sweeper_failures",
                "Rounds of the sweeper that failed or panicked",
            ),
            webhooks: WebhookSeries::new(&mut new),
            catalogue: new,
        }
    }
}
