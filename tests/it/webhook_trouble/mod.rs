//! Webhook failures: of the endpoint, the network and the server.

mod delivery;
mod published;
mod retry;
mod transport;

use std::path::{Path, PathBuf};
use std::time::Duration;

use chattrix::clock::ManualClock;
use serde_json::Value;

use crate::support::{
    Cli, Message, Receiver, TestServer, eventually, make_database, wall_clock_hand,
};

/// A server that tells of calls, with a clock to be moved.
async fn scene(receiver: &Receiver) -> (TestServer, ManualClock) {
    let clock = wall_clock_hand();
    let server = TestServer::plan()
        .telling(receiver)
        .clock(&clock)
        .start()
        .await;
    (server, clock)
}

/// The messages as the administrator sees them, oldest first.
fn listed(server: &TestServer) -> Vec<Value> {
    let listed = Cli::beside(server).json(&["webhook", "list", "--messages"]);
    let mut listed = listed.as_array().expect("a list").clone();
    listed.reverse();
    listed
}

/// Waits until the oldest message is as `is_so` wants it: that message.
async fn first_message(server: &TestServer, is_so: impl Fn(&Value) -> bool) -> Value {
    let mut found = Value::Null;
    eventually("the message to be so", async || {
        found = listed(server).first().cloned().unwrap_or_default();
        is_so(&found)
    })
    .await;
    found
}

fn attempts(message: &Value) -> usize {
    message["attempts"].as_array().map_or(0, Vec::len)
}

/// The next message, for which the clock is moved on.
async fn in_time(receiver: &mut Receiver, clock: &ManualClock) -> Message {
    let mut come = Vec::new();
    eventually("the next attempt", async || {
        clock.advance(Duration::from_secs(1));
        come = receiver.rest();
        !come.is_empty()
    })
    .await;
    come.remove(0)
}

fn seeded(folder: &Path) -> PathBuf {
    let database = folder.join("chattrix.db");
    make_database(&database, ["alice", "bob"].map(str::to_owned));
    database
}
