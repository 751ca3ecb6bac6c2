//! `chattrix call watch`.

use chattrix::wire::control::{Answer, Change, Request, WatchFilter};
use clap::Args;
use serde_json::json;

use super::super::GlobalArgs;
use super::super::control_client::{ControlClient, runtime};
use super::super::error::CliError;
use super::super::output::{self, Tint, printable};
use super::filter_args::FilterArgs;

/// The arguments of `chattrix call watch`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    chattrix call watch\n  \
    chattrix call watch --user alice --type VIDEO\n  \
    chattrix call watch --status MISSED --json | jq -r .calleeId\n\n\
    Press Ctrl-C to stop. Each line is one change of a call; --status and --live filter by the new \
    status. It starts with the next change; use `call list` and `call show` for earlier ones. The \
    JSON fields are at, callId, callerId, calleeId, callType, status, actor, via, cause, \
    durationSeconds and reason.")]
pub struct Watch {
    #[command(flatten)]
    which: FilterArgs,
    /// Print each change as a JSON object on a line
    #[arg(long)]
    json: bool,
}

impl Watch {
    pub fn run(self, global: &GlobalArgs) -> Result<(), CliError> {
        let context = global.context()?;
        runtime()?.block_on(async {
            let database = &context.settings.database;
            let server = ControlClient::required(database, "watch calls").await?;
            tokio::select! {
                watched = self.watch(server) => watched,
                interrupted = tokio::signal::ctrl_c() => Ok(interrupted?),
            }
        })
    }

    async fn watch(&self, mut server: ControlClient) -> Result<(), CliError> {
        let watched = WatchFilter {
            live: self.which.live,
            user: self.which.user.as_ref().map(ToString::to_string),
            status: self.which.status.map(|status| status.as_str().to_owned()),
            call_type: self.which.call_type.map(|one| one.as_str().to_owned()),
        };
        let node = match server.ask(&Request::Watch(watched)).await? {
            Answer::Watching { node: Some(name) } => format!(" node {}", printable(&name)),
            _ => String::new(),
        };
        output::tell(&format!("watching{node}; press Ctrl-C to stop"));
        loop {
            match server.next().await? {
                Answer::Change(change) if self.json => output::line(&json!(change).to_string())?,
                Answer::Change(change) => output::line(&line(&change))?,
                Answer::Missed { changes } => {
                    output::tell(&format!("skipped {changes} changes: too many at once"));
                }
                _ => (),
            }
        }
    }
}

/// A change in a line.
fn line(change: &Change) -> String {
    let Change {
        at,
        call_id,
        caller_id,
        callee_id,
        call_type,
        status,
        actor,
        via,
        cause,
        duration_seconds,
        reason,
    } = change;
    let tint = chattrix::call::Status::ALL
        .into_iter()
        .find(|known| known.as_str() == status)
        .and_then(Tint::of);
    let status = output::tinted(&format!("{status:10}"), tint);
    let lasted = duration_seconds.map(|seconds| format!(", {seconds} s"));
    let reason = reason.as_ref().map(|reason| format!(", {reason}"));
    let more = lasted.or(reason).unwrap_or_default();
    let faint = |text: &str| output::tinted(text, Some(Tint::Faint));
    format!(
        "{} {call_id} {status} {caller_id} → {callee_id} {} {cause} by {actor}{more} {}",
        faint(at),
        call_type.to_lowercase(),
        faint(&format!("({via})")),
    )
}
