//! `GET /healthz` and `GET /readyz`: contract section 5.

use crate::support::TestServer;

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

#[rocket::async_test]
async fn stopping_server_is_alive_not_ready_and_503() {
    let mut server = TestServer::start().await;
    let alice = server.sign_in("alice");
    assert_eq!(alice.get("/readyz").await.status, 200);
    server.begin_to_stop().await;
    let probe = server.anonymous();
    assert_eq!(probe.get("/readyz").await.status, 503);
    assert_eq!(probe.get("/healthz").await.status, 200);
    let answer = alice.initiate("bob").await;
    assert!(answer.header("retry-after").is_some(), "{answer:?}");
    answer.failure(503, "unavailable");
    server.stop().await;
}
