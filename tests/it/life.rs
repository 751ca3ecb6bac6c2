//! The life of a call: each row of the table of contract section 3, through each of its ways, with
//! who is told, who is not, and what becomes of the call. Alice calls Bob; both act on their phones.

use serde_json::{Value, json};

use crate::support::{Cast, Device, SHORT, TestServer, initiate_body};

use Device::{AlicePhone, AliceTablet, BobPhone, BobTablet};

/// Everybody but the session with which Alice acts.
const NOT_ALICES_PHONE: [Device; 3] = [AliceTablet, BobPhone, BobTablet];
/// Everybody but the session with which Bob acts.
const NOT_BOBS_PHONE: [Device; 3] = [AlicePhone, AliceTablet, BobTablet];
/// How a participant acts on a call.
#[derive(Clone, Copy, Debug)]
enum Way {
    Rest,
    Socket,
    Patch,
}

/// Who acts, and where that session's socket is.
#[derive(Clone, Copy, Debug)]
enum Actor {
    Alice,
    Bob,
}

impl Actor {
    fn id(self) -> &'static str {
        match self {
            Self::Alice => "alice",
            Self::Bob => "bob",
        }
    }

    fn phone(self) -> Device {
        match self {
            Self::Alice => AlicePhone,
            Self::Bob => BobPhone,
        }
    }

    /// The devices that are told what this participant did on the phone.
    fn others(self) -> [Device; 3] {
        match self {
            Self::Alice => NOT_ALICES_PHONE,
            Self::Bob => NOT_BOBS_PHONE,
        }
    }
}

async fn accept(cast: &mut Cast, call: &str, way: Way) {
    match way {
        Way::Rest => drop(cast.bob.accept(call).await.success(200)),
        Way::Socket => cast.at(BobPhone).accept(call).await,
        Way::Patch => drop(cast.bob.set_status(call, "CONNECTING").await.success(200)),
    }
}

async fn end(cast: &mut Cast, actor: Actor, call: &str, way: Way) {
    let api = match actor {
        Actor::Alice => cast.alice.clone(),
        Actor::Bob => cast.bob.clone(),
    };
    match way {
        Way::Rest => drop(api.end(call).await.success(200)),
        Way::Socket => cast.at(actor.phone()).end(call).await,
        Way::Patch => drop(api.set_status(call, "ENDED").await.success(200)),
    }
}

async fn ended(cast: &mut Cast, actor: Actor, call: &str) {
    cast.expect_ended(&actor.others(), call, actor.id()).await;
}

#[rocket::async_test]
async fn initiate_sends_the_invitation_to_a_connected_callee() {
    let server = TestServer::start().await;
    let mut cast = Cast::on(&server).await;
    let call = cast.alice.initiate("bob").await.success(201);
    assert_eq!(call["status"], "RINGING");
    let invitation = json!({
        "callId": call["id"],
        "channelId": call["channelId"],
        "callerId": "alice",
        "callerName": "Alice Archer",
        "callerAvatar": "https://example.com/alice.jpg",
        "callType": "VIDEO",
    });
    cast.expect_only(&[BobPhone, BobTablet], "call_invitation", &invitation)
        .await;
}

#[rocket::async_test]
async fn initiate_of_an_offline_callee_notifies_nobody() {
    let server = TestServer::start().await;
    let mut cast = Cast::without_bob(&server).await;
    let call = cast.alice.initiate("bob").await.success(201);
    assert_eq!(call["status"], "INITIATING");
    cast.expect_nothing().await;
}

#[rocket::async_test]
async fn connecting_callee_makes_the_call_ring() {
    let server = TestServer::start().await;
    let mut cast = Cast::without_bob(&server).await;
    let mut body = initiate_body("bob");
    body["callType"] = json!("AUDIO");
    let call = cast.alice.initiate_with(&body).await.success(201);
    let id = call["id"].as_str().expect("an id");
    cast.connect(BobPhone, &cast.bob.clone()).await;
    let invitation = cast.at(BobPhone).expect_message("call_invitation").await;
    assert_eq!(invitation["data"]["callId"], id);
    assert_eq!(invitation["data"]["callType"], "AUDIO");
    assert_eq!(invitation["timestamp"], call["createdAt"]);
    assert_eq!(cast.alice.status_of(id).await, "RINGING");
    cast.expect_nothing().await;
}

#[rocket::async_test]
async fn second_callee_session_is_invited_alone() {
    let server = TestServer::start().await;
    let mut cast = Cast::without_bob(&server).await;
    let call = cast.alice.call("bob").await;
    cast.connect(BobPhone, &cast.bob.clone()).await;
    cast.at(BobPhone).expect("call_invitation").await;
    cast.connect(BobTablet, &server.sign_in("bob")).await;
    assert_eq!(
        cast.at(BobTablet).expect("call_invitation").await["callId"],
        *call
    );
    cast.expect_nothing().await;
}

