//! Users of an identity provider: created, updated and removed, and their sessions.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Cli, Plan, Socket, TestServer, Token, eventually, wall_clock_hand};

fn provisioning() -> Plan {
    TestServer::plan().with(|settings| settings.auto_provision = true)
}

/// A token of `user` that was issued so many seconds from now on.
fn issued(server: &TestServer, user: &str, seconds: i64) -> Token {
    let now = server.now().as_millis() / 1000;
    server.token(user).with("iat", now + seconds)
}

async fn status(server: &TestServer, token: &Token) -> u16 {
    server.client(&token.sign()).active().await.status
}

/// Returns name and avatar of `user` as the command line shows them.
fn shown(server: &TestServer, user: &str) -> (Value, Value) {
    let shown = Cli::beside(server).json(&["user", "show", user]);
    (shown["name"].clone(), shown["avatar"].clone())
}

#[rocket::async_test]
async fn a_removed_user_stays_removed_until_a_newer_token() {
    let server = provisioning().start().await;
    let cli = Cli::beside(&server);
    let (old, without) = (issued(&server, "zoe", -60), server.token("zoe"));
    assert_eq!(status(&server, &old).await, 200);
    let removed = cli.run(&["user", "remove", "zoe", "--yes"]);
    assert_eq!(removed.code, 0, "{}", removed.err);
    eventually("zoe to be refused", async || {
        status(&server, &old).await == 401
    })
    .await;
    assert_eq!(status(&server, &without).await, 401, "a token without iat");
    assert_eq!(status(&server, &issued(&server, "zoe", 2)).await, 200);
    assert_eq!(status(&server, &old).await, 200, "zoe is back");
    // An administrator brings a user back at once.
    cli.run(&["user", "remove", "zoe", "--yes"]);
    eventually("zoe to be refused", async || {
        status(&server, &old).await == 401
    })
    .await;
    cli.run(&["user", "add", "zoe", "--name", "Zoe"]);
    eventually("zoe to be back", async || {
        status(&server, &without).await == 200
    })
    .await;
}

#[rocket::async_test]
async fn newer_tokens_update_name_and_picture() {
    let server = provisioning().start().await;
    let first = issued(&server, "zoe", -300).with("preferred_username", "zoe.z");
    assert_eq!(status(&server, &first).await, 200);
    assert_eq!(shown(&server, "zoe"), (json!("zoe.z"), Value::Null));
    let picture = "https://example.com/zoe.png";
    let second = issued(&server, "zoe", -200)
        .with("name", "Zoe\u{7}  Zimmer")
        .with("picture", picture);
    assert_eq!(status(&server, &second).await, 200);
    assert_eq!(shown(&server, "zoe"), (json!("Zoe Zimmer"), json!(picture)));
    // An older token changes nothing, nor does one that says nothing.
    assert_eq!(status(&server, &first).await, 200);
    assert_eq!(status(&server, &issued(&server, "zoe", -100)).await, 200);
    assert_eq!(shown(&server, "zoe"), (json!("Zoe Zimmer"), json!(picture)));
}

#[rocket::async_test]
async fn repeated_requests_of_a_token_write_nothing() {
    let clock = wall_clock_hand();
    let server = provisioning().clock(&clock).start().await;
    let token = issued(&server, "zoe", 0).with("name", "Zoe");
    assert_eq!(status(&server, &token).await, 200);
    let writes = async || {
        let metrics = server.anonymous().get("/metrics").await.body;
        let text = metrics.as_str().expect("text").to_owned();
        let line = text
            .lines()
            .find(|line| line.starts_with("chattrix_writer_batch_size_sum"));
        line.map(str::to_owned)
    };
    let before = writes().await;
    assert!(before.is_some());
    for _ in 0..5 {
        assert_eq!(status(&server, &token).await, 200);
    }
    assert_eq!(writes().await, before);
}

#[rocket::async_test]
async fn names_of_users_stay_without_auto_provision() {
    let server = TestServer::start().await;
    let token = issued(&server, "bob", 60).with("name", "Robert");
    assert_eq!(status(&server, &token).await, 200);
    assert_eq!(shown(&server, "bob").0, "Bob Baker");
}

#[rocket::async_test]
async fn refresh_takes_any_token_without_a_session_claim() {
    let server = TestServer::start().await;
    let token = |user: &str, jti: &str| server.token(user).without("sid").with("jti", jti);
    let mut socket = Socket::connect(server.address(), &token("alice", "one").sign()).await;
    let renewed = token("alice", "two").sign();
    socket
        .send("session.refresh", &json!({ "token": renewed }))
        .await;
    socket.expect("session.refreshed").await;
    // Another user's, or one of another login, is refused.
    for other in [
        token("bob", "three"),
        server.token("alice").session("login-2"),
    ] {
        socket
            .send("session.refresh", &json!({ "token": other.sign() }))
            .await;
        socket.expect_error("unauthenticated").await;
    }
}

#[rocket::async_test]
async fn a_request_joins_the_session_that_the_upgrade_named() {
    let server = TestServer::start().await;
    let token = |jti: &str| server.token("alice").without("sid").with("jti", jti).sign();
    let first = token("one");
    let path = format!("/ws/chat?token={first}");
    let request = Socket::request(server.address(), &path);
    let (mut phone, headers) = Socket::open_with_headers(request).await;
    let session = headers["x-session-id"].to_str().expect("text");
    assert_eq!(session, "one");
    let mut tablet = Socket::connect(server.address(), &token("tablet")).await;
    let call = server.sign_in("bob").call("alice").await;
    for device in [&mut phone, &mut tablet] {
        device.expect("call_invitation").await;
    }
    // A newer token, as the same device: only the other device is told.
    let api = server.client(&token("two"));
    let path = format!("/api/v1/calls/{call}/accept");
    let accept = api
        .request(Method::POST, &path)
        .header("X-Session-Id", session);
    api.send(accept.json(&json!({}))).await.success(200);
    tablet.expect("call_accepted").await;
    phone.expect_nothing().await;
}
