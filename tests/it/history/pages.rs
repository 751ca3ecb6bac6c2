//! Pages, filters and wrong parameters.

use serde_json::Value;

use crate::support::{CallFixture, TestServer};

use super::{ids, miss, one_of_each, server_and_clock};

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
    let rest = alice.history(&format!("cursor={cursor}")).await;
    let rest = rest.success(200);
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
    let fixture = CallFixture::with_call("ENDED").await;
    let items = fixture
        .alice
        .past_calls("page=7&Limit=0&sort[]=name&limit=5")
        .await;
    assert_eq!(items.len(), 1);
}
