//! `/api/server/v1`: the API for the team's own backend.

mod calls;
mod crash;
mod events;
mod keys;
mod sessions;
mod status;
mod users;
mod webhooks;

use serde_json::Value;

use crate::support::{Cli, TestServer};

/// The entries of the audit, newest first.
fn audit(server: &TestServer) -> Vec<Value> {
    let entries = Cli::beside(server).json(&["audit"]);
    entries.as_array().expect("a list").clone()
}

/// The actions and subjects of the audit, oldest first.
fn changes(server: &TestServer) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let entries = audit(server).into_iter().rev();
    entries
        .map(|one| (text(&one["action"]), text(&one["subject"])))
        .collect()
}

/// `path` of the server API.
fn api(path: &str) -> String {
    format!("/api/server/v1{path}")
}
