//! Status of the server, and the list of all sessions.

use serde_json::json;

use super::api;
use crate::support::{Receiver, Reply, TestServer, eventually};

#[rocket::async_test]
async fn status_shows_calls_sockets_and_failed_webhooks() {
    let receiver = Receiver::start().await;
    receiver.answer(|_| Reply::status(500));
    let server = TestServer::plan().telling(&receiver).start().await;
    let backend = server.backend("status,calls");
    let _phone = server.sign_in("bob").socket().await;
    let call = server.sign_in("alice").call("bob").await;
    let (mut status, mut failure) = (json!(null), json!(null));
    eventually("the failed attempt", async || {
        status = backend.get(&api("/status")).await.success(200);
        // Other events fail too, such as that of the user who is online.
        let mut failures = status["webhookFailures"].as_array().into_iter().flatten();
        let of_call = failures.find(|one| one["callId"] == call.as_str());
        failure = of_call.cloned().unwrap_or_default();
        !failure.is_null()
    })
    .await;
    assert_eq!(status["state"], "ready");
    assert_eq!(status["connections"], 1);
    assert_eq!(status["sessions"], 1);
    assert_eq!(status["connectedUsers"], 1);
    assert_eq!(status["liveCalls"], 1);
    let endpoint = &status["webhooks"][0];
    let origin = receiver.url();
    let origin = origin.split('/').take(3).collect::<Vec<_>>().join("/");
    assert_eq!(endpoint["origin"], origin.as_str());
    assert_eq!(endpoint["state"], "failing");
    assert_eq!(failure["result"], "answered 500");
    let minute = status["lastHour"].as_array().expect("minutes").last();
    let minute = minute.expect("the current minute");
    assert_eq!(minute["callsStarted"], 1);
    assert_eq!(minute["liveCalls"], 1);
    assert!(minute["requests"].as_u64() >= Some(1), "{minute}");
    let path = api(&format!("/calls/{call}/end"));
    backend.post(&path, &json!({})).await.success(200);
    let status = backend.get(&api("/status")).await.success(200);
    assert_eq!(status["liveCalls"], 0);
}

#[rocket::async_test]
async fn all_sessions_are_listed_in_pages_by_user() {
    let server = TestServer::start().await;
    let backend = server.backend("sessions");
    let mut sockets = Vec::new();
    for (user, session) in [("bob", "phone"), ("alice", "phone"), ("alice", "tablet")] {
        sockets.push(server.socket(&server.token(user).session(session)).await);
    }
    let first = backend.get(&api("/sessions?limit=1")).await.success(200);
    let names = |page: &serde_json::Value| -> Vec<String> {
        let items = page["items"].as_array().expect("sessions").iter();
        let name = |one: &serde_json::Value| format!("{} {}", one["userId"], one["sessionId"]);
        items.map(name).collect()
    };
    assert_eq!(
        names(&first),
        [r#""alice" "phone""#, r#""alice" "tablet""#],
        "all sessions of a user are on one page"
    );
    let cursor = first["nextCursor"].as_str().expect("a cursor");
    let path = api(&format!("/sessions?limit=1&cursor={cursor}"));
    let second = backend.get(&path).await.success(200);
    assert_eq!(names(&second), [r#""bob" "phone""#]);
    assert_eq!(second["nextCursor"], json!(null));
    let found = backend.get(&api("/sessions?query=bo")).await.success(200);
    assert_eq!(names(&found), [r#""bob" "phone""#]);
}
