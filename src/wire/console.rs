//! Requests and responses between the server and its web pages.

use std::time::Duration;

use serde::Serialize;

use crate::clock::Timestamp;
use crate::user::{Profile, SessionId, UserId};

use super::fields::{Fields, ValidationError};
use super::request::json;
use super::response::success;
use super::{Instant, Text};

/// Default lifetime of a token.
const TTL: Duration = Duration::from_hours(1);

/// Maximum lifetime of a token in seconds: a day.
const MAX_TTL_SECONDS: u32 = 24 * 60 * 60;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Configuration {
    is_development: bool,
    ring_timeout_seconds: f64,
    has_nodes: bool,
    version: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PageConfiguration {
    is_development: bool,
    version: &'static str,
}

#[derive(Serialize)]
struct Key<'a> {
    key: &'a str,
}

#[derive(Serialize)]
struct Node<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
}

#[derive(Serialize)]
struct Person<'a> {
    id: Text<&'a UserId>,
    name: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Token<'a> {
    token: &'a str,
    session_id: Text<&'a SessionId>,
    expires_at: Instant,
}

/// Returns the success `message` with the configuration of the page.
#[must_use]
pub fn configuration(
    message: &str,
    is_development: bool,
    ring_timeout: Duration,
    has_nodes: bool,
) -> String {
    let configuration = Configuration {
        is_development,
        ring_timeout_seconds: ring_timeout.as_secs_f64(),
        has_nodes,
        version: env!("CARGO_PKG_VERSION"),
    };
    success(message, configuration)
}

/// Returns the success `message` with the configuration of another page than the console: whether it is opened on the
/// machine of the dev mode.
#[must_use]
pub fn page_configuration(message: &str, is_development: bool) -> String {
    let configuration = PageConfiguration {
        is_development,
        version: env!("CARGO_PKG_VERSION"),
    };
    success(message, configuration)
}

/// Returns the success `message` with the name of a node.
#[must_use]
pub fn node(message: &str, name: Option<&str>) -> String {
    success(message, Node { name })
}

/// Returns the success `message` with an API key.
#[must_use]
pub fn key(message: &str, key: &str) -> String {
    success(message, Key { key })
}

/// Returns the success `message` with the test users.
#[must_use]
pub fn people(message: &str, people: &[Profile]) -> String {
    let people = people
        .iter()
        .map(|Profile { id, name, .. }| Person { id: Text(id), name });
    success(message, people.collect::<Vec<_>>())
}

/// Returns the success `message` with a token.
#[must_use]
pub fn token(message: &str, token: &str, session: &SessionId, expires_at: Timestamp) -> String {
    let token = Token {
        token,
        session_id: Text(session),
        expires_at: Instant(expires_at),
    };
    success(message, token)
}

/// Request for a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRequest {
    /// `userId`: the user of the token.
    pub user: UserId,
    /// `sessionId`: the session; none for a new one.
    pub session: Option<SessionId>,
    /// `ttlSeconds`: the lifetime; an hour by default.
    pub ttl: Duration,
}

/// Reads a request for a token.
pub fn token_request(body: &[u8]) -> Result<TokenRequest, ValidationError> {
    const TTL_EXPECTED: &str = "a whole number from 1 to 86400, or nothing";
    let body = json(body)?;
    let fields = Fields::of(&body, "body")?;
    let ttl = match fields.optional_count("ttlSeconds")? {
        None => TTL,
        Some(seconds @ 1..=MAX_TTL_SECONDS) => Duration::from_secs(seconds.into()),
        Some(other) => {
            return Err(ValidationError(format!(
                "ttlSeconds: expected {TTL_EXPECTED}, got {other}"
            )));
        }
    };
    // The characters and the length of a user id are enough for any session name.
    let session = fields
        .any_text("sessionId")
        .map(|text| UserId::parse(text).map(|id| SessionId::new(id.as_str())));
    if session == Some(None) {
        let expected = UserId::EXPECTED;
        return Err(ValidationError(format!(
            "sessionId: expected {expected}, or nothing"
        )));
    }
    Ok(TokenRequest {
        user: fields.parsed("userId", UserId::EXPECTED, UserId::parse)?,
        session: session.flatten(),
        ttl,
    })
}
