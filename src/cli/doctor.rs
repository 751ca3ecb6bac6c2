//! `chattrix doctor`: checks this machine and the running server for problems before they occur.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use chattrix::auth::{Authenticator, LEEWAY};
use chattrix::clock::{Clock, Timestamp};
use chattrix::settings::{Mode, Settings};
use chattrix::store;
use chattrix::wire::control::Status;
use clap::Args;
use rustix::fs::{statfs, statvfs};
use rustix::process::{Resource, getrlimit};
use serde_json::{Value, json};

use super::context::Context;
use super::control_client::{ControlClient, runtime};
use super::error::CliError;
use super::output::{self, Tint, printable};
use super::serve::room_for_sockets;
use super::{GlobalArgs, format, write_ahead_log};

/// Free part of a disk below which it counts as nearly full, in thousandths.
const LITTLE_DISK: u64 = 100;

/// Free bytes of a disk from which it does not count as nearly full, however large it is.
const ENOUGH_DISK: u64 = 10 << 30;

/// How far in the future a call may have been created: the usual error of a clock.
const CLOCK_OFF_MS: i64 = 60_000;

/// Network file systems, by the type that `statfs` returns: NFS, SMB, CIFS, SMB2, 9P, Ceph.
const NETWORKED: [i64; 6] = [
    0x6969,
    0x517b,
    0xff53_4d42,
    0xfe53_4d42,
    0x0102_1997,
    0x00c3_6400,
];

/// The arguments of `chattrix doctor`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    chattrix doctor\n  \
    chattrix doctor --json | jq '.findings[] | select(.ok | not)'\n\n\
    It checks the limits of this machine, the disk, the clock and the running server, if there is \
    one, and changes nothing. The exit code is 1 if anything needs attention. Use `config check` \
    for settings and `db check` for the content of the database.")]
pub struct Doctor {
    /// Print JSON: {ok, findings: [{about, ok, message, advice}]}
    #[arg(long)]
    json: bool,
}

/// Result of one check, with advice if something needs attention.
pub struct Finding {
    about: &'static str,
    pub message: String,
    pub advice: Option<String>,
}

impl Finding {
    pub fn well(about: &'static str, message: String) -> Self {
        Self {
            about,
            message,
            advice: None,
        }
    }

    pub fn odd(about: &'static str, message: String, advice: impl Into<String>) -> Self {
        Self {
            about,
            message,
            advice: Some(advice.into()),
        }
    }

    fn to_json(&self) -> Value {
        json!({
            "about": self.about,
            "ok": self.advice.is_none(),
            "message": self.message,
            "advice": self.advice,
        })
    }

    fn print(&self) -> io::Result<()> {
        let (word, tint) = match self.advice {
            None => ("ok", Tint::Good),
            Some(_) => ("look", Tint::Odd),
        };
        let word = output::tinted(&format!("{word:4}"), Some(tint));
        output::line(&format!("{word}  {:11} {}", self.about, self.message))?;
        match &self.advice {
            Some(advice) => output::line(&format!("      {:11} → {advice}", "")),
            None => Ok(()),
        }
    }
}

impl Doctor {
    pub fn run(self, global: &GlobalArgs) -> Result<(), CliError> {
        let context = global.context()?;
        let findings = examine(&context)?;
        let odd = findings.iter().filter(|one| one.advice.is_some()).count();
        if self.json {
            let all: Vec<_> = findings.iter().map(Finding::to_json).collect();
            output::json(&json!({ "ok": odd == 0, "findings": all }))?;
        } else {
            for finding in &findings {
                finding.print()?;
            }
        }
        match odd {
            0 => Ok(()),
            1 => Err(CliError::new("1 check needs attention")),
            _ => Err(CliError::new(format!("{odd} checks need attention"))),
        }
    }
}

fn examine(context: &Context) -> Result<Vec<Finding>, CliError> {
    let settings = &context.settings;
    let mut findings = Vec::new();
    let status = match ask(&settings.database) {
        Ok(Some(status)) => Some(status),
        Ok(None) => {
            let message = "no server runs on this database".to_owned();
            findings.push(Finding::well("server", message));
            None
        }
        Err(failure) => {
            let advice =
                "run this command as the user of the server, in the directory of its settings";
            findings.push(Finding::odd(
                "server",
                failure.sentence().to_owned(),
                advice,
            ));
            None
        }
    };
    findings.extend(examine_machine(context, status.as_ref())?);
    findings.extend(provider_clock(settings)?);
    Ok(findings)
}

