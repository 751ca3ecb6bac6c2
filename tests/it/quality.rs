//! Network quality of a call: contract section 5, `/api/v1/calls/{callId}/quality` and the socket's `call.quality`.

use std::time::{Duration, Instant};

use chattrix::call::CallId;
use chattrix::store::Database;
use serde_json::{Value, json};

use crate::support::{
    Api, CallFixture, Device, TestServer, Users, another_call_id, assert_error, eventually,
    wall_clock_hand,
};

use Device::{AlicePhone, AliceTablet, BobPhone, BobTablet};

fn level(quality: &str) -> Value {
    json!({ "networkQuality": quality })
}

fn warning(call: &str, quality: &str) -> Value {
    json!({ "callId": call, "quality": quality })
}

fn nothing_of(user: &str) -> Value {
    json!({
        "userId": user,
        "reportCount": 0,
        "worstQuality": null,
        "averagePacketLossRate": null,
        "averageRoundTripTime": null,
    })
}

#[rocket::async_test]
async fn poor_quality_warns_the_other_participant_only() {
    let clock = wall_clock_hand();
    let server = TestServer::plan().clock(&clock).start().await;
    let mut users = Users::on(&server).await;
    let call = users.talk().await;
    for quality in ["POOR", "BAD", "VERY_BAD"] {
        clock.advance(Duration::from_secs(10));
        let answer = users.alice.report(&call, &level(quality)).await;
        answer.success(200);
        let told = [BobPhone, BobTablet];
        users
            .expect_only(&told, "call_quality_warning", &warning(&call, quality))
            .await;
        users.bob.report(&call, &level(quality)).await.success(200);
        let told = [AlicePhone, AliceTablet];
        users
            .expect_only(&told, "call_quality_warning", &warning(&call, quality))
            .await;
    }
}

#[rocket::async_test]
async fn a_level_that_is_not_bad_warns_nobody() {
    let server = TestServer::start().await;
    let mut users = Users::on(&server).await;
    let call = users.talk().await;
    for quality in ["EXCELLENT", "GOOD", "UNKNOWN"] {
        let answer = users.alice.report(&call, &level(quality)).await;
        answer.success(200);
    }
    users.expect_nothing().await;
}

#[rocket::async_test]
async fn agoras_numbers_mean_the_same_as_the_words() {
    let clock = wall_clock_hand();
    let server = TestServer::plan().clock(&clock).start().await;
    let mut users = Users::on(&server).await;
    let call = users.talk().await;
    for (number, quality) in [(3, "POOR"), (4, "BAD"), (5, "VERY_BAD")] {
        clock.advance(Duration::from_secs(10));
        let body = json!({ "networkQuality": number });
        users.alice.report(&call, &body).await.success(200);
        let heard = users.at(BobPhone).expect("call_quality_warning").await;
        assert_eq!(heard, warning(&call, quality));
    }
    for number in [1, 6, 2, 0, 8] {
        clock.advance(Duration::from_secs(10));
        let body = json!({ "networkQuality": number });
        users.alice.report(&call, &body).await.success(200);
        if number == 6 {
            let heard = users.at(BobPhone).expect("call_quality_warning").await;
            assert_eq!(heard, warning(&call, "VERY_BAD"));
        }
    }
    users.at(BobPhone).expect_nothing().await;
}

#[rocket::async_test]
async fn quality_warnings_are_10_s_apart() {
    let clock = wall_clock_hand();
    let server = TestServer::plan().clock(&clock).start().await;
    let mut users = Users::on(&server).await;
    let call = users.talk().await;
    // Seconds that pass before the report, its level, and whether it leads to a warning.
    for (seconds, quality, warns) in [
        (0, "POOR", true),
        (2, "POOR", false),
        (7, "BAD", false),
        (1, "POOR", true),
        (1, "BAD", false),
        (1, "UNKNOWN", false),
        (1, "GOOD", false),
        (7, "VERY_BAD", true),
        (10, "POOR", true),
    ] {
        clock.advance(Duration::from_secs(seconds));
        let answer = users.alice.report(&call, &level(quality)).await;
        answer.success(200);
        if warns {
            let message = users
                .at(BobPhone)
                .expect_message("call_quality_warning")
                .await;
            assert_eq!(message["data"], warning(&call, quality));
            assert_eq!(message["timestamp"], server.now().to_string());
        }
        users.at(BobPhone).expect_nothing().await;
    }
}

#[rocket::async_test]
async fn a_warning_is_not_kept_for_somebody_who_is_absent() {
    let server = TestServer::start().await;
    let mut users = Users::on(&server).await;
    let call = users.talk().await;
    users.disconnect(BobPhone);
    users.disconnect(BobTablet);
    eventually("bob to be gone", async || {
        let status = users.alice.get("/api/v1/users/status/bob").await;
        let status = status.success(200);
        status["isOnline"] == false
    })
    .await;
    users.alice.report(&call, &level("BAD")).await.success(200);
    users.connect(BobPhone, &users.bob.clone()).await;
    users.at(BobPhone).expect_nothing().await;
}

