//! Envelope of every response under `/api`: contract section 2. The client checks the envelope itself on every response
//! of every test.

use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Api, CallFixture, TestServer, another_call_id, initiate_body, within};

/// The largest body there may be (contract section 2).
const BODY_LIMIT: usize = 16 * 1024;

/// Every route that takes a body, for the call `call`, with a body it takes.
fn routes(call: &str) -> [(Method, String, Value); 5] {
    let path = |action: &str| format!("/api/v1/calls/{call}/{action}");
    [
        (
            Method::POST,
            "/api/v1/calls/initiate".to_owned(),
            initiate_body("bob"),
        ),
        (Method::POST, path("accept"), json!({})),
        (Method::POST, path("reject"), json!({ "reason": "busy" })),
        (Method::POST, path("end"), json!({})),
        (Method::PATCH, path("status"), json!({ "status": "ACTIVE" })),
    ]
}

/// `body` as JSON of exactly `length` bytes.
fn padded(body: &Value, length: usize) -> String {
    let mut body = body.clone();
    body["padding"] = json!("");
    let padding = length - body.to_string().len();
    body["padding"] = json!(" ".repeat(padding));
    body.to_string()
}

#[rocket::async_test]
async fn an_unknown_route_is_not_found() {
    let server = TestServer::start().await;
    let alice = server.sign_in("alice");
    for path in [
        "/api",
        "/api/",
        "/api/v1",
        "/api/v2/calls/x",
        "/api/v1/chats/x",
        "/api/v1/calls/x/y/z",
    ] {
        alice.get(path).await.failure(404, "not_found");
        alice.post(path, &json!({})).await.failure(404, "not_found");
    }
}

#[rocket::async_test]
async fn a_wrong_method_is_refused_in_the_envelope() {
    let server = TestServer::start().await;
    let alice = server.sign_in("alice");
    for (_, path, body) in routes(&another_call_id()) {
        for method in [Method::PUT, Method::DELETE] {
            let answer = alice.send(alice.request(method, &path).json(&body)).await;
            assert!(matches!(answer.status, 404 | 405), "{path}: {answer:?}");
        }
    }
}

#[rocket::async_test]
async fn a_form_that_names_another_method_is_not_that_method() {
    let fixture = CallFixture::with_call("CONNECTING").await;
    let path = format!("/api/v1/calls/{}/status", fixture.call);
    let request = fixture.alice.request(Method::POST, &path);
    let form = request
        .header("content-type", "application/x-www-form-urlencoded")
        .body("_method=PATCH&status=ENDED");
    let answer = fixture.alice.send(form).await;
    assert!((400..500).contains(&answer.status), "{answer:?}");
    assert_eq!(fixture.alice.status_of(&fixture.call).await, "CONNECTING");
}

#[rocket::async_test]
async fn a_form_body_is_an_invalid_request() {
    let fixture = CallFixture::with_call("INITIATING").await;
    let forms = [
        (
            "application/x-www-form-urlencoded",
            "calleeId=bob&reason=busy&status=ENDED",
        ),
        (
            "multipart/form-data; boundary=x",
            "--x\r\ncontent-disposition: form-data; name=\"a\"\r\n\r\nb\r\n--x--\r\n",
        ),
    ];
    for (method, path, _) in routes(&fixture.call) {
        for (content_type, body) in forms {
            let request = fixture
                .bob
                .request(method.clone(), &path)
                .header("content-type", content_type);
            let answer = fixture.bob.send(request.body(body)).await;
            answer.failure(400, "invalid_request");
        }
    }
    assert_eq!(fixture.bob.status_of(&fixture.call).await, "INITIATING");
}

#[rocket::async_test]
async fn malformed_json_is_an_invalid_request() {
    let fixture = CallFixture::with_call("INITIATING").await;
    let deep = "[".repeat(10_000);
    for (method, path, _) in routes(&fixture.call) {
        for body in [
            "{",
            "{\"reason\":\"busy\"",
            "nonsense",
            "{} {}",
            "'",
            deep.as_str(),
        ] {
            let request = fixture.bob.request(method.clone(), &path);
            let request = request
                .header("content-type", "application/json")
                .body(body.to_owned());
            let answer = fixture.bob.send(request).await;
            answer.failure(400, "invalid_request");
        }
        let request = fixture
            .bob
            .request(method, &path)
            .header("content-type", "application/json");
        let answer = fixture
            .bob
            .send(request.body(b"{\"reason\":\"\xff\"}".to_vec()))
            .await;
        answer.failure(400, "invalid_request");
    }
    assert_eq!(fixture.bob.status_of(&fixture.call).await, "INITIATING");
}

