//! Report of a test: its results as figures.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::baseline::Syncs;
use crate::idle::Opened;
use crate::pair::{HOPS, Times};
use crate::play::{LoadModel, Played};
use crate::process::Usage;
use crate::{Load, cores, threads};

/// Results of a test. A figure is absent if the process of the server is unknown, or if nothing was measured.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// URL of the server.
    pub server: String,
    /// Whether the server was started for this test.
    pub is_private: bool,
    /// Processors of this machine.
    pub cores: usize,
    /// Pairs of users.
    pub pairs: usize,
    /// Calls begun per second, if the load is an open loop.
    pub rate: Option<u32>,
    /// Length of the measurement.
    pub seconds: f64,
    /// Calls that ended during the measurement.
    pub calls: usize,
    /// Calls per second.
    pub calls_per_second: f64,
    /// Errors of calls, counted by their text.
    pub errors: BTreeMap<String, u64>,
    /// Time of each of [`Report::STEPS`].
    pub micros: BTreeMap<&'static str, Step>,
    /// Round trip of a bare WebSocket echo.
    pub echo_micros: Option<Spread>,
    /// Disk syncs, back to back.
    pub disk_sync_micros: Option<Spread>,
    /// Disk syncs, each after a pause.
    pub disk_sync_after_pause_micros: Option<Spread>,
    /// Processor time of the server per call.
    pub server_cpu_micros_per_call: Option<f64>,
    /// Processors that the server kept busy.
    pub server_processors: Option<f64>,
    /// Memory of the server at the end.
    pub server_memory_bytes: Option<u64>,
    /// Memory of the server before the first connection.
    pub server_memory_bytes_before: Option<u64>,
    /// Time that the private server took until it listened.
    pub server_start_millis: Option<f64>,
    /// Idle sockets.
    pub idle_sockets: Option<u32>,
    /// Idle sockets opened per second.
    pub sockets_opened_per_second: Option<f64>,
    /// Memory of the server per idle socket.
    pub bytes_per_idle_socket: Option<u64>,
    /// Growth of the private server's database per call.
    pub database_bytes_per_call: Option<u64>,
    /// Processor time of the generator per call.
    pub generator_cpu_micros_per_call: Option<f64>,
    /// Processors that the generator kept busy.
    pub generator_processors: Option<f64>,
    /// Threads of the generator.
    pub generator_threads: usize,
    /// Calls before, in and after the measurement.
    #[serde(skip)]
    pub total_calls: u64,
}

/// Time of a step of a call.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// Its percentiles.
    #[serde(flatten)]
    pub spread: Spread,
    /// Its median, in medians of the echo.
    pub p50_in_echoes: Option<f64>,
}

/// Percentiles of times, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Spread {
    /// Median.
    pub p50: u32,
    /// 90th percentile.
    pub p90: u32,
    /// 99th percentile.
    pub p99: u32,
    /// Maximum.
    pub max: u32,
}

impl Spread {
    /// Summarises `times`, if there are any.
    fn of(mut times: Vec<u32>) -> Option<Self> {
        times.sort_unstable();
        let last = times.len().checked_sub(1)?;
        let at = |percent: usize| times[last * percent / 100];
        Some(Self {
            p50: at(50),
            p90: at(90),
            p99: at(99),
            max: at(100),
        })
    }

    /// Returns its median in medians of `echo`.
    #[must_use]
    pub fn in_echoes(self, echo: Option<Self>) -> Option<f64> {
        Some(f64::from(self.p50) / f64::from(echo?.p50.max(1)))
    }
}

/// Measurements that precede the calls.
pub struct Before {
    pub syncs: Syncs,
    /// Usage of the server before the idle sockets were opened, if it is on this machine.
    pub fresh: Option<Usage>,
    pub idle: Option<Opened>,
    /// Usage of the server after the idle sockets were opened.
    pub waiting: Option<Usage>,
}

impl Report {
    /// Steps of a call, in the order in which they happen.
    pub const STEPS: [&'static str; HOPS.len()] = HOPS;

    /// Computes the figures of a test of `server`.
    pub(crate) fn new(server: String, load: Load, before: Before, played: Played) -> Self {
        let echo = Spread::of(played.echo);
        let calls = played.times.len();
        let cpu_per_call = |(first, last): (Usage, Usage)| {
            (calls > 0).then(|| first.cpu_until(&last).as_secs_f64() * 1e6 / float(calls))
        };
        let processors = |(first, last): (Usage, Usage)| first.processors_until(&last);
        let grown = |before: Usage, after: Usage| after.memory.saturating_sub(before.memory);
        Self {
            server,
            is_private: false,
            cores: cores(),
            pairs: load.model.pairs(),
            rate: match load.model {
                LoadModel::Closed { .. } => None,
                LoadModel::Open { rate } => Some(rate),
            },
            seconds: load.duration.as_secs_f64(),
            calls,
            calls_per_second: float(calls) / load.duration.as_secs_f64(),
            errors: played.errors,
            micros: steps(&played.times, echo),
            echo_micros: echo,
            disk_sync_micros: Spread::of(before.syncs.busy),
            disk_sync_after_pause_micros: Spread::of(before.syncs.rested),
            server_cpu_micros_per_call: played.server.and_then(cpu_per_call),
            server_processors: played.server.map(processors),
            server_memory_bytes: played.server.map(|(_, last)| last.memory),
            server_memory_bytes_before: before.fresh.map(|usage| usage.memory),
            server_start_millis: None,
            idle_sockets: before.idle.map(|idle| idle.sockets),
            sockets_opened_per_second: before
                .idle
                .map(|idle| f64::from(idle.sockets) / idle.took.as_secs_f64()),
            bytes_per_idle_socket: before.idle.and_then(|idle| {
                grown(before.fresh?, before.waiting?).checked_div(idle.sockets.into())
            }),
            database_bytes_per_call: None,
            generator_cpu_micros_per_call: played.generator.and_then(cpu_per_call),
            generator_processors: played.generator.map(processors),
            generator_threads: threads(),
            total_calls: played.total,
        }
    }

    /// Adds the figures of a private server: the time until it listened, and the growth of its database.
    #[must_use]
    pub fn of_private_server(self, started_in: Duration, database_growth: u64) -> Self {
        Self {
            is_private: true,
            server_start_millis: Some(started_in.as_secs_f64() * 1e3),
            database_bytes_per_call: database_growth.checked_div(self.total_calls),
            ..self
        }
    }
}

/// Summarises each step of the calls.
fn steps(calls: &[Times], echo: Option<Spread>) -> BTreeMap<&'static str, Step> {
    let step = |(step, name)| {
        let spread = Spread::of(calls.iter().map(|call| call[step]).collect())?;
        let p50_in_echoes = spread.in_echoes(echo);
        Some((
            name,
            Step {
                spread,
                p50_in_echoes,
            },
        ))
    };
    (0..).zip(HOPS).filter_map(step).collect()
}

/// A count, far below the numbers that floats cannot hold.
fn float(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_is_that_of_the_sorted_times() {
        let spread = Spread {
            p50: 50,
            p90: 90,
            p99: 99,
            max: 100,
        };
        assert_eq!(Spread::of((1..=100).rev().collect()), Some(spread));
        assert!(Spread::of(Vec::new()).is_none());
    }
}
