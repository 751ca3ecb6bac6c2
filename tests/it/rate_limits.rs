//! Rate limits: contract sections 2 (`rate_limited`, order of checks) and 6 (settings). That 429 comes
//! with `Retry-After` in seconds is checked by the client.

use std::num::NonZeroU32;
use std::time::Duration;

use chattrix::clock::Timestamp;
use chattrix::settings::{Rate, Settings};
use reqwest::Method;
use serde_json::json;

use crate::support::{Socket, TestServer};

/// `count` an hour: so slow that nothing comes back while a test runs.
fn an_hour(count: u32) -> Rate {
    let count = NonZeroU32::new(count).expect("more than none");
    Rate {
        count,
        period: Duration::from_hours(1),
    }
}

#[rocket::async_test]
async fn initiate_beyond_its_rate_is_rate_limited() {
    let server = TestServer::with(|s| s.initiate_rate = Some(an_hour(2))).await;
    let alice = server.sign_in("alice");
    for _ in 0..2 {
        let call = alice.call("bob").await;
        alice.end(&call).await.success(200);
    }
    let answer = alice.initiate("bob").await;
    let wait: u32 = answer
        .header("retry-after")
        .expect("a wait")
        .parse()
        .expect("seconds");
    answer.failure(429, "rate_limited");
    assert!(
        (1..=1800).contains(&wait),
        "two an hour are one each 1800 s, not {wait} s"
    );
}

#[rocket::async_test]
async fn ten_calls_a_minute_may_be_initiated_by_default() {
    let by_default = Settings::default().initiate_rate;
    let server = TestServer::with(|s| s.initiate_rate = by_default).await;
    let alice = server.sign_in("alice");
    for _ in 0..10 {
        let answer = alice.initiate("nobody").await;
        answer.failure(404, "user_not_found");
    }
    alice.initiate("nobody").await.failure(429, "rate_limited");
}

#[rocket::async_test]
async fn the_initiate_rate_is_each_users_own_over_all_sessions() {
    let server = TestServer::with(|s| s.initiate_rate = Some(an_hour(1))).await;
    let call = server.sign_in("alice").call("bob").await;
    server.sign_in("alice").end(&call).await.success(200);
    let answer = server.sign_in("alice").initiate("bob").await;
    answer.failure(429, "rate_limited");
    server.sign_in("bob").call("alice").await;
}

#[rocket::async_test]
async fn the_initiate_rate_limits_nothing_else() {
    let server = TestServer::with(|s| s.initiate_rate = Some(an_hour(1))).await;
    let alice = server.sign_in("alice");
    let call = alice.call("bob").await;
    alice.initiate("bob").await.failure(429, "rate_limited");
    for _ in 0..5 {
        alice.details(&call).await.success(200);
    }
    alice.end(&call).await.success(200);
}

#[rocket::async_test]
async fn requests_beyond_their_rate_are_rate_limited_on_every_route() {
    let server = TestServer::with(|s| s.request_rate = Some(an_hour(3))).await;
    let alice = server.sign_in("alice");
    let call = alice.call("bob").await;
    alice.details(&call).await.success(200);
    alice.active().await.success(200);
    alice.active().await.failure(429, "rate_limited");
    alice.details(&call).await.failure(429, "rate_limited");
    alice.initiate("carol").await.failure(429, "rate_limited");
    alice.accept(&call).await.failure(429, "rate_limited");
    let answer = alice.reject(&call, "busy").await;
    answer.failure(429, "rate_limited");
    alice.end(&call).await.failure(429, "rate_limited");
    let answer = alice.set_status(&call, "ENDED").await;
    answer.failure(429, "rate_limited");
    server.sign_in("bob").end(&call).await.success(200);
}

#[rocket::async_test]
async fn a_rate_limit_is_told_before_a_wrong_body_and_a_missing_call() {
    let server = TestServer::with(|s| s.request_rate = Some(an_hour(1))).await;
    let alice = server.sign_in("alice");
    alice.active().await.success(200);
    alice
        .post_text("/api/v1/calls/initiate", "{")
        .await
        .failure(429, "rate_limited");
    let answer = alice.reject("no-uuid", "tired").await;
    answer.failure(429, "rate_limited");
}

#[rocket::async_test]
async fn initiate_rate_is_checked_before_the_body() {
    let server = TestServer::with(|s| s.initiate_rate = Some(an_hour(1))).await;
    let alice = server.sign_in("alice");
    let answer = alice.initiate("nobody").await;
    answer.failure(404, "user_not_found");
    alice.initiate("nobody").await.failure(429, "rate_limited");
    let answer = alice.initiate_with(&json!({})).await;
    answer.failure(429, "rate_limited");
}

#[rocket::async_test]
async fn a_bad_token_is_told_before_a_rate_limit() {
    let server = TestServer::with(|s| s.request_rate = Some(an_hour(1))).await;
    let token = server.token("alice");
    server.client(&token.sign()).active().await.success(200);
    let answer = server.client(&token.sign()).active().await;
    answer.failure(429, "rate_limited");
    let answer = server.client(&token.without("exp").sign()).active().await;
    answer.failure(401, "unauthenticated");
}

