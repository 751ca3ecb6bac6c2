//! System time: the wall clock and the monotonic clock of the machine, as a running server reads them.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use crate::clock::{Clock, TimeSource, Timestamp};

/// Clocks of the operating system.
#[derive(Debug)]
pub struct SystemTime;

impl TimeSource for SystemTime {
    fn wall(&self) -> Timestamp {
        Clock::System.now()
    }

    /// Returns the time since boot, the time in which the machine slept included (`clock_gettime(2)`,
    /// `CLOCK_BOOTTIME`): a call that rang when the lid was closed has timed out when it opens.
    fn elapsed(&self) -> Duration {
        let time = clock_gettime(ClockId::Boottime);
        Duration::new(
            u64::try_from(time.tv_sec).unwrap_or(0),
            u32::try_from(time.tv_nsec).unwrap_or(0),
        )
    }
}

/// Lead of the database's clock over the clock of this machine, in milliseconds; zero if the database is a file. All nodes
/// on PostgreSQL store times and keep deadlines by its clock: one whose clock is 30 s ahead must not miss a call 30 s early.
#[derive(Clone, Debug, Default)]
pub struct ClockLead(Arc<AtomicI64>);

impl ClockLead {
    /// Returns the lead that was measured last.
    #[must_use]
    pub fn as_millis(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Records a lead in milliseconds.
    pub fn set(&self, lead: i64) {
        self.0.store(lead, Ordering::Relaxed);
    }
}

/// Clocks of the operating system, with the wall time of the database: that of all nodes on it.
#[derive(Debug)]
pub struct ServerTime {
    lead: ClockLead,
}

impl ServerTime {
    /// Creates the clocks of a server whose database's clock has this lead.
    #[must_use]
    pub const fn new(lead: ClockLead) -> Self {
        Self { lead }
    }
}

impl TimeSource for ServerTime {
    fn wall(&self) -> Timestamp {
        let here = SystemTime.wall().as_millis();
        Timestamp::from_millis(here.saturating_add(self.lead.as_millis()))
    }

    fn elapsed(&self) -> Duration {
        SystemTime.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_runs_by_the_clock_of_its_database() {
        let lead = ClockLead::default();
        let time = ServerTime::new(lead.clone());
        for expected in [0, -30_000, 3_600_000] {
            lead.set(expected);
            let here = SystemTime.wall().as_millis();
            assert!(time.wall().as_millis() >= here + expected);
            assert!(time.wall().as_millis() <= SystemTime.wall().as_millis() + expected);
        }
    }
}
