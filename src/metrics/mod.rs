//! Metrics of the server, for `/metrics` (contract section 5).
//!
//! [`Metrics`] is passed down like the clock: each layer reports events in the kernel's terms, and this module defines
//! names, labels and buckets. It depends on neither store nor hub, HTTP nor sockets. Recording an event costs an atomic
//! addition, or a look-up and a short lock if there are labels; a value that can be read on demand ([`Sample`]) costs
//! nothing until then. Label values are words of short lists: never a user, call, path or token.

mod catalogue;
mod change;
mod last_hour;
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
pub use last_hour::Minute;
pub use sample::Sample;
pub use text::MEDIA_TYPE;

use series::{CloseLabels, RequestLabels, Series};

/// Metrics of the server. Cheap to clone.
#[derive(Clone)]
pub struct Metrics(Arc<Series>);

/// Request that was answered.
#[derive(Clone, Copy, Debug)]
pub struct Answered<'a> {
    /// The method.
    pub method: &'static str,
    /// The template of the route, or `-` if there is none.
    pub route: &'a str,
    /// The HTTP status of the response.
    pub status: u16,
}

/// Reason for which an event did not reach a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// The queue of the session was full.
    SlowReader,
    /// The session ended before the event was sent.
    SessionEnded,
    /// The event was stored, and no session connected in time.
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

/// Batch of writes that is finished.
#[derive(Clone, Copy, Debug)]
pub struct Batch {
    /// Number of writes.
    pub writes: u32,
    /// Duration of the commit, including the sync of the disk; none if it was not committed.
    pub commit: Option<Duration>,
    /// Number of SQL statements of these writes.
    pub statements: u32,
    /// Number of round trips to the database; none with a file.
    pub round_trips: u32,
}

impl Metrics {
    /// Creates the metrics of the program's `version`, all zero.
    #[must_use]
    pub fn new(version: &'static str) -> Self {
        Self::of_node(version, None)
    }

    /// Creates the metrics of the program's `version` as the server of that name, if it has one.
    #[must_use]
    pub fn of_node(version: &'static str, node: Option<&str>) -> Self {
        let metrics = Self(Arc::new(Series::new(version, node)));
        metrics.begin_at_zero();
        metrics
    }

    /// Creates the series whose first increase matters: Prometheus sees an increase only between two values.
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

