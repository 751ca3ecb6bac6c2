//! `GET /healthz` and `GET /readyz`: contract section 5.

use crate::support::{RawSocket, TestServer, eventually};

#[rocket::async_test]
async fn healthz_needs_no_token() {
    let server = TestServer::start().await;
    assert_eq!(server.anonymous().get("/healthz").await.status, 200);
}

#[rocket::async_test]
async fn readyz_is_200_as_soon_as_the_server_is_up() {
    let server = TestServer::start().await;
    assert_eq!(server.anonymous().get("/readyz").await.status, 200);
}

/// A socket that nobody reads makes the polite stop wait, so that the server can be seen stopping.
#[rocket::async_test]
async fn stopping_server_is_alive_not_ready_and_503() {
    let mut server = TestServer::start().await;
    let alice = server.sign_in("alice");
    // It does not answer the close frame, so the stop waits for it.
    let unread = RawSocket::connect(server.address(), &server.token("bob").sign()).await;
    assert_eq!(alice.get("/readyz").await.status, 200);
    let stop = server.stopper();
    let stopping = tokio::spawn(async move { stop.stop().await });
    let probe = server.anonymous();
    eventually("the server to be not ready", async || {
        probe.get("/readyz").await.status == 503
    })
    .await;
    assert_eq!(probe.get("/healthz").await.status, 200);
    let answer = alice.initiate("bob").await;
    assert!(answer.header("retry-after").is_some(), "{answer:?}");
    answer.failure(503, "unavailable");
    drop(unread);
    stopping.await.expect("the stop ends");
    server.wait_for_the_end().await;
}
