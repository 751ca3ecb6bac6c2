//! The history of calls: contract section 5, `/api/v1/calls/history`.

mod deleting;
mod entries;
mod outcomes;
mod pages;
mod unseen;

use std::time::Duration;

use chattrix::clock::ManualClock;
use serde_json::{Value, json};

use crate::support::{Api, TestServer, initiate_body, wall_clock_hand};

const SEEN: &str = "/api/v1/calls/history/seen";

/// A server by whose clock calls are made one after the other.
async fn server_and_clock() -> (TestServer, ManualClock) {
    let clock = wall_clock_hand();
    let server = TestServer::plan().clock(&clock).start().await;
    (server, clock)
}

/// What became of the newest call in a history: its status, direction and duration.
async fn newest(api: &Api) -> (String, String, Value) {
    let items = api.past_calls("limit=1").await;
    let item = items.first().expect("an entry");
    let text = |field: &str| item[field].as_str().expect("text").to_owned();
    (
        text("status"),
        text("direction"),
        item["durationSeconds"].clone(),
    )
}

fn outcome(status: &str, direction: &str, seconds: Option<u32>) -> (String, String, Value) {
    (status.to_owned(), direction.to_owned(), json!(seconds))
}

/// A call of `caller` that is over at once, missed by `callee`.
async fn miss(caller: &Api, callee: &str, clock: &ManualClock) -> String {
    clock.advance(Duration::from_secs(1));
    let call = caller.call(callee).await;
    caller.end(&call).await.success(200);
    call
}

fn ids(items: &[Value], field: &str) -> Vec<String> {
    let ids = items.iter().map(|item| item[field].as_str().expect("text"));
    ids.map(str::to_owned).collect()
}

async fn mark_seen(api: &Api) {
    api.post(SEEN, &json!({})).await.success(200);
}

/// One call of each kind: its id, and what a filter of Bob's history has to know of it.
async fn one_of_each(server: &TestServer, clock: &ManualClock) -> Vec<(String, [&'static str; 3])> {
    let [alice, bob] = ["alice", "bob"].map(|user| server.sign_in(user));
    let mut calls = Vec::new();
    for call_type in ["AUDIO", "VIDEO"] {
        for (caller, callee, direction) in [(&alice, &bob, "INCOMING"), (&bob, &alice, "OUTGOING")]
        {
            let to = if direction == "INCOMING" {
                "bob"
            } else {
                "alice"
            };
            for status in ["COMPLETED", "REJECTED", "CANCELLED"] {
                clock.advance(Duration::from_secs(1));
                let mut body = initiate_body(to);
                body["callType"] = json!(call_type);
                let call = caller.initiate_with(&body).await.success(201);
                let call = call["id"].as_str().expect("an id").to_owned();
                match status {
                    "COMPLETED" => {
                        callee.accept(&call).await.success(200);
                        callee.end(&call).await.success(200);
                    }
                    "REJECTED" => drop(callee.reject(&call, "declined").await.success(200)),
                    _ => drop(caller.end(&call).await.success(200)),
                }
                let status = match (status, direction) {
                    ("CANCELLED", "INCOMING") => "MISSED",
                    _ => status,
                };
                calls.push((call, [status, call_type, direction]));
            }
        }
    }
    calls.reverse();
    calls
}
