//! `/api/v1/agora/token`: tokens only for the channel of one's live call.

use std::io::Read as _;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::ZlibDecoder;
use serde_json::{Value, json};

use crate::support::{Answer, Api, CallFixture, Cli, Plan, TestServer, Users, wall_clock_hand};

const ROUTES: [&str; 2] = [
    "/api/v1/agora/token/generate",
    "/api/v1/agora/token/refresh",
];
const APP_ID: &str = "970CA35de60c44645bbae8a215061b33";
const CERTIFICATE: &str = "5CFd2fd1755d40ecb72977518be15d3b";

/// The channel of all calls of these tests.
const CHANNEL: &str = "agora-channel-1";

fn with_agora(plan: Plan) -> Plan {
    plan.with(|s| {
        s.agora_app_id = Some(APP_ID.to_owned());
        s.agora_app_certificate = Some(CERTIFICATE.to_owned().into());
    })
}

async fn ask(user: &Api, body: &Value) -> [Answer; 2] {
    [
        user.post(ROUTES[0], body).await,
        user.post(ROUTES[1], body).await,
    ]
}

/// What is packed in a token.
fn unpacked(token: &Value) -> Vec<u8> {
    let token = token.as_str().expect("a token is text");
    let packed = token.strip_prefix("007").expect("AccessToken2");
    let packed = STANDARD.decode(packed).expect("base64");
    let mut content = Vec::new();
    let read = ZlibDecoder::new(packed.as_slice()).read_to_end(&mut content);
    read.expect("zlib");
    content
}

/// Whether `content` holds `text` with its length before it.
fn holds(content: &[u8], text: &str) -> bool {
    let length = u16::try_from(text.len()).expect("short").to_le_bytes();
    let packed = [&length, text.as_bytes()].concat();
    content.windows(packed.len()).any(|part| part == packed)
}

#[rocket::async_test]
async fn without_an_account_there_are_no_tokens() {
    let server = TestServer::start().await;
    let [alice, _] = ["alice", "bob"].map(|user| server.sign_in(user));
    alice.call("bob").await;
    for answer in ask(&alice, &json!({ "channelId": CHANNEL })).await {
        let message = answer.failure(404, "not_configured");
        assert!(message.contains("agora_app_id"), "{message}");
    }
    for route in ROUTES {
        let nobody = server.anonymous().post(route, &json!({})).await;
        nobody.failure(401, "unauthenticated");
    }
}

#[rocket::async_test]
async fn both_participants_get_tokens_from_the_first_ring_to_the_end() {
    let clock = wall_clock_hand();
    let server = with_agora(TestServer::plan().clock(&clock)).start().await;
    let mut users = Users::on(&server).await;
    let both = [("alice", users.alice.clone()), ("bob", users.bob.clone())];
    let body = json!({ "channelId": CHANNEL });
    let call = users.ring().await;
    for step in ["RINGING", "CONNECTING", "ACTIVE"] {
        match step {
            "CONNECTING" => drop(users.bob.accept(&call).await.success(200)),
            "ACTIVE" => drop(users.alice.set_status(&call, step).await.success(200)),
            _ => {}
        }
        assert_eq!(users.alice.status_of(&call).await, step);
        let mut uids = Vec::new();
        for (_, user) in &both {
            let [generated, refreshed] = ask(user, &body).await.map(|answer| answer.success(200));
            assert_eq!(generated["channelId"], CHANNEL);
            assert_eq!(generated["uid"], refreshed["uid"]);
            assert_ne!(generated["token"], refreshed["token"], "each has a salt");
            assert_eq!(generated["expiresAt"], "2024-01-15T11:30:00.000Z");
            let content = unpacked(&generated["token"]);
            let uid = generated["uid"].as_u64().expect("a number");
            assert!(holds(&content, APP_ID) && holds(&content, CHANNEL));
            assert!(holds(&content, &uid.to_string()), "{uid}");
            assert!((1..=u64::from(u32::MAX)).contains(&uid));
            uids.push(uid);
        }
        assert_ne!(uids[0], uids[1], "{step}");
    }
    users.bob.end(&call).await.success(200);
    for (_, user) in &both {
        for answer in ask(user, &body).await {
            answer.failure(403, "unauthorized");
        }
    }
}

