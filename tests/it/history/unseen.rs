//! Unseen missed calls.

use std::time::Duration;

use crate::support::CallFixture;

use super::{mark_seen, miss, server_and_clock};

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
    let fixture = CallFixture::with_call("MISSED").await;
    assert_eq!(fixture.alice.unseen().await, 0);
    assert_eq!(fixture.bob.unseen().await, 1);
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
async fn call_missed_after_seen_counts_as_unseen() {
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
