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
mod series;
mod text;

use std::sync::Arc;
use std::time::Duration;

pub use prometheus_client::metrics::counter::Counter;

use crate::call::Status;
use crate::clock::Timestamp;
use crate::webhook_model::delivery::Outcome;

pub use change::CallChange;
pub use sample::Sample;
pub use text::MEDIA_TYPE;

use series::{CloseLabels, RequestLabels, Series};

/// Everything that is counted and measured. Cheap to clone.
#[derive(Clone)]
pub struct Metrics(Arc<Series>);

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
    /// SQL statements of these writes.
    pub statements: u32,
}

impl Metrics {
    /// Metrics of the program's `version`, at zero.
    #[must_use]
    pub fn new(version: &'static str) -> Self {
        let metrics = Self(Arc::new(Series::new(version)));
        metrics.begin_at_zero();
        metrics
    }

    /// Makes the series whose first increase somebody waits for: Prometheus sees an increase only between
    /// two values.
    fn begin_at_zero(&self) {
        for loss in Loss::ALL {
            self.events_dropped(loss, 0);
        }
        for result in ["ok", "failed"] {
            let _ = self
                .0
                .identity_keys
                .refreshes
                .get_or_create(&[("result", result)]);
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

    /// A session has confirmed an event, so long after it happened.
    pub fn event_confirmed(&self, after: Duration) {
        self.0.confirmations.observe(after.as_secs_f64());
    }

    /// So many events are sent to a session that lacked them.
    pub fn events_redelivered(&self, events: usize) {
        let events = u64::try_from(events).unwrap_or(u64::MAX);
        self.0.events_redelivered.inc_by(events);
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

    /// The keys of the identity provider were refreshed, with `result` ok or failed: `keys` are in use, the last success
    /// was at `refreshed_at`.
    pub fn keys_refreshed(
        &self,
        result: &'static str,
        keys: usize,
        refreshed_at: Option<Timestamp>,
    ) {
        self.0
            .identity_keys
            .refreshes
            .get_or_create(&[("result", result)])
            .inc();
        self.0
            .identity_keys
            .usable
            .set(i64::try_from(keys).unwrap_or(i64::MAX));
        if let Some(at) = refreshed_at {
            self.0
                .identity_keys
                .refreshed_at
                .set(at.as_millis() / 1_000);
        }
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
        self.0.statements.inc_by(batch.statements.into());
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