#[rocket::async_test]
async fn a_call_that_nobody_connected_hears_of_has_a_channel_too() {
    let server = with_agora(TestServer::plan()).start().await;
    let [alice, bob] = ["alice", "bob"].map(|user| server.sign_in(user));
    alice.call("bob").await;
    for user in [&alice, &bob] {
        for answer in ask(user, &json!({ "channelId": CHANNEL })).await {
            answer.success(200);
        }
    }
}

#[rocket::async_test]
async fn channel_token_needs_own_channel_and_own_user() {
    let server = with_agora(TestServer::plan()).start().await;
    let [alice, carol] = ["alice", "carol"].map(|user| server.sign_in(user));
    alice.call("bob").await;
    for (user, body) in [
        (&carol, json!({ "channelId": CHANNEL })),
        (&alice, json!({ "channelId": "another" })),
        (&alice, json!({ "channelId": "agora-channel-1 " })),
        (&alice, json!({ "channelId": CHANNEL, "userId": "bob" })),
        (&alice, json!({ "channelId": CHANNEL, "userId": "nobody" })),
    ] {
        for answer in ask(user, &body).await {
            answer.failure(403, "unauthorized");
        }
    }
    let oneself = json!({ "channelId": CHANNEL, "userId": "alice" });
    for answer in ask(&alice, &oneself).await {
        answer.success(200);
    }
}

/// A client names the channel of its calls, and could name one that it has heard of.
#[rocket::async_test]
async fn channel_in_use_by_another_call_gives_no_token() {
    let mut server = with_agora(TestServer::plan()).start().await;
    let [alice, bob, carol, dave] =
        ["alice", "bob", "carol", "dave"].map(|user| server.sign_in(user));
    let body = json!({ "channelId": CHANNEL });
    let talk = alice.call("bob").await;
    bob.accept(&talk).await.success(200);
    let intrusion = carol.call("dave").await;
    for answered in [false, true] {
        if answered {
            dave.accept(&intrusion).await.success(200);
        }
        server.let_nodes_agree().await;
        for answer in ask(&carol, &body).await {
            answer.failure(403, "unauthorized");
        }
        for answer in ask(&alice, &body).await {
            answer.success(200);
        }
    }
    // Who was first on the channel is remembered.
    server.restart().await;
    for (user, status) in [(&carol, 403), (&alice, 200)] {
        for answer in ask(user, &body).await {
            assert_eq!(answer.status, status);
        }
    }
    alice.end(&talk).await.success(200);
    server.let_nodes_agree().await;
    for answer in ask(&carol, &body).await {
        answer.success(200);
    }
}

#[rocket::async_test]
async fn one_who_has_blocked_the_caller_gets_no_token_for_the_call() {
    let server = with_agora(TestServer::plan()).start().await;
    let [alice, bob] = ["alice", "bob"].map(|user| server.sign_in(user));
    let block = json!({ "userId": "alice" });
    bob.post("/api/v1/users/blocks", &block).await.success(200);
    alice.call("bob").await;
    let body = json!({ "channelId": CHANNEL });
    for (of_alice, of_bob) in ask(&alice, &body)
        .await
        .into_iter()
        .zip(ask(&bob, &body).await)
    {
        of_alice.success(200);
        of_bob.failure(403, "unauthorized");
    }
}

#[rocket::async_test]
async fn a_token_has_the_role_and_lasts_the_time_that_were_asked_for() {
    let clock = wall_clock_hand();
    clock.advance(Duration::from_millis(999));
    let server = with_agora(TestServer::plan().clock(&clock)).start().await;
    let alice = server.sign_in("alice");
    alice.call("bob").await;
    let mut sizes = Vec::new();
    for (role, seconds, expires_at) in [
        ("publisher", 60, "2024-01-15T10:31:00.000Z"),
        ("subscriber", 86_400, "2024-01-16T10:30:00.000Z"),
    ] {
        let body = json!({ "channelId": CHANNEL, "role": role, "expirationSeconds": seconds });
        for answer in ask(&alice, &body).await {
            let data = answer.success(200);
            assert_eq!(data["expiresAt"], expires_at);
            sizes.push(unpacked(&data["token"]).len());
        }
    }
    // Three privileges of six bytes each are what a subscriber lacks.
    assert_eq!(sizes[0], sizes[1]);
    assert_eq!(sizes[2], sizes[3]);
    assert_eq!(sizes[0], sizes[2] + 18);
    for nothing in [
        json!({ "channelId": CHANNEL, "role": null }),
        json!({ "channelId": CHANNEL, "expirationSeconds": null, "userId": null }),
    ] {
        for answer in ask(&alice, &nothing).await {
            answer.success(200);
        }
    }
}

