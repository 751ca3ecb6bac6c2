//! `chattrix call show`.

use chattrix::clock::{Clock, Timestamp};
use chattrix::user::UserId;
use chattrix::wire::call_report::{CallRecord, CallReport, Reported};
use clap::Args;

use super::super::error::CliError;
use super::super::format;
use super::super::output::{self, Tint, printable};
use super::super::source::{FoundCall, Source};
use super::prefix::CallPrefix;
use super::{delivery, ladder};

/// The arguments of `chattrix call show`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    chattrix call show 0192f0c1-7a4b-7c3d-8e5f-0123456789ab\n  \
    chattrix call show 0192f0c1-7a4b-7c3d-8e5f-0123456789ab --json | jq .timeline\n\n\
    A running server adds how it delivered the events of a recent call: to which session, when it was sent and confirmed.")]
pub struct Show {
    /// Select the call by id or its beginning
    #[arg(value_name = "CALL_ID", value_parser = CallPrefix::parse)]
    call: CallPrefix,
    /// Print JSON: the call, its timeline and deliveries
    #[arg(long)]
    json: bool,
}

impl Show {
    pub fn run(self, source: &dyn Source) -> Result<(), CliError> {
        let id = self.call.resolve(source)?;
        let FoundCall { json, deadline } = source.call(id)?.ok_or_else(|| {
            CliError::new(format!("there is no call {id}"))
                .hint("chattrix call list shows the newest calls")
        })?;
        if self.json {
            return Ok(output::json(&json)?);
        }
        let report = CallReport::read(&json).map_err(|error| CliError::new(error.to_string()))?;
        details(&report.call, deadline, source)?;
        for reported in report.quality.iter().filter_map(reported) {
            output::line(&format!("{:8} {reported}", "network"))?;
        }
        output::line("")?;
        for line in ladder::draw(&report.call, &report.timeline, output::width()) {
            output::line(&line)?;
        }
        if !report.delivery.is_empty() {
            output::line("")?;
        }
        for line in delivery::lines(&report.delivery) {
            output::line(&line)?;
        }
        Ok(())
    }
}

fn details(
    call: &CallRecord,
    deadline: Option<Timestamp>,
    source: &dyn Source,
) -> Result<(), CliError> {
    let now = Clock::System.now();
    let created = format::ago(call.created_at, now);
    let mut lines = vec![
        ("call", call.id.to_string()),
        (
            "status",
            output::tinted(call.status.as_str(), Tint::of(call.status)) + &how(call),
        ),
        ("type", call.call_type.clone()),
        ("channel", printable(&call.channel)),
        ("caller", who(&call.caller, source)),
        ("callee", who(&call.callee, source)),
        ("created", format!("{} ({created})", call.created_at)),
    ];
    if let Some(started) = call.started_at {
        lines.push(("started", started.to_string()));
    }
    if let Some(ended) = call.ended_at {
        lines.push(("ended", ended.to_string()));
    }
    if let Some(deadline) = deadline {
        let left = format::ago(deadline, now);
        lines.push((
            "ends at",
            format!("{deadline} ({left}), unless a participant acts"),
        ));
    }
    for (name, text) in lines {
        output::line(&format!("{name:8} {text}"))?;
    }
    Ok(())
}

/// Returns the quality reports of a participant, if any.
fn reported(reported: &Reported) -> Option<String> {
    let worst = reported.worst_quality.as_ref()?;
    let rate = reported.average_packet_loss_rate;
    let lost = rate.map(|rate| format!(", {:.1} % lost", rate * 100.0));
    let ms = reported.average_round_trip_time;
    let there_and_back = ms.map(|ms| format!(", {ms:.0} ms round trip"));
    let reports = match reported.report_count {
        1 => "1 report".to_owned(),
        count => format!("{count} reports"),
    };
    Some(format!(
        "{}: {reports}, worst {worst}{}{}",
        reported.user_id,
        lost.unwrap_or_default(),
        there_and_back.unwrap_or_default()
    ))
}

/// Returns the details of a final status: by whom, why, how long.
fn how(call: &CallRecord) -> String {
    let reason = call.reason.as_ref().map(|reason| format!(", {reason}"));
    let ended = call.ended_by.as_ref().map(|user| {
        let by = if user == "system" { "the system" } else { user };
        let seconds = call.duration_seconds.unwrap_or_default();
        format!(" by {by}, {seconds} s")
    });
    ended.or(reason).unwrap_or_default()
}

/// Returns the id of a user, and the name if it can be read.
fn who(id: &UserId, source: &dyn Source) -> String {
    match source.user(id) {
        Ok(Some(user)) => format!("{id} ({})", printable(&user.profile.name)),
        Ok(None) => format!("{id} (removed)"),
        // An API key may be limited to calls.
        Err(_) => id.to_string(),
    }
}
