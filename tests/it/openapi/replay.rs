//! Plays every example of a response: the server must return exactly the example.
//!
//! A new route needs an arm in the `play` of its tag for each of its examples; errors common to all routes ([`shared`])
//! need none.

use serde_json::{Value, json};

use super::fixture::ExampleFixture;
use super::operation::{Operation, operations};
use super::{backend, beyond, calls, shared};
use crate::support::Answer;
use crate::support::document::openapi;

/// Makes the server give the example `name` of an answer to `operation`.
async fn play(operation: Operation, name: &str) -> Answer {
    match name {
        "malformed" => {
            let fixture = ExampleFixture::set().await;
            fixture
                .send_text(operation, "{\"reason\":".to_owned())
                .await
        }
        "body_too_large" => {
            let body = json!({ "padding": " ".repeat(16 * 1024) });
            let fixture = ExampleFixture::set().await;
            fixture.send_text(operation, body.to_string()).await
        }
        "content_encoding" => {
            let fixture = ExampleFixture::set().await;
            let who = fixture.entitled(operation);
            let request = fixture.request(who, operation);
            let gzip = request.header("content-encoding", "gzip").body("{}");
            who.send(gzip).await
        }
        "call_not_found" => {
            let fixture = ExampleFixture::set().await;
            fixture
                .send(fixture.entitled(operation), operation, operation.body(""))
                .await
        }
        "not_a_participant" => {
            let fixture = ExampleFixture::ringing().await;
            fixture
                .send(&fixture.stranger, operation, operation.body(""))
                .await
        }
        _ => match operation.tag() {
            "Calls" => Box::pin(calls::play(operation, name)).await,
            "Blocks" | "Contacts" => Box::pin(beyond::play_lists(operation, name)).await,
            "History" | "Presence" => Box::pin(beyond::play(operation, name)).await,
            "Server API" => Box::pin(backend::play(operation, name)).await,
            "Media" => Box::pin(beyond::play_media(operation, name)).await,
            "Socket" | "Supervision" => Box::pin(beyond::play_meta(operation, name)).await,
            _ => unknown(operation, name),
        },
    }
}

/// There is no arm for the example.
pub fn unknown(operation: Operation, name: &str) -> ! {
    let (id, tag) = (operation.id(), operation.tag());
    panic!(
        "{id}: how the server comes to answer {name:?} is not known: give the `play` of {tag} in tests/it/openapi an arm for it"
    )
}

async fn replay(tag: &str) {
    let mut played = 0;
    for operation in operations().filter(|operation| operation.tag() == tag) {
        for (status, name, example) in operation.answers() {
            if shared::NAMES.contains(&name) {
                continue;
            }
            let answer = Box::pin(play(operation, name)).await;
            let what = format!("{} {name}", operation.id());
            assert_eq!(answer.status, status, "{what}: {answer:?}");
            assert_eq!(without_ids(&answer.body), without_ids(example), "{what}");
            played += 1;
        }
    }
    assert!(played > 0, "{tag} has no examples");
}

/// `value` with every call id replaced by one and the same, and what is made of ids or chance as well.
pub fn without_ids(value: &Value) -> Value {
    const LENGTH: usize = 36;
    let mut text = value.to_string();
    let mut start = 0;
    while start + LENGTH <= text.len() {
        let is_id = text
            .get(start..start + LENGTH)
            .is_some_and(|id| uuid::Uuid::parse_str(id).is_ok());
        if is_id {
            text.replace_range(start..start + LENGTH, "the call");
        }
        start += 1;
    }
    let mut value: Value = serde_json::from_str(&text).expect("it was JSON before");
    for made in ["/data/nextCursor", "/data/token", "/data/secret"] {
        if let Some(made) = value.pointer_mut(made).filter(|made| made.is_string()) {
            *made = "made by the server".into();
        }
    }
    value
}

#[rocket::async_test]
async fn the_examples_of_calls_are_what_the_server_answers() {
    replay("Calls").await;
}

#[rocket::async_test]
async fn the_examples_of_histories_are_what_the_server_answers() {
    replay("History").await;
}

#[rocket::async_test]
async fn the_examples_of_presence_are_what_the_server_answers() {
    replay("Presence").await;
}

#[rocket::async_test]
async fn the_examples_of_lists_are_what_the_server_answers() {
    replay("Blocks").await;
    replay("Contacts").await;
}

#[rocket::async_test]
async fn the_examples_of_media_are_what_the_server_answers() {
    replay("Media").await;
}

#[rocket::async_test]
async fn socket_handshake_examples_match_the_server() {
    replay("Socket").await;
}

#[rocket::async_test]
async fn the_examples_of_supervision_are_what_the_server_answers() {
    replay("Supervision").await;
}

#[rocket::async_test]
async fn the_examples_of_the_server_api_are_what_the_server_answers() {
    replay("Server API").await;
}

#[test]
fn no_tag_is_left_out() {
    let tags = openapi()["tags"].as_array().expect("tags");
    let tags: Vec<_> = tags
        .iter()
        .map(|tag| tag["name"].as_str().expect("a name"))
        .collect();
    // The documents themselves have no examples, and webhooks are checked where they are received.
    assert_eq!(
        tags,
        [
            "Calls",
            "History",
            "Presence",
            "Blocks",
            "Contacts",
            "Media",
            "Socket",
            "Server API",
            "Webhooks",
            "Documents",
            "Supervision"
        ],
        "a new tag needs a test like those above"
    );
}
