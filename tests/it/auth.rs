//! Authentication: contract sections 2 (`unauthenticated`), 4 (the socket's token) and 6 (keys).

use std::path::PathBuf;
use std::time::Duration;

use chattrix::store::Database;
use chattrix::user::{AccountStatus, UserId};
use jsonwebtoken::{Algorithm, EncodingKey};
use reqwest::Method;
use serde_json::json;

use crate::support::{Cli, Plan, SECRET, Socket, TestServer, Token, eventually, wall_clock_hand};

/// Says that `token` opens neither the REST API nor a socket.
async fn refused(server: &TestServer, token: &str) {
    let answer = server.client(token).active().await;
    answer.failure(401, "unauthenticated");
    let answer = server.refused_socket(token).await;
    answer.failure(401, "unauthenticated");
}

/// Says that `token` opens both.
async fn admitted(server: &TestServer, token: &str) {
    server.client(token).active().await.success(200);
    Socket::connect(server.address(), token).await;
}

#[rocket::async_test]
async fn a_valid_token_opens_the_api_and_the_socket() {
    let server = TestServer::start().await;
    admitted(&server, &server.token("alice").sign()).await;
}

#[rocket::async_test]
async fn no_token_is_unauthenticated() {
    let server = TestServer::start().await;
    let anonymous = server.anonymous();
    let answer = anonymous.initiate("bob").await;
    answer.failure(401, "unauthenticated");
    for path in ["/ws/chat", "/ws/chat?token=", "/ws/chat?tokens=x"] {
        let answer = anonymous.refused_upgrade(path, &[]).await;
        answer.failure(401, "unauthenticated");
    }
}

#[rocket::async_test]
async fn an_authorization_header_of_another_kind_is_unauthenticated() {
    let server = TestServer::start().await;
    let anonymous = server.anonymous();
    let token = server.token("alice").sign();
    for value in [
        token.clone(),
        format!("Basic {token}"),
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
    ] {
        let request = anonymous.request(Method::GET, "/api/v1/calls/active");
        let answer = anonymous.send(request.header("authorization", value)).await;
        answer.failure(401, "unauthenticated");
    }
}

#[rocket::async_test]
async fn the_secret_signs_with_hs256_hs384_and_hs512() {
    let server = TestServer::start().await;
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
        admitted(&server, &server.token("alice").sign_with(algorithm, &key)).await;
    }
}

#[rocket::async_test]
async fn expired_token_has_a_leeway_of_30_s() {
    let clock = wall_clock_hand();
    let server = TestServer::plan().clock(&clock).start().await;
    let token = server.token("alice").expiring_at(clock.now()).sign();
    clock.advance(Duration::from_secs(29));
    server.client(&token).active().await.success(200);
    clock.advance(Duration::from_secs(2));
    refused(&server, &token).await;
}

#[rocket::async_test]
async fn not_yet_valid_token_has_a_leeway_of_30_s() {
    let clock = wall_clock_hand();
    let server = TestServer::plan().clock(&clock).start().await;
    let not_before = clock.now().plus(Duration::from_secs(31)).as_millis() / 1000;
    let token = server.token("alice").with("nbf", not_before).sign();
    refused(&server, &token).await;
    clock.advance(Duration::from_secs(2));
    admitted(&server, &token).await;
}

#[rocket::async_test]
async fn an_unknown_user_is_unauthenticated() {
    let server = TestServer::start().await;
    refused(&server, &server.token("nobody").sign()).await;
}

#[rocket::async_test]
async fn a_disabled_user_is_unauthenticated() {
    let server = TestServer::plan().disabled_user("mallory").start().await;
    refused(&server, &server.token("mallory").sign()).await;
}

/// The command writes beside the running server, which knows the user already.
#[rocket::async_test]
async fn user_disabled_at_runtime_is_rejected_at_once() {
    let server = TestServer::start().await;
    let token = server.token("erin").sign();
    let erin = server.client(&token);
    erin.active().await.success(200);
    let cli = Cli::beside(&server);
    cli.run(&["user", "disable", "erin"]).success();
    refused(&server, &token).await;
    cli.run(&["user", "enable", "erin"]).success();
    erin.active().await.success(200);
    cli.run(&["user", "remove", "erin", "--yes"]).success();
    refused(&server, &token).await;
}

#[rocket::async_test]
async fn user_disabled_without_notice_is_rejected_soon() {
    let server = TestServer::start().await;
    let token = server.token("erin").sign();
    let erin = server.client(&token);
    erin.active().await.success(200);
    let database = Database::open(&server.database()).expect("the database opens");
    let id = UserId::parse("erin").expect("a user id");
    database
        .change_user(&id, server.now(), |user| {
            user.standing = AccountStatus::Disabled;
        })
        .expect("erin is disabled");
    eventually("erin to be rejected", async || {
        erin.active().await.status == 401
    })
    .await;
    refused(&server, &token).await;
}

#[rocket::async_test]
async fn auto_provision_creates_the_user_of_a_token() {
    let server = TestServer::with(|s| s.auto_provision = true).await;
    let mut bob = server.sign_in("bob").socket().await;
    let zoe = server
        .token("zoe")
        .with("name", "Zoe Zimmer")
        .with("picture", "https://example.com/zoe.jpg");
    server.client(&zoe.sign()).call("bob").await;
    let invitation = bob.expect("call_invitation").await;
    assert_eq!(invitation["callerId"], "zoe");
    assert_eq!(invitation["callerName"], "Zoe Zimmer");
    assert_eq!(invitation["callerAvatar"], "https://example.com/zoe.jpg");
}

