//! The interface described, for programs and for people: OpenAPI for REST, AsyncAPI for the socket.
//!
//! [`fn@openapi`] is made of what the server itself runs on: the shapes and limits of [`crate::wire`], the refusals of
//! [`crate::guard`]. `asyncapi.json` is written by hand. Tests hold every answer and message of the server against both,
//! and play all their examples on a running server.

mod example;
mod openapi;
mod refusal;
mod rest;
mod schemas;
mod webhooks;

pub use openapi::openapi;

/// AsyncAPI 3.0 document: the messages of the socket.
pub const ASYNCAPI: &str = include_str!("asyncapi.json");

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::hub::CloseReason;
    use crate::wire::message;

    fn asyncapi() -> Value {
        serde_json::from_str(ASYNCAPI).expect("the document is JSON")
    }

    #[test]
    fn close_codes_of_the_document_are_those_of_the_server() {
        let codes = CloseReason::ALL.map(|close| {
            json!({
                "code": close.code(),
                "reason": close.reason(),
                "when": close.when(),
                "then": close.client_action(),
            })
        });
        assert_eq!(
            asyncapi()["channels"]["chat"]["x-close-codes"],
            json!(codes)
        );
    }

    #[test]
    fn client_messages_parse_and_need_required_fields() {
        let document = asyncapi();
        let operations = document["operations"].as_object().expect("operations");
        for (key, operation) in operations {
            if operation["action"] == "receive" && key != "appMessage" {
                assert_fields_are_as_described(&document["components"]["messages"][key]);
            }
        }
    }

    /// Whether a client's message parses as described: with all fields of its examples, and without each optional one.
    fn assert_fields_are_as_described(described: &Value) {
        let payload = &described["payload"]["properties"]["payload"];
        for example in described["examples"].as_array().expect("examples") {
            let message = &example["payload"];
            assert!(parses(message), "{message}");
            for field in message["payload"].as_object().expect("a payload").keys() {
                assert!(payload["properties"].get(field).is_some(), "{field}");
                let mut without = message.clone();
                without["payload"]
                    .as_object_mut()
                    .expect("a payload")
                    .remove(field);
                let required = payload["required"].as_array();
                let is_required = required.is_some_and(|all| all.iter().any(|one| one == field));
                assert_eq!(parses(&without), !is_required, "{message} without {field}");
            }
        }
    }

    fn parses(message: &Value) -> bool {
        message::parse(&message.to_string(), true).is_ok()
    }
}
