//! Report of the results, as text and JSON.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::super::error::CliError;
use super::super::table::{self, Column, Wide, text, whole};
use super::super::{format, output};
use super::baseline::Syncs;
use super::idle::Opened;
use super::pair::HOPS;
use super::play::{Pace, Played};
use super::process::Look;

const STEPS: [Column; 6] = [
    whole("STEP, IN µs"),
    whole("P50"),
    whole("P90"),
    whole("P99"),
    whole("MAX"),
    whole("P50 IN ECHOES"),
];

/// Results of a test.
pub struct Report {
    pub server: String,
    pub is_private: bool,
    pub started_in: Option<Duration>,
    pub pace: Pace,
    pub duration: Duration,
    /// Syncs of the disk.
    pub syncs: Syncs,
    /// Usage of the server before and after the idle sockets were opened, if it is on this machine.
    pub fresh: Option<Look>,
    pub idle: Option<Opened>,
    pub waiting: Option<Look>,
    pub played: Played,
    pub database_bytes: Option<u64>,
}

/// Times in microseconds.
#[derive(Clone, Copy)]
struct Spread {
    p50: u32,
    p90: u32,
    p99: u32,
    max: u32,
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

    fn to_json(self) -> Value {
        json!({ "p50": self.p50, "p90": self.p90, "p99": self.p99, "max": self.max })
    }
}

impl Report {
    /// Prints the report as JSON. Times are in microseconds.
    pub fn print_json(&self) -> Result<(), CliError> {
        let (open, pairs) = match self.pace {
            Pace::Closed { pairs } => (None, usize::from(pairs)),
            Pace::Open { rate } => (Some(rate), self.pace.pairs()),
        };
        let echo = self.echo();
        let hops: Map<String, Value> = HOPS
            .iter()
            .zip(self.hops())
            .filter_map(|(name, spread)| {
                let mut hop = spread?.to_json();
                hop["p50InEchoes"] = json!(in_echoes(spread, echo));
                Some(((*name).to_owned(), hop))
            })
            .collect();
        let report = json!({
            "server": self.server,
            "isPrivate": self.is_private,
            "cores": super::cores(),
            "pairs": pairs,
            "rate": open,
            "seconds": self.duration.as_secs_f64(),
            "calls": self.played.times.len(),
            "callsPerSecond": self.per_second(),
            "errors": self.played.errors,
            "micros": hops,
            "echoMicros": echo.map(Spread::to_json),
            "diskSyncMicros": Spread::of(self.syncs.busy.clone()).map(Spread::to_json),
            "diskSyncAfterPauseMicros": Spread::of(self.syncs.rested.clone()).map(Spread::to_json),
            "serverCpuMicrosPerCall": self.cpu_per_call(self.played.server),
            "serverProcessors": processors(self.played.server),
            "serverMemoryBytes": self.played.server.map(|(_, last)| last.memory),
            "serverMemoryBytesBefore": self.fresh.map(|look| look.memory),
            "serverStartMillis": self.started_in.map(|took| took.as_secs_f64() * 1e3),
            "idleSockets": self.idle.map(|idle| idle.sockets),
            "socketsOpenedPerSecond": self.opened_per_second(),
            "bytesPerIdleSocket": self.bytes_per_socket(),
            "databaseBytesPerCall": self.database_bytes,
            "generatorCpuMicrosPerCall": self.cpu_per_call(self.played.generator),
            "generatorProcessors": processors(self.played.generator),
            "generatorThreads": super::threads(),
        });
        Ok(output::json(&report)?)
    }

    /// Prints the report as text.
    pub fn print(&self) -> Result<(), CliError> {
        output::line(&self.headline())?;
        output::line("")?;
        let echo = self.echo();
        let syncs = [
            ("disk sync", Spread::of(self.syncs.busy.clone())),
            ("the same rested", Spread::of(self.syncs.rested.clone())),
        ];
        let hops = HOPS.iter().copied().zip(self.hops());
        let rows = hops.chain([("bare echo", echo)]).chain(syncs);
        let rows = rows.filter_map(|(name, spread)| Some((name, spread?)));
        table::print(
            &STEPS,
            rows.map(|(name, spread)| {
                let Spread { p50, p90, p99, max } = spread;
                let mut row = vec![name.to_owned()];
                row.extend([p50, p90, p99, max].map(|time| time.to_string()));
                row.push(
                    in_echoes(Some(spread), echo).map_or(String::new(), |it| format!("{it:.1}")),
                );
                row
            }),
            Wide::default(),
        )?;
        output::line("")?;
        for (what, value) in self.remarks() {
            output::line(&format!("{what:<11}{value}"))?;
        }
        if !self.played.errors.is_empty() {
            output::line("")?;
            let rows = self.played.errors.iter();
            table::print(
                &[text("ERROR"), whole("TIMES")],
                rows.map(|(fault, count)| vec![output::printable(fault), count.to_string()]),
                Wide::default(),
            )?;
        }
        Ok(())
    }

