//! What a call that is over becomes in both histories.

use std::time::Duration;

use serde_json::Value;

use crate::support::{Scene, TestServer, eventually, wall_clock_hand};

use super::{newest, outcome};

#[rocket::async_test]
async fn answered_call_is_completed_for_both() {
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
async fn call_ended_by_the_caller_is_cancelled_and_missed() {
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
async fn call_ended_by_the_callee_is_rejected_for_both() {
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
async fn busy_call_is_rejected_for_caller_missed_for_callee() {
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
