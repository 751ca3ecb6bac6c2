//! Report of a load test as text.

use std::time::Duration;

use chattrix_load_test::{Report, Spread};

use super::super::error::CliError;
use super::super::table::{self, Column, Wide, text, whole};
use super::super::{format, output};

const STEPS: [Column; 6] = [
    whole("STEP, IN µs"),
    whole("P50"),
    whole("P90"),
    whole("P99"),
    whole("MAX"),
    whole("P50 IN ECHOES"),
];

/// Prints the report.
pub fn print(report: &Report) -> Result<(), CliError> {
    output::line(&headline(report))?;
    output::line("")?;
    let steps = Report::STEPS
        .into_iter()
        .map(|name| (name, report.micros.get(name).map(|step| step.spread)));
    let baselines = [
        ("bare echo", report.echo_micros),
        ("disk sync", report.disk_sync_micros),
        ("the same rested", report.disk_sync_after_pause_micros),
    ];
    let rows = steps.chain(baselines);
    let rows = rows.filter_map(|(name, spread)| Some(row(name, spread?, report.echo_micros)));
    table::print(&STEPS, rows, Wide::default())?;
    output::line("")?;
    for (what, value) in remarks(report) {
        output::line(&format!("{what:<11}{value}"))?;
    }
    if !report.errors.is_empty() {
        output::line("")?;
        let rows = report.errors.iter();
        table::print(
            &[text("ERROR"), whole("TIMES")],
            rows.map(|(error, count)| vec![output::printable(error), count.to_string()]),
            Wide::default(),
        )?;
    }
    Ok(())
}

fn row(name: &str, spread: Spread, echo: Option<Spread>) -> Vec<String> {
    let Spread { p50, p90, p99, max } = spread;
    let mut row = vec![name.to_owned()];
    row.extend([p50, p90, p99, max].map(|time| time.to_string()));
    let in_echoes = spread.in_echoes(echo);
    row.push(in_echoes.map_or(String::new(), |it| format!("{it:.1}")));
    row
}

fn headline(report: &Report) -> String {
    let load = match report.rate {
        None => format!("{} pairs, each as fast as it can", report.pairs),
        Some(rate) => format!("{rate} calls begun per second"),
    };
    let server = if report.is_private {
        "a private server"
    } else {
        &report.server
    };
    format!(
        "{:.0} calls/s, {} calls, {} errors ({load}; {server}; {})",
        report.calls_per_second,
        report.calls,
        report.errors.values().sum::<u64>(),
        format::duration(Duration::from_secs_f64(report.seconds))
    )
}

/// Returns notes for the table.
fn remarks(report: &Report) -> Vec<(&'static str, String)> {
    let mut remarks = Vec::new();
    if let (Some(cpu), Some(busy), Some(memory)) = (
        report.server_cpu_micros_per_call,
        report.server_processors,
        report.server_memory_bytes,
    ) {
        let memory = format::bytes(memory);
        remarks.push((
            "server",
            format!(
                "{cpu:.0} µs of processor per call, {busy:.2} processors busy, {memory} of memory"
            ),
        ));
    }
    if let (Some(cpu), Some(busy)) = (
        report.generator_cpu_micros_per_call,
        report.generator_processors,
    ) {
        let (threads, cores) = (report.generator_threads, report.cores);
        remarks.push((
            "generator",
            format!("{cpu:.0} µs per call, {busy:.2} of its {threads} threads busy; {cores} processors for all"),
        ));
    }
    if let (Some(sockets), Some(per_second)) =
        (report.idle_sockets, report.sockets_opened_per_second)
    {
        let each = report.bytes_per_idle_socket.map(format::bytes);
        let each = each.map_or(String::new(), |each| format!(", {each} of the server each"));
        remarks.push((
            "idle",
            format!("{sockets} sockets, {per_second:.0} opened per second{each}"),
        ));
    }
    if let Some(bytes) = report.database_bytes_per_call {
        remarks.push(("database", format!("{bytes} bytes per call")));
    }
    if let (Some(ms), Some(memory)) = (
        report.server_start_millis,
        report.server_memory_bytes_before,
    ) {
        let (ms, memory) = (ms.floor(), format::bytes(memory));
        remarks.push((
            "start",
            format!("ready after {ms} ms, with {memory} of memory"),
        ));
    }
    remarks
}