#[rocket::async_test]
async fn a_caller_who_connects_is_not_invited_to_the_own_call() {
    let server = TestServer::start().await;
    server.sign_in("alice").call("bob").await;
    server
        .sign_in("alice")
        .socket()
        .await
        .expect_nothing()
        .await;
}

#[rocket::async_test]
async fn accept_connects_a_ringing_call_and_tells_the_caller() {
    let server = TestServer::start().await;
    let mut cast = Cast::on(&server).await;
    for way in [Way::Rest, Way::Socket, Way::Patch] {
        let call = cast.ring().await;
        accept(&mut cast, &call, way).await;
        let accepted = json!({ "callId": call, "acceptedBy": "bob" });
        cast.expect_only(&NOT_BOBS_PHONE, "call_accepted", &accepted)
            .await;
        let details = cast.alice.details(&call).await.success(200);
        assert_eq!(details["status"], "CONNECTING", "{way:?}");
        assert_ne!(details["startTime"], Value::Null);
        cast.alice.end(&call).await.success(200);
        ended(&mut cast, Actor::Alice, &call).await;
    }
}

#[rocket::async_test]
async fn accept_connects_an_initiating_call_and_tells_the_caller() {
    let server = TestServer::start().await;
    let mut cast = Cast::without_bob(&server).await;
    for way in [Way::Rest, Way::Patch] {
        let call = cast.alice.call("bob").await;
        accept(&mut cast, &call, way).await;
        let accepted = json!({ "callId": call, "acceptedBy": "bob" });
        cast.expect_only(&[AlicePhone, AliceTablet], "call_accepted", &accepted)
            .await;
        assert_eq!(cast.alice.status_of(&call).await, "CONNECTING", "{way:?}");
        cast.alice.end(&call).await.success(200);
        cast.at(AliceTablet).expect("call_ended").await;
    }
}

#[rocket::async_test]
async fn reject_notifies_the_caller_with_each_reason() {
    let server = TestServer::start().await;
    let mut cast = Cast::on(&server).await;
    for reason in ["busy", "declined", "unavailable"] {
        for way in [Way::Rest, Way::Socket] {
            let call = cast.ring().await;
            match way {
                Way::Rest => drop(cast.bob.reject(&call, reason).await.success(200)),
                Way::Socket | Way::Patch => cast.at(BobPhone).reject(&call, reason).await,
            }
            let rejected = json!({ "callId": call, "rejectedBy": "bob", "reason": reason });
            cast.expect_only(&NOT_BOBS_PHONE, "call_rejected", &rejected)
                .await;
            assert_eq!(cast.alice.status_of(&call).await, "REJECTED", "{way:?}");
        }
    }
}

#[rocket::async_test]
async fn reject_of_an_initiating_call_notifies_the_caller() {
    let server = TestServer::start().await;
    let mut cast = Cast::without_bob(&server).await;
    let call = cast.alice.call("bob").await;
    cast.bob.reject(&call, "unavailable").await.success(200);
    let rejected = json!({ "callId": call, "rejectedBy": "bob", "reason": "unavailable" });
    cast.expect_only(&[AlicePhone, AliceTablet], "call_rejected", &rejected)
        .await;
}

#[rocket::async_test]
async fn end_of_a_ringing_call_has_0_seconds() {
    let server = TestServer::start().await;
    let mut cast = Cast::on(&server).await;
    for actor in [Actor::Alice, Actor::Bob] {
        for way in [Way::Rest, Way::Socket, Way::Patch] {
            let call = cast.ring().await;
            end(&mut cast, actor, &call, way).await;
            ended(&mut cast, actor, &call).await;
        }
    }
}

#[rocket::async_test]
async fn end_by_either_ends_an_initiating_call_with_0_seconds() {
    let server = TestServer::start().await;
    let mut cast = Cast::without_bob(&server).await;
    let call = cast.alice.call("bob").await;
    end(&mut cast, Actor::Bob, &call, Way::Rest).await;
    cast.expect_ended(&[AlicePhone, AliceTablet], &call, "bob")
        .await;
    let call = cast.alice.call("bob").await;
    end(&mut cast, Actor::Alice, &call, Way::Patch).await;
    cast.expect_ended(&[AliceTablet], &call, "alice").await;
}

