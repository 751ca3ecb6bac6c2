//! The AsyncAPI document.

use serde_json::{Map, Value, json};

use crate::hub::CloseReason;

use super::messages::{self, Example, Message, Speaker};

/// Returns the AsyncAPI 3.0 document, as formatted JSON.
#[must_use]
pub fn asyncapi() -> String {
    format!("{:#}", document())
}

fn document() -> Value {
    let messages = messages::all();
    json!({
        "asyncapi": "3.0.0",
        "info": info(),
        "defaultContentType": "application/json",
        "servers": servers(),
        "channels": { "chat": channel(&messages) },
        "operations": operations(&messages),
        "components": {
            "messages": messages.iter().map(|message| (message.key.to_owned(), described(message))).collect::<Map<_, _>>(),
            "schemas": messages::referred().into_map(),
            "securitySchemes": {
                "query": {
                    "type": "httpApiKey",
                    "in": "query",
                    "name": "token",
                    "description": "The token as `?token=`, for browsers, which cannot set headers on a socket.",
                },
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "The token in an `Authorization: Bearer` header.",
                },
            },
        },
    })
}

fn info() -> Value {
    json!({
        "title": "Chattrix Calls: the socket",
        "version": env!("CARGO_PKG_VERSION"),
        "license": { "name": "MIT" },
        "description":
            "Call signalling between two users, as it happens. Calls are initiated over REST, which stands in \
             `/api/openapi.json`; they can be accepted, rejected and ended here and there alike.\n\n\
             Clients say `{type, payload}`. The server tells of what happened with `{type, data, timestamp}`, and \
             answers with `{type, payload}`. Unknown fields are ignored.\n\n\
             A session is one login on one device: the token's claim `sid`, else `jti`, else the token itself. It has \
             one connection; a new one takes the place of the old. A user may have several sessions (8), all of \
             which hear what concerns the user. The session that acts hears nothing of it.\n\n\
             Delivery is confirmed: after events the server sends a ping, whose pong confirms the events before it \
             (RFC 6455, section 5.5.3). WebSocket libraries send it by themselves. An event that no session of its user \
             has confirmed is kept for 5 minutes. The next session that connects receives it first, in order and with \
             its own `timestamp`; then comes the invitation to a call that rings. A session that reconnects under the \
             same `sid` receives every event that it had not confirmed. An event never comes twice on one connection. \
             On another connection it may come again, the same to the byte: drop doubles by `type`, `callId` and \
             `timestamp`.\n\n\
             The messages of one session are handled one at a time, in their order. Refused messages are answered \
             with `call_error`, and the connection stays open.",
    })
}

fn servers() -> Value {
    let server = |protocol: &str, description: &str| {
        json!({
            "host": "{host}",
            "protocol": protocol,
            "description": description,
            "variables": {
                "host": { "default": "127.0.0.1:8000", "description": "Where the server is found." },
            },
            "security": [
                { "$ref": "#/components/securitySchemes/query" },
                { "$ref": "#/components/securitySchemes/bearer" },
            ],
        })
    };
    json!({
        "secure": server("wss", "Behind TLS."),
        "plain": server("ws", "On the same machine, or in a network of its own."),
    })
}

fn channel(messages: &[Message]) -> Value {
    let references: Map<_, _> = messages
        .iter()
        .map(|message| {
            let reference = json!({ "$ref": format!("#/components/messages/{}", message.key) });
            (message.key.to_owned(), reference)
        })
        .collect();
    json!({
        "address": "/ws/chat",
        "title": "The socket",
        "description":
            "A bad token is answered with HTTP 401 and the JSON envelope of REST, before any upgrade. The server pings \
             every 25 s (`ping_interval`) and closes a connection that has been silent for 75 s (`idle_timeout`); a \
             pong is not silence. A message may have 64 KiB (`max_message_bytes`). Pages of other origins have to be \
             in the setting `allowed_origins`.",
        "messages": references,
        "bindings": {
            "ws": {
                "method": "GET",
                "query": {
                    "type": "object",
                    "properties": {
                        "token": { "type": "string", "description": "The token, where no header carries it." },
                    },
                },
                "headers": {
                    "type": "object",
                    "properties": {
                        "Authorization": { "type": "string", "description": "`Bearer` and the token." },
                        "Sec-WebSocket-Protocol": {
                            "type": "string",
                            "description":
                                "`chattrix.v1, bearer.` and the token, for browsers; the server selects `chattrix.v1`.",
                        },
                    },
                },
                "bindingVersion": "0.1.0",
            },
        },
        "x-close-codes": CloseReason::ALL.map(close_reason),
    })
}

fn close_reason(close: CloseReason) -> Value {
    json!({
        "code": close.code(),
        "reason": close.reason(),
        "when": close.when(),
        "then": close.client_action(),
    })
}

fn operations(messages: &[Message]) -> Value {
    let operation = |message: &Message| {
        let reference = |key: &str| json!({ "$ref": format!("#/channels/chat/messages/{key}") });
        let mut operation = json!({
            "action": "send",
            "channel": { "$ref": "#/channels/chat" },
            "summary": message.summary,
            "messages": [reference(message.key)],
        });
        if let Speaker::Client { answers } = message.speaker {
            operation["action"] = "receive".into();
            operation["reply"] = json!({
                "channel": { "$ref": "#/channels/chat" },
                "messages": answers.iter().map(|key| reference(key)).collect::<Vec<_>>(),
            });
        }
        (message.key.to_owned(), operation)
    };
    messages.iter().map(operation).collect()
}

fn described(message: &Message) -> Value {
    let example = |Example(name, summary, payload): &Example| json!({ "name": name, "summary": summary, "payload": payload });
    json!({
        "name": message.name(),
        "title": message.name(),
        "summary": message.summary,
        "description": message.description,
        "contentType": "application/json",
        "payload": {
            "type": "object",
            "required": message.fields(),
            "properties": message.fields().into_iter().map(|field| (field.to_owned(), field_schema(message, field))).collect::<Map<_, _>>(),
        },
        "examples": message.examples.iter().map(example).collect::<Vec<_>>(),
    })
}

/// Returns the schema of one of the outermost fields of `message`.
fn field_schema(message: &Message, field: &str) -> Value {
    match field {
        "type" if message.has_type_of_app() => json!({ "$ref": "#/components/schemas/AppType" }),
        "type" => json!({ "type": "string", "const": message.r#type() }),
        "timestamp" => json!({ "$ref": "#/components/schemas/Timestamp" }),
        _ => json!(message.carries),
    }
}
