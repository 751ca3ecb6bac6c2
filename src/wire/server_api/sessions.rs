//! Sessions, presence and tokens.

use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::user::{SessionId, UserId};
use crate::wire::fields::{Fields, ValidationError, whole};
use crate::wire::request::{json, json_or_nothing};
use crate::wire::response::success;
use crate::wire::{Instant, Text, cursor, value};

use super::user_ids;

/// Maximum validity of a token, in seconds: 30 days.
const LONGEST_TTL: u64 = 30 * 86_400;

/// Validity of a token if the request does not say, in seconds.
const DEFAULT_TTL: u64 = 3_600;

/// A connected session.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Session)]
pub(crate) struct SessionShape<'a> {
    /// The session: the token's `sid`, else its `jti`, else a digest of the token.
    session_id: &'a str,
    /// When it connected.
    #[schema(value_type = value::Timestamp)]
    connected_at: Instant,
    /// Whether it confirms its events in time.
    responsive: bool,
}

/// A connected session with its user.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = UserSession)]
struct UserSessionShape<'a> {
    #[schema(value_type = value::UserId)]
    user_id: Text<&'a UserId>,
    /// The session: the token's `sid`, else its `jti`, else a digest of the token.
    session_id: &'a str,
    /// When it connected.
    #[schema(value_type = value::Timestamp)]
    connected_at: Instant,
    /// Whether it confirms its events in time.
    responsive: bool,
}

/// A page of sessions.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SessionPage)]
pub(crate) struct PageShape<'a> {
    /// The sessions.
    items: Vec<UserSessionShape<'a>>,
    /// The `cursor` of the next page, if there is one.
    #[schema(required)]
    next_cursor: Option<String>,
}

/// A connected session, as it is shown.
#[derive(Clone, Copy, Debug)]
pub struct Session<'a> {
    /// The session.
    pub id: &'a SessionId,
    /// When it connected.
    pub connected_at: Timestamp,
    /// Whether it confirms its events in time.
    pub responsive: bool,
}

/// How many sessions were closed.
#[derive(Serialize, ToSchema)]
#[schema(as = ClosedSessions)]
pub(crate) struct ClosedShape {
    /// How many sessions were closed.
    closed: usize,
}

/// A token for a user.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = IssuedToken)]
pub(crate) struct TokenShape<'a> {
    #[schema(value_type = value::UserId)]
    user_id: Text<&'a UserId>,
    /// The session that the token names.
    session_id: &'a str,
    /// The token.
    token: &'a str,
    /// When the token expires.
    #[schema(value_type = value::Timestamp)]
    expires_at: Instant,
}

/// The body of `POST /users/{userId}/token`.
#[derive(ToSchema)]
#[schema(as = AskToken)]
#[expect(dead_code, reason = "for the document alone")]
pub(crate) struct TokenBody {
    /// How long the token is valid, in seconds; an hour if absent.
    #[schema(minimum = 1, maximum = 2_592_000)]
    ttl: Option<u32>,
    /// The session, one login on one device; a new one if absent.
    #[schema(min_length = 1, max_length = 128)]
    sid: Option<String>,
}

/// The body of `POST /presence`.
#[derive(ToSchema)]
#[schema(as = AskPresence)]
#[expect(dead_code, reason = "for the document alone")]
pub(crate) struct PresenceBody {
    /// The users.
    #[schema(value_type = Vec<value::UserId>, max_items = 1_000)]
    users: Vec<String>,
}

/// Request for a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskedToken {
    /// How long it is valid.
    pub ttl: Duration,
    /// The session, if the request names one.
    pub session: Option<SessionId>,
}

/// Returns the success `message` with sessions.
#[must_use]
pub fn sessions<'a>(message: &str, sessions: impl IntoIterator<Item = Session<'a>>) -> String {
    let sessions = sessions.into_iter().map(|one| SessionShape {
        session_id: one.id.as_str(),
        connected_at: Instant(one.connected_at),
        responsive: one.responsive,
    });
    success(message, sessions.collect::<Vec<_>>())
}

/// Returns the success `message` with a page of sessions and their users.
#[must_use]
pub fn page<'a>(
    message: &str,
    sessions: impl IntoIterator<Item = (&'a UserId, Session<'a>)>,
    next: Option<&UserId>,
) -> String {
    let items = sessions.into_iter().map(|(user, one)| UserSessionShape {
        user_id: Text(user),
        session_id: one.id.as_str(),
        connected_at: Instant(one.connected_at),
        responsive: one.responsive,
    });
    let shape = PageShape {
        items: items.collect(),
        next_cursor: next.map(cursor::after_user),
    };
    success(message, shape)
}

/// Returns the success `message` with how many sessions were closed.
#[must_use]
pub fn closed(message: &str, closed: usize) -> String {
    success(message, ClosedShape { closed })
}

/// Returns the success `message` with a token.
#[must_use]
pub fn token(
    message: &str,
    user: &UserId,
    session: &SessionId,
    token: &str,
    expires_at: Timestamp,
) -> String {
    let shape = TokenShape {
        user_id: Text(user),
        session_id: session.as_str(),
        token,
        expires_at: Instant(expires_at),
    };
    success(message, shape)
}

/// Reads the body of `POST /users/{userId}/token`, which may be missing. `is_session` tells whether a text can name a
/// session.
pub fn read_token(
    body: &[u8],
    is_session: fn(&str) -> bool,
) -> Result<AskedToken, ValidationError> {
    const TTL: &str = "an integer from 1 to 2592000, or nothing";
    const SID: &str = "1 to 128 characters without control characters, not . or .., or nothing";
    let body = json_or_nothing(body)?;
    let fields = Fields::of(&body, "body")?;
    let ttl = fields.optional("ttl", TTL, |value| {
        whole(value).filter(|seconds| (1..=LONGEST_TTL).contains(seconds))
    })?;
    let session = fields.optional("sid", SID, |value| {
        let text = value.as_str().filter(|text| is_session(text))?;
        Some(SessionId::new(text))
    })?;
    Ok(AskedToken {
        ttl: Duration::from_secs(ttl.unwrap_or(DEFAULT_TTL)),
        session,
    })
}

/// Reads the body of `POST /presence`.
pub fn read_presence(body: &[u8]) -> Result<Vec<UserId>, ValidationError> {
    let body = json(body)?;
    user_ids(Fields::of(&body, "body")?, 0)
}
