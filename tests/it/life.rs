//! Lifecycle of a call: each row of the table of contract section 3, through each of its ways, with who is notified,
//! who is not, and the resulting state. Alice calls Bob; both use their phones.

use serde_json::{Value, json};

use crate::support::{Device, SHORT, TestServer, Users, initiate_body};

use Device::{AlicePhone, AliceTablet, BobPhone, BobTablet};

/// Everybody but the session with which Alice acts.
const NOT_ALICES_PHONE: [Device; 3] = [AliceTablet, BobPhone, BobTablet];
/// Everybody but the session with which Bob acts.
const NOT_BOBS_PHONE: [Device; 3] = [AlicePhone, AliceTablet, BobTablet];
/// How a participant acts on a call.
#[derive(Clone, Copy, Debug)]
enum Via {
    Rest,
    Socket,
    Patch,
}

/// Who acts, and where that session's socket is.
#[derive(Clone, Copy, Debug)]
enum Participant {
    Alice,
    Bob,
}

impl Participant {
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

async fn accept(users: &mut Users, call: &str, via: Via) {
    match via {
        Via::Rest => drop(users.bob.accept(call).await.success(200)),
        Via::Socket => users.at(BobPhone).accept(call).await,
        Via::Patch => drop(users.bob.set_status(call, "CONNECTING").await.success(200)),
    }
}

async fn end(users: &mut Users, participant: Participant, call: &str, via: Via) {
    let api = match participant {
        Participant::Alice => users.alice.clone(),
        Participant::Bob => users.bob.clone(),
    };
    match via {
        Via::Rest => drop(api.end(call).await.success(200)),
        Via::Socket => users.at(participant.phone()).end(call).await,
        Via::Patch => drop(api.set_status(call, "ENDED").await.success(200)),
    }
}

async fn ended(users: &mut Users, participant: Participant, call: &str) {
    users
        .expect_ended(&participant.others(), call, participant.id())
        .await;
}

#[rocket::async_test]
async fn initiate_sends_the_invitation_to_a_connected_callee() {
    let server = TestServer::start().await;
    let mut users = Users::on(&server).await;
    let call = users.alice.initiate("bob").await.success(201);
    assert_eq!(call["status"], "RINGING");
    let invitation = json!({
        "callId": call["id"],
        "channelId": call["channelId"],
        "callerId": "alice",
        "callerName": "Alice Archer",
        "callerAvatar": "https://example.com/alice.jpg",
        "callType": "VIDEO",
    });
    users
        .expect_only(&[BobPhone, BobTablet], "call_invitation", &invitation)
        .await;
}

#[rocket::async_test]
async fn initiate_of_an_offline_callee_notifies_nobody() {
    let server = TestServer::start().await;
    let mut users = Users::without_bob(&server).await;
    let call = users.alice.initiate("bob").await.success(201);
    assert_eq!(call["status"], "INITIATING");
    users.expect_nothing().await;
}

#[rocket::async_test]
async fn connecting_callee_makes_the_call_ring() {
    let server = TestServer::start().await;
    let mut users = Users::without_bob(&server).await;
    let mut body = initiate_body("bob");
    body["callType"] = json!("AUDIO");
    let call = users.alice.initiate_with(&body).await.success(201);
    let id = call["id"].as_str().expect("an id");
    users.connect(BobPhone, &users.bob.clone()).await;
    let invitation = users.at(BobPhone).expect_message("call_invitation").await;
    assert_eq!(invitation["data"]["callId"], id);
    assert_eq!(invitation["data"]["callType"], "AUDIO");
    assert_eq!(invitation["timestamp"], call["createdAt"]);
    assert_eq!(users.alice.status_of(id).await, "RINGING");
    users.expect_nothing().await;
}

#[rocket::async_test]
async fn second_callee_session_is_invited_alone() {
    let server = TestServer::start().await;
    let mut users = Users::without_bob(&server).await;
    let call = users.alice.call("bob").await;
    users.connect(BobPhone, &users.bob.clone()).await;
    users.at(BobPhone).expect("call_invitation").await;
    users.connect(BobTablet, &server.sign_in("bob")).await;
    assert_eq!(
        users.at(BobTablet).expect("call_invitation").await["callId"],
        *call
    );
    users.expect_nothing().await;
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
    let mut users = Users::on(&server).await;
    for via in [Via::Rest, Via::Socket, Via::Patch] {
        let call = users.ring().await;
        accept(&mut users, &call, via).await;
        let accepted = json!({ "callId": call, "acceptedBy": "bob" });
        users
            .expect_only(&NOT_BOBS_PHONE, "call_accepted", &accepted)
            .await;
        let details = users.alice.details(&call).await.success(200);
        assert_eq!(details["status"], "CONNECTING", "{via:?}");
        assert_ne!(details["startTime"], Value::Null);
        users.alice.end(&call).await.success(200);
        ended(&mut users, Participant::Alice, &call).await;
    }
}

#[rocket::async_test]
async fn accept_connects_an_initiating_call_and_tells_the_caller() {
    let server = TestServer::start().await;
    let mut users = Users::without_bob(&server).await;
    for via in [Via::Rest, Via::Patch] {
        let call = users.alice.call("bob").await;
        accept(&mut users, &call, via).await;
        let accepted = json!({ "callId": call, "acceptedBy": "bob" });
        users
            .expect_only(&[AlicePhone, AliceTablet], "call_accepted", &accepted)
            .await;
        assert_eq!(users.alice.status_of(&call).await, "CONNECTING", "{via:?}");
        users.alice.end(&call).await.success(200);
        users.at(AliceTablet).expect("call_ended").await;
    }
}

#[rocket::async_test]
async fn reject_notifies_the_caller_with_each_reason() {
    let server = TestServer::start().await;
    let mut users = Users::on(&server).await;
    for reason in ["busy", "declined", "unavailable"] {
        for via in [Via::Rest, Via::Socket] {
            let call = users.ring().await;
            match via {
                Via::Rest => drop(users.bob.reject(&call, reason).await.success(200)),
                Via::Socket | Via::Patch => users.at(BobPhone).reject(&call, reason).await,
            }
            let rejected = json!({ "callId": call, "rejectedBy": "bob", "reason": reason });
            users
                .expect_only(&NOT_BOBS_PHONE, "call_rejected", &rejected)
                .await;
            assert_eq!(users.alice.status_of(&call).await, "REJECTED", "{via:?}");
        }
    }
}

#[rocket::async_test]
async fn reject_of_an_initiating_call_notifies_the_caller() {
    let server = TestServer::start().await;
    let mut users = Users::without_bob(&server).await;
    let call = users.alice.call("bob").await;
    users.bob.reject(&call, "unavailable").await.success(200);
    let rejected = json!({ "callId": call, "rejectedBy": "bob", "reason": "unavailable" });
    users
        .expect_only(&[AlicePhone, AliceTablet], "call_rejected", &rejected)
        .await;
}

#[rocket::async_test]
async fn end_of_a_ringing_call_has_0_seconds() {
    let server = TestServer::start().await;
    let mut users = Users::on(&server).await;
    for participant in [Participant::Alice, Participant::Bob] {
        for via in [Via::Rest, Via::Socket, Via::Patch] {
            let call = users.ring().await;
            end(&mut users, participant, &call, via).await;
            ended(&mut users, participant, &call).await;
        }
    }
}

#[rocket::async_test]
async fn end_by_either_ends_an_initiating_call_with_0_seconds() {
    let server = TestServer::start().await;
    let mut users = Users::without_bob(&server).await;
    let call = users.alice.call("bob").await;
    end(&mut users, Participant::Bob, &call, Via::Rest).await;
    users
        .expect_ended(&[AlicePhone, AliceTablet], &call, "bob")
        .await;
    let call = users.alice.call("bob").await;
    end(&mut users, Participant::Alice, &call, Via::Patch).await;
    users.expect_ended(&[AliceTablet], &call, "alice").await;
}

#[rocket::async_test]
async fn the_ring_timeout_makes_a_ringing_call_missed_and_tells_both() {
    let server = TestServer::with(|s| s.ring_timeout = SHORT).await;
    let mut users = Users::on(&server).await;
    let call = users.ring().await;
    users
        .expect_only(
            &Device::PARTICIPANTS,
            "call_timeout",
            &json!({ "callId": call }),
        )
        .await;
    assert_eq!(users.alice.status_of(&call).await, "MISSED");
}

#[rocket::async_test]
async fn ring_timeout_of_an_initiating_call_notifies_both() {
    let server = TestServer::with(|s| s.ring_timeout = SHORT).await;
    let mut users = Users::without_bob(&server).await;
    let call = users.alice.call("bob").await;
    let timeout = json!({ "callId": call });
    users
        .expect_only(&[AlicePhone, AliceTablet], "call_timeout", &timeout)
        .await;
    users.connect(BobPhone, &users.bob.clone()).await;
    assert_eq!(users.at(BobPhone).expect("call_timeout").await, timeout);
    assert_eq!(users.alice.status_of(&call).await, "MISSED");
}

#[rocket::async_test]
async fn patch_active_notifies_nobody() {
    let server = TestServer::start().await;
    let mut users = Users::on(&server).await;
    for participant in [Participant::Alice, Participant::Bob] {
        let call = users.answer().await;
        let api = if matches!(participant, Participant::Alice) {
            &users.alice
        } else {
            &users.bob
        };
        api.set_status(&call, "ACTIVE").await.success(200);
        users.expect_nothing().await;
        assert_eq!(users.alice.status_of(&call).await, "ACTIVE");
        users.alice.end(&call).await.success(200);
        ended(&mut users, Participant::Alice, &call).await;
    }
}

#[rocket::async_test]
async fn end_by_either_ends_a_connecting_call_and_tells_the_other() {
    let server = TestServer::start().await;
    let mut users = Users::on(&server).await;
    for participant in [Participant::Alice, Participant::Bob] {
        for via in [Via::Rest, Via::Socket, Via::Patch] {
            let call = users.answer().await;
            end(&mut users, participant, &call, via).await;
            ended(&mut users, participant, &call).await;
        }
    }
}

#[rocket::async_test]
async fn end_by_either_ends_an_active_call_and_tells_the_other() {
    let server = TestServer::start().await;
    let mut users = Users::on(&server).await;
    for participant in [Participant::Alice, Participant::Bob] {
        for via in [Via::Rest, Via::Socket, Via::Patch] {
            let call = users.talk().await;
            end(&mut users, participant, &call, via).await;
            ended(&mut users, participant, &call).await;
        }
    }
}

#[rocket::async_test]
async fn end_tells_the_duration_that_the_client_sent() {
    let server = TestServer::start().await;
    let mut users = Users::on(&server).await;
    let call = users.talk().await;
    users
        .at(BobPhone)
        .send(
            "call.end",
            &json!({ "callId": call, "durationSeconds": 17 }),
        )
        .await;
    let data = json!({ "callId": call, "endedBy": "bob", "durationSeconds": 17 });
    users
        .expect_only(&NOT_BOBS_PHONE, "call_ended", &data)
        .await;
    let call = users.answer().await;
    users
        .alice
        .end_with(&call, &json!({ "durationSeconds": 25 }))
        .await
        .success(200);
    let data = json!({ "callId": call, "endedBy": "alice", "durationSeconds": 25 });
    users
        .expect_only(&NOT_ALICES_PHONE, "call_ended", &data)
        .await;
}

#[rocket::async_test]
async fn disconnect_grace_ends_the_call_and_notifies_the_other() {
    let server = TestServer::with(|s| s.disconnect_grace = Some(SHORT)).await;
    let mut users = Users::on(&server).await;
    for status in ["CONNECTING", "ACTIVE"] {
        let call = if status == "ACTIVE" {
            users.talk().await
        } else {
            users.answer().await
        };
        users.disconnect(BobPhone);
        users.disconnect(BobTablet);
        users
            .expect_ended(&[AlicePhone, AliceTablet], &call, "bob")
            .await;
        users.connect(BobPhone, &users.bob.clone()).await;
        users.connect(BobTablet, &server.sign_in("bob")).await;
        users.expect_nothing().await;
    }
}

#[rocket::async_test]
async fn max_call_duration_ends_the_call_as_system() {
    let server = TestServer::with(|s| s.max_call_duration = Some(SHORT * 2)).await;
    let mut users = Users::on(&server).await;
    for status in ["CONNECTING", "ACTIVE"] {
        let call = if status == "ACTIVE" {
            users.talk().await
        } else {
            users.answer().await
        };
        users
            .expect_ended(&Device::PARTICIPANTS, &call, "system")
            .await;
    }
}