    /// Counts a request that was answered after `took`.
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
        self.0.last_hour.requests.inc();
        if status >= 500 {
            self.0.last_hour.server_errors.inc();
        }
    }

    /// Counts a request for a socket with its `result`.
    pub fn connect(&self, result: &'static str) {
        let connects = &self.0.connects;
        connects.get_or_create(&[("result", result)]).inc();
    }

    /// Counts a socket that was closed with `code`, one of RFC 6455, section 7.4, or one of ours; `by` is the side that
    /// closed it.
    pub fn close(&self, code: u16, by: &'static str) {
        self.0.closes.get_or_create(&CloseLabels { code, by }).inc();
    }

    /// Counts an event of the type `event` that was written to a socket.
    pub fn event_sent(&self, event: &'static str) {
        self.0.events_sent.get_or_create(&[("type", event)]).inc();
        self.0.last_hour.events_sent.inc();
    }

    /// Records the time from an event to its confirmation by a session.
    pub fn event_confirmed(&self, after: Duration) {
        self.0.confirmations.observe(after.as_secs_f64());
    }

    /// Counts events that are sent again to a session that lacked them.
    pub fn events_redelivered(&self, events: usize) {
        let events = u64::try_from(events).unwrap_or(u64::MAX);
        self.0.events_redelivered.inc_by(events);
    }

    /// Counts an event of the type `event` that was stored.
    pub fn event_kept(&self, event: &'static str) {
        self.0.events_kept.get_or_create(&[("type", event)]).inc();
    }

    /// Counts events that did not reach a session.
    pub fn events_dropped(&self, why: Loss, count: usize) {
        let dropped = &self.0.events_dropped;
        dropped
            .get_or_create(&[("reason", why.as_str())])
            .inc_by(u64::try_from(count).unwrap_or(u64::MAX));
    }

    /// Returns the counter of requests that the rate limit `setting` rejects.
    #[must_use]
    pub fn limit(&self, setting: &'static str) -> Counter {
        let limits = &self.0.limits_hit;
        limits.get_or_create_owned(&[("limit", setting)])
    }

    /// Counts a token that was rejected.
    pub fn auth_failed(&self, reason: &'static str) {
        let failures = &self.0.auth_failures;
        failures.get_or_create(&[("reason", reason)]).inc();
    }

    /// Records a refresh of the identity provider's keys, with `result` ok or failed: `keys` are in use, the last
    /// success was at `refreshed_at`.
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

    /// Counts a session that was reported for its message rate.
    pub fn abuse_warned(&self) {
        self.0.abuse_warnings.inc();
    }

    /// Sets the number of live calls in `status`, as read from the database.
    pub fn set_live_calls(&self, status: Status, calls: u32) {
        let live = self
            .0
            .live_calls
            .get_or_create(&[("status", status.as_str())]);
        live.set(calls.into());
    }

    /// Returns the number of live calls.
    #[must_use]
    pub fn live_calls(&self) -> u64 {
        let live = Status::ALL.into_iter().filter(|status| status.is_live());
        let calls = live.map(|status| {
            let labels = [("status", status.as_str())];
            self.0.live_calls.get_or_create(&labels).get()
        });
        u64::try_from(calls.sum::<i64>()).unwrap_or_default()
    }

    /// Ends a minute of [`Metrics::last_hour`] at `at`, when the gauges are those of `sample`.
    pub fn end_minute(&self, at: Timestamp, sample: &Sample) {
        self.0.last_hour.end_minute(at, sample, self.live_calls());
    }

    /// Returns the minutes of the last hour, oldest first. The last entry is the current minute until `now`, when the
    /// gauges are those of `sample`.
    #[must_use]
    pub fn last_hour(&self, now: Timestamp, sample: &Sample) -> Vec<Minute> {
        self.0.last_hour.entries(now, sample, self.live_calls())
    }

    /// Updates the numbers of live calls after a call has changed its status, on this node or another one.
    pub fn live_call_changed(&self, from: Option<Status>, to: Status) {
        let live = |status: Status| {
            self.0
                .live_calls
                .get_or_create(&[("status", status.as_str())])
        };
        if let Some(from) = from {
            live(from).dec();
        }
        if to.is_live() {
            live(to).inc();
        }
    }

    /// Counts a call transition that is stored.
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
        self.live_call_changed(from, to);
        let call_type = ("call_type", call_type.as_str());
        let cause = ("cause", cause.as_str());
        if from.is_none() {
            self.0.calls_started.get_or_create(&[call_type]).inc();
            self.0.last_hour.calls_started.inc();
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

    /// Records a finished batch of writes.
    pub fn batch_done(&self, batch: Batch) {
        self.0.batch_sizes.observe(batch.writes.into());
        self.0.statements.inc_by(batch.statements.into());
        self.0.round_trips.inc_by(batch.round_trips.into());
        match batch.commit {
            Some(took) => self.0.commits.observe(took.as_secs_f64()),
            None => drop(self.0.batches_failed.inc()),
        }
    }

    /// Counts a write that was rejected because the queue is full.
    pub fn write_refused(&self) {
        self.0.writes_refused.inc();
    }

    /// Records that calls were ended by their deadlines, the first of which had passed by `late`.
    pub fn deadline_met(&self, late: Duration) {
        self.0.lateness.observe(late.as_secs_f64());
    }

    /// Counts a failed run of the sweeper.
    pub fn sweeper_failed(&self) {
        self.0.sweeper_failures.inc();
    }

    /// Records the first attempt of a message, which had been due for `waited`.
    pub fn webhook_begun(&self, waited: Duration) {
        self.0.webhooks.delays.observe(waited.as_secs_f64());
    }

    /// Records a delivery attempt to an endpoint, with its `outcome` and duration.
    pub fn webhook_tried(&self, outcome: &Outcome, took: Duration) {
        let attempts = &self.0.webhooks.attempts;
        attempts
            .get_or_create(&[("outcome", outcome.as_str())])
            .observe(took.as_secs_f64());
    }

    /// Returns all metrics and `sample` in Prometheus' text format.
    #[must_use]
    pub fn text(&self, sample: &Sample) -> String {
        self.0.sampled.set(sample);
        self.0.catalogue.text()
    }
}
