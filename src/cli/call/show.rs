//! `chattrix call show`.

use chattrix::call::{Actor, Call, CallId, QualitySummary, State};
use chattrix::clock::{Clock, Timestamp};
use chattrix::store::Database;
use chattrix::user::UserId;
use chattrix::wire::admin::{self, Looked};
use clap::Args;

use super::super::error::CliError;
use super::super::output::{self, Tint, printable};
use super::super::{GlobalArgs, format};
use super::{call_id, delivery, ladder};

/// The arguments of `chattrix call show`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    chattrix call show 0192f0c1-7a4b-7c3d-8e5f-0123456789ab\n  \
    chattrix call show 0192f0c1-7a4b-7c3d-8e5f-0123456789ab --json | jq .timeline\n\n\
    A running server adds how it delivered the events of a recent call: to which session, when it was sent and confirmed.")]
pub struct Show {
    /// Select the call by id, from `call list`
    #[arg(value_name = "CALL_ID", value_parser = call_id)]
    call: CallId,
    /// Print JSON: the call, its timeline and deliveries
    #[arg(long)]
    json: bool,
}

impl Show {
    pub fn run(self, global: &GlobalArgs) -> Result<(), CliError> {
        let context = global.context()?;
        let database = context.database_to_read()?;
        let read = database.read();
        let call = read.call(self.call)?.ok_or_else(|| {
            CliError::new(format!("there is no call {}", self.call))
                .hint("chattrix call list shows the newest calls")
        })?;
        let timeline = read.timeline(self.call)?;
        let quality = read.quality(self.call)?;
        let delivery = delivery::find(&context.settings.database, self.call)?;
        if self.json {
            let looked = Looked {
                timeline: &timeline,
                quality: &quality,
                delivery: &delivery,
            };
            return Ok(output::json(&admin::call_with_timeline(&call, looked))?);
        }
        details(&call, &database, Clock::System.now())?;
        for (user, summary) in [&call.caller, &call.callee].into_iter().zip(&quality) {
            if let Some(reported) = reported(user, summary) {
                output::line(&format!("{:8} {reported}", "network"))?;
            }
        }
        output::line("")?;
        for line in ladder::draw(&call, &timeline, output::width()) {
            output::line(&line)?;
        }
        if !delivery.is_empty() {
            output::line("")?;
        }
        for line in delivery::lines(&delivery) {
            output::line(&line)?;
        }
        Ok(())
    }
}

fn details(call: &Call, database: &Database, now: Timestamp) -> Result<(), CliError> {
    let status = call.status();
    let created = format::ago(call.created_at, now);
    let mut lines = vec![
        ("call", call.id.to_string()),
        (
            "status",
            output::tinted(status.as_str(), Tint::of(status)) + &how(call),
        ),
        ("type", call.call_type.as_str().to_owned()),
        ("channel", printable(call.channel.as_str())),
        ("caller", who(&call.caller, database)?),
        ("callee", who(&call.callee, database)?),
        ("created", format!("{} ({created})", call.created_at)),
    ];
    if let Some(started) = call.state.started_at() {
        lines.push(("started", started.to_string()));
    }
    if let Some(ended) = call.state.ended_at() {
        lines.push(("ended", ended.to_string()));
    }
    if let Some(deadline) = call.state.deadline() {
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
fn reported(user: &UserId, summary: &QualitySummary) -> Option<String> {
    let worst = summary.worst?.as_str();
    let rate = summary.packet_loss_rate.get();
    let lost = rate.map(|rate| format!(", {:.1} % lost", rate * 100.0));
    let ms = summary.round_trip_ms.get();
    let there_and_back = ms.map(|ms| format!(", {ms:.0} ms round trip"));
    let reports = if summary.reports == 1 {
        "1 report".to_owned()
    } else {
        format!("{} reports", summary.reports)
    };
    Some(format!(
        "{user}: {reports}, worst {worst}{}{}",
        lost.unwrap_or_default(),
        there_and_back.unwrap_or_default()
    ))
}

/// Returns the details of a final status: by whom, why, how long.
fn how(call: &Call) -> String {
    match &call.state {
        State::Initiating { .. }
        | State::Ringing { .. }
        | State::Connecting { .. }
        | State::Active { .. }
        | State::Missed { .. } => String::new(),
        State::Ended {
            duration_seconds,
            ended_by,
            ..
        } => {
            let by = match ended_by {
                Actor::User(user) => user.as_str(),
                Actor::System => "the system",
            };
            format!(" by {by}, {duration_seconds} s")
        }
        State::Rejected { reason, .. } => format!(", {}", reason.as_str()),
    }
}

/// Returns id and name of a user.
fn who(id: &UserId, database: &Database) -> Result<String, CliError> {
    let name = database.user(id)?.map_or_else(
        || "removed".to_owned(),
        |user| printable(&user.profile.name),
    );
    Ok(format!("{id} ({name})"))
}
