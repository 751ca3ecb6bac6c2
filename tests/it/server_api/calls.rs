//! Calls and statistics.

use serde_json::{Value, json};

use super::{api, changes};
use crate::support::{Cli, TestServer};

fn place(caller: &str, callee: &str) -> Value {
    json!({ "callerId": caller, "calleeId": callee, "callType": "VIDEO", "channelId": "c" })
}

#[rocket::async_test]
async fn a_moderator_ends_a_call_and_both_learn_of_it() {
    let server = TestServer::start().await;
    let backend = server.backend("calls");
    let (alice, bob) = (server.sign_in("alice"), server.sign_in("bob"));
    let (mut hers, mut his) = (alice.socket().await, bob.socket().await);
    let call = alice.call("bob").await;
    his.expect("call_invitation").await;
    bob.accept(&call).await.success(200);
    hers.expect("call_accepted").await;
    let path = api(&format!("/calls/{call}/end"));
    let ended = backend.post(&path, &json!({})).await.success(200);
    assert_eq!(ended["endedBy"], "system");
    for socket in [&mut hers, &mut his] {
        assert_eq!(socket.expect("call_ended").await["endedBy"], "system");
    }
    let shown = backend
        .get(&api(&format!("/calls/{call}")))
        .await
        .success(200);
    let timeline = shown["timeline"].as_array().expect("a timeline");
    assert_eq!(timeline.last().expect("an entry")["via"], "backend");
    assert_eq!(changes(&server), [("call.end".to_owned(), call.clone())]);
    let answer = backend.post(&path, &json!({})).await;
    answer.failure(400, "invalid_status");
}

#[rocket::async_test]
async fn calls_are_shown_as_the_command_line_shows_them() {
    let server = TestServer::start().await;
    let backend = server.backend("calls");
    let call = server.sign_in("alice").call("bob").await;
    let cli = Cli::beside(&server);
    let listed = backend.get(&api("/calls")).await.success(200);
    assert_eq!(listed["items"], cli.json(&["call", "list"]));
    let shown = backend
        .get(&api(&format!("/calls/{call}")))
        .await
        .success(200);
    assert_eq!(shown, cli.json(&["call", "show", &call]));
}

#[rocket::async_test]
async fn filters_and_pages_of_calls_hold_each_call_once() {
    let server = TestServer::start().await;
    let backend = server.backend("calls");
    let alice = server.sign_in("alice");
    let mut calls = Vec::new();
    for _ in 0..5 {
        let call = alice.call("bob").await;
        alice.end(&call).await.success(200);
        calls.push(call);
    }
    calls.push(server.sign_in("carol").call("dave").await);
    let ids = async |query: &str| {
        let page = backend
            .get(&api(&format!("/calls?{query}")))
            .await
            .success(200);
        let items = page["items"].as_array().expect("a list").clone();
        let ids: Vec<String> = items
            .iter()
            .map(|call| call["id"].as_str().expect("an id").to_owned())
            .collect();
        (ids, page["nextCursor"].as_str().map(str::to_owned))
    };
    let (mut found, mut cursor) = (Vec::new(), Some(String::new()));
    while let Some(after) = cursor {
        let (page, next) = ids(&format!("limit=2&cursor={after}")).await;
        found.extend(page);
        cursor = next;
    }
    found.sort();
    let mut all = calls.clone();
    all.sort();
    assert_eq!(found, all);
    assert_eq!(ids("live=true").await.0, [calls[5].clone()]);
    assert_eq!(ids("user=dave").await.0, [calls[5].clone()]);
    assert_eq!(ids("status=ENDED").await.0.len(), 5);
    assert_eq!(ids("type=AUDIO").await.0.len(), 0);
    assert_eq!(ids("until=2020-01-01T00:00:00Z").await.0.len(), 0);
    assert_eq!(ids("since=2020-01-01T00:00:00Z").await.0.len(), 6);
}

#[rocket::async_test]
async fn a_placed_call_rings_and_its_caller_has_it() {
    let server = TestServer::start().await;
    let backend = server.backend("calls");
    let (alice, bob) = (server.sign_in("alice"), server.sign_in("bob"));
    let (mut hers, mut his) = (alice.socket().await, bob.socket().await);
    let placed = backend.post(&api("/calls"), &place("alice", "bob")).await;
    let placed = placed.success(201);
    assert_eq!(placed["status"], "RINGING");
    let invitation = his.expect("call_invitation").await;
    assert_eq!(invitation["callId"], placed["id"]);
    let active = alice.active().await.success(200);
    assert_eq!(active["id"], placed["id"]);
    let call = placed["id"].as_str().expect("an id");
    his.accept(call).await;
    hers.expect("call_accepted").await;
    let shown = backend
        .get(&api(&format!("/calls/{call}")))
        .await
        .success(200);
    assert_eq!(shown["timeline"][0]["via"], "backend");
    assert_eq!(shown["timeline"][0]["actor"], "alice");
    // A busy callee: the refused call is kept, and answered alike when repeated.
    let answer = backend.post(&api("/calls"), &place("carol", "bob")).await;
    answer.failure(409, "user_busy");
    let actions: Vec<_> = changes(&server)
        .into_iter()
        .map(|(action, _)| action)
        .collect();
    assert_eq!(actions, ["call.place", "call.place"]);
}

#[rocket::async_test]
async fn statistics_count_the_calls_of_the_period() {
    let server = TestServer::start().await;
    let backend = server.backend("calls");
    let (alice, bob) = (server.sign_in("alice"), server.sign_in("bob"));
    let call = alice.call("bob").await;
    bob.accept(&call).await.success(200);
    alice.end(&call).await.success(200);
    let call = alice.call("bob").await;
    bob.reject(&call, "busy").await.success(200);
    let counted = backend.get(&api("/statistics?by=day")).await.success(200);
    assert_eq!(counted["totalCalls"], 2);
    assert_eq!(counted["answeredCalls"], 1);
    assert_eq!(counted["callsByType"], json!({ "AUDIO": 0, "VIDEO": 2 }));
    assert_eq!(counted["callsByStatus"]["REJECTED"], 1);
    assert!(!counted["days"].as_array().expect("days").is_empty());
    let old = "/statistics?from=2020-01-01T00:00:00Z&to=2020-02-01T00:00:00Z";
    let counted = backend.get(&api(old)).await.success(200);
    assert_eq!(counted["totalCalls"], 0);
    assert!(counted.get("days").is_none());
}
