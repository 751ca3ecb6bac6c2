//! Errors common to all routes, played on one server.

use std::num::NonZeroU32;
use std::time::Duration;

use chattrix::settings::Rate;
use futures_util::future::join_all;
use serde_json::Value;

use super::fixture::ExampleFixture;
use super::operation::{Operation, operations};
use crate::support::Answer;

/// The names of the examples.
pub const NAMES: [&str; 5] = [
    "unauthenticated",
    "rate_limited",
    "origin_not_allowed",
    "service_error",
    "unavailable",
];

/// The operations that document the refusal `name`, each with its status and answer.
fn refusing(name: &str) -> Vec<(Operation, u16, &'static Value)> {
    operations()
        .filter_map(|operation| {
            let (status, _, example) = operation.answers().find(|(_, found, _)| *found == name)?;
            Some((operation, status, example))
        })
        .collect()
}

fn assert_refused(answer: &Answer, operation: Operation, status: u16, example: &Value) {
    assert_eq!(answer.status, status, "{}: {answer:?}", operation.id());
    assert_eq!(answer.body, *example, "{}", operation.id());
}

#[rocket::async_test]
async fn every_route_documents_its_401() {
    let fixture = ExampleFixture::set().await;
    let nobody = fixture.server.anonymous();
    for (operation, status, example) in refusing("unauthenticated") {
        let answer = fixture.send(&nobody, operation, operation.body("")).await;
        assert_refused(&answer, operation, status, example);
    }
}

/// The second request of a user who may send one, and the second bad token of an address.
#[rocket::async_test]
async fn every_route_limits_rates_as_documented() {
    let rate = Rate {
        count: NonZeroU32::MIN,
        period: Duration::from_hours(1),
    };
    let fixture = ExampleFixture::with(|settings| {
        settings.request_rate = Some(rate);
        settings.auth_failure_rate = Some(rate);
        settings.server_api_rate = Some(rate);
    })
    .await;
    let nobody = fixture.server.anonymous();
    fixture.caller.active().await.success(200);
    nobody.active().await.failure(401, "unauthenticated");
    fixture
        .backend
        .get("/api/server/v1/users")
        .await
        .success(200);
    for (operation, status, example) in refusing("rate_limited") {
        // A socket is no request in this sense, but may not be used to guess tokens.
        let is_socket = operation.id() == "openSocket";
        let who = if is_socket { &nobody } else { &fixture.caller };
        let answer = fixture.send(who, operation, operation.body("")).await;
        assert_refused(&answer, operation, status, example);
    }
}

#[rocket::async_test]
async fn every_route_refuses_pages_of_foreign_origins_as_documented() {
    let fixture = ExampleFixture::set().await;
    for (operation, status, example) in refusing("origin_not_allowed") {
        let request = fixture.request(&fixture.caller, operation);
        let request = request.header("origin", "https://elsewhere.example");
        let answer = fixture.caller.send(request).await;
        assert_refused(&answer, operation, status, example);
    }
}

/// Operations whose answer is in memory.
const IN_MEMORY: [&str; 2] = ["getServerStatus", "listConnectedSessions"];

/// Somebody has taken a table away.
#[rocket::async_test]
async fn every_route_tells_of_defects_as_documented() {
    let fixture = ExampleFixture::set().await;
    fixture.server.stored().change_rows(
        "DROP VIEW named_calls; ALTER TABLE users RENAME TO elsewhere; ALTER TABLE calls RENAME TO calls_elsewhere;
         ALTER TABLE webhook_receivers RENAME TO receivers_elsewhere;
         ALTER TABLE webhook_messages RENAME TO messages_elsewhere",
    );
    let refusing = refusing("service_error");
    let read = refusing
        .into_iter()
        .filter(|(operation, ..)| !IN_MEMORY.contains(&operation.id()));
    for (operation, status, example) in read {
        let answer = fixture
            .send(fixture.entitled(operation), operation, operation.body(""))
            .await;
        assert_refused(&answer, operation, status, example);
    }
}

/// A socket that nobody reads makes the polite stop wait, so that the server can be seen stopping.
#[rocket::async_test]
async fn every_route_says_that_the_server_is_stopping_as_documented() {
    let fixture = ExampleFixture::set().await;
    fixture.server.begin_to_stop().await;
    let refusing = refusing("unavailable");
    let ask = async |(operation, status, example): &(Operation, u16, &Value)| {
        let answer = fixture
            .send(fixture.entitled(*operation), *operation, operation.body(""))
            .await;
        assert_refused(&answer, *operation, *status, example);
    };
    join_all(refusing.iter().map(ask)).await;
}
