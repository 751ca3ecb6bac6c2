//! `GET /api/v1/ice-servers`: STUN and TURN servers for clients.

use serde_json::{Value, json};

use crate::support::TestServer;

async fn configuration(server: &TestServer, user: &str) -> Value {
    let answer = server.sign_in(user).get("/api/v1/ice-servers").await;
    assert_eq!(answer.body["message"], "ICE servers retrieved successfully");
    answer.success(200)
}

#[rocket::async_test]
async fn without_the_setting_there_are_none() {
    let server = TestServer::start().await;
    let nothing = json!({ "iceServers": [], "expiresAt": null });
    assert_eq!(configuration(&server, "alice").await, nothing);
}

#[rocket::async_test]
async fn turn_password_is_per_user_and_lasts_an_hour() {
    let server = TestServer::with(|settings| {
        settings.ice_servers = [
            "stun:stun.example.com:3478",
            "turn:turn.example.com?transport=tcp",
            "stuns:other.example.com",
        ]
        .map(str::to_owned)
        .into();
        settings.turn_secret = Some("north".into());
    })
    .await;
    let before = server.now().as_millis() / 1_000;
    let shown = configuration(&server, "bob").await;
    assert_eq!(
        shown["iceServers"][0],
        json!({ "urls": ["stun:stun.example.com:3478", "stuns:other.example.com"] })
    );
    let turn = &shown["iceServers"][1];
    assert_eq!(turn["urls"], json!(["turn:turn.example.com?transport=tcp"]));
    let username = turn["username"].as_str().expect("a name");
    let (expiry, user) = username.split_once(':').expect("two parts");
    assert_eq!(user, "bob");
    let expiry: i64 = expiry.parse().expect("seconds");
    assert!(
        (before + 3_600..before + 3_700).contains(&expiry),
        "{expiry}"
    );
    // 20 bytes in base64; which ones, a unit test says with openssl's answer.
    let credential = turn["credential"].as_str().expect("a password");
    assert!(
        credential.len() == 28 && credential.ends_with('='),
        "{credential}"
    );
    assert!(shown["expiresAt"].is_string());
    assert_eq!(shown["iceServers"].as_array().expect("a list").len(), 2);
}