#[rocket::async_test]
async fn a_body_of_16_kib_is_taken() {
    let server = TestServer::start().await;
    let body = padded(&initiate_body("bob"), BODY_LIMIT);
    assert_eq!(body.len(), BODY_LIMIT);
    server
        .sign_in("alice")
        .post_text("/api/v1/calls/initiate", body)
        .await
        .success(201);
}

#[rocket::async_test]
async fn a_body_over_16_kib_is_413() {
    let fixture = CallFixture::with_call("CONNECTING").await;
    for (method, path, body) in routes(&fixture.call) {
        let request = fixture
            .bob
            .request(method, &path)
            .header("content-type", "application/json");
        let answer = fixture
            .bob
            .send(request.body(padded(&body, BODY_LIMIT + 1)))
            .await;
        assert_eq!(answer.status, 413, "{path}: {answer:?}");
    }
    assert_eq!(fixture.bob.status_of(&fixture.call).await, "CONNECTING");
}

/// A client that does not say how much it is going to send is not believed to send little.
#[rocket::async_test]
async fn a_body_in_chunks_over_16_kib_is_413() {
    let server = TestServer::start().await;
    let alice = server.sign_in("alice");
    let body = padded(&initiate_body("bob"), BODY_LIMIT + 1);
    let request = format!(
        "POST /api/v1/calls/initiate HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n\
         {:x}\r\n{body}\r\n0\r\n\r\n",
        alice.token(),
        body.len(),
    );
    let mut stream = TcpStream::connect(server.address().tcp())
        .await
        .expect("the server listens");
    let answer = stream.write_all(request.as_bytes()).await;
    answer.expect("the request is sent");
    let mut status = [0; 12];
    let answer = within("an answer", stream.read_exact(&mut status)).await;
    answer.expect("a status line");
    assert_eq!(&status, b"HTTP/1.1 413");
}

#[rocket::async_test]
async fn a_missing_token_is_told_before_everything_else() {
    let fixture = CallFixture::with_call("ENDED").await;
    let anonymous = fixture.server.anonymous();
    for call in [
        fixture.call.clone(),
        another_call_id(),
        "no-uuid".to_owned(),
    ] {
        for (method, path, _) in routes(&call) {
            let request = anonymous
                .request(method, &path)
                .header("content-type", "application/json");
            anonymous
                .send(request.body("{"))
                .await
                .failure(401, "unauthenticated");
        }
        let answer = anonymous.details(&call).await;
        answer.failure(401, "unauthenticated");
    }
}

#[rocket::async_test]
async fn a_wrong_body_is_told_before_a_missing_call() {
    let server = TestServer::start().await;
    for call in [another_call_id(), "no-uuid".to_owned()] {
        wrong_bodies(&server.sign_in("bob"), &call).await;
    }
}

#[rocket::async_test]
async fn body_is_checked_before_rights_and_status() {
    let fixture = CallFixture::with_call("ENDED").await;
    wrong_bodies(&fixture.carol, &fixture.call).await;
    wrong_bodies(&fixture.bob, &fixture.call).await;
}

async fn wrong_bodies(api: &Api, call: &str) {
    let answer = api.reject(call, "tired").await;
    answer.failure(400, "invalid_request");
    api.post_text(&format!("/api/v1/calls/{call}/end"), "[]")
        .await
        .failure(400, "invalid_request");
    let answer = api.set_status(call, "MISSED").await;
    answer.failure(400, "invalid_request");
    let path = format!("/api/v1/calls/{call}/accept");
    let answer = api.post_text(&path, "{").await;
    answer.failure(400, "invalid_request");
}

#[rocket::async_test]
async fn body_and_callee_are_checked_before_busy_caller() {
    let fixture = CallFixture::with_call("RINGING").await;
    let mut body = initiate_body("carol");
    body["callType"] = json!("FAX");
    let answer = fixture.alice.initiate_with(&body).await;
    answer.failure(400, "invalid_request");
    let answer = fixture.alice.initiate("nobody").await;
    answer.failure(404, "user_not_found");
    let answer = fixture.alice.initiate("carol").await;
    answer.failure(409, "caller_busy");
}
