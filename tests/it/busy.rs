//! One live call per user, in either role: contract sections 2 (`caller_busy`, `user_busy`) and 3.

use std::time::Duration;

use crate::support::{Api, CallFixture, Device, TestServer, Users, initiate_body};

const LIVE: [&str; 4] = ["INITIATING", "RINGING", "CONNECTING", "ACTIVE"];

#[rocket::async_test]
async fn a_live_call_makes_both_participants_busy() {
    for status in LIVE {
        let fixture = CallFixture::with_call(status).await;
        for participant in [&fixture.alice, &fixture.bob] {
            let answer = participant.initiate("carol").await;
            answer.failure(409, "caller_busy");
        }
        for participant in ["alice", "bob"] {
            let answer = fixture.carol.initiate(participant).await;
            answer.failure(409, "user_busy");
        }
    }
}

#[rocket::async_test]
async fn caller_busy_names_the_call_its_status_and_its_age() {
    let fixture = CallFixture::with_call("CONNECTING").await;
    fixture.clock.advance(Duration::from_secs(42));
    let message = fixture.alice.initiate("carol").await;
    let message = message.failure(409, "caller_busy");
    for part in [fixture.call.as_str(), "CONNECTING", "42"] {
        assert!(message.contains(part), "{message:?} does not name {part}");
    }
}

#[rocket::async_test]
async fn the_caller_is_checked_before_the_callee() {
    let server = TestServer::start().await;
    let [alice, carol] = ["alice", "carol"].map(|user| server.sign_in(user));
    let alices = alice.call("bob").await;
    carol.call("dave").await;
    let message = alice.initiate("carol").await.failure(409, "caller_busy");
    assert!(message.contains(&alices), "{message}");
}

#[rocket::async_test]
async fn busy_callee_gets_call_missed_and_nobody_is_occupied() {
    let server = TestServer::start().await;
    let mut users = Users::on(&server).await;
    users.answer().await;
    users.carol.initiate("bob").await.failure(409, "user_busy");
    let answer = users.carol.initiate("alice").await;
    answer.failure(409, "user_busy");
    let answer = users.alice.initiate("carol").await;
    answer.failure(409, "caller_busy");
    for (devices, callee) in [
        ([Device::BobPhone, Device::BobTablet], "bob"),
        ([Device::AlicePhone, Device::AliceTablet], "alice"),
    ] {
        for device in devices {
            let missed = users.at(device).expect("call_missed").await;
            assert_eq!(missed["callerId"], "carol", "{callee}");
            assert_eq!(missed["reason"], "busy", "{callee}");
        }
    }
    users.expect_nothing().await;
    assert!(users.carol.active().await.success(200).is_null());
    users.carol.call("dave").await;
}

#[rocket::async_test]
async fn call_missed_is_kept_for_a_busy_callee_without_a_session() {
    let server = TestServer::start().await;
    let [alice, bob, carol] = ["alice", "bob", "carol"].map(|user| server.sign_in(user));
    let call = alice.call("bob").await;
    bob.accept(&call).await.success(200);
    carol.initiate("bob").await.failure(409, "user_busy");
    let mut at_bob = bob.socket().await;
    let missed = at_bob.expect("call_missed").await;
    assert_eq!(missed["callerId"], "carol");
    at_bob.expect_nothing().await;
}

/// There is no other window on that call in this API yet than the key that made it.
#[rocket::async_test]
async fn a_call_refused_with_user_busy_is_kept() {
    let server = TestServer::start().await;
    let [alice, bob, carol] = ["alice", "bob", "carol"].map(|user| server.sign_in(user));
    let call = alice.call("bob").await;
    let body = initiate_body("bob");
    let answer = carol.initiate_once("key-1", &body).await;
    answer.failure(409, "user_busy");
    bob.end(&call).await.success(200);
    let answer = carol.initiate_once("key-1", &body).await;
    answer.failure(409, "user_busy");
}

#[rocket::async_test]
async fn both_are_free_again_once_their_call_is_final() {
    for status in ["ENDED", "MISSED", "REJECTED"] {
        let fixture = CallFixture::with_call(status).await;
        fixture.alice.call("carol").await;
        let dave = fixture.server.sign_in("dave");
        dave.call("bob").await;
    }
}

#[rocket::async_test]
async fn of_many_who_call_one_user_at_once_exactly_one_gets_the_call() {
    let server = TestServer::start().await;
    let callers = ["alice", "bob", "carol", "dave", "erin"].map(|user| server.sign_in(user));
    for _ in 0..10 {
        let calling = callers.clone().map(|caller| tokio::spawn(initiate(caller)));
        let mut won = Vec::new();
        for answer in calling {
            won.extend(answer.await.expect("the caller has an answer"));
        }
        let [call] = won.as_slice() else {
            panic!("exactly one was to win: {won:?}")
        };
        server.sign_in("frank").end(call).await.success(200);
    }
}

/// Calls Frank: the id of the call, or none where Frank is busy.
async fn initiate(caller: Api) -> Option<String> {
    let answer = caller.initiate("frank").await;
    if answer.status == 201 {
        return Some(
            answer.success(201)["id"]
                .as_str()
                .expect("an id")
                .to_owned(),
        );
    }
    answer.failure(409, "user_busy");
    None
}

#[rocket::async_test]
async fn one_who_calls_two_users_at_once_gets_one_call() {
    let server = TestServer::start().await;
    let alice = server.sign_in("alice");
    for _ in 0..20 {
        let (one, other) = tokio::join!(alice.initiate("bob"), alice.initiate("carol"));
        let (won, lost) = if one.status == 201 {
            (one, other)
        } else {
            (other, one)
        };
        let call = won.success(201);
        lost.failure(409, "caller_busy");
        let answer = alice.end(call["id"].as_str().expect("an id")).await;
        answer.success(200);
    }
}
