//! Signs of life of the sweeper, by a clock that nobody sets.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// How long nothing may be heard of the sweeper, which looks around once a second.
const SILENCE: Duration = Duration::from_secs(10);

/// When the sweeper last showed itself, and by when it is due.
pub(super) struct Heartbeat(Mutex<Beat>);

#[derive(Clone, Copy)]
struct Beat {
    at: Instant,
    due: Instant,
}

impl Heartbeat {
    pub const fn new(now: Instant) -> Self {
        Self(Mutex::new(Beat { at: now, due: now }))
    }

    /// The sweeper begins to look what is due.
    pub fn beat(&self, now: Instant) {
        self.0.lock().at = now;
    }

    /// It has done all that was due, and rests until `due`.
    pub fn rest(&self, due: Instant, now: Instant) {
        *self.0.lock() = Beat { at: now, due };
    }

    /// Something has come up: it is due now.
    pub fn rouse(&self, now: Instant) {
        let mut beat = self.0.lock();
        beat.due = beat.due.min(now);
    }

    /// Whether it has shown itself lately.
    pub fn is_beating(&self, now: Instant) -> bool {
        now.duration_since(self.0.lock().at) <= SILENCE
    }

    /// For how long it has been due.
    pub fn late(&self, now: Instant) -> Duration {
        now.duration_since(self.0.lock().due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_sweeper_that_rests_is_late_from_the_end_of_its_rest() {
        let start = Instant::now();
        let heartbeat = Heartbeat::new(start);
        heartbeat.rest(start + SECOND, start);
        assert_eq!(heartbeat.late(start + SECOND), Duration::ZERO);
        assert_eq!(heartbeat.late(start + 3 * SECOND), 2 * SECOND);
        heartbeat.rouse(start + SECOND / 2);
        assert_eq!(heartbeat.late(start + SECOND), SECOND / 2);
    }

    #[test]
    fn a_sweeper_that_tries_in_vain_is_alive_and_late() {
        let start = Instant::now();
        let heartbeat = Heartbeat::new(start);
        heartbeat.beat(start + 30 * SECOND);
        let now = start + 31 * SECOND;
        assert!(heartbeat.is_beating(now));
        assert_eq!(heartbeat.late(now), 31 * SECOND);
    }

    #[test]
    fn sweeper_silent_for_ten_seconds_is_dead() {
        let start = Instant::now();
        let heartbeat = Heartbeat::new(start);
        assert!(heartbeat.is_beating(start + 10 * SECOND));
        assert!(!heartbeat.is_beating(start + 11 * SECOND));
    }
}
