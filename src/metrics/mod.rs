//! What is counted and measured, for `/metrics` (contract section 5).
//!
//! [`Metrics`] is handed down like the clock: each layer says what happened, in the kernel's words, and this
//! module owns names, labels and buckets. It knows neither store nor hub, HTTP nor sockets. To record
//! something costs an atomic addition, or a look-up and a short lock where there are labels; whatever can be
//! asked when somebody reads ([`Sample`]) costs nothing before. Labels are words of short lists: no user,
//! call, path or token is ever one.

mod catalogue;
mod change;
mod sample;
mod text;

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
pub use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;

use crate::announcement::delivery::Outcome;
use crate::call::Status;

pub use change::CallChange;
pub use sample::Sample;
pub use text::MEDIA_TYPE;

use catalogue::Catalogue;
use sample::Sampled;

/// Seconds that a request may take: most take under 1 ms, and none should take 1 s.
const REQUEST_S: [f64; 13] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0,
];

/// Seconds that a commit may take: 0.1 ms on a good disk, 5 ms on a slow one.
const COMMIT_S: [f64; 14] = [
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
];

/// Writes of one transaction, of which there are 256 at most.
const BATCH_SIZES: [f64; 9] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];

/// Seconds that a call may ring; by default it is missed after 60.
const RING_S: [f64; 11] = [
    1.0, 2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0, 90.0, 120.0,
];

/// Seconds that a call may last; by default it is ended after 4 hours.
const CALL_S: [f64; 11] = [
    5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1_800.0, 3_600.0, 7_200.0, 14_400.0,
];

/// Seconds that a deadline may be met late: a timer is off by 1 ms, a full queue of writes takes 0.1 s.
const LATE_S: [f64; 12] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 60.0,
];

/// Label names with their values.
type Labels<const N: usize> = [(&'static str, &'static str); N];

/// Everything that is counted and measured. Cheap to clone.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    catalogue: Catalogue,
    sampled: Sampled,
    requests: Family<RequestLabels, Histogram>,
    connects: Family<Labels<1>, Counter>,
    closes: Family<CloseLabels, Counter>,
    events_sent: Family<Labels<1>, Counter>,
    events_kept: Family<Labels<1>, Counter>,
    events_dropped: Family<Labels<1>, Counter>,
    limits_hit: Family<Labels<1>, Counter>,
    auth_failures: Family<Labels<1>, Counter>,
    abuse_warnings: Counter,
    calls_started: Family<Labels<1>, Counter>,
    calls_finished: Family<Labels<3>, Counter>,
    live_calls: Family<Labels<1>, Gauge>,
    rings: Family<Labels<1>, Histogram>,
    talks: Family<Labels<1>, Histogram>,
    batch_sizes: Histogram,
    commits: Histogram,
    batches_failed: Counter,
    writes_refused: Counter,
    lateness: Histogram,
    sweeper_failures: Counter,
    webhook_attempts: Family<Labels<1>, Histogram>,
    webhook_delays: Histogram,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: &'static str,
    route: String,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CloseLabels {
    code: u16,
    by: &'static str,
}

/// A request that was answered.
#[derive(Clone, Copy, Debug)]
pub struct Answered<'a> {
    /// Its method.
    pub method: &'static str,
    /// The template of its route, or `-` where there is none.
    pub route: &'a str,
    /// The HTTP status of the answer.
    pub status: u16,
}

/// Why an event did not reach a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// Too many waited for the session.
    SlowReader,
    /// The session ended before the event's turn came.
    SessionEnded,
    /// It was kept, and nobody came for it in time.
    Expired,
}

impl Loss {
    const ALL: [Self; 3] = [Self::SlowReader, Self::SessionEnded, Self::Expired];

    const fn as_str(self) -> &'static str {
        match self {
            Self::SlowReader => "slow_reader",
            Self::SessionEnded => "session_ended",
            Self::Expired => "expired",
        }
    }
}

/// A batch of writes that is done.
#[derive(Clone, Copy, Debug)]
pub struct Batch {
    /// Writes in it.
    pub writes: u32,
    /// How long its commit took, the sync of the disk included; none where it was not committed.
    pub commit: Option<Duration>,
}

