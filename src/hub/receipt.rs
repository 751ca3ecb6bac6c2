//! Receipt of an event that goes to many users: its sender waits for the confirmations.

use std::sync::atomic::Ordering;

use crate::sync::{AtomicUsize, Notify};

/// Count of the sessions that have confirmed an event. One task may wait for it.
#[derive(Default)]
pub struct Receipt {
    confirmed: AtomicUsize,
    counted: Notify,
}

impl Receipt {
    /// Counts a session that has confirmed the event.
    pub(super) fn count(&self) {
        self.confirmed.fetch_add(1, Ordering::AcqRel);
        self.counted.notify_one();
    }

    /// Waits until `sessions` sessions have confirmed the event.
    pub async fn confirmed_by(&self, sessions: usize) {
        while self.confirmed.load(Ordering::Acquire) < sessions {
            self.counted.notified().await;
        }
    }
}