#[rocket::async_test]
async fn the_ring_timeout_makes_a_ringing_call_missed_and_tells_both() {
    let server = TestServer::with(|s| s.ring_timeout = SHORT).await;
    let mut cast = Cast::on(&server).await;
    let call = cast.ring().await;
    cast.expect_only(
        &Device::PARTICIPANTS,
        "call_timeout",
        &json!({ "callId": call }),
    )
    .await;
    assert_eq!(cast.alice.status_of(&call).await, "MISSED");
}

#[rocket::async_test]
async fn ring_timeout_of_an_initiating_call_notifies_both() {
    let server = TestServer::with(|s| s.ring_timeout = SHORT).await;
    let mut cast = Cast::without_bob(&server).await;
    let call = cast.alice.call("bob").await;
    let timeout = json!({ "callId": call });
    cast.expect_only(&[AlicePhone, AliceTablet], "call_timeout", &timeout)
        .await;
    cast.connect(BobPhone, &cast.bob.clone()).await;
    assert_eq!(cast.at(BobPhone).expect("call_timeout").await, timeout);
    assert_eq!(cast.alice.status_of(&call).await, "MISSED");
}

#[rocket::async_test]
async fn patch_active_notifies_nobody() {
    let server = TestServer::start().await;
    let mut cast = Cast::on(&server).await;
    for actor in [Actor::Alice, Actor::Bob] {
        let call = cast.answer().await;
        let api = if matches!(actor, Actor::Alice) {
            &cast.alice
        } else {
            &cast.bob
        };
        api.set_status(&call, "ACTIVE").await.success(200);
        cast.expect_nothing().await;
        assert_eq!(cast.alice.status_of(&call).await, "ACTIVE");
        cast.alice.end(&call).await.success(200);
        ended(&mut cast, Actor::Alice, &call).await;
    }
}

#[rocket::async_test]
async fn end_by_either_ends_a_connecting_call_and_tells_the_other() {
    let server = TestServer::start().await;
    let mut cast = Cast::on(&server).await;
    for actor in [Actor::Alice, Actor::Bob] {
        for way in [Way::Rest, Way::Socket, Way::Patch] {
            let call = cast.answer().await;
            end(&mut cast, actor, &call, way).await;
            ended(&mut cast, actor, &call).await;
        }
    }
}

#[rocket::async_test]
async fn end_by_either_ends_an_active_call_and_tells_the_other() {
    let server = TestServer::start().await;
    let mut cast = Cast::on(&server).await;
    for actor in [Actor::Alice, Actor::Bob] {
        for way in [Way::Rest, Way::Socket, Way::Patch] {
            let call = cast.talk().await;
            end(&mut cast, actor, &call, way).await;
            ended(&mut cast, actor, &call).await;
        }
    }
}

#[rocket::async_test]
async fn end_tells_the_duration_that_the_client_sent() {
    let server = TestServer::start().await;
    let mut cast = Cast::on(&server).await;
    let call = cast.talk().await;
    cast.at(BobPhone)
        .send(
            "call.end",
            &json!({ "callId": call, "durationSeconds": 17 }),
        )
        .await;
    let data = json!({ "callId": call, "endedBy": "bob", "durationSeconds": 17 });
    cast.expect_only(&NOT_BOBS_PHONE, "call_ended", &data).await;
    let call = cast.answer().await;
    cast.alice
        .end_with(&call, &json!({ "durationSeconds": 25 }))
        .await
        .success(200);
    let data = json!({ "callId": call, "endedBy": "alice", "durationSeconds": 25 });
    cast.expect_only(&NOT_ALICES_PHONE, "call_ended", &data)
        .await;
}

#[rocket::async_test]
async fn disconnect_grace_ends_the_call_and_notifies_the_other() {
    let server = TestServer::with(|s| s.disconnect_grace = Some(SHORT)).await;
    let mut cast = Cast::on(&server).await;
    for status in ["CONNECTING", "ACTIVE"] {
        let call = if status == "ACTIVE" {
            cast.talk().await
        } else {
            cast.answer().await
        };
        cast.disconnect(BobPhone);
        cast.disconnect(BobTablet);
        cast.expect_ended(&[AlicePhone, AliceTablet], &call, "bob")
            .await;
        cast.connect(BobPhone, &cast.bob.clone()).await;
        cast.connect(BobTablet, &server.sign_in("bob")).await;
        cast.expect_nothing().await;
    }
}

#[rocket::async_test]
async fn max_call_duration_ends_the_call_as_system() {
    let server = TestServer::with(|s| s.max_call_duration = Some(SHORT * 2)).await;
    let mut cast = Cast::on(&server).await;
    for status in ["CONNECTING", "ACTIVE"] {
        let call = if status == "ACTIVE" {
            cast.talk().await
        } else {
            cast.answer().await
        };
        cast.expect_ended(&Device::PARTICIPANTS, &call, "system")
            .await;
    }
}
