//! The history of calls: contract section 5, `/api/v1/calls/history`.

use std::collections::HashSet;
use std::time::Duration;

use chattrix::clock::ManualClock;
use chattrix::store::Database;
use chattrix::user::UserId;
use serde_json::{Value, json};

use crate::support::{
    Api, Scene, TestServer, another_call_id, eventually, initiate_body, wall_clock_hand,
};

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

#[rocket::async_test]
async fn a_call_that_was_answered_is_completed_for_both_with_its_duration() {
    let scene = Scene::with_call("ACTIVE").await;
    scene.clock.advance(Duration::from_secs(125));
    scene.bob.end(&scene.call).await.success(200);
    assert_eq!(
        newest(&scene.alice).await,
        outcome("COMPLETED", "OUTGOING", Some(125))
    );
    assert_eq!(
        newest(&scene.bob).await,
        outcome("COMPLETED", "INCOMING", Some(125))
    );
}

#[rocket::async_test]
async fn a_call_that_the_caller_gave_up_is_cancelled_for_the_caller_and_missed_for_the_callee() {
    for status in ["INITIATING", "RINGING"] {
        let scene = Scene::with_call(status).await;
        scene.alice.end(&scene.call).await.success(200);
        assert_eq!(
            newest(&scene.alice).await,
            outcome("CANCELLED", "OUTGOING", Some(0))
        );
        assert_eq!(
            newest(&scene.bob).await,
            outcome("MISSED", "INCOMING", None)
        );
    }
}

#[rocket::async_test]
async fn a_call_that_the_callee_ended_before_an_answer_is_rejected_for_both() {
    let scene = Scene::with_call("RINGING").await;
    scene.bob.end(&scene.call).await.success(200);
    assert_eq!(
        newest(&scene.alice).await,
        outcome("REJECTED", "OUTGOING", None)
    );
    assert_eq!(
        newest(&scene.bob).await,
        outcome("REJECTED", "INCOMING", None)
    );
}

#[rocket::async_test]
async fn a_call_that_the_callee_rejected_is_rejected_for_both() {
    for reason in ["busy", "declined", "unavailable"] {
        let scene = Scene::with_call("INITIATING").await;
        scene.bob.reject(&scene.call, reason).await.success(200);
        assert_eq!(
            newest(&scene.alice).await,
            outcome("REJECTED", "OUTGOING", None)
        );
        assert_eq!(
            newest(&scene.bob).await,
            outcome("REJECTED", "INCOMING", None)
        );
    }
}

#[rocket::async_test]
async fn a_call_that_nobody_answered_is_missed_for_both() {
    let scene = Scene::with_call("MISSED").await;
    assert_eq!(
        newest(&scene.alice).await,
        outcome("MISSED", "OUTGOING", None)
    );
    assert_eq!(
        newest(&scene.bob).await,
        outcome("MISSED", "INCOMING", None)
    );
}

#[rocket::async_test]
async fn a_call_to_somebody_who_is_busy_is_rejected_for_the_caller_and_missed_for_the_callee() {
    let scene = Scene::with_call("ACTIVE").await;
    scene.carol.initiate("bob").await.failure(409, "user_busy");
    assert_eq!(
        newest(&scene.carol).await,
        outcome("REJECTED", "OUTGOING", None)
    );
    assert_eq!(
        newest(&scene.bob).await,
        outcome("MISSED", "INCOMING", None)
    );
}

#[rocket::async_test]
async fn a_call_by_somebody_who_is_busy_is_in_nobodys_history() {
    let scene = Scene::with_call("ACTIVE").await;
    scene
        .bob
        .initiate("carol")
        .await
        .failure(409, "caller_busy");
    for api in [&scene.bob, &scene.carol] {
        assert_eq!(api.past_calls("").await, Vec::<Value>::new());
    }
}

#[rocket::async_test]
async fn a_call_is_in_the_history_only_once_it_is_over() {
    for status in ["INITIATING", "RINGING", "CONNECTING", "ACTIVE"] {
        let scene = Scene::with_call(status).await;
        assert_eq!(scene.alice.past_calls("").await, Vec::<Value>::new());
        scene.alice.end(&scene.call).await.success(200);
        assert_eq!(scene.alice.past_calls("").await.len(), 1);
        assert_eq!(scene.bob.past_calls("").await.len(), 1);
        assert_eq!(scene.carol.past_calls("").await, Vec::<Value>::new());
    }
}

