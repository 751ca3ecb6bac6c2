//! Load of 200 concurrent calls from 400 sockets without an error.

use std::sync::Arc;

use serde_json::json;
use tokio::sync::Barrier;

use crate::support::{Api, TestServer, within};

/// Calls in flight at once; each has two sockets.
const CALLS: usize = 200;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn load_of_200_concurrent_calls_has_no_errors() {
    let mut plan = TestServer::plan();
    for number in 0..CALLS {
        plan = plan.user(&format!("caller-{number}"), "Caller", None);
        plan = plan.user(&format!("callee-{number}"), "Callee", None);
    }
    let server = plan.start().await;
    let all = Arc::new(Barrier::new(CALLS));
    let calls: Vec<_> = (0..CALLS)
        .map(|number| {
            let caller = server.sign_in(&format!("caller-{number}"));
            let callee = server.sign_in(&format!("callee-{number}"));
            tokio::spawn(whole_call(
                caller,
                callee,
                format!("callee-{number}"),
                all.clone(),
            ))
        })
        .collect();
    for call in calls {
        call.await.expect("the call completes");
    }
}

/// A call from the invitation to its end, together with all others at each step.
async fn whole_call(caller: Api, callee: Api, callee_id: String, all: Arc<Barrier>) {
    let mut at_caller = caller.socket().await;
    let mut at_callee = callee.socket().await;
    together(&all).await;
    let call = caller.initiate(&callee_id).await.success(201);
    assert_eq!(call["status"], "RINGING");
    let id = call["id"].as_str().expect("an id");
    assert_eq!(at_callee.expect("call_invitation").await["callId"], id);
    together(&all).await;
    at_callee.accept(id).await;
    let accepted = json!({ "callId": id, "acceptedBy": callee_id });
    assert_eq!(at_caller.expect("call_accepted").await, accepted);
    callee.set_status(id, "ACTIVE").await.success(200);
    together(&all).await;
    at_caller
        .send("call.end", &json!({ "callId": id, "durationSeconds": 5 }))
        .await;
    let ended = at_callee.expect("call_ended").await;
    assert_eq!(
        (&ended["callId"], &ended["durationSeconds"]),
        (&json!(id), &json!(5))
    );
    together(&all).await;
    assert_eq!(caller.status_of(id).await, "ENDED");
    at_caller.expect_nothing().await;
    at_callee.expect_nothing().await;
}

/// Waits for all the other calls to have come as far; not for ever, since one may have failed.
async fn together(all: &Barrier) {
    within("all the other calls", all.wait()).await;
}