/// Examines this machine and the running server with this status, without requests to other machines.
pub fn examine_machine(
    context: &Context,
    status: Option<&Status>,
) -> Result<Vec<Finding>, CliError> {
    let settings = &context.settings;
    let mut findings: Vec<_> = status.map(server).into_iter().collect();
    findings.push(open_files(settings, status));
    if !store::is_url(&settings.database) {
        findings.extend(disk(&settings.database));
        let server = status.map(|status| status.pid);
        findings.extend(write_ahead_log::examine(&settings.database, server));
    }
    if store::is_url(&settings.database) {
        findings.push(standby(context)?);
    }
    findings.push(clock(context, Clock::System.now())?);
    findings.push(proxy(context, settings, status));
    findings.extend(secret(settings));
    Ok(findings)
}

fn standby(context: &Context) -> Result<Finding, CliError> {
    Ok(match context.database_to_read()?.waits_for_standby()? {
        Some(true) => {
            let message =
                "PostgreSQL waits for a synchronous standby before it acknowledges a write";
            Finding::well("standby", message.to_owned())
        }
        Some(false) | None => Finding::odd(
            "standby",
            "PostgreSQL does not wait for a standby: a lost database machine loses answered calls"
                .to_owned(),
            "set synchronous_standby_names = 'ANY 1 (b, c)' with two standbys, and leave synchronous_commit on",
        ),
    })
}

/// Returns the status of the running server, if one runs.
fn ask(database: &Path) -> Result<Option<Status>, CliError> {
    runtime()?.block_on(async {
        let Some(mut server) = ControlClient::find(database).await? else {
            return Ok(None);
        };
        server.status().await
    })
}

fn server(status: &Status) -> Finding {
    let up = format::duration(std::time::Duration::from_secs(status.uptime_seconds));
    let (pid, connections) = (status.pid, status.connections);
    let node = status.node.as_deref().map(printable);
    let node = node.map_or_else(String::new, |name| format!("node {name}, "));
    let message = format!("{node}process {pid}, up {up}, {connections} sockets");
    let ours = env!("CARGO_PKG_VERSION");
    if !status.ready {
        return Finding::odd(
            "server",
            format!("{message}, not ready"),
            "GET /readyz shows what fails, the log shows the cause",
        );
    }
    if status.version != ours {
        return Finding::odd(
            "server",
            format!("{message}, version {}", status.version),
            format!("this program has version {ours}: restart the server to use it"),
        );
    }
    Finding::well("server", format!("{message}, ready"))
}

fn open_files(settings: &Settings, status: Option<&Status>) -> Finding {
    // A server raises its limit as far as it may.
    let limit = status.map_or_else(
        || getrlimit(Resource::Nofile).maximum,
        |status| status.open_files_limit,
    );
    let whose = status.map_or("of this shell", |_| "of the server");
    let wanted = settings.max_connections;
    let Some(limit) = limit.and_then(|limit| usize::try_from(limit).ok()) else {
        return Finding::well("open files", "not limited".to_owned());
    };
    let room = room_for_sockets(limit);
    if room >= wanted {
        let message = format!("the limit {whose} is {limit}, enough for max_connections {wanted}");
        return Finding::well("open files", message);
    }
    // A shell often has a lower limit than the unit of the server, and a trial has few sockets.
    let is_trial = status.is_none() || settings.mode == Mode::Development;
    if is_trial && wanted == Settings::default().max_connections {
        let message = format!("the limit {whose} is {limit}, enough for {room} sockets");
        return Finding::well("open files", message);
    }
    Finding::odd(
        "open files",
        format!(
            "the limit {whose} is {limit}: enough for {room} sockets, max_connections is {wanted}"
        ),
        format!(
            "set LimitNOFILE={} in the unit (ulimit -Hn in a shell), or lower max_connections",
            wanted
                .saturating_mul(2)
                .checked_next_power_of_two()
                .unwrap_or(wanted)
        ),
    )
}

/// Returns the folder of the database.
fn folder(database: &Path) -> &Path {
    match database.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) | None => Path::new("."),
    }
}

fn disk(database: &Path) -> Vec<Finding> {
    let folder = folder(database);
    let mut findings = Vec::new();
    if let Ok(disk) = statvfs(folder) {
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        let all = disk.f_blocks.saturating_mul(disk.f_frsize);
        let parts = free.saturating_mul(1000).checked_div(all).unwrap_or(1000);
        let message = format!(
            "{} free of {} ({}.{} %)",
            format::bytes(free),
            format::bytes(all),
            parts / 10,
            parts % 10
        );
        findings.push(if parts < LITTLE_DISK && free < ENOUGH_DISK {
            let advice = "the server returns 503 on a full disk: run `db prune`, enlarge the disk, or \
                          move old backups";
            Finding::odd("disk", message, advice)
        } else {
            Finding::well("disk", message)
        });
    }
    let kind = statfs(folder).ok().and_then(|kind| wide(kind.f_type));
    if kind.is_some_and(|kind| NETWORKED.contains(&kind)) {
        findings.push(Finding::odd(
            "disk",
            format!("{} is on a network file system", folder.display()),
            "SQLite's locks and syncs are not reliable there: move the database to a local disk",
        ));
    }
    findings
}

