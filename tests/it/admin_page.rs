//! `/admin`: the page from the binary, and its API key in dev mode.

use std::time::Duration;

use chattrix::settings::{Mode, Settings};
use reqwest::Method;

use crate::support::{Cli, TestServer};

fn development(settings: &mut Settings) {
    settings.admin_page = true;
    settings.mode = Mode::Development;
}

#[rocket::async_test]
async fn admin_page_is_served_only_if_its_setting_is_on() {
    let server = TestServer::start().await;
    for path in ["/admin", "/admin/admin.js", "/admin/configuration"] {
        let answer = server.anonymous().get(path).await;
        answer.failure(404, "not_found");
    }
    let server = TestServer::with(|settings| settings.admin_page = true).await;
    for (path, media_type) in [
        ("/admin", "text/html"),
        ("/admin/admin.js", "text/javascript"),
        ("/admin/style.css", "text/css"),
        ("/admin/vendor/htm-preact.js", "text/javascript"),
    ] {
        server.anonymous().page_file(path, media_type).await;
    }
    let missing = server.anonymous().get("/admin/nothing.js").await;
    missing.failure(404, "not_found");
}

#[rocket::async_test]
async fn only_a_local_developer_gets_an_api_key_from_the_page() {
    let server = TestServer::with(development).await;
    let client = server.anonymous();
    let shown = client.get("/admin/configuration").await.success(200);
    assert_eq!(shown["isDevelopment"], true);
    let expired = Some(server.now().minus(Duration::from_hours(1)));
    server.api_key("admin-page-expired", "all", expired);
    server.api_key("backend-expired", "all", expired);
    let made = client.request(Method::POST, "/admin/dev/key");
    let made = client.send(made).await.success(200);
    let backend = server.client(made["key"].as_str().expect("a key"));
    backend.get("/api/server/v1/status").await.success(200);
    let listed = Cli::beside(&server).json(&["apikey", "list"]);
    let keys = listed.as_array().expect("a list").iter();
    let names: Vec<_> = keys.filter_map(|key| key["name"].as_str()).collect();
    assert_eq!(
        names.len(),
        2,
        "the expired key of the page is removed: {names:?}"
    );
    let is_kept = names.iter().any(|name| name.starts_with("backend-expired"));
    assert!(is_kept, "{names:?}");
    for (name, value) in [
        ("origin", "https://evil.example"),
        ("host", "evil.example"),
        ("x-forwarded-for", "192.0.2.1"),
    ] {
        let request = client
            .request(Method::POST, "/admin/dev/key")
            .header(name, value);
        client.send(request).await.failure(404, "not_found");
    }
    let server = TestServer::with(|settings| settings.admin_page = true).await;
    let client = server.anonymous();
    let request = client.request(Method::POST, "/admin/dev/key");
    client.send(request).await.failure(404, "not_found");
    let shown = client.get("/admin/configuration").await.success(200);
    assert_eq!(shown["isDevelopment"], false);
}