#[rocket::async_test]
async fn socket_quality_report_warns_without_an_answer() {
    let server = TestServer::start().await;
    let mut users = Users::on(&server).await;
    let call = users.talk().await;
    let report = json!({
        "callId": call, "networkQuality": "POOR", "packetLossRate": 0.25, "roundTripTime": 300,
    });
    users.at(AlicePhone).send("call.quality", &report).await;
    let told = [BobPhone, BobTablet];
    users
        .expect_only(&told, "call_quality_warning", &warning(&call, "POOR"))
        .await;
    let mut of_alice = Value::Null;
    // Another node shows what is stored.
    eventually("the report to be shown", async || {
        let quality = users.bob.quality(&call).await.success(200);
        of_alice = quality["participants"][0].clone();
        of_alice["reportCount"] == 1
    })
    .await;
    assert_eq!(of_alice["averageRoundTripTime"], 300.0);
}

#[rocket::async_test]
async fn a_report_over_the_socket_that_will_not_do_is_a_call_error() {
    let server = TestServer::start().await;
    let mut users = Users::on(&server).await;
    let call = users.ring().await;
    let report = |call: &str, quality: Value| json!({ "callId": call, "networkQuality": quality });
    let other = another_call_id();
    for (device, payload, error_type, call_id, names) in [
        (
            BobPhone,
            report(&call, json!("GOOD")),
            "invalid_status",
            json!(call),
            "RINGING",
        ),
        (
            Device::CarolPhone,
            report(&call, json!("GOOD")),
            "unauthorized",
            json!(call),
            "",
        ),
        (
            BobPhone,
            report(&other, json!("GOOD")),
            "call_not_found",
            json!(other),
            "",
        ),
        (
            BobPhone,
            report("1", json!(1)),
            "call_not_found",
            json!("1"),
            "",
        ),
        (
            BobPhone,
            report(&call, json!("FINE")),
            "parse_error",
            json!(call),
            "networkQuality",
        ),
        (
            BobPhone,
            report(&call, json!(7)),
            "parse_error",
            json!(call),
            "networkQuality",
        ),
        (
            BobPhone,
            json!({ "callId": call }),
            "parse_error",
            json!(call),
            "networkQuality",
        ),
        (
            BobPhone,
            level("GOOD"),
            "parse_error",
            Value::Null,
            "callId",
        ),
    ] {
        let socket = users.at(device);
        socket.send("call.quality", &payload).await;
        let error = socket.expect("call_error").await;
        assert_error(&error, error_type, call_id, names);
    }
    users.expect_nothing().await;
}

#[rocket::async_test]
async fn a_report_not_as_specified_says_what_was_expected() {
    let fixture = CallFixture::with_call("ACTIVE").await;
    for (field, value) in [
        ("networkQuality", json!("good")),
        ("networkQuality", json!(7)),
        ("networkQuality", json!(9)),
        ("networkQuality", json!(-1)),
        ("networkQuality", json!(1.5)),
        ("networkQuality", Value::Null),
        ("networkQuality", json!(true)),
        ("packetLossRate", json!(-0.1)),
        ("packetLossRate", json!(1.01)),
        ("packetLossRate", json!("0.5")),
        ("roundTripTime", json!(-1)),
        ("roundTripTime", json!("100")),
        ("roundTripTime", json!([])),
    ] {
        let mut body = level("POOR");
        body[field] = value;
        let answer = fixture.alice.report(&fixture.call, &body).await;
        let message = answer.failure(400, "invalid_request");
        assert!(message.contains(field), "{body}: {message}");
        assert!(message.contains("expected"), "{body}: {message}");
    }
    let answer = fixture.alice.report(&fixture.call, &json!({})).await;
    answer.failure(400, "invalid_request");
    let quality = fixture.alice.quality(&fixture.call).await.success(200);
    assert_eq!(quality["participants"][0], nothing_of("alice"));
}

