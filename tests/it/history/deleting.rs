//! Deletion of one's own entries.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{CallFixture, another_call_id};

use super::{mark_seen, miss, server_and_clock};

#[rocket::async_test]
async fn deleting_an_entry_leaves_the_other_participants() {
    let fixture = CallFixture::with_call("ENDED").await;
    let item = fixture.alice.past_calls("").await.remove(0);
    let path = format!(
        "/api/v1/calls/history/{}",
        item["id"].as_str().expect("an id")
    );
    fixture.alice.delete(&path).await.success(200);
    assert_eq!(fixture.alice.past_calls("").await, Vec::<Value>::new());
    assert_eq!(fixture.bob.past_calls("").await.len(), 1);
    // The call itself stays.
    assert_eq!(fixture.alice.status_of(&fixture.call).await, "ENDED");
    fixture.alice.delete(&path).await.failure(404, "not_found");
}

#[rocket::async_test]
async fn deleting_an_entry_that_does_not_exist_is_not_found() {
    let fixture = CallFixture::with_call("ENDED").await;
    for id in [
        "1".to_owned(),
        "%20".to_owned(),
        fixture.call.clone(),
        format!("{}-in", another_call_id()),
        format!("{}-out", another_call_id()),
    ] {
        let path = format!("/api/v1/calls/history/{id}");
        fixture.alice.delete(&path).await.failure(404, "not_found");
    }
    assert_eq!(fixture.alice.past_calls("").await.len(), 1);
}

#[rocket::async_test]
async fn delete_history_returns_the_count() {
    let (server, clock) = server_and_clock().await;
    let [alice, bob] = ["alice", "bob"].map(|user| server.sign_in(user));
    for callee in ["bob", "carol", "bob"] {
        miss(&alice, callee, &clock).await;
    }
    let deleted = alice.delete("/api/v1/calls/history").await.success(200);
    assert_eq!(deleted, json!({ "deleted": 3 }));
    assert_eq!(alice.past_calls("").await, Vec::<Value>::new());
    assert_eq!(bob.past_calls("").await.len(), 2);
    let deleted = alice.delete("/api/v1/calls/history").await.success(200);
    assert_eq!(deleted, json!({ "deleted": 0 }));
}

#[rocket::async_test]
async fn deleting_entries_keeps_unseen_right() {
    let (server, clock) = server_and_clock().await;
    let [alice, bob] = ["alice", "bob"].map(|user| server.sign_in(user));
    let delete = async |call: &str| {
        let path = format!("/api/v1/calls/history/{call}-in");
        bob.delete(&path).await.success(200);
    };
    let seen = miss(&alice, "bob", &clock).await;
    mark_seen(&bob).await;
    let first = miss(&alice, "bob", &clock).await;
    miss(&alice, "bob", &clock).await;
    delete(&seen).await;
    assert_eq!(bob.unseen().await, 2);
    delete(&first).await;
    assert_eq!(bob.unseen().await, 1);
    let deleted = bob.delete("/api/v1/calls/history").await.success(200);
    assert_eq!(deleted["deleted"], 1);
    assert_eq!(bob.unseen().await, 0);
    miss(&alice, "bob", &clock).await;
    assert_eq!(bob.unseen().await, 1);
}

#[rocket::async_test]
async fn a_long_history_is_deleted_whole() {
    let (server, clock) = server_and_clock().await;
    let [alice, bob] = ["alice", "bob"].map(|user| server.sign_in(user));
    // More than are deleted at once.
    let busy = alice.call("bob").await;
    let carol = server.sign_in("carol");
    for _ in 0..1_100 {
        clock.advance(Duration::from_millis(1));
        carol.initiate("bob").await.failure(409, "user_busy");
    }
    alice.end(&busy).await.success(200);
    assert_eq!(bob.unseen().await, 1_101);
    let deleted = bob.delete("/api/v1/calls/history").await.success(200);
    assert_eq!(deleted["deleted"], 1_101);
    assert_eq!(bob.unseen().await, 0);
    assert_eq!(carol.past_calls("limit=100").await.len(), 100);
}