#[rocket::async_test]
async fn an_entry_names_the_call_and_the_other_participant() {
    let scene = Scene::with_call("ACTIVE").await;
    scene.clock.advance(Duration::from_secs(7));
    scene.alice.end(&scene.call).await.success(200);
    let mut for_alice = scene.alice.past_calls("").await.remove(0);
    let mut for_bob = scene.bob.past_calls("").await.remove(0);
    assert_ne!(for_alice["id"].take(), for_bob["id"].take());
    let expected = |remote: Value, direction: &str| {
        json!({
            "id": null,
            "callId": scene.call,
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
    let scene = Scene::with_call("ENDED").await;
    let database = Database::open(&scene.server.database()).expect("the database opens");
    let bob = UserId::parse("bob").expect("a user id");
    database.remove_user(&bob).expect("bob is removed");
    let item = scene.alice.past_calls("").await.remove(0);
    assert_eq!(item["remoteUserId"], "bob");
    assert_eq!(item["remoteUserName"], "Bob Baker");
}

#[rocket::async_test]
async fn pages_show_every_entry_once_the_newest_first() {
    let (server, clock) = server_and_clock().await;
    let alice = server.sign_in("alice");
    let mut calls = Vec::new();
    for callee in ["bob", "carol", "dave", "erin", "frank", "bob", "carol"] {
        calls.push(miss(&alice, callee, &clock).await);
    }
    calls.reverse();
    for limit in [1, 2, 3, 6, 7, 100] {
        let mut shown = Vec::new();
        let mut query = format!("limit={limit}");
        loop {
            let page = alice.history(&query).await.success(200);
            let items = page["items"].as_array().expect("a list");
            assert!(items.len() <= limit);
            shown.extend(ids(items, "callId"));
            let Some(cursor) = page["nextCursor"].as_str() else {
                break;
            };
            assert_eq!(items.len(), limit, "only the last page is shorter");
            query = format!("limit={limit}&cursor={cursor}");
        }
        assert_eq!(shown, calls, "pages of {limit}");
    }
}

#[rocket::async_test]
async fn a_page_holds_20_entries_unless_another_limit_is_asked_for() {
    let (server, clock) = server_and_clock().await;
    let alice = server.sign_in("alice");
    for _ in 0..21 {
        miss(&alice, "bob", &clock).await;
    }
    let page = alice.history("").await.success(200);
    assert_eq!(page["items"].as_array().map(Vec::len), Some(20));
    let cursor = page["nextCursor"].as_str().expect("there is one more");
    let rest = alice
        .history(&format!("cursor={cursor}"))
        .await
        .success(200);
    assert_eq!(rest["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(rest["nextCursor"], Value::Null);
}

#[rocket::async_test]
async fn calls_that_end_between_two_pages_move_nothing() {
    let (server, clock) = server_and_clock().await;
    let alice = server.sign_in("alice");
    let mut calls = Vec::new();
    for _ in 0..4 {
        calls.push(miss(&alice, "bob", &clock).await);
    }
    let first = alice.history("limit=2").await.success(200);
    miss(&alice, "carol", &clock).await;
    let deleted = first["items"][1]["id"].as_str().expect("an id");
    alice
        .delete(&format!("/api/v1/calls/history/{deleted}"))
        .await
        .success(200);
    let cursor = first["nextCursor"].as_str().expect("there is more");
    let second = alice.past_calls(&format!("limit=2&cursor={cursor}")).await;
    assert_eq!(ids(&second, "callId"), [calls[1].clone(), calls[0].clone()]);
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

#[rocket::async_test]
async fn filters_show_exactly_the_entries_that_fit_all_of_them() {
    let (server, clock) = server_and_clock().await;
    let calls = one_of_each(&server, &clock).await;
    let bob = server.sign_in("bob");
    for status in ["", "COMPLETED", "MISSED", "REJECTED", "CANCELLED"] {
        for call_type in ["", "AUDIO", "VIDEO"] {
            for direction in ["", "INCOMING", "OUTGOING"] {
                let wanted = [status, call_type, direction];
                let fits = |kind: &[&str; 3]| {
                    let mut both = wanted.iter().zip(kind);
                    both.all(|(wanted, is)| wanted.is_empty() || wanted == is)
                };
                let expected = calls.iter().filter(|(_, kind)| fits(kind));
                let expected: Vec<_> = expected.map(|(call, _)| call.clone()).collect();
                let given = ["status", "callType", "direction"].into_iter().zip(wanted);
                let given = given.filter(|(_, value)| !value.is_empty());
                let query: Vec<_> = given
                    .map(|(name, value)| format!("{name}={value}"))
                    .collect();
                let query = query.join("&");
                let shown = bob.past_calls(&query).await;
                assert_eq!(ids(&shown, "callId"), expected, "{query}");
                // The same in pages.
                let mut paged = Vec::new();
                let mut cursor = String::new();
                loop {
                    let page = bob
                        .history(&format!("{query}&limit=1&cursor={cursor}"))
                        .await;
                    let page = page.success(200);
                    paged.extend(ids(page["items"].as_array().expect("a list"), "callId"));
                    match page["nextCursor"].as_str() {
                        Some(next) => next.clone_into(&mut cursor),
                        None => break,
                    }
                }
                assert_eq!(paged, expected, "{query} in pages");
            }
        }
    }
}

#[rocket::async_test]
async fn a_wrong_parameter_is_named_with_what_was_expected() {
    let server = TestServer::start().await;
    let alice = server.sign_in("alice");
    for (query, name, expected) in [
        ("limit=0", "limit", "from 1 to 100"),
        ("limit=101", "limit", "from 1 to 100"),
        ("limit=-1", "limit", "from 1 to 100"),
        ("limit=ten", "limit", "from 1 to 100"),
        ("limit=1.5", "limit", "from 1 to 100"),
        ("limit=", "limit", "from 1 to 100"),
        ("limit=5&limit=6", "limit", "once"),
        ("cursor=7", "cursor", "nextCursor"),
        ("cursor=%00%FF", "cursor", "nextCursor"),
        (
            "status=ENDED",
            "status",
            "COMPLETED, MISSED, REJECTED, CANCELLED",
        ),
        (
            "status=missed",
            "status",
            "COMPLETED, MISSED, REJECTED, CANCELLED",
        ),
        ("callType=TEXT", "callType", "AUDIO, VIDEO"),
        ("direction=SIDEWAYS", "direction", "INCOMING, OUTGOING"),
    ] {
        let message = alice.history(query).await.failure(400, "invalid_request");
        assert!(message.contains(name), "{query}: {message}");
        assert!(message.contains(expected), "{query}: {message}");
    }
}

#[rocket::async_test]
async fn parameters_that_are_not_known_are_ignored() {
    let scene = Scene::with_call("ENDED").await;
    let items = scene
        .alice
        .past_calls("page=7&Limit=0&sort[]=name&limit=5")
        .await;
    assert_eq!(items.len(), 1);
}

#[rocket::async_test]
async fn a_history_outlives_a_restart() {
    let mut scene = Scene::with_call("ENDED").await;
    let before = scene.alice.past_calls("").await;
    scene.server.restart().await;
    assert_eq!(scene.alice.past_calls("").await, before);
}

#[rocket::async_test]
async fn deleting_an_entry_leaves_the_other_participants() {
    let scene = Scene::with_call("ENDED").await;
    let item = scene.alice.past_calls("").await.remove(0);
    let path = format!(
        "/api/v1/calls/history/{}",
        item["id"].as_str().expect("an id")
    );
    scene.alice.delete(&path).await.success(200);
    assert_eq!(scene.alice.past_calls("").await, Vec::<Value>::new());
    assert_eq!(scene.bob.past_calls("").await.len(), 1);
    // The call itself stays.
    assert_eq!(scene.alice.status_of(&scene.call).await, "ENDED");
    scene.alice.delete(&path).await.failure(404, "not_found");
}

#[rocket::async_test]
async fn deleting_somebody_elses_entry_is_not_found_and_deletes_nothing() {
    let scene = Scene::with_call("ENDED").await;
    let item = scene.alice.past_calls("").await.remove(0);
    let path = format!(
        "/api/v1/calls/history/{}",
        item["id"].as_str().expect("an id")
    );
    for other in [&scene.bob, &scene.carol] {
        other.delete(&path).await.failure(404, "not_found");
    }
    assert_eq!(scene.alice.past_calls("").await.len(), 1);
    assert_eq!(scene.bob.past_calls("").await.len(), 1);
}

#[rocket::async_test]
async fn deleting_an_entry_that_does_not_exist_is_not_found() {
    let scene = Scene::with_call("ENDED").await;
    for id in [
        "1".to_owned(),
        "%20".to_owned(),
        scene.call.clone(),
        format!("{}-in", another_call_id()),
        format!("{}-out", another_call_id()),
    ] {
        let path = format!("/api/v1/calls/history/{id}");
        scene.alice.delete(&path).await.failure(404, "not_found");
    }
    assert_eq!(scene.alice.past_calls("").await.len(), 1);
}

#[rocket::async_test]
async fn deleting_the_history_deletes_all_of_ones_own_and_says_how_many() {
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
async fn unseen_are_the_calls_that_one_missed() {
    let (server, clock) = server_and_clock().await;
    let [alice, bob] = ["alice", "bob"].map(|user| server.sign_in(user));
    assert_eq!(bob.unseen().await, 0);
    miss(&alice, "bob", &clock).await;
    miss(&alice, "bob", &clock).await;
    assert_eq!(bob.unseen().await, 2);
    // Neither what one's own calls came to, nor what one refused or answered, was missed.
    let call = alice.call("bob").await;
    bob.reject(&call, "declined").await.success(200);
    let call = alice.call("bob").await;
    bob.accept(&call).await.success(200);
    bob.end(&call).await.success(200);
    assert_eq!(alice.unseen().await, 0);
    assert_eq!(bob.unseen().await, 2);
}

#[rocket::async_test]
async fn a_call_that_timed_out_is_unseen_by_the_callee_alone() {
    let scene = Scene::with_call("MISSED").await;
    assert_eq!(scene.alice.unseen().await, 0);
    assert_eq!(scene.bob.unseen().await, 1);
}

#[rocket::async_test]
async fn what_was_seen_is_not_counted_again_and_what_comes_later_is() {
    let (mut server, clock) = server_and_clock().await;
    let [alice, bob] = ["alice", "bob"].map(|user| server.sign_in(user));
    for _ in 0..3 {
        miss(&alice, "bob", &clock).await;
    }
    mark_seen(&bob).await;
    assert_eq!(bob.unseen().await, 0);
    mark_seen(&bob).await;
    miss(&alice, "bob", &clock).await;
    assert_eq!(bob.unseen().await, 1);
    server.restart().await;
    assert_eq!(bob.unseen().await, 1);
    // Seen is not deleted.
    assert_eq!(bob.past_calls("status=MISSED").await.len(), 4);
}

#[rocket::async_test]
async fn a_call_that_is_missed_after_seen_counts_though_it_began_before() {
    let (server, clock) = server_and_clock().await;
    let [alice, bob, carol] = ["alice", "bob", "carol"].map(|user| server.sign_in(user));
    let waiting = alice.call("bob").await;
    clock.advance(Duration::from_secs(1));
    carol.initiate("bob").await.failure(409, "user_busy");
    assert_eq!(bob.unseen().await, 1);
    mark_seen(&bob).await;
    alice.end(&waiting).await.success(200);
    assert_eq!(bob.unseen().await, 1);
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
async fn a_call_that_the_server_ended_is_completed_for_both() {
    let clock = wall_clock_hand();
    let server = TestServer::plan()
        .clock(&clock)
        .with(|settings| settings.max_call_duration = Some(Duration::from_mins(2)))
        .start()
        .await;
    let [alice, bob] = ["alice", "bob"].map(|user| server.sign_in(user));
    let call = alice.call("bob").await;
    bob.accept(&call).await.success(200);
    clock.advance(Duration::from_mins(2));
    eventually("the call to be ended", async || {
        !alice.past_calls("").await.is_empty()
    })
    .await;
    assert_eq!(
        newest(&alice).await,
        outcome("COMPLETED", "OUTGOING", Some(120))
    );
}

#[rocket::async_test]
async fn a_history_is_for_those_who_are_signed_in() {
    let server = TestServer::start().await;
    let nobody = server.anonymous();
    nobody
        .history("limit=0")
        .await
        .failure(401, "unauthenticated");
    for path in ["/api/v1/calls/history", "/api/v1/calls/history/1"] {
        nobody.delete(path).await.failure(401, "unauthenticated");
    }
    nobody
        .get("/api/v1/calls/history/unseen")
        .await
        .failure(401, "unauthenticated");
    nobody
        .post(SEEN, &json!({}))
        .await
        .failure(401, "unauthenticated");
}