#[rocket::async_test]
async fn what_was_reported_is_shown_to_both_in_aggregate() {
    let fixture = CallFixture::with_call("ACTIVE").await;
    let expected = json!({
        "callId": fixture.call,
        "participants": [nothing_of("alice"), nothing_of("bob")],
    });
    assert_eq!(
        fixture.alice.quality(&fixture.call).await.success(200),
        expected
    );
    for body in [
        json!({ "networkQuality": "GOOD", "packetLossRate": 0, "roundTripTime": 40 }),
        json!({ "networkQuality": "BAD", "packetLossRate": 0.5, "roundTripTime": 80.5 }),
        json!({ "networkQuality": 8, "packetLossRate": null }),
        json!({ "networkQuality": 1, "packetLossRate": 0.25, "unknown": true }),
    ] {
        let answer = fixture.alice.report(&fixture.call, &body).await;
        answer.success(200);
    }
    let of_alice = json!({
        "userId": "alice",
        "reportCount": 4,
        "worstQuality": "BAD",
        "averagePacketLossRate": 0.25,
        "averageRoundTripTime": 60.25,
    });
    let expected = json!({
        "callId": fixture.call,
        "participants": [of_alice, nothing_of("bob")],
    });
    let is_shown_to = async |who: &Api| {
        // Another node shows what is stored.
        eventually("all reports to be shown", async || {
            who.quality(&fixture.call).await.success(200) == expected
        })
        .await;
    };
    is_shown_to(&fixture.alice).await;
    is_shown_to(&fixture.bob).await;
    fixture.bob.end(&fixture.call).await.success(200);
    is_shown_to(&fixture.bob).await;
}

/// How many reports of the caller are stored.
fn stored(server: &TestServer, call: &str) -> u32 {
    let database = Database::open(&server.database()).expect("the database opens");
    let call = CallId::parse(call).expect("a call id");
    let [caller, _] = database.quality(call).expect("the table can be read");
    caller.reports
}

#[rocket::async_test]
async fn what_was_reported_is_stored_with_the_end_of_the_call() {
    let fixture = CallFixture::with_call("ACTIVE").await;
    for _ in 0..3 {
        let report = fixture.alice.report(&fixture.call, &level("GOOD")).await;
        report.success(200);
    }
    fixture.bob.end(&fixture.call).await.success(200);
    assert_eq!(stored(&fixture.server, &fixture.call), 3);
}

#[rocket::async_test]
async fn quality_is_stored_during_the_call() {
    let fixture = CallFixture::with_call("ACTIVE").await;
    let report = fixture.alice.report(&fixture.call, &level("GOOD")).await;
    report.success(200);
    eventually("the report to be stored", async || {
        stored(&fixture.server, &fixture.call) == 1
    })
    .await;
}

#[rocket::async_test]
async fn what_was_reported_outlives_a_restart_and_is_added_to() {
    let mut fixture = CallFixture::with_call("ACTIVE").await;
    let report = json!({ "networkQuality": "VERY_BAD", "roundTripTime": 100 });
    let answer = fixture.alice.report(&fixture.call, &report).await;
    answer.success(200);
    fixture.server.restart().await;
    assert_eq!(stored(&fixture.server, &fixture.call), 1);
    let report = json!({ "networkQuality": "GOOD", "roundTripTime": 300 });
    let answer = fixture.alice.report(&fixture.call, &report).await;
    answer.success(200);
    let mut alice = Value::Null;
    // Another node shows what is stored.
    eventually("both reports to be shown", async || {
        let quality = fixture.bob.quality(&fixture.call).await.success(200);
        alice = quality["participants"][0].clone();
        alice["reportCount"] == 2
    })
    .await;
    assert_eq!(alice["worstQuality"], "VERY_BAD");
    assert_eq!(alice["averageRoundTripTime"], 200.0);
}

/// A write makes the file of the write-ahead log longer, until a thousand pages are in it. PostgreSQL has one log for all.
#[rocket::async_test]
async fn reports_cost_no_more_than_a_commit_in_5_seconds() {
    let fixture = CallFixture::with_call("ACTIVE").await;
    let Some(file) = fixture.server.database_file() else {
        return;
    };
    let log = file.with_extension("db-wal");
    let length = || std::fs::metadata(&log).expect("there is a log").len();
    let (mut commits, mut before) = (0, length());
    let began = Instant::now();
    for _ in 0..150 {
        for who in [&fixture.alice, &fixture.bob] {
            who.report(&fixture.call, &level("POOR")).await.success(200);
        }
        let now = length();
        commits += u64::from(now != before);
        before = now;
    }
    let allowed = began.elapsed().as_secs() / 5 + 1;
    assert!(
        commits <= allowed,
        "{commits} commits in {:?}",
        began.elapsed()
    );
}

#[rocket::async_test]
async fn no_warning_comes_after_the_end_of_a_call() {
    let server = TestServer::start().await;
    let [alice, bob] = ["alice", "bob"].map(|user| server.sign_in(user));
    let mut tablet = server.sign_in("bob").socket().await;
    for _ in 1..40 {
        let call = alice.call("bob").await;
        tablet.expect("call_invitation").await;
        bob.accept(&call).await.success(200);
        tablet.expect("call_accepted").await;
        let (bad, ended) = (level("BAD"), bob.end(&call));
        let (_, ended) = tokio::join!(alice.report(&call, &bad), ended);
        ended.success(200);
        loop {
            let message = tablet
                .expect_one_of(&["call_quality_warning", "call_ended"])
                .await;
            if message["type"] == "call_ended" {
                break;
            }
        }
        tablet.expect_nothing().await;
    }
}