#[rocket::async_test]
async fn sockets_are_not_rate_limited() {
    let limited = TestServer::with(|s| s.request_rate = Some(an_hour(1))).await;
    let mut socket = limited.sign_in("alice").socket().await;
    for _ in 0..20 {
        socket.expect_nothing().await;
    }
}

#[rocket::async_test]
async fn rates_that_are_off_limit_nothing() {
    let server = TestServer::start().await;
    let alice = server.sign_in("alice");
    for _ in 0..400 {
        let answer = alice.initiate("nobody").await;
        answer.failure(404, "user_not_found");
    }
}

#[rocket::async_test]
async fn bad_tokens_beyond_their_rate_are_rate_limited_by_address() {
    let server = TestServer::with(|s| s.auth_failure_rate = Some(an_hour(3))).await;
    for token in ["a.b.c", "d.e.f"] {
        let answer = server.client(token).active().await;
        answer.failure(401, "unauthenticated");
    }
    let answer = server.refused_socket("g.h.i").await;
    answer.failure(401, "unauthenticated");
    let answer = server.client("j.k.l").active().await;
    answer.failure(429, "rate_limited");
    let answer = server.refused_socket("m.n.o").await;
    answer.failure(429, "rate_limited");
}

#[rocket::async_test]
async fn good_and_expired_tokens_pass_the_limit_of_bad_ones() {
    let server = TestServer::with(|s| s.auth_failure_rate = Some(an_hour(1))).await;
    let bad = server.client("a.b.c");
    bad.active().await.failure(401, "unauthenticated");
    bad.active().await.failure(429, "rate_limited");
    server.sign_in("alice").active().await.success(200);
    let expired = server
        .token("alice")
        .expiring_at(Timestamp::from_millis(1_000_000))
        .sign();
    for _ in 0..3 {
        let answer = server.client(&expired).active().await;
        answer.failure(401, "unauthenticated");
    }
}

/// Otherwise whoever likes could claim another address for each guess.
#[rocket::async_test]
async fn an_address_that_a_client_claims_for_itself_is_not_believed() {
    let server = TestServer::with(|s| s.auth_failure_rate = Some(an_hour(2))).await;
    let guesser = server.client("a.b.c");
    let mut statuses = Vec::new();
    for claimed in ["10.0.0.1", "10.0.0.2", "10.0.0.3"] {
        let request = guesser.request(Method::GET, "/api/v1/calls/active");
        let request = request
            .header("x-real-ip", claimed)
            .header("x-forwarded-for", claimed);
        statuses.push(guesser.send(request).await.status);
    }
    assert_eq!(statuses, [401, 401, 429]);
}

#[rocket::async_test]
async fn sockets_opened_beyond_their_rate_are_rate_limited() {
    let server = TestServer::with(|s| s.connect_rate = Some(an_hour(2))).await;
    let alice = server.sign_in("alice");
    for _ in 0..2 {
        alice.socket().await;
    }
    let path = format!("/ws/chat?token={}", alice.token());
    let refused = server.anonymous().refused_upgrade(&path, &[]).await;
    refused.failure(429, "rate_limited");
    server.sign_in("bob").socket().await;
}

#[rocket::async_test]
async fn sockets_of_one_address_have_a_rate_too() {
    let server = TestServer::with(|settings| {
        settings.trusted_proxies = vec!["127.0.0.0/8".parse().expect("a network")];
        settings.connect_rate_per_address = Some(an_hour(2));
    })
    .await;
    let open = async |user: &str, address: &str| {
        let path = format!("/ws/chat?token={}", server.sign_in(user).token());
        let mut request = Socket::request(server.address(), &path);
        let address = address.parse().expect("a header");
        request.headers_mut().insert("x-forwarded-for", address);
        Socket::open(request).await
    };
    let _two = (
        open("alice", "198.51.100.7").await,
        open("bob", "198.51.100.7").await,
    );
    let path = format!("/ws/chat?token={}", server.sign_in("carol").token());
    let from = [("x-forwarded-for", "198.51.100.7")];
    let refused = server.anonymous().refused_upgrade(&path, &from).await;
    refused.failure(429, "rate_limited");
    open("carol", "198.51.100.8").await;
}

#[rocket::async_test]
async fn lookups_of_nobody_are_rated_as_calls_are() {
    let server = TestServer::with(|settings| settings.initiate_rate = Some(an_hour(2))).await;
    let alice = server.sign_in("alice");
    let status = "/api/v1/users/status";
    for _ in 0..5 {
        alice.get(&format!("{status}/bob")).await.success(200);
    }
    let nobody = alice.get(&format!("{status}/nobody")).await;
    nobody.failure(404, "user_not_found");
    let nobody = json!({ "userId": "nobody-else" });
    let answer = alice.post("/api/v1/users/blocks", &nobody).await;
    answer.failure(404, "user_not_found");
    let answer = alice.post("/api/v1/contacts", &nobody).await;
    answer.failure(429, "rate_limited");
    // The rejection does not depend on who is asked about.
    for user in ["bob", "nobody"] {
        let answer = alice.get(&format!("{status}/{user}")).await;
        answer.failure(429, "rate_limited");
    }
    let other = server.sign_in("bob").get(&format!("{status}/alice")).await;
    other.success(200);
}
