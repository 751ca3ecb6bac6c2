//! `chattrix status`: the running server on one screen.

use std::time::Duration;

use chattrix::clock::{Clock, Timestamp};
use chattrix::store::{self, Database};
use chattrix::webhook_model::message::{Tally, WebhookEndpoint};
use chattrix::wire::control::Status as Server;
use clap::Args;
use serde_json::{Value, json};

use super::context::Context;
use super::control_client::{ControlClient, runtime};
use super::db::backup::{self, LastBackup};
use super::db::stats::{size, wal};
use super::doctor::{self, Finding};
use super::error::CliError;
use super::output::{self, Tint, printable, tinted};
use super::{GlobalArgs, format};

/// Interval of `--watch`.
const INTERVAL: Duration = Duration::from_secs(2);

/// The arguments of `chattrix status`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    chattrix status\n  \
    chattrix status --watch\n  \
    chattrix status --json | jq .attention\n\n\
    It shows the running server, its sockets and calls, the last backup that `db backup` made, the webhook queue, and \
    what needs attention. The exit code is 1 if no server runs. Press Ctrl-C to stop --watch.")]
pub struct Status {
    /// Show it again every two seconds
    #[arg(long)]
    watch: bool,
    /// Print JSON: {running, ready, version, ..., attention}
    #[arg(long)]
    json: bool,
}

/// What is shown of a running server.
struct Overview {
    at: Timestamp,
    server: Server,
    /// Names of the active nodes, with PostgreSQL.
    nodes: Vec<String>,
    database: String,
    database_bytes: Option<u64>,
    wal_bytes: Option<u64>,
    live_calls: u32,
    last_backup: Option<LastBackup>,
    webhooks: Vec<(WebhookEndpoint, Tally)>,
    findings: Vec<Finding>,
}

impl Status {
    pub fn run(self, global: &GlobalArgs) -> Result<(), CliError> {
        let context = global.context()?;
        if !self.watch {
            let overview = look(&context);
            if let (true, Err(failure)) = (self.json, &overview) {
                output::json(&not_running(failure))?;
            }
            return self.print(&overview?);
        }
        loop {
            let overview = look(&context);
            if !self.json {
                output::clear()?;
            }
            match &overview {
                Ok(overview) => self.print(overview)?,
                Err(failure) if self.json => output::json(&not_running(failure))?,
                Err(failure) => output::line(failure.sentence())?,
            }
            std::thread::sleep(INTERVAL);
        }
    }

    fn print(&self, overview: &Overview) -> Result<(), CliError> {
        if self.json {
            return Ok(output::json(&overview.to_json())?);
        }
        for (name, text) in overview.lines() {
            output::line(&format!("{name:11}  {text}"))?;
        }
        Ok(())
    }
}

/// Reads the state of the running server.
///
/// # Errors
/// No server runs, or it does not respond.
fn look(context: &Context) -> Result<Overview, CliError> {
    let path = &context.settings.database;
    let server = runtime()?.block_on(async {
        let mut server = ControlClient::required(path, "show the status").await?;
        server.status().await
    })?;
    let server = server.ok_or_else(|| CliError::new("the server has another version"))?;
    let database = context.database_to_read()?;
    let live = database.read().live_calls_by_status()?;
    let is_file = !store::is_url(path);
    Ok(Overview {
        at: Clock::System.now(),
        nodes: active_nodes(&database)?,
        database: path.display().to_string(),
        database_bytes: is_file.then(|| size(path)),
        wal_bytes: is_file.then(|| size(&wal(path))),
        live_calls: live.into_iter().map(|(_, count)| count).sum(),
        last_backup: backup::last(path),
        webhooks: webhooks(&database)?,
        findings: doctor::examine_machine(context, Some(&server))?,
        server,
    })
}

/// Returns the names of the active nodes, with PostgreSQL.
fn active_nodes(database: &Database) -> Result<Vec<String>, CliError> {
    let nodes = database.nodes()?.into_iter();
    let active = nodes.filter(|node| node.is_active);
    Ok(active.map(|node| node.name).collect())
}

fn webhooks(database: &Database) -> Result<Vec<(WebhookEndpoint, Tally)>, CliError> {
    let read = database.read();
    let mut endpoints = Vec::new();
    for receiver in read.receivers()? {
        let tally = read.tally(receiver.id)?;
        endpoints.push((receiver, tally));
    }
    Ok(endpoints)
}

fn not_running(failure: &CliError) -> Value {
    json!({ "running": false, "message": failure.sentence() })
}

impl Overview {
    fn up_since(&self) -> String {
        self.server.up_since.clone().unwrap_or_else(|| {
            let uptime = Duration::from_secs(self.server.uptime_seconds);
            self.at.minus(uptime).to_string()
        })
    }

