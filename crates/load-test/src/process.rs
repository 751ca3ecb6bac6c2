//! Resource usage of a process, from Linux's `/proc`.

use std::fs;
use std::time::{Duration, Instant};

use crate::error::Error;

/// Process of this machine.
#[derive(Clone, Copy)]
pub struct Process(u32);

/// Resource usage up to a point in time.
#[derive(Clone, Copy)]
pub struct Usage {
    pub at: Instant,
    /// Processor time, user and system.
    pub cpu: Duration,
    /// Memory that is in use, in bytes.
    pub memory: u64,
}

impl Process {
    /// Returns the process `id`, if the system shows it.
    #[must_use]
    pub fn of(id: u32) -> Option<Self> {
        let process = Self(id);
        process.read().map(|_| process)
    }

    /// Samples the usage until now.
    pub(crate) fn usage(self) -> Result<Usage, Error> {
        self.read().ok_or(Error::ServerGone)
    }

    fn read(self) -> Option<Usage> {
        // proc(5): after the name, which may hold anything, `utime` and `stime` are the 12th and 13th field.
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0)).ok()?;
        let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
        let user: u64 = fields.next()?.parse().ok()?;
        let kernel: u64 = fields.next()?.parse().ok()?;
        let ticks_per_second = rustix::param::clock_ticks_per_second();
        let status = fs::read_to_string(format!("/proc/{}/status", self.0)).ok()?;
        let resident = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))?;
        let kilobytes: u64 = resident.trim().strip_suffix(" kB")?.parse().ok()?;
        Some(Usage {
            at: Instant::now(),
            cpu: Duration::from_secs(user + kernel) / u32::try_from(ticks_per_second).ok()?,
            memory: kilobytes * 1024,
        })
    }
}

impl Usage {
    /// Returns the processors that were busy for it, on average, from `self` until `later`.
    pub fn processors_until(&self, later: &Self) -> f64 {
        let passed = later.at.duration_since(self.at).as_secs_f64();
        self.cpu_until(later).as_secs_f64() / passed.max(f64::EPSILON)
    }

    /// Returns the processor time that it used from `self` until `later`.
    pub fn cpu_until(&self, later: &Self) -> Duration {
        later.cpu.saturating_sub(self.cpu)
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_seen_and_one_that_is_not_there_is_not() {
        let own = Process::of(std::process::id()).expect("this process");
        assert!(own.usage().expect("a usage").memory > 1_000_000);
        assert!(Process::of(u32::MAX).is_none());
    }
}
