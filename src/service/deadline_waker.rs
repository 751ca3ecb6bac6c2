//! When the sweeper has to wake.

use std::sync::atomic::{AtomicI64, Ordering};

use tokio::sync::Notify;

use crate::clock::Timestamp;

/// The instant the sweeper sleeps until, and the bell that wakes it earlier.
pub(super) struct DeadlineWaker {
    set_to: AtomicI64,
    bell: Notify,
}

impl Default for DeadlineWaker {
    fn default() -> Self {
        Self {
            set_to: AtomicI64::new(i64::MAX),
            bell: Notify::new(),
        }
    }
}

impl DeadlineWaker {
    /// The sweeper is about to look what is due: anything that comes up from now on rings.
    pub fn reset(&self) {
        self.set_to.store(i64::MAX, Ordering::SeqCst);
    }

    /// The sweeper is about to sleep until `at`.
    pub fn set(&self, at: Timestamp) {
        self.set_to.fetch_min(at.as_millis(), Ordering::SeqCst);
    }

    /// Something is due at `deadline`: wakes the sweeper where it would sleep for longer.
    pub fn ring_by(&self, deadline: Timestamp) {
        if self
            .set_to
            .fetch_min(deadline.as_millis(), Ordering::SeqCst)
            > deadline.as_millis()
        {
            self.bell.notify_one();
        }
    }

    /// Waits for something due earlier than what was set.
    pub async fn rung(&self) {
        self.bell.notified().await;
    }
}
