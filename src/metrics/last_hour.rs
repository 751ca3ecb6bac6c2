//! Gauges and counts of the last hour, one entry a minute, for the status of the server.

use std::collections::VecDeque;

use parking_lot::Mutex;
use prometheus_client::metrics::counter::Counter;

use crate::clock::Timestamp;

use super::Sample;

/// Minutes that are remembered.
const MINUTES: usize = 60;

/// Values of one minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Minute {
    /// End of the minute.
    pub at: Timestamp,
    /// Open sockets at the end.
    pub connections: usize,
    /// Live calls at the end.
    pub live_calls: u64,
    /// Messages pending for webhook endpoints at the end.
    pub webhooks_waiting: usize,
    /// Calls that began.
    pub calls_started: u64,
    /// Events written to sockets.
    pub events_sent: u64,
    /// Requests that were answered.
    pub requests: u64,
    /// Requests that were answered with a status from 500.
    pub server_errors: u64,
}

/// Counts since the start, and the last minutes.
#[derive(Default)]
pub(super) struct LastHour {
    pub calls_started: Counter,
    pub events_sent: Counter,
    pub requests: Counter,
    pub server_errors: Counter,
    minutes: Mutex<Minutes>,
}

#[derive(Default)]
struct Minutes {
    entries: VecDeque<Minute>,
    /// Counts at the end of the last entry.
    counted: [u64; 4],
}

impl LastHour {
    /// Ends a minute at `at`.
    pub fn end_minute(&self, at: Timestamp, sample: &Sample, live_calls: u64) {
        let counts = self.counts();
        let mut minutes = self.minutes.lock();
        let minute = entry(at, sample, live_calls, counts, minutes.counted);
        minutes.counted = counts;
        minutes.entries.push_back(minute);
        if minutes.entries.len() > MINUTES {
            minutes.entries.pop_front();
        }
    }

    /// Returns the last minutes, oldest first, and the current one until `now`.
    pub fn entries(&self, now: Timestamp, sample: &Sample, live_calls: u64) -> Vec<Minute> {
        let minutes = self.minutes.lock();
        let current = entry(now, sample, live_calls, self.counts(), minutes.counted);
        minutes.entries.iter().copied().chain([current]).collect()
    }

    fn counts(&self) -> [u64; 4] {
        let counters = [
            &self.calls_started,
            &self.events_sent,
            &self.requests,
            &self.server_errors,
        ];
        counters.map(Counter::get)
    }
}

fn entry(
    at: Timestamp,
    sample: &Sample,
    live_calls: u64,
    counts: [u64; 4],
    before: [u64; 4],
) -> Minute {
    let increase = |index: usize| counts[index].saturating_sub(before[index]);
    Minute {
        at,
        connections: sample.connections,
        live_calls,
        webhooks_waiting: sample.webhooks_waiting,
        calls_started: increase(0),
        events_sent: increase(1),
        requests: increase(2),
        server_errors: increase(3),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_counts_since_the_one_before_it() {
        let (hour, sample) = (LastHour::default(), Sample::default());
        let at = Timestamp::from_millis;
        hour.requests.inc_by(3);
        hour.end_minute(at(1), &sample, 2);
        hour.requests.inc_by(4);
        hour.server_errors.inc();
        let entries = hour.entries(at(2), &sample, 1);
        let shown: Vec<_> = entries
            .iter()
            .map(|one| (one.at, one.live_calls, one.requests, one.server_errors))
            .collect();
        assert_eq!(shown, [(at(1), 2, 3, 0), (at(2), 1, 4, 1)]);
    }

    #[test]
    fn an_hour_is_remembered() {
        let (hour, sample) = (LastHour::default(), Sample::default());
        for minute in 0..100 {
            hour.end_minute(Timestamp::from_millis(minute), &sample, 0);
        }
        let entries = hour.entries(Timestamp::from_millis(100), &sample, 0);
        assert_eq!(entries.len(), MINUTES + 1);
        assert_eq!(entries[0].at, Timestamp::from_millis(40));
    }
}