impl Metrics {
    /// Metrics of the program's `version`, at zero.
    #[must_use]
    pub fn new(version: &'static str) -> Self {
        let mut new = Catalogue::new(version);
        let metrics = Self(Arc::new(Inner {
            sampled: Sampled::new(&mut new),
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
            limits_hit: new.counters(
                "rate_limits_hit",
                "Requests refused with 429, by the setting that limits them",
            ),
            auth_failures: new.counters("auth_failures", "Tokens refused, by reason"),
            abuse_warnings: new.counter(
                "abuse_warnings",
                "Warnings that a session says too much, one a minute and session",
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
            webhook_attempts: new.histograms(
                "webhook_attempt_seconds",
                "Time that an attempt to tell a receiver took, by what came of it",
                || Histogram::new(REQUEST_S),
            ),
            webhook_delays: new.histogram(
                "webhook_delay_seconds",
                "Time for which a message was due before its first attempt",
                Histogram::new(LATE_S),
            ),
            catalogue: new,
        }));
        metrics.begin_at_zero();
        metrics
    }

    /// Makes the series whose first increase somebody waits for: Prometheus sees an increase only between
    /// two values.
    fn begin_at_zero(&self) {
        for loss in Loss::ALL {
            self.events_dropped(loss, 0);
        }
        for status in Status::ALL.into_iter().filter(|status| status.is_live()) {
            self.set_live_calls(status, 0);
        }
    }

    /// A request was answered after `took`.
    pub fn answered(&self, answered: Answered<'_>, took: Duration) {
        let Answered {
            method,
            route,
            status,
        } = answered;
        let route = route.to_owned();
        let labels = RequestLabels {
            method,
            route,
            status,
        };
        let requests = &self.0.requests;
        requests.get_or_create(&labels).observe(took.as_secs_f64());
    }

    /// A request for a socket came to `result`.
    pub fn connect(&self, result: &'static str) {
        let connects = &self.0.connects;
        connects.get_or_create(&[("result", result)]).inc();
    }

    /// A socket was closed with `code`, one of RFC 6455, section 7.4, or of ours; `by` whom.
    pub fn close(&self, code: u16, by: &'static str) {
        self.0.closes.get_or_create(&CloseLabels { code, by }).inc();
    }

    /// An event of the type `event` was written to a socket.
    pub fn event_sent(&self, event: &'static str) {
        self.0.events_sent.get_or_create(&[("type", event)]).inc();
    }

    /// An event of the type `event` was kept.
    pub fn event_kept(&self, event: &'static str) {
        self.0.events_kept.get_or_create(&[("type", event)]).inc();
    }

    /// So many events did not reach a session.
    pub fn events_dropped(&self, why: Loss, count: usize) {
        let dropped = &self.0.events_dropped;
        dropped
            .get_or_create(&[("reason", why.as_str())])
            .inc_by(u64::try_from(count).unwrap_or(u64::MAX));
    }

    /// The counter of requests that the rate `setting` refuses.
    #[must_use]
    pub fn limit(&self, setting: &'static str) -> Counter {
        let limits = &self.0.limits_hit;
        limits.get_or_create_owned(&[("limit", setting)])
    }

    /// A token was refused.
    pub fn auth_failed(&self, reason: &'static str) {
        let failures = &self.0.auth_failures;
        failures.get_or_create(&[("reason", reason)]).inc();
    }

    /// A session was reported for saying too much.
    pub fn abuse_warned(&self) {
        self.0.abuse_warnings.inc();
    }

    /// So many calls are live in `status`, says the database.
    pub fn set_live_calls(&self, status: Status, calls: u32) {
        let live = self
            .0
            .live_calls
            .get_or_create(&[("status", status.as_str())]);
        live.set(calls.into());
    }

    /// A call changed, and that is stored.
    pub fn call_changed(&self, change: &CallChange) {
        let CallChange {
            from,
            to,
            call_type,
            cause,
            rang,
            lasted,
            outcome,
        } = *change;
        let live = |status: Status| {
            self.0
                .live_calls
                .get_or_create(&[("status", status.as_str())])
        };
        let call_type = ("call_type", call_type.as_str());
        let cause = ("cause", cause.as_str());
        match from {
            Some(from) => drop(live(from).dec()),
            None => drop(self.0.calls_started.get_or_create(&[call_type]).inc()),
        }
        if to.is_live() {
            live(to).inc();
        }
        if let Some(rang) = rang {
            self.0
                .rings
                .get_or_create(&[cause])
                .observe(rang.as_secs_f64());
        }
        if let Some(lasted) = lasted {
            self.0
                .talks
                .get_or_create(&[call_type])
                .observe(lasted.as_secs_f64());
        }
        if let Some(outcome) = outcome {
            let labels = [call_type, ("outcome", outcome.as_str()), cause];
            self.0.calls_finished.get_or_create(&labels).inc();
        }
    }

    /// A batch of writes is done.
    pub fn batch_done(&self, batch: Batch) {
        self.0.batch_sizes.observe(batch.writes.into());
        match batch.commit {
            Some(took) => self.0.commits.observe(took.as_secs_f64()),
            None => drop(self.0.batches_failed.inc()),
        }
    }

    /// A write was refused because too many wait.
    pub fn write_refused(&self) {
        self.0.writes_refused.inc();
    }

    /// Calls were ended by their deadlines, the first of which had passed by `late`.
    pub fn deadline_met(&self, late: Duration) {
        self.0.lateness.observe(late.as_secs_f64());
    }

    /// A round of the sweeper failed.
    pub fn sweeper_failed(&self) {
        self.0.sweeper_failures.inc();
    }

    /// A message that had been due for `waited` is sent for the first time.
    pub fn webhook_begun(&self, waited: Duration) {
        self.0.webhook_delays.observe(waited.as_secs_f64());
    }

    /// An attempt to tell a receiver took so long and came to `outcome`.
    pub fn webhook_tried(&self, outcome: &Outcome, took: Duration) {
        let attempts = &self.0.webhook_attempts;
        attempts
            .get_or_create(&[("outcome", outcome.as_str())])
            .observe(took.as_secs_f64());
    }

    /// All of it and `sample`, as Prometheus reads it.
    #[must_use]
    pub fn text(&self, sample: &Sample) -> String {
        self.0.sampled.set(sample);
        self.0.catalogue.text()
    }
}
