//! `/api/v1/users/status`: contract section 5.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Api, TestServer, eventually};

const ONLINE: &str = "/api/v1/users/status/online";

async fn status(api: &Api, user: &str) -> Value {
    let path = format!("/api/v1/users/status/{user}");
    api.get(&path).await.success(200)
}

fn of(user: &str, sessions: usize) -> Value {
    json!({ "userId": user, "isOnline": sessions > 0, "activeSessionCount": sessions })
}

#[rocket::async_test]
async fn a_user_is_online_while_a_session_of_it_is_connected() {
    let server = TestServer::start().await;
    let alice = server.sign_in("alice");
    assert_eq!(status(&alice, "bob").await, of("bob", 0));
    let phone = server.sign_in("bob").socket().await;
    server.let_nodes_agree().await;
    assert_eq!(status(&alice, "bob").await, of("bob", 1));
    let tablet = server.sign_in("bob").socket().await;
    server.let_nodes_agree().await;
    assert_eq!(status(&alice, "bob").await, of("bob", 2));
    // REST alone makes nobody online.
    assert_eq!(status(&alice, "alice").await, of("alice", 0));
    drop(phone);
    eventually("the phone to be gone", async || {
        status(&alice, "bob").await == of("bob", 1)
    })
    .await;
    drop(tablet);
    eventually("bob to be gone", async || {
        status(&alice, "bob").await == of("bob", 0)
    })
    .await;
}

#[rocket::async_test]
async fn a_disconnect_shows_within_a_second() {
    let server = TestServer::start().await;
    let alice = server.sign_in("alice");
    for polite in [true, false] {
        let mut phone = server.sign_in("bob").socket().await;
        server.let_nodes_agree().await;
        assert_eq!(status(&alice, "bob").await, of("bob", 1));
        let gone = async {
            if polite {
                phone.close().await;
            }
            drop(phone);
            while status(&alice, "bob").await != of("bob", 0) {}
        };
        let in_time = tokio::time::timeout(Duration::from_secs(1), gone).await;
        assert!(in_time.is_ok(), "polite: {polite}");
    }
}

#[rocket::async_test]
async fn replaced_connection_is_counted_once() {
    let server = TestServer::start().await;
    let alice = server.sign_in("alice");
    let bob = server.sign_in("bob");
    let mut old = bob.socket().await;
    let _new = bob.socket().await;
    assert_eq!(old.expect_close().await.0, 4000);
    server.let_nodes_agree().await;
    assert_eq!(status(&alice, "bob").await, of("bob", 1));
}

#[rocket::async_test]
async fn online_lists_everybody_who_is_connected_by_id() {
    let server = TestServer::start().await;
    let alice = server.sign_in("alice");
    assert_eq!(alice.get(ONLINE).await.success(200), json!([]));
    let mut sockets = Vec::new();
    for user in ["carol", "bob", "erin", "bob"] {
        sockets.push(server.sign_in(user).socket().await);
    }
    server.let_nodes_agree().await;
    let online = alice.get(ONLINE).await.success(200);
    assert_eq!(online, json!([of("bob", 2), of("carol", 1), of("erin", 1)]));
    drop(sockets);
    eventually("all to be gone", async || {
        alice.get(ONLINE).await.success(200) == json!([])
    })
    .await;
}

#[rocket::async_test]
async fn the_status_of_somebody_who_does_not_exist_is_user_not_found() {
    let server = TestServer::start().await;
    let alice = server.sign_in("alice");
    for user in ["nobody", "%20", "a%2Fb", &"x".repeat(256)] {
        let path = format!("/api/v1/users/status/{user}");
        alice.get(&path).await.failure(404, "user_not_found");
    }
}