    /// Returns what needs attention, each with what to do.
    fn attention(&self) -> Vec<(String, String)> {
        let odd = self.findings.iter().filter_map(|finding| {
            let advice = finding.advice.clone()?;
            Some((finding.message.clone(), advice))
        });
        let endpoints = self.webhooks.iter().filter_map(|(receiver, _)| {
            let (id, url) = (receiver.id, receiver.shown_url());
            let failing = receiver.failing_since;
            let failing =
                failing.map(|since| format!("has failed since {}", format::ago(since, self.at)));
            let is_paused = receiver.pause.is_some();
            let state = is_paused.then(|| "is paused".to_owned()).or(failing)?;
            let advice = "chattrix webhook list --messages shows the responses";
            Some((format!("endpoint {id} ({url}) {state}"), advice.to_owned()))
        });
        let rows = self.server.unreadable_rows;
        let unreadable = (rows > 0).then(|| {
            let message = format!("{rows} rows of the database cannot be used and are skipped");
            (message, "chattrix db check names them".to_owned())
        });
        odd.chain(endpoints).chain(unreadable).collect()
    }

    fn to_json(&self) -> Value {
        let server = &self.server;
        let waiting: u64 = self.webhooks.iter().map(|(_, tally)| tally.waiting).sum();
        let oldest = self
            .webhooks
            .iter()
            .filter_map(|(_, one)| one.waiting_since);
        let attention = self.attention().into_iter();
        let attention = attention
            .map(|(message, advice)| json!({ "message": message, "advice": advice }))
            .collect::<Vec<_>>();
        json!({
            "running": true,
            "ready": server.ready,
            "version": server.version,
            "pid": server.pid,
            "upSince": self.up_since(),
            "uptimeSeconds": server.uptime_seconds,
            "node": server.node,
            "nodes": self.nodes,
            "connections": server.connections,
            "sessions": server.sessions,
            "users": server.users,
            "liveCalls": self.live_calls,
            "database": self.database,
            "databaseBytes": self.database_bytes,
            "walBytes": self.wal_bytes,
            "lastBackup": self.last_backup.as_ref().map(LastBackup::to_json),
            "webhooks": {
                "endpoints": self.webhooks.len(),
                "waiting": waiting,
                "oldestWaitingSince": oldest.min().map(|at| at.to_string()),
            },
            "attention": attention,
        })
    }

    fn lines(&self) -> Vec<(&'static str, String)> {
        let server = &self.server;
        let since = printable(&self.up_since());
        let mut lines = vec![
            ("server", self.state()),
            (
                "up since",
                format!(
                    "{since} ({})",
                    format::duration(Duration::from_secs(server.uptime_seconds))
                ),
            ),
        ];
        lines.extend(server.node.iter().map(|node| {
            let all = self.nodes.join(", ");
            ("node", printable(&format!("{node}; all: {all}")))
        }));
        lines.extend([
            (
                "sockets",
                format!(
                    "{}, {} sessions of {} users",
                    server.connections, server.sessions, server.users
                ),
            ),
            ("live calls", self.live_calls.to_string()),
            ("database", self.database_and_size()),
            ("last backup", self.last_backup_and_age()),
            ("webhooks", self.queue()),
        ]);
        let attention = self.attention();
        if attention.is_empty() {
            let nothing = tinted("nothing", Some(Tint::Good));
            lines.push(("attention", nothing));
        }
        for (place, (message, advice)) in attention.into_iter().enumerate() {
            let name = if place == 0 { "attention" } else { "" };
            lines.push((name, tinted(&printable(&message), Some(Tint::Odd))));
            lines.push(("", format!("→ {}", printable(&advice))));
        }
        lines
    }

    fn state(&self) -> String {
        let (word, tint) = if self.server.ready {
            ("ready", Tint::Good)
        } else {
            ("not ready", Tint::Bad)
        };
        let Server { version, pid, .. } = &self.server;
        let version = printable(version);
        format!(
            "{}, version {version}, process {pid}",
            tinted(word, Some(tint))
        )
    }

    fn database_and_size(&self) -> String {
        let sizes = self.database_bytes.zip(self.wal_bytes);
        let sizes = sizes.map(|(file, log)| {
            let [file, log] = [file, log].map(format::bytes);
            format!(", {file}, write-ahead log {log}")
        });
        format!("{}{}", self.database, sizes.unwrap_or_default())
    }

    fn last_backup_and_age(&self) -> String {
        self.last_backup.as_ref().map_or_else(
            || "unknown: `chattrix db backup` made none".to_owned(),
            |LastBackup { at, file }| format!("{}: {}", format::ago(*at, self.at), printable(file)),
        )
    }

    fn queue(&self) -> String {
        let endpoints = self.webhooks.len();
        let waiting: u64 = self.webhooks.iter().map(|(_, tally)| tally.waiting).sum();
        let oldest = self
            .webhooks
            .iter()
            .filter_map(|(_, one)| one.waiting_since);
        let oldest = oldest
            .min()
            .map(|at| format!(", the oldest {}", format::ago(at, self.at)));
        match endpoints {
            0 => "no endpoints".to_owned(),
            _ => format!(
                "{endpoints} endpoints, {waiting} messages wait{}",
                oldest.unwrap_or_default()
            ),
        }
    }
}
