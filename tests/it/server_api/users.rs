//! Accounts and lists.

use serde_json::{Value, json};

use super::{api, changes};
use crate::support::{Api, Cli, TestServer};

async fn patch(backend: &Api, user: &str, body: &Value) -> crate::support::Answer {
    let request = backend.request(reqwest::Method::PATCH, &api(&format!("/users/{user}")));
    backend.send(request.json(body)).await
}

#[rocket::async_test]
async fn a_user_is_shown_as_the_command_line_shows_it() {
    let server = TestServer::start().await;
    let backend = server.backend("users");
    let shown = backend.get(&api("/users/alice")).await.success(200);
    assert_eq!(shown, Cli::beside(&server).json(&["user", "show", "alice"]));
}

#[rocket::async_test]
async fn a_user_who_is_put_can_call_and_be_called() {
    let server = TestServer::start().await;
    let backend = server.backend("users");
    let grace = json!({ "name": "Grace", "avatar": "https://example.com/g.png" });
    let put = backend.put(&api("/users/grace"), &grace).await.success(200);
    assert_eq!(put["standing"], "active");
    server.sign_in("grace").call("bob").await;
    server.sign_in("alice").call("carol").await;
    // What PUT does not name goes; what PATCH does not name stays.
    let put = backend
        .put(&api("/users/grace"), &json!({ "name": "G" }))
        .await;
    assert_eq!(put.success(200)["avatar"], Value::Null);
    let patched = patch(
        &backend,
        "bob",
        &json!({ "avatar": "https://example.com/b.png" }),
    )
    .await;
    let patched = patched.success(200);
    assert_eq!(patched["name"], "Bob Baker");
    assert_eq!(patched["avatar"], "https://example.com/b.png");
}

#[rocket::async_test]
async fn a_disabled_user_loses_the_socket_and_every_token() {
    let server = TestServer::start().await;
    let backend = server.backend("users");
    let bob = server.sign_in("bob");
    bob.active().await.success(200);
    let mut phone = bob.socket().await;
    let disabled = json!({ "standing": "disabled" });
    patch(&backend, "bob", &disabled).await.success(200);
    assert_eq!(phone.close_code().await, 1008);
    bob.active().await.failure(401, "unauthenticated");
    // A record without a standing leaves it.
    let put = backend
        .put(&api("/users/bob"), &json!({ "name": "Bob" }))
        .await;
    assert_eq!(put.success(200)["standing"], "disabled");
    let active = json!({ "standing": "active" });
    patch(&backend, "bob", &active).await.success(200);
    bob.active().await.success(200);
}

#[rocket::async_test]
async fn a_user_in_a_live_call_is_not_removed() {
    let server = TestServer::start().await;
    let backend = server.backend("users");
    let alice = server.sign_in("alice");
    let call = alice.call("bob").await;
    let message = backend
        .delete(&api("/users/bob"))
        .await
        .failure(409, "user_busy");
    assert!(message.contains(&call), "{message}");
    alice.end(&call).await.success(200);
    backend.delete(&api("/users/bob")).await.success(200);
    let answer = backend.get(&api("/users/bob")).await;
    answer.failure(404, "user_not_found");
    alice.initiate("bob").await.failure(404, "user_not_found");
    let past = alice.past_calls("").await;
    assert_eq!(past[0]["remoteUserId"], "bob");
}

#[rocket::async_test]
async fn pages_of_users_hold_each_user_once() {
    let server = TestServer::start().await;
    let backend = server.backend("users");
    let mut found = Vec::new();
    let mut cursor = String::new();
    loop {
        let path = api(&format!("/users?limit=4&cursor={cursor}"));
        let page = backend.get(&path).await.success(200);
        let items = page["items"].as_array().expect("a list");
        found.extend(
            items
                .iter()
                .map(|user| user["id"].as_str().expect("an id").to_owned()),
        );
        match page["nextCursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => break,
        }
    }
    assert_eq!(found, ["alice", "bob", "carol", "dave", "erin", "frank"]);
    for (query, expected) in [
        ("ARCHER", vec!["alice"]),
        ("%25", vec![]),
        ("_", vec![]),
        ("er", vec!["alice", "bob", "dave", "erin", "frank"]),
    ] {
        let page = backend.get(&api(&format!("/users?query={query}"))).await;
        let page = page.success(200);
        let ids: Vec<_> = page["items"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|user| user["id"].as_str().expect("an id"))
            .collect();
        assert_eq!(ids, expected, "{query}");
    }
}

#[rocket::async_test]
async fn a_batch_is_stored_whole_or_not_at_all() {
    let server = TestServer::start().await;
    let backend = server.backend("users");
    let user =
        |number: usize| json!({ "id": format!("u-{number}"), "name": format!("User {number}") });
    let mut users: Vec<Value> = (0..1_000).map(user).collect();
    users[7]["name"] = "".into();
    users[9]["id"] = "u-8".into();
    let message = backend
        .post_text(&api("/users/batch"), json!({ "users": users }).to_string())
        .await
        .failure(400, "invalid_request");
    for part in ["2 of 1000", "users[7].name", "users[9].id"] {
        assert!(message.contains(part), "{message}");
    }
    let answer = backend.get(&api("/users/u-1")).await;
    answer.failure(404, "user_not_found");
    users[7]["name"] = "Seven".into();
    users[9]["id"] = "u-9".into();
    let body = json!({ "users": users });
    let stored = backend.post(&api("/users/batch"), &body).await.success(200);
    assert_eq!(
        stored,
        json!({ "added": 1_000, "updated": 0, "unchanged": 0 })
    );
    let stored = backend.post(&api("/users/batch"), &body).await.success(200);
    assert_eq!(
        stored,
        json!({ "added": 0, "updated": 0, "unchanged": 1_000 })
    );
    let recorded: Vec<_> = changes(&server)
        .into_iter()
        .map(|(action, _)| action)
        .collect();
    assert!(
        recorded.iter().all(|action| action == "user.batch"),
        "{recorded:?}"
    );
    let too_many = json!({ "users": vec![user(1); 10_001] });
    let answer = backend.post(&api("/users/batch"), &too_many).await;
    answer.failure(400, "invalid_request");
}

#[rocket::async_test]
async fn lists_that_a_backend_fills_are_the_users_own() {
    let server = TestServer::start().await;
    let backend = server.backend("users");
    let nothing = json!({});
    backend
        .put(&api("/users/bob/blocks/alice"), &nothing)
        .await
        .success(200);
    let bob = server.sign_in("bob");
    let blocked = bob.get("/api/v1/users/blocks").await.success(200);
    assert_eq!(blocked[0]["userId"], "alice");
    backend
        .delete(&api("/users/bob/blocks/alice"))
        .await
        .success(200);
    backend
        .delete(&api("/users/bob/blocks/alice"))
        .await
        .success(200);
    let blocked = backend.get(&api("/users/bob/blocks")).await.success(200);
    assert_eq!(blocked, json!([]));
    backend
        .put(&api("/users/bob/contacts/carol"), &nothing)
        .await
        .success(200);
    let contacts = backend.get(&api("/users/bob/contacts")).await.success(200);
    assert_eq!(contacts[0]["userId"], "carol");
    let actions: Vec<_> = changes(&server)
        .into_iter()
        .map(|(action, _)| action)
        .collect();
    assert_eq!(actions, ["block.add", "block.remove", "contact.add"]);
}
