//! History entries of an ended call for both users.

use std::time::Duration;

use serde_json::Value;

use crate::support::{CallFixture, TestServer, eventually, wall_clock_hand};

use super::{newest, outcome};

#[rocket::async_test]
async fn answered_call_is_completed_for_both() {
    let fixture = CallFixture::with_call("ACTIVE").await;
    fixture.clock.advance(Duration::from_secs(125));
    fixture.bob.end(&fixture.call).await.success(200);
    assert_eq!(
        newest(&fixture.alice).await,
        outcome("COMPLETED", "OUTGOING", Some(125))
    );
    assert_eq!(
        newest(&fixture.bob).await,
        outcome("COMPLETED", "INCOMING", Some(125))
    );
}

#[rocket::async_test]
async fn call_ended_by_the_caller_is_cancelled_and_missed() {
    for status in ["INITIATING", "RINGING"] {
        let fixture = CallFixture::with_call(status).await;
        fixture.alice.end(&fixture.call).await.success(200);
        assert_eq!(
            newest(&fixture.alice).await,
            outcome("CANCELLED", "OUTGOING", Some(0))
        );
        assert_eq!(
            newest(&fixture.bob).await,
            outcome("MISSED", "INCOMING", None)
        );
    }
}

#[rocket::async_test]
async fn call_ended_by_the_callee_is_rejected_for_both() {
    let fixture = CallFixture::with_call("RINGING").await;
    fixture.bob.end(&fixture.call).await.success(200);
    assert_eq!(
        newest(&fixture.alice).await,
        outcome("REJECTED", "OUTGOING", None)
    );
    assert_eq!(
        newest(&fixture.bob).await,
        outcome("REJECTED", "INCOMING", None)
    );
}

#[rocket::async_test]
async fn a_call_that_the_callee_rejected_is_rejected_for_both() {
    for reason in ["busy", "declined", "unavailable"] {
        let fixture = CallFixture::with_call("INITIATING").await;
        fixture.bob.reject(&fixture.call, reason).await.success(200);
        assert_eq!(
            newest(&fixture.alice).await,
            outcome("REJECTED", "OUTGOING", None)
        );
        assert_eq!(
            newest(&fixture.bob).await,
            outcome("REJECTED", "INCOMING", None)
        );
    }
}

#[rocket::async_test]
async fn a_call_that_nobody_answered_is_missed_for_both() {
    let fixture = CallFixture::with_call("MISSED").await;
    assert_eq!(
        newest(&fixture.alice).await,
        outcome("MISSED", "OUTGOING", None)
    );
    assert_eq!(
        newest(&fixture.bob).await,
        outcome("MISSED", "INCOMING", None)
    );
}

#[rocket::async_test]
async fn busy_call_is_rejected_for_caller_missed_for_callee() {
    let fixture = CallFixture::with_call("ACTIVE").await;
    let answer = fixture.carol.initiate("bob").await;
    answer.failure(409, "user_busy");
    assert_eq!(
        newest(&fixture.carol).await,
        outcome("REJECTED", "OUTGOING", None)
    );
    assert_eq!(
        newest(&fixture.bob).await,
        outcome("MISSED", "INCOMING", None)
    );
}

#[rocket::async_test]
async fn a_call_by_somebody_who_is_busy_is_in_nobodys_history() {
    let fixture = CallFixture::with_call("ACTIVE").await;
    let answer = fixture.bob.initiate("carol").await;
    answer.failure(409, "caller_busy");
    for api in [&fixture.bob, &fixture.carol] {
        assert_eq!(api.past_calls("").await, Vec::<Value>::new());
    }
}

#[rocket::async_test]
async fn a_call_is_in_the_history_only_once_it_is_over() {
    for status in ["INITIATING", "RINGING", "CONNECTING", "ACTIVE"] {
        let fixture = CallFixture::with_call(status).await;
        assert_eq!(fixture.alice.past_calls("").await, Vec::<Value>::new());
        fixture.alice.end(&fixture.call).await.success(200);
        assert_eq!(fixture.alice.past_calls("").await.len(), 1);
        assert_eq!(fixture.bob.past_calls("").await.len(), 1);
        assert_eq!(fixture.carol.past_calls("").await, Vec::<Value>::new());
    }
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
