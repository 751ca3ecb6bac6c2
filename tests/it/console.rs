//! `/console`: the page from the binary, and the users who get tokens without a login.

use chattrix::settings::{Mode, Settings};
use reqwest::Method;
use serde_json::json;

use crate::support::{Answer, TestServer};

fn development(settings: &mut Settings) {
    settings.console = true;
    settings.mode = Mode::Development;
}

/// Asks for a token as a page or program would that sends these headers.
async fn ask_for_token(server: &TestServer, headers: &[(&str, &str)]) -> Answer {
    let client = server.anonymous();
    let mut request = client.request(Method::POST, "/console/dev/token");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    client
        .send(request.json(&json!({ "userId": "alice" })))
        .await
}

#[rocket::async_test]
async fn the_page_is_served_only_where_the_setting_says_so() {
    let server = TestServer::start().await;
    for path in ["/console", "/console/app.js", "/console/configuration"] {
        let answer = server.anonymous().get(path).await;
        answer.failure(404, "not_found");
    }
    let server = TestServer::with(|settings| settings.console = true).await;
    let page = server.anonymous().get("/console").await;
    assert_eq!(page.status, 200);
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8")
    );
}

#[rocket::async_test]
async fn the_page_may_run_nothing_but_its_own_modules() {
    let server = TestServer::with(|settings| settings.console = true).await;
    for (path, media_type) in [
        ("/console", "text/html"),
        ("/console/app.js", "text/javascript"),
        ("/console/style.css", "text/css"),
    ] {
        let policy = server.anonymous().page_file(path, media_type).await;
        assert!(
            policy.starts_with("default-src 'none'; script-src 'self';"),
            "{policy}"
        );
    }
    let missing = server.anonymous().get("/console/nothing.js").await;
    missing.failure(404, "not_found");
}

#[rocket::async_test]
async fn in_the_dev_mode_one_can_be_anybody_who_is_known() {
    let server = TestServer::with(development).await;
    let client = server.anonymous();
    let users = client.get("/console/dev/users").await.success(200);
    assert_eq!(users[0], json!({ "id": "alice", "name": "Alice Archer" }));
    let wish = json!({ "userId": "alice", "sessionId": "window-1", "ttlSeconds": 60 });
    let token = client.post("/console/dev/token", &wish).await.success(200);
    assert_eq!(token["sessionId"], "window-1");
    let alice = server.client(token["token"].as_str().expect("a token"));
    assert_eq!(alice.active().await.success(200), json!(null));
    let nobody = json!({ "userId": "nobody" });
    let answer = client.post("/console/dev/token", &nobody).await;
    answer.failure(404, "user_not_found");
    for (field, value) in [("ttlSeconds", json!(0)), ("sessionId", json!("a b"))] {
        let wish = json!({ "userId": "alice", field: value });
        let answer = client.post("/console/dev/token", &wish).await;
        assert!(answer.failure(400, "invalid_request").contains(field));
    }
}

#[rocket::async_test]
async fn a_token_of_a_session_refreshes_that_session() {
    let server = TestServer::with(development).await;
    let client = server.anonymous();
    let wish = json!({ "userId": "bob", "sessionId": "window-2" });
    let mut tokens = Vec::new();
    for _ in 0..2 {
        let made = client.post("/console/dev/token", &wish).await.success(200);
        tokens.push(made["token"].as_str().expect("a token").to_owned());
    }
    let mut socket = server.client(&tokens[0]).socket().await;
    socket
        .send("session.refresh", &json!({ "token": tokens[1] }))
        .await;
    socket.expect("session.refreshed").await;
}

#[rocket::async_test]
async fn the_page_shows_a_node_only_if_there_are_nodes() {
    let server = TestServer::with(|settings| settings.console = true).await;
    let alice = server.sign_in("alice");
    let _socket = alice.socket().await;
    let shown = alice.get("/console/configuration").await.success(200);
    let node = alice.get("/console/node").await.success(200);
    assert_eq!(node.get("name").is_some(), shown["hasNodes"] == true);
    let answer = server.anonymous().get("/console/node").await;
    answer.failure(401, "unauthenticated");
}

#[rocket::async_test]
async fn without_dev_nobody_gets_a_token_whatever_is_set() {
    let server = TestServer::with(|settings| settings.console = true).await;
    for answer in [
        ask_for_token(&server, &[]).await,
        ask_for_token(&server, &[("host", "localhost")]).await,
        server.anonymous().get("/console/dev/users").await,
    ] {
        answer.failure(404, "not_found");
    }
    let shown = server.anonymous().get("/console/configuration").await;
    assert_eq!(shown.success(200)["isDevelopment"], false);
}

#[rocket::async_test]
async fn console_token_is_local_and_same_origin_only() {
    let server = TestServer::with(development).await;
    let own = format!("http://{}", server.address().tcp());
    let answer = ask_for_token(&server, &[("origin", &own)]).await;
    answer.success(200);
    for headers in [
        &[("origin", "https://evil.example")][..],
        &[("origin", "null")],
        &[("host", "evil.example")],
        &[
            ("host", "evil.example:80"),
            ("origin", "http://evil.example:80"),
        ],
        &[("sec-fetch-site", "cross-site")],
        &[("x-forwarded-for", "192.0.2.1")],
        &[("x-real-ip", "192.0.2.1")],
        &[("forwarded", "for=192.0.2.1")],
    ] {
        let answer = ask_for_token(&server, headers).await;
        answer.failure(404, "not_found");
    }
}