/// Converts a number whose width differs between machines.
fn wide(number: impl TryInto<i64>) -> Option<i64> {
    number.try_into().ok()
}

fn clock(context: &Context, now: Timestamp) -> Result<Finding, CliError> {
    let newest = if store::is_present(&context.settings.database) {
        context.database_as_it_is()?.newest_call()?
    } else {
        None
    };
    if let Some(newest) = newest
        && newest.as_millis() > now.as_millis().saturating_add(CLOCK_OFF_MS)
    {
        return Ok(Finding::odd(
            "clock",
            format!("it is {now}, but the newest call was created at {newest}"),
            "the clock is or was wrong: check `timedatectl`; deadlines and tokens depend on it",
        ));
    }
    // systemd-timesyncd writes this file once the clock is synchronised; other services write none.
    let synchronised = Path::new("/run/systemd/timesync/synchronized").exists();
    let how = if synchronised { ", synchronised" } else { "" };
    Ok(Finding::well("clock", format!("{now}{how}")))
}

/// Compares the clock with that of the identity provider: tokens are valid by the one and judged by the other.
fn provider_clock(settings: &Settings) -> Result<Option<Finding>, CliError> {
    const ABOUT: &str = "provider";
    let Ok(authenticator) = Authenticator::from_settings(settings) else {
        return Ok(None);
    };
    if authenticator.provider().is_none() {
        return Ok(None);
    }
    let fetched = runtime()?.block_on(authenticator.fetch());
    let now = Clock::System.now();
    if let Err(problem) = fetched {
        let advice = "run `chattrix config check`; known keys are used for jwt_keys_max_age";
        return Ok(Some(Finding::odd(ABOUT, problem, advice)));
    }
    let Some(theirs) = authenticator.provider().and_then(|status| status.clock) else {
        return Ok(Some(Finding::well(
            ABOUT,
            "keys loaded, no Date in the response".to_owned(),
        )));
    };
    // `Date` has whole seconds.
    let apart = now.since(theirs).max(theirs.since(now)).as_secs();
    let message = format!("keys loaded, its clock differs by {apart} s");
    Ok(Some(if apart <= LEEWAY.as_secs() {
        Finding::well(ABOUT, message)
    } else {
        let advice = "tokens are rejected as expired or not yet valid: check `timedatectl` here, then the provider";
        Finding::odd(ABOUT, message, advice)
    }))
}

/// Checks the proxy in front of the server, by the settings and the running server.
fn proxy(context: &Context, settings: &Settings, status: Option<&Status>) -> Finding {
    if status.is_some_and(|status| status.unnamed_proxy) {
        return Finding::odd(
            "proxy",
            "a local address sends X-Forwarded-For but is not trusted: all its clients count as one \
             address"
                .to_owned(),
            "if it is your proxy, add its address to trusted_proxies and restart the server",
        );
    }
    let Ok(config) = rocket::Config::try_from(&context.figment) else {
        return Finding::well("proxy", "unknown".to_owned());
    };
    let (address, trusted) = (config.address, settings.trusted_proxies.len());
    match (address.is_loopback(), trusted) {
        (_, 1..) => Finding::well("proxy", format!("trusted_proxies has {trusted} networks")),
        (true, 0) => Finding::well(
            "proxy",
            format!("none in trusted_proxies; {address} is local"),
        ),
        (false, 0) => Finding::odd(
            "proxy",
            format!("trusted_proxies is empty, and other machines may reach {address}"),
            "on the internet, run the server behind nginx or Caddy (deploy/) for TLS, and add the \
             proxy to trusted_proxies",
        ),
    }
}

/// Checks that not every user of this machine can read the secret.
fn secret(settings: &Settings) -> Option<Finding> {
    let mode = |file: &PathBuf| {
        let metadata = fs::metadata(file).ok()?;
        Some(std::os::unix::fs::PermissionsExt::mode(
            &metadata.permissions(),
        ))
    };
    let files = &settings.jwt_secret_file;
    let readable = files
        .iter()
        .find(|file| mode(file).is_some_and(|mode| mode & 0o004 != 0));
    let file = readable.or_else(|| files.iter().find(|file| mode(file).is_some()))?;
    let shown = file.display();
    Some(if readable.is_none() {
        Finding::well("secret", format!("{shown} is not world-readable"))
    } else {
        Finding::odd(
            "secret",
            format!("every user of this machine can read {shown}"),
            format!("run chmod o= {shown}; in a container, restrict its folder instead"),
        )
    })
}
