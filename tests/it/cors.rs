//! Browser origins: contract section 6, `allowed_origins`, for CORS and the socket's `Origin`.

use chattrix::settings::AllowedOrigins;
use reqwest::Method;

use crate::support::{Answer, Socket, TestServer};

const APP: &str = "https://app.example.com";
const EVIL: &str = "https://evil.example";
const ACTIVE: &str = "/api/v1/calls/active";

async fn with_origins(origins: AllowedOrigins) -> TestServer {
    TestServer::plan()
        .with(|s| s.allowed_origins = origins)
        .start()
        .await
}

async fn listed() -> TestServer {
    with_origins(AllowedOrigins::Listed(vec![APP.to_owned()])).await
}

/// `GET` of one's live call by a page of `origin`.
async fn active_from(server: &TestServer, origin: &str) -> Answer {
    let alice = server.sign_in("alice");
    alice
        .send(alice.request(Method::GET, ACTIVE).header("origin", origin))
        .await
}

/// What a browser asks before a page of `origin` may `POST` with our headers.
async fn preflight(server: &TestServer, origin: &str, method: &str) -> Answer {
    let anonymous = server.anonymous();
    let request = anonymous
        .request(Method::OPTIONS, "/api/v1/calls/initiate")
        .header("origin", origin)
        .header("access-control-request-method", method)
        .header(
            "access-control-request-headers",
            "authorization,content-type,idempotency-key",
        );
    anonymous.send(request).await
}

/// Connects a socket as a page of `origin` would.
async fn socket_from(server: &TestServer, origin: &str) -> Socket {
    let token = server.token("alice").sign();
    let mut request = Socket::request(server.address(), &format!("/ws/chat?token={token}"));
    request
        .headers_mut()
        .insert("origin", origin.parse().expect("a header value"));
    Socket::open(request).await
}

/// The refusal of a socket that a page of `origin` asks for.
async fn refused_socket_from(server: &TestServer, origin: &str) -> Answer {
    let path = format!("/ws/chat?token={}", server.token("alice").sign());
    server
        .anonymous()
        .refused_upgrade(&path, &[("origin", origin)])
        .await
}

fn allows(answer: &Answer) -> Option<&str> {
    answer.header("access-control-allow-origin")
}

#[rocket::async_test]
async fn a_request_without_an_origin_passes() {
    let server = TestServer::start().await;
    let answer = server.sign_in("alice").active().await;
    assert_eq!(allows(&answer), None);
    answer.success(200);
}

#[rocket::async_test]
async fn the_same_origin_passes_by_default() {
    let server = TestServer::start().await;
    let own = server.address().http("");
    active_from(&server, &own).await.success(200);
    socket_from(&server, &own).await.expect_nothing().await;
}

#[rocket::async_test]
async fn foreign_origin_is_403_and_names_the_setting() {
    let server = TestServer::start().await;
    let answer = active_from(&server, EVIL).await;
    assert_eq!(allows(&answer), None);
    let message = answer.failure(403, "origin_not_allowed");
    assert!(message.contains("allowed_origins"), "{message}");
    let message = refused_socket_from(&server, EVIL).await;
    let message = message.failure(403, "origin_not_allowed");
    assert!(message.contains("allowed_origins"), "{message}");
}

#[rocket::async_test]
async fn an_opaque_origin_is_a_foreign_one() {
    let server = listed().await;
    let answer = active_from(&server, "null").await;
    answer.failure(403, "origin_not_allowed");
    let answer = refused_socket_from(&server, "null").await;
    answer.failure(403, "origin_not_allowed");
}

#[rocket::async_test]
async fn an_allowed_origin_may_read_the_answers() {
    let server = listed().await;
    let answer = active_from(&server, APP).await;
    assert_eq!(allows(&answer), Some(APP));
    assert!(
        answer
            .header("vary")
            .is_some_and(|vary| vary.to_lowercase().contains("origin"))
    );
    answer.success(200);
    socket_from(&server, APP).await.expect_nothing().await;
}

#[rocket::async_test]
async fn an_allowed_origin_may_read_the_errors_too() {
    let server = listed().await;
    let anonymous = server.anonymous();
    for path in [ACTIVE, "/api/v1/no/such/route/at/all"] {
        let request = anonymous.request(Method::GET, path).header("origin", APP);
        let answer = anonymous.send(request).await;
        assert_eq!(allows(&answer), Some(APP), "{path}: {answer:?}");
    }
}

#[rocket::async_test]
async fn preflight_allows_methods_and_headers() {
    let server = listed().await;
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
        let answer = preflight(&server, APP, method).await;
        assert!((200..300).contains(&answer.status), "{answer:?}");
        assert_eq!(allows(&answer), Some(APP));
        let methods = answer
            .header("access-control-allow-methods")
            .unwrap_or_default();
        assert!(methods.contains(method), "{method} is not in {methods:?}");
        let headers = answer
            .header("access-control-allow-headers")
            .unwrap_or_default()
            .to_lowercase();
        for header in ["authorization", "content-type", "idempotency-key"] {
            assert!(headers.contains(header), "{header} is not in {headers:?}");
        }
    }
}

#[rocket::async_test]
async fn a_preflight_of_a_foreign_origin_allows_nothing() {
    let server = listed().await;
    assert_eq!(allows(&preflight(&server, EVIL, "POST").await), None);
}

#[rocket::async_test]
async fn every_origin_passes_where_the_settings_say_so() {
    let server = with_origins(AllowedOrigins::Any).await;
    for origin in [APP, EVIL] {
        let answer = active_from(&server, origin).await;
        assert!(
            matches!(allows(&answer), Some("*")) || allows(&answer) == Some(origin),
            "{answer:?}"
        );
        answer.success(200);
        socket_from(&server, origin).await.expect_nothing().await;
    }
}

#[rocket::async_test]
async fn the_same_origin_passes_beside_listed_ones() {
    let server = listed().await;
    let own = server.address().http("");
    active_from(&server, &own).await.success(200);
    socket_from(&server, &own).await.expect_nothing().await;
}
