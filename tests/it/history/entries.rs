//! Content of an entry, and its readers.

use std::collections::HashSet;
use std::time::Duration;

use chattrix::store::Database;
use chattrix::user::UserId;
use serde_json::{Value, json};

use crate::support::CallFixture;

use super::{ids, one_of_each, server_and_clock};

#[rocket::async_test]
async fn an_entry_names_the_call_and_the_other_participant() {
    let fixture = CallFixture::with_call("ACTIVE").await;
    fixture.clock.advance(Duration::from_secs(7));
    fixture.alice.end(&fixture.call).await.success(200);
    let mut for_alice = fixture.alice.past_calls("").await.remove(0);
    let mut for_bob = fixture.bob.past_calls("").await.remove(0);
    assert_ne!(for_alice["id"].take(), for_bob["id"].take());
    let expected = |remote: Value, direction: &str| {
        json!({
            "id": null,
            "callId": fixture.call,
            "remoteUserId": remote["id"],
            "remoteUserName": remote["name"],
            "remoteUserAvatar": remote["avatar"],
            "callType": "VIDEO",
            "status": "COMPLETED",
            "direction": direction,
            "timestamp": "2024-01-15T10:30:00.000Z",
            "durationSeconds": 7,
        })
    };
    let bob = json!({ "id": "bob", "name": "Bob Baker" });
    assert_eq!(for_alice, expected(bob, "OUTGOING"));
    let avatar = "https://example.com/alice.jpg";
    let alice = json!({ "id": "alice", "name": "Alice Archer", "avatar": avatar });
    assert_eq!(for_bob, expected(alice, "INCOMING"));
}

#[rocket::async_test]
async fn an_entrys_timestamp_is_when_its_call_was_created() {
    let (server, clock) = server_and_clock().await;
    let [alice, bob] = ["alice", "bob"].map(|user| server.sign_in(user));
    clock.advance(Duration::from_millis(123));
    let call = alice.call("bob").await;
    bob.accept(&call).await.success(200);
    clock.advance(Duration::from_secs(30));
    alice.end(&call).await.success(200);
    let created_at = alice.details(&call).await.success(200)["createdAt"].clone();
    assert_eq!(created_at, "2024-01-15T10:30:00.123Z");
    assert_eq!(alice.past_calls("").await[0]["timestamp"], created_at);
}

#[rocket::async_test]
async fn an_entry_still_names_a_participant_who_was_removed() {
    let fixture = CallFixture::with_call("ENDED").await;
    let database = Database::open(&fixture.server.database()).expect("the database opens");
    let bob = UserId::parse("bob").expect("a user id");
    database
        .remove_user(&bob, fixture.server.now())
        .expect("bob is removed");
    let item = fixture.alice.past_calls("").await.remove(0);
    assert_eq!(item["remoteUserId"], "bob");
    assert_eq!(item["remoteUserName"], "Bob Baker");
}

#[rocket::async_test]
async fn entry_ids_are_all_different() {
    let (server, clock) = server_and_clock().await;
    one_of_each(&server, &clock).await;
    let mut seen = HashSet::new();
    for user in ["alice", "bob"] {
        for id in ids(&server.sign_in(user).past_calls("limit=100").await, "id") {
            assert!(seen.insert(id.clone()), "{id} twice");
        }
    }
    assert_eq!(seen.len(), 24);
}

#[rocket::async_test]
async fn a_history_outlives_a_restart() {
    let mut fixture = CallFixture::with_call("ENDED").await;
    let before = fixture.alice.past_calls("").await;
    fixture.server.restart().await;
    assert_eq!(fixture.alice.past_calls("").await, before);
}