    fn headline(&self) -> String {
        let pace = match self.pace {
            Pace::Closed { pairs } => format!("{pairs} pairs, each as fast as it can"),
            Pace::Open { rate } => format!("{rate} calls begun per second"),
        };
        let server = if self.is_private {
            "a private server"
        } else {
            &self.server
        };
        format!(
            "{:.0} calls/s, {} calls, {} errors ({pace}; {server}; {})",
            self.per_second(),
            self.played.times.len(),
            self.played.errors.values().sum::<u64>(),
            format::duration(self.duration)
        )
    }

    /// Returns notes for the table.
    fn remarks(&self) -> Vec<(&'static str, String)> {
        let mut remarks = Vec::new();
        if let (Some(cpu), Some(busy), Some((_, last))) = (
            self.cpu_per_call(self.played.server),
            processors(self.played.server),
            self.played.server,
        ) {
            let memory = format::bytes(last.memory);
            remarks.push((
                "server",
                format!("{cpu:.0} µs of processor per call, {busy:.2} processors busy, {memory} of memory"),
            ));
        }
        if let (Some(cpu), Some(busy)) = (
            self.cpu_per_call(self.played.generator),
            processors(self.played.generator),
        ) {
            let (threads, cores) = (super::threads(), super::cores());
            remarks.push((
                "generator",
                format!("{cpu:.0} µs per call, {busy:.2} of its {threads} threads busy; {cores} processors for all"),
            ));
        }
        if let (Some(idle), Some(per_second)) = (self.idle, self.opened_per_second()) {
            let each = self.bytes_per_socket().map(format::bytes);
            let each = each.map_or(String::new(), |each| format!(", {each} of the server each"));
            remarks.push((
                "idle",
                format!(
                    "{} sockets, {per_second:.0} opened per second{each}",
                    idle.sockets
                ),
            ));
        }
        if let Some(bytes) = self.database_bytes {
            remarks.push(("database", format!("{bytes} bytes per call")));
        }
        if let (Some(took), Some(fresh)) = (self.started_in, self.fresh) {
            let (ms, memory) = (took.as_millis(), format::bytes(fresh.memory));
            remarks.push((
                "start",
                format!("ready after {ms} ms, with {memory} of memory"),
            ));
        }
        remarks
    }

    fn echo(&self) -> Option<Spread> {
        Spread::of(self.played.echo.clone())
    }

    /// The hops in their order.
    fn hops(&self) -> impl Iterator<Item = Option<Spread>> {
        let times = &self.played.times;
        (0..HOPS.len()).map(|hop| Spread::of(times.iter().map(|call| call[hop]).collect()))
    }

    fn per_second(&self) -> f64 {
        count(self.played.times.len()) / self.duration.as_secs_f64()
    }

    /// Returns the microseconds of processor time per call.
    fn cpu_per_call(&self, looks: Option<(Look, Look)>) -> Option<f64> {
        let (first, last) = looks?;
        let calls = count(self.played.times.len());
        (calls > 0.0).then(|| first.cpu_until(&last).as_secs_f64() * 1e6 / calls)
    }

    fn opened_per_second(&self) -> Option<f64> {
        let Opened { sockets, took } = self.idle?;
        Some(f64::from(sockets) / took.as_secs_f64())
    }

    fn bytes_per_socket(&self) -> Option<u64> {
        let sockets = self.idle?.sockets;
        let grown = self.waiting?.memory.saturating_sub(self.fresh?.memory);
        grown.checked_div(sockets.into())
    }
}

fn in_echoes(spread: Option<Spread>, echo: Option<Spread>) -> Option<f64> {
    let (spread, echo) = (spread?, echo?);
    Some(f64::from(spread.p50) / f64::from(echo.p50.max(1)))
}

fn processors(looks: Option<(Look, Look)>) -> Option<f64> {
    looks.map(|(first, last)| first.processors_until(&last))
}

/// A count, far below the numbers that floats cannot hold.
fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_is_that_of_the_sorted_times() {
        let spread = Spread::of((1..=100).rev().collect()).expect("times");
        assert_eq!(
            spread.to_json(),
            json!({ "p50": 50, "p90": 90, "p99": 99, "max": 100 })
        );
        assert!(Spread::of(Vec::new()).is_none());
    }
}
