//! Status of the server, and the result of a reload.

use serde::{Deserialize, Serialize};

/// Status of a server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// The program's version.
    pub version: String,
    /// The process id.
    pub pid: u32,
    /// The name of the node, with PostgreSQL. Older servers do not send this field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// Time since the start in seconds.
    pub uptime_seconds: u64,
    /// When it started. Older servers do not send this field.
    #[serde(default)]
    pub up_since: Option<String>,
    /// Whether the server accepts requests.
    pub ready: bool,
    /// Number of open sockets.
    pub connections: usize,
    /// Number of connected sessions. Older servers do not send this field, nor the two after it.
    #[serde(default)]
    pub sessions: usize,
    /// Number of users with a session.
    #[serde(default)]
    pub users: usize,
    /// Number of database rows that cannot be used and are skipped.
    #[serde(default)]
    pub unreadable_rows: usize,
    /// Number of files that the process has open, if the system reports it.
    pub open_files: Option<u64>,
    /// Maximum number of open files, if limited.
    pub open_files_limit: Option<u64>,
    /// Whether a peer on this machine or in a private network sent `X-Forwarded-For`, and is not in `trusted_proxies`.
    /// Older servers do not send this field.
    #[serde(default)]
    pub unnamed_proxy: bool,
}

/// Result of a reload of the settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reloaded {
    /// Names of the changed settings that are in force now.
    pub changed: Vec<String>,
    /// Changed settings that are not in force yet.
    pub restart: Vec<NeedsRestart>,
}

/// Changed setting that needs a restart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NeedsRestart {
    /// Name of the setting.
    pub setting: String,
    /// The reason.
    pub reason: String,
}
