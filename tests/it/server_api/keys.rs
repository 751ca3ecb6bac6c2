//! API keys: accepted ones, rejected ones, and the audit.

use std::num::NonZeroU32;
use std::time::Duration;

use chattrix::service::{Requester, Rules, UserRecord};
use chattrix::settings::{Rate, Settings};
use chattrix::user::{Profile, UserId};
use serde_json::json;

use super::{api, audit, changes};
use crate::support::{Cli, ServiceFixture, TestServer, wall_clock_hand};

#[rocket::async_test]
async fn a_key_of_the_command_line_works_until_it_is_revoked() {
    let server = TestServer::start().await;
    let cli = Cli::beside(&server);
    let key = cli
        .run(&["apikey", "create", "website", "--scope", "users"])
        .success();
    let website = server.client(key.trim());
    website.get(&api("/users/alice")).await.success(200);
    cli.run(&["apikey", "revoke", "website"]).success();
    let answer = website.get(&api("/users/alice")).await;
    answer.failure(401, "unauthenticated");
    let keys = cli.json(&["apikey", "list"]);
    assert_eq!(keys[0]["status"], "revoked");
    assert!(keys[0]["lastUsedAt"].is_string(), "{keys}");
    // The audit refers to the name, so it stays taken.
    let done = cli.run(&["apikey", "create", "website"]);
    assert_eq!(done.code, 1, "{done:?}");
    assert_eq!(cli.run(&["apikey", "revoke", "website"]).code, 1);
}

#[rocket::async_test]
async fn an_expired_key_is_rejected() {
    let clock = wall_clock_hand();
    let server = TestServer::plan().clock(&clock).start().await;
    let expires_at = server.now().plus(Duration::from_hours(1));
    let key = server.api_key("short", "all", Some(expires_at));
    let backend = server.client(&key);
    backend.get(&api("/users")).await.success(200);
    clock.advance(Duration::from_hours(1));
    let answer = backend.get(&api("/users")).await;
    answer.failure(401, "unauthenticated");
}

#[rocket::async_test]
async fn keys_that_are_none_are_rejected() {
    let server = TestServer::start().await;
    let key = server.api_key("backend", "all", None);
    for wrong in ["cxk_", "x", &key[..key.len() - 1], &format!("{key}0")] {
        let answer = server.client(wrong).get(&api("/users")).await;
        answer.failure(401, "unauthenticated");
    }
    let foreign = TestServer::start().await.api_key("other", "all", None);
    let answer = server.client(&foreign).get(&api("/users")).await;
    answer.failure(401, "unauthenticated");
}

#[rocket::async_test]
async fn each_key_has_a_rate_of_its_own() {
    let rate = Rate {
        count: NonZeroU32::MIN,
        period: Duration::from_hours(1),
    };
    let server = TestServer::with(|settings| settings.server_api_rate = Some(rate)).await;
    let (one, other) = (server.backend("all"), server.backend("all"));
    one.get(&api("/users")).await.success(200);
    one.get(&api("/users")).await.failure(429, "rate_limited");
    other.get(&api("/users")).await.success(200);
}

#[rocket::async_test]
async fn only_allowed_networks_may_use_keys() {
    let server = TestServer::with(|settings| {
        settings.server_api_allow = vec!["192.0.2.0/24".parse().expect("a network")];
        settings.trusted_proxies = vec!["127.0.0.0/8".parse().expect("a network")];
    })
    .await;
    let backend = server.backend("all");
    let answer = backend.get(&api("/users")).await;
    answer.failure(403, "address_not_allowed");
    let request = backend.request(reqwest::Method::GET, &api("/users"));
    let request = request.header("x-forwarded-for", "192.0.2.7");
    backend.send(request).await.success(200);
}

#[rocket::async_test]
async fn every_change_has_one_entry_in_the_audit() {
    let server = TestServer::start().await;
    let backend = server.backend("all");
    let grace = json!({ "name": "Grace" });
    backend.put(&api("/users/grace"), &grace).await.success(200);
    // It changes nothing.
    backend.put(&api("/users/grace"), &grace).await.success(200);
    backend.get(&api("/users/grace")).await.success(200);
    let disable = json!({ "standing": "disabled" });
    let request = backend.request(reqwest::Method::PATCH, &api("/users/grace"));
    let request = request.header("x-request-id", "from-support");
    backend.send(request.json(&disable)).await.success(200);
    backend.delete(&api("/users/grace")).await.success(200);
    let expected = ["user.put", "user.update", "user.remove"];
    let expected = expected.map(|action| (action.to_owned(), "grace".to_owned()));
    assert_eq!(changes(&server), expected);
    let entries = audit(&server);
    assert_eq!(entries[1]["requestId"], "from-support");
    assert!(
        entries[0]["key"]
            .as_str()
            .is_some_and(|key| key.starts_with("backend-"))
    );
    let name = entries[0]["key"].as_str().expect("a name");
    let cli = Cli::beside(&server);
    let of_key = |name: &str| cli.json(&["audit", "--key", name]);
    assert_eq!(of_key(name).as_array().map(Vec::len), Some(3));
    assert_eq!(of_key("nobody").as_array().map(Vec::len), Some(0));
}

#[rocket::async_test]
async fn a_repeated_request_changes_nothing_and_is_answered_alike() {
    let server = TestServer::start().await;
    let backend = server.backend("all");
    let body =
        json!({ "callerId": "alice", "calleeId": "bob", "callType": "AUDIO", "channelId": "c" });
    let send = async |key: &str, body: &serde_json::Value| {
        let request = backend.request(reqwest::Method::POST, &api("/calls"));
        backend
            .send(request.header("idempotency-key", key).json(body))
            .await
    };
    let first = send("once", &body).await.success(201);
    let again = send("once", &body).await.success(201);
    assert_eq!(first, again);
    assert_eq!(changes(&server).len(), 1);
    let mut other = body.clone();
    other["calleeId"] = "carol".into();
    let message = send("once", &other).await.failure(400, "invalid_request");
    assert!(message.starts_with("Idempotency-Key: "), "{message}");
    send("two words", &body)
        .await
        .failure(400, "invalid_request");
    // Another key of the backend has its own repetitions.
    let answer = server.backend("all").post(&api("/calls"), &body).await;
    answer.failure(409, "caller_busy");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_is_forgotten_after_its_retention() {
    let mut rules = Rules::new(&Settings::default());
    rules.audit_retention = Some(Duration::from_hours(24));
    let fixture = ServiceFixture::new(&[], rules, 7);
    let api = fixture.service.server_api();
    let requester = Requester {
        key: 1,
        key_name: "backend".to_owned(),
        request_id: "one".to_owned(),
        repeat: None,
    };
    let profile = Profile {
        id: UserId::parse("grace").expect("an id"),
        name: "Grace".to_owned(),
        avatar: None,
    };
    let record = UserRecord {
        profile,
        standing: None,
    };
    api.put_user(requester, record).await.expect("stored");
    for (hours, entries) in [(23, 1), (2, 0)] {
        fixture.clock.advance(Duration::from_hours(hours));
        api.forget_expired().await.expect("forgotten");
        assert_eq!(fixture.audit().len(), entries);
    }
}
