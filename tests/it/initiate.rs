//! `POST /api/v1/calls/initiate`: specification "1. Initiate Call", contract sections 1 to 3.

use serde_json::{Value, json};

use crate::support::{TestServer, initiate_body};

#[rocket::async_test]
async fn initiate_answers_201_with_the_call_as_specified() {
    let server = TestServer::start().await;
    let body = json!({ "calleeId": "bob", "callType": "AUDIO", "channelId": "agora-channel-9" });
    let call = server.sign_in("alice").initiate_with(&body).await;
    let call = call.success(201);
    assert_eq!(call["callerId"], "alice");
    assert_eq!(call["calleeId"], "bob");
    assert_eq!(call["callType"], "AUDIO");
    assert_eq!(call["channelId"], "agora-channel-9");
    assert_eq!(call["createdAt"], call["updatedAt"]);
}

#[rocket::async_test]
async fn invitation_without_an_avatar_has_null() {
    let server = TestServer::start().await;
    let mut alice = server.sign_in("alice").socket().await;
    server.sign_in("bob").call("alice").await;
    let invitation = alice.expect("call_invitation").await;
    assert_eq!(invitation["callerName"], "Bob Baker");
    assert_eq!(invitation["callerAvatar"], Value::Null);
}

#[rocket::async_test]
async fn initiate_to_a_user_that_does_not_exist_is_user_not_found() {
    let server = TestServer::start().await;
    let answer = server.sign_in("alice").initiate("nobody").await;
    answer.failure(404, "user_not_found");
}

#[rocket::async_test]
async fn initiate_to_a_disabled_user_is_user_not_found() {
    let server = TestServer::plan().disabled_user("mallory").start().await;
    let answer = server.sign_in("alice").initiate("mallory").await;
    answer.failure(404, "user_not_found");
}

#[rocket::async_test]
async fn calling_oneself_is_an_invalid_request() {
    let server = TestServer::start().await;
    let answer = server.sign_in("alice").initiate("alice").await;
    answer.failure(400, "invalid_request");
}

#[rocket::async_test]
async fn initiate_without_a_field_names_it() {
    let server = TestServer::start().await;
    let alice = server.sign_in("alice");
    for field in ["calleeId", "callType", "channelId"] {
        let mut body = initiate_body("bob");
        body.as_object_mut().expect("an object").remove(field);
        let message = alice.initiate_with(&body).await;
        let message = message.failure(400, "invalid_request");
        assert!(message.contains(field), "{message:?} does not name {field}");
    }
}

#[rocket::async_test]
async fn initiate_with_a_field_of_a_wrong_type_names_it() {
    let server = TestServer::start().await;
    let alice = server.sign_in("alice");
    for field in ["calleeId", "callType", "channelId"] {
        for wrong in [json!(7), json!(null), json!(true), json!(["x"]), json!({})] {
            let mut body = initiate_body("bob");
            body[field] = wrong;
            let message = alice.initiate_with(&body).await;
            let message = message.failure(400, "invalid_request");
            assert!(
                message.contains(field),
                "{message:?} does not name {field}: {body}"
            );
        }
    }
}

#[rocket::async_test]
async fn initiate_with_a_wrong_call_type_names_the_expected() {
    let server = TestServer::start().await;
    let alice = server.sign_in("alice");
    for wrong in ["", "video", "Audio", "SCREEN", "VIDEO "] {
        let mut body = initiate_body("bob");
        body["callType"] = json!(wrong);
        let message = alice.initiate_with(&body).await;
        let message = message.failure(400, "invalid_request");
        for word in ["callType", "AUDIO", "VIDEO"] {
            assert!(message.contains(word), "{message:?} does not name {word}");
        }
    }
}

#[rocket::async_test]
async fn initiate_with_a_callee_id_that_is_no_user_id_names_it() {
    let server = TestServer::start().await;
    let alice = server.sign_in("alice");
    for wrong in ["", "a b", "bob\n", "bób", &"x".repeat(256)] {
        let message = alice.initiate(wrong).await.failure(400, "invalid_request");
        assert!(
            message.contains("calleeId"),
            "{message:?} does not name calleeId: {wrong:?}"
        );
    }
}

#[rocket::async_test]
async fn callee_id_takes_every_user_id_character() {
    let longest = format!("AZaz09._:@-{}", "x".repeat(53));
    let server = TestServer::plan()
        .user(&longest, "Long", None)
        .start()
        .await;
    let call = server.sign_in("alice").initiate(&longest).await;
    let call = call.success(201);
    assert_eq!(call["calleeId"], longest);
}

#[rocket::async_test]
async fn initiate_with_a_channel_that_agora_would_refuse_names_it() {
    let server = TestServer::start().await;
    let alice = server.sign_in("alice");
    for wrong in [
        "",
        "channel/1",
        "kanał",
        "a\"b",
        "a\\b",
        "a'b",
        "a*b",
        "tab\t",
        &"c".repeat(65),
    ] {
        let mut body = initiate_body("bob");
        body["channelId"] = json!(wrong);
        let message = alice.initiate_with(&body).await;
        let message = message.failure(400, "invalid_request");
        assert!(
            message.contains("channelId"),
            "{message:?} does not name channelId: {wrong:?}"
        );
    }
}

#[rocket::async_test]
async fn channel_takes_every_agora_character_up_to_64() {
    let server = TestServer::start().await;
    let alice = server.sign_in("alice");
    for good in ["c", "AZaz09 !#$%&()+-:;<=.>?@[]^_{}|~,", &"c".repeat(64)] {
        let mut body = initiate_body("bob");
        body["channelId"] = json!(good);
        let call = alice.initiate_with(&body).await.success(201);
        assert_eq!(call["channelId"], good);
        let answer = alice.end(call["id"].as_str().expect("an id")).await;
        answer.success(200);
    }
}

#[rocket::async_test]
async fn initiate_ignores_unknown_fields() {
    let server = TestServer::start().await;
    let mut body = initiate_body("bob");
    body["callerId"] = json!("carol");
    body["metadata"] = json!({ "any": [1, 2, 3] });
    let call = server.sign_in("alice").initiate_with(&body).await;
    let call = call.success(201);
    assert_eq!(call["callerId"], "alice");
}

#[rocket::async_test]
async fn initiate_without_a_body_is_an_invalid_request() {
    let server = TestServer::start().await;
    let alice = server.sign_in("alice");
    let answer = alice.post_text("/api/v1/calls/initiate", "").await;
    answer.failure(400, "invalid_request");
    let answer = alice.post("/api/v1/calls/initiate", &json!([])).await;
    answer.failure(400, "invalid_request");
}
