//! Deadline scheduler: when the sweeper wakes, whether it runs, and the disconnects that it stores later.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::clock::Timestamp;

use super::sessions::Departure;

/// Time without a run after which the sweeper counts as dead. It runs at least once a second.
const SILENCE: Duration = Duration::from_secs(10);

/// Deadline scheduler.
pub(super) struct DeadlineScheduler {
    /// Time until which the sweeper sleeps, in milliseconds.
    sleeps_until: AtomicI64,
    wake: Notify,
    run: Mutex<Run>,
    /// Disconnects that could not be stored when they happened.
    pending_disconnects: Mutex<Vec<Departure>>,
}

/// Last run of the sweeper, by the monotonic clock.
#[derive(Clone, Copy)]
struct Run {
    /// Time of the last activity.
    seen_at: Instant,
    /// When the next run is due.
    due_at: Instant,
}

impl DeadlineScheduler {
    pub fn new(now: Instant) -> Self {
        Self {
            sleeps_until: AtomicI64::new(i64::MAX),
            wake: Notify::new(),
            run: Mutex::new(Run {
                seen_at: now,
                due_at: now,
            }),
            pending_disconnects: Mutex::default(),
        }
    }

    /// Records that the sweeper is about to read the deadlines: any deadline set from now on wakes it.
    pub fn reset(&self) {
        self.sleeps_until.store(i64::MAX, Ordering::SeqCst);
    }

    /// Records that the sweeper is about to sleep until `at`.
    pub fn sleep_until(&self, at: Timestamp) {
        self.sleeps_until
            .fetch_min(at.as_millis(), Ordering::SeqCst);
    }

    /// Wakes the sweeper if it would sleep past `deadline`.
    pub fn wake_by(&self, deadline: Timestamp) {
        let deadline = deadline.as_millis();
        if self.sleeps_until.fetch_min(deadline, Ordering::SeqCst) > deadline {
            self.wake.notify_one();
        }
    }

    /// Waits for a deadline earlier than the end of the sleep.
    pub async fn woken(&self) {
        self.wake.notified().await;
    }

    /// Records that a run of the sweeper begins.
    pub fn begin_run(&self, now: Instant) {
        self.run.lock().seen_at = now;
    }

    /// Records that the sweeper has done all that was due, and that the next run is due at `due_at`.
    pub fn end_run(&self, due_at: Instant, now: Instant) {
        *self.run.lock() = Run {
            seen_at: now,
            due_at,
        };
    }

    /// Records that a run is due now.
    pub fn make_due(&self, now: Instant) {
        let mut run = self.run.lock();
        run.due_at = run.due_at.min(now);
    }

    /// Whether the sweeper has run recently.
    pub fn is_alive(&self, now: Instant) -> bool {
        now.duration_since(self.run.lock().seen_at) <= SILENCE
    }

    /// Returns how long a run has been due.
    pub fn late(&self, now: Instant) -> Duration {
        now.duration_since(self.run.lock().due_at)
    }

    /// Stores disconnects in memory until they can be written to the database.
    pub fn postpone(&self, disconnects: &[Departure]) {
        let mut pending = self.pending_disconnects.lock();
        pending.extend_from_slice(disconnects);
    }

    /// Takes the disconnects that are to be written.
    pub fn take_postponed(&self) -> Vec<Departure> {
        std::mem::take(&mut *self.pending_disconnects.lock())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn sweeper_is_late_from_the_end_of_its_sleep() {
        let start = Instant::now();
        let scheduler = DeadlineScheduler::new(start);
        scheduler.end_run(start + SECOND, start);
        assert_eq!(scheduler.late(start + SECOND), Duration::ZERO);
        assert_eq!(scheduler.late(start + 3 * SECOND), 2 * SECOND);
        scheduler.make_due(start + SECOND / 2);
        assert_eq!(scheduler.late(start + SECOND), SECOND / 2);
    }

    #[test]
    fn sweeper_that_fails_again_and_again_is_alive_and_late() {
        let start = Instant::now();
        let scheduler = DeadlineScheduler::new(start);
        scheduler.begin_run(start + 30 * SECOND);
        let now = start + 31 * SECOND;
        assert!(scheduler.is_alive(now));
        assert_eq!(scheduler.late(now), 31 * SECOND);
    }

    #[test]
    fn sweeper_without_a_run_for_ten_seconds_is_dead() {
        let start = Instant::now();
        let scheduler = DeadlineScheduler::new(start);
        assert!(scheduler.is_alive(start + 10 * SECOND));
        assert!(!scheduler.is_alive(start + 11 * SECOND));
    }
}