#[rocket::async_test]
async fn auto_provision_creates_a_user_by_socket() {
    let server = TestServer::with(|s| s.auto_provision = true).await;
    let mut zoe = server.socket(&server.token("zoe")).await;
    let call = server.sign_in("alice").call("zoe").await;
    assert_eq!(zoe.expect("call_invitation").await["callId"], *call);
}

#[rocket::async_test]
async fn a_disabled_user_is_not_made_again() {
    let plan = TestServer::plan()
        .with(|s| s.auto_provision = true)
        .disabled_user("mallory");
    let server = plan.start().await;
    refused(
        &server,
        &server.token("mallory").with("name", "Mallory").sign(),
    )
    .await;
}

#[rocket::async_test]
async fn the_issuer_is_checked_where_it_is_set() {
    let server = TestServer::with(|s| s.jwt_issuer = Some("https://id".into())).await;
    refused(&server, &server.token("alice").sign()).await;
    refused(
        &server,
        &server.token("alice").with("iss", "https://other").sign(),
    )
    .await;
    admitted(
        &server,
        &server.token("alice").with("iss", "https://id").sign(),
    )
    .await;
}

#[rocket::async_test]
async fn the_audience_is_checked_where_it_is_set() {
    let server = TestServer::with(|s| s.jwt_audience = vec!["calls".into()]).await;
    refused(&server, &server.token("alice").sign()).await;
    refused(&server, &server.token("alice").with("aud", "chats").sign()).await;
    admitted(&server, &server.token("alice").with("aud", "calls").sign()).await;
    admitted(
        &server,
        &server
            .token("alice")
            .with("aud", json!(["chats", "calls"]))
            .sign(),
    )
    .await;
}

#[rocket::async_test]
async fn claims_that_are_not_asked_for_do_not_matter() {
    let server = TestServer::start().await;
    let token = server
        .token("alice")
        .with("iss", "https://id")
        .with("aud", json!(["chats"]));
    admitted(
        &server,
        &token.with("role", json!({ "admin": true })).sign(),
    )
    .await;
}

fn key_file(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "it", "keys", name]
        .iter()
        .collect()
}

fn key(name: &str) -> Vec<u8> {
    std::fs::read(key_file(name)).expect("the key is in the tree")
}

fn with_public_key(name: &str) -> Plan {
    TestServer::plan().with(|s| {
        s.jwt_secret.clear();
        s.jwt_public_key_file = vec![key_file(name)];
    })
}

#[rocket::async_test]
async fn an_rsa_public_key_verifies_rs256() {
    let server = with_public_key("rsa.pub.pem").start().await;
    let key = EncodingKey::from_rsa_pem(&key("rsa.pem")).expect("an RSA key");
    admitted(
        &server,
        &server.token("alice").sign_with(Algorithm::RS256, &key),
    )
    .await;
    refused(
        &server,
        &server.token("alice").sign_with(Algorithm::RS512, &key),
    )
    .await;
    signed_with_the_public_key_as_a_secret(&server, "rsa.pub.pem").await;
}

#[rocket::async_test]
async fn an_ec_public_key_verifies_es256() {
    let server = with_public_key("ec.pub.pem").start().await;
    let key = EncodingKey::from_ec_pem(&key("ec.pem")).expect("an EC key");
    admitted(
        &server,
        &server.token("alice").sign_with(Algorithm::ES256, &key),
    )
    .await;
    signed_with_the_public_key_as_a_secret(&server, "ec.pub.pem").await;
}

#[rocket::async_test]
async fn an_ed25519_public_key_verifies_eddsa() {
    let server = with_public_key("ed25519.pub.pem").start().await;
    let key = EncodingKey::from_ed_pem(&key("ed25519.pem")).expect("an Ed25519 key");
    admitted(
        &server,
        &server.token("alice").sign_with(Algorithm::EdDSA, &key),
    )
    .await;
    signed_with_the_public_key_as_a_secret(&server, "ed25519.pub.pem").await;
}

/// Everybody has the public key; a token must not choose to be verified with it as a secret.
async fn signed_with_the_public_key_as_a_secret(server: &TestServer, name: &str) {
    let public = EncodingKey::from_secret(&key(name));
    refused(
        server,
        &server.token("alice").sign_with(Algorithm::HS256, &public),
    )
    .await;
    refused(server, &server.token("alice").sign()).await;
}

#[rocket::async_test]
async fn a_secret_does_not_verify_tokens_of_a_private_key() {
    let server = TestServer::start().await;
    let key = EncodingKey::from_ec_pem(&key("ec.pem")).expect("an EC key");
    refused(
        &server,
        &server.token("alice").sign_with(Algorithm::ES256, &key),
    )
    .await;
}

#[rocket::async_test]
async fn a_socket_may_bring_its_token_in_an_authorization_header() {
    let server = TestServer::start().await;
    let token = Token::of("alice", server.now()).sign();
    let mut request = Socket::request(server.address(), "/ws/chat");
    let value = format!("Bearer {token}").parse().expect("a header value");
    request.headers_mut().insert("authorization", value);
    let mut socket = Socket::open(request).await;
    socket.expect_nothing().await;
    let bad = [("authorization", "Bearer x.y.z")];
    let answer = server.anonymous().refused_upgrade("/ws/chat", &bad).await;
    answer.failure(401, "unauthenticated");
}

#[rocket::async_test]
async fn a_refusal_does_not_repeat_the_token() {
    let server = TestServer::start().await;
    let token = server.token("nobody").sign();
    let answer = server.client(&token).active().await;
    let text = answer.body.to_string();
    assert!(
        !text.contains(&token) && !text.contains("eyJ"),
        "the answer holds the token"
    );
}
