//! The socket's messages: who says each, when, and what it carries.

mod client;
mod server;

use serde_json::Value;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;

use crate::call::AppMessage;
use crate::wire::{event, value};

use super::schemas;

/// Message of the socket.
pub(super) struct Message {
    /// Its name among the messages.
    pub key: &'static str,
    /// Its summary.
    pub summary: &'static str,
    /// Its description: when it is sent, to whom, and the effect.
    pub description: &'static str,
    /// Its sender.
    pub speaker: Speaker,
    /// Its payload: the schema of its `data` or its `payload`.
    pub carries: RefOr<Schema>,
    /// Examples: whole messages, all of one type.
    pub examples: Vec<Example>,
}

/// Sender of a message.
pub(super) enum Speaker {
    /// The client; the server replies with one of these messages, or with none.
    Client {
        /// Keys of the replies.
        answers: &'static [&'static str],
    },
    /// The server.
    Server,
}

/// Example: its name, its summary, and the message.
pub(super) struct Example(pub &'static str, pub &'static str, pub Value);

impl Message {
    /// The `type` of the message.
    pub fn r#type(&self) -> &str {
        self.examples
            .first()
            .and_then(|Example(_, _, message)| message["type"].as_str())
            .expect("every message has an example, and every example a type")
    }

    /// The name of the message: its type, or `app.*` for all types of the team's own.
    pub fn name(&self) -> &str {
        if self.has_type_of_app() {
            "app.*"
        } else {
            self.r#type()
        }
    }

    /// Whether its type is one of the team's own.
    pub fn has_type_of_app(&self) -> bool {
        AppMessage::new(self.r#type(), "null").is_some()
    }

    /// The fields of the message, in their order.
    pub fn fields(&self) -> Vec<&'static str> {
        let Some(Example(_, _, Value::Object(message))) = self.examples.first() else {
            return Vec::new();
        };
        let all = ["type", "payload", "data", "timestamp"].into_iter();
        all.filter(|field| message.contains_key(*field)).collect()
    }
}

/// First signal of a browser to set up media.
const OFFER: &str = r#"{"description":{"type":"offer","sdp":"v=0\r\n"}}"#;

/// All messages: the client's, then the server's.
pub(super) fn all() -> Vec<Message> {
    let mut all = client::all();
    all.extend(server::all());
    all
}

/// The schemas that the messages refer to.
pub(super) fn referred() -> schemas::Schemas {
    schemas::Schemas::of_values()
        .with::<event::Invitation<'_>>()
        .with::<event::Accepted<'_>>()
        .with::<event::Rejected<'_>>()
        .with::<event::Ended<'_>>()
        .with::<event::TimedOut>()
        .with::<event::Missed<'_>>()
        .with::<event::QualityWarning>()
        .with::<event::SignalShape<'_>>()
        .with::<value::Signal>()
        .with::<value::AppType>()
        .with::<value::AppData>()
        .with::<value::ReportedQuality>()
        .with::<event::CallError<'_>>()
        .with::<event::HeartbeatAck<'_>>()
        .with::<event::SessionRefreshed>()
}

#[cfg(test)]
mod tests {
    use crate::wire::message;

    use super::*;

    /// Returns a client's message with its payload changed by `change`, parsed as by the socket.
    fn read(message: &Value, change: impl FnOnce(&mut serde_json::Map<String, Value>)) -> bool {
        let mut changed = message.clone();
        change(changed["payload"].as_object_mut().expect("a payload"));
        message::parse(&changed.to_string(), true).is_ok()
    }

    #[test]
    fn client_messages_parse_and_need_required_fields() {
        for said in all() {
            let Speaker::Client { .. } = said.speaker else {
                continue;
            };
            if said.has_type_of_app() {
                let Example(_, _, example) = &said.examples[0];
                assert!(read(example, serde_json::Map::clear));
                continue;
            }
            let RefOr::T(Schema::Object(carries)) = &said.carries else {
                panic!("{}: a payload of its own", said.key);
            };
            for Example(name, _, example) in &said.examples {
                assert!(read(example, |_| ()), "{} {name}", said.key);
                for field in example["payload"].as_object().expect("a payload").keys() {
                    assert!(
                        carries.properties.contains_key(field),
                        "{} {field}",
                        said.key
                    );
                    let optional = !carries.required.contains(field);
                    let understood = read(example, |payload| drop(payload.remove(field)));
                    assert_eq!(understood, optional, "{} without {field}", said.key);
                }
            }
        }
    }
}