#[rocket::async_test]
async fn what_is_wrong_with_a_request_is_named() {
    let server = with_agora(TestServer::plan()).start().await;
    let alice = server.sign_in("alice");
    alice.call("bob").await;
    for (body, names) in [
        (json!({}), "channelId"),
        (json!({ "channelId": "" }), "channelId"),
        (json!({ "channelId": "a/b" }), "channelId"),
        (json!({ "channelId": CHANNEL, "role": "host" }), "role"),
        (json!({ "channelId": CHANNEL, "role": 1 }), "role"),
        (json!({ "channelId": CHANNEL, "userId": 7 }), "userId"),
        (
            json!({ "channelId": CHANNEL, "expirationSeconds": 59 }),
            "expirationSeconds",
        ),
        (
            json!({ "channelId": CHANNEL, "expirationSeconds": 86_401 }),
            "expirationSeconds",
        ),
        (
            json!({ "channelId": CHANNEL, "expirationSeconds": "60" }),
            "expirationSeconds",
        ),
        (
            json!({ "channelId": CHANNEL, "expirationSeconds": 60.5 }),
            "expirationSeconds",
        ),
    ] {
        for answer in ask(&alice, &body).await {
            let message = answer.failure(400, "invalid_request");
            assert!(message.contains(names), "{message:?} does not name {names}");
        }
    }
}

#[rocket::async_test]
async fn a_user_whose_id_is_a_number_has_that_number_in_the_channel() {
    let plan = TestServer::plan().user("2882341273", "Number", None);
    let server = with_agora(plan).start().await;
    let number = server.sign_in("2882341273");
    number.call("bob").await;
    for answer in ask(&number, &json!({ "channelId": CHANNEL })).await {
        assert_eq!(answer.success(200)["uid"], 2_882_341_273_u32);
    }
}

#[rocket::async_test]
async fn initiate_and_accept_answer_as_without_an_account() {
    let server = with_agora(TestServer::plan()).start().await;
    // Every answer is checked for exactly the documented fields.
    let mut users = Users::on(&server).await;
    users.talk().await;
    drop(CallFixture::with_call("CONNECTING").await);
}

#[rocket::async_test]
async fn agora_account_is_complete_and_its_certificate_masked() {
    let folder = tempfile::tempdir().expect("a folder");
    let bare = Cli::in_directory(folder.path()).with(
        "CHATTRIX_JWT_SECRET",
        "a secret of more than thirty-two bytes",
    );
    let id = bare.clone().with("CHATTRIX_AGORA_APP_ID", APP_ID);
    let error = id.run(&["config"]).failure(1);
    assert!(error.contains("agora_app_certificate"), "{error}");
    let certificate = bare.with("CHATTRIX_AGORA_APP_CERTIFICATE", CERTIFICATE);
    let error = certificate.run(&["config"]).failure(1);
    assert!(error.to_lowercase().contains("agora_app_id"), "{error}");
    assert!(!error.contains(CERTIFICATE), "{error}");

    let both = id.with("CHATTRIX_AGORA_APP_CERTIFICATE", CERTIFICATE);
    for args in [&["config"][..], &["config", "check"], &["config", "--json"]] {
        let done = both.run(args);
        assert_eq!(done.code, 0, "{}", done.err);
        assert!(!done.out.contains(CERTIFICATE) && !done.err.contains(CERTIFICATE));
    }
    let shown = both.json(&["config"]);
    assert_eq!(shown["agora_app_id"]["value"], APP_ID);
    assert_eq!(shown["agora_app_certificate"]["value"], "********");
    let wrong = both.with("CHATTRIX_AGORA_APP_CERTIFICATE", "short-and-secret");
    let error = wrong.run(&["config"]).failure(1);
    assert!(error.contains("32 hexadecimal digits"), "{error}");
    assert!(!error.contains("short-and-secret"), "{error}");
}
