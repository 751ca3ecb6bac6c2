//! Tokens, sessions and presence.

use serde_json::json;

use super::{api, changes};
use crate::support::{TestServer, eventually};

#[rocket::async_test]
async fn an_issued_token_signs_its_user_in() {
    let server = TestServer::start().await;
    let backend = server.backend("tokens");
    let asked = json!({ "ttl": 60, "sid": "phone-1" });
    let issued = backend
        .post(&api("/users/alice/token"), &asked)
        .await
        .success(201);
    assert_eq!(issued["sessionId"], "phone-1");
    let alice = server.client(issued["token"].as_str().expect("a token"));
    alice.active().await.success(200);
    let answer = backend.post(&api("/users/nobody/token"), &asked).await;
    answer.failure(404, "user_not_found");
    assert_eq!(
        changes(&server),
        [("token.issue".to_owned(), "alice".to_owned())]
    );
}

#[rocket::async_test]
async fn a_repeated_request_for_a_token_gets_the_same_one() {
    let server = TestServer::start().await;
    let backend = server.backend("tokens");
    let send = async || {
        let request = backend.request(reqwest::Method::POST, &api("/users/alice/token"));
        backend
            .send(request.header("idempotency-key", "once"))
            .await
            .success(201)
    };
    let first = send().await;
    assert_eq!(first, send().await);
    // The token itself is not in the database, if that is a file.
    let Some(file) = server.database_file() else {
        return;
    };
    let token = first["token"].as_str().expect("a token").as_bytes();
    for file in [file.with_extension("db-wal"), file] {
        let bytes = std::fs::read(file).expect("the file");
        assert!(!bytes.windows(token.len()).any(|part| part == token));
    }
}

#[rocket::async_test]
async fn a_closed_session_learns_whether_to_reconnect() {
    let server = TestServer::start().await;
    let backend = server.backend("sessions");
    let connect = async |session: &str| server.socket(&server.token("bob").session(session)).await;
    let (mut phone, mut tablet) = (connect("phone").await, connect("tablet").await);
    server.let_nodes_agree().await;
    let listed = backend.get(&api("/users/bob/sessions")).await.success(200);
    assert_eq!(listed[0]["sessionId"], "phone");
    assert_eq!(listed[1]["sessionId"], "tablet");
    // A script with an empty variable closes nothing.
    let answer = backend.delete(&api("/users/bob/sessions/")).await;
    answer.failure(404, "not_found");
    let closed = backend
        .delete(&api("/users/bob/sessions/phone?reconnect=true"))
        .await;
    assert_eq!(closed.success(200), json!({ "closed": 1 }));
    assert_eq!(phone.expect_close().await, (4003, "reconnect".to_owned()));
    backend
        .delete(&api("/users/bob/sessions"))
        .await
        .success(200);
    assert_eq!(tablet.expect_close().await, (4003, "signed out".to_owned()));
    eventually("bob to have no session", async || {
        let listed = backend.get(&api("/users/bob/sessions")).await.success(200);
        listed == json!([])
    })
    .await;
    let answer = backend.delete(&api("/users/bob/sessions/phone")).await;
    answer.failure(404, "not_found");
    let actions: Vec<_> = changes(&server)
        .into_iter()
        .map(|(action, _)| action)
        .collect();
    assert_eq!(actions, ["session.close", "session.close"]);
}

#[rocket::async_test]
async fn presence_is_answered_in_the_order_of_the_question() {
    let server = TestServer::start().await;
    let backend = server.backend("sessions");
    let _phone = server.sign_in("bob").socket().await;
    server.let_nodes_agree().await;
    let asked = json!({ "users": ["carol", "nobody", "bob"] });
    let presence = backend.post(&api("/presence"), &asked).await.success(200);
    assert_eq!(
        presence,
        json!([
            { "userId": "carol", "isOnline": false, "activeSessionCount": 0 },
            { "userId": "bob", "isOnline": true, "activeSessionCount": 1 },
        ])
    );
    let many = json!({ "users": vec!["bob"; 1_001] });
    let answer = backend.post(&api("/presence"), &many).await;
    answer.failure(400, "invalid_request");
}
