//! System time: the wall clock and the monotonic clock of the machine, as a running server reads them.

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
