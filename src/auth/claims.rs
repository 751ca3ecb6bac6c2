//! Claims of a token whose signature is verified.

use std::sync::Arc;
use std::time::Duration;

use ring::digest::{SHA256, digest};
use serde_json::{Map, Number, Value};

use super::error::{ClaimName, TokenError};
use super::signature::KeyName;
use super::{LEEWAY, profile};
use crate::clock::Timestamp;
use crate::settings::{Relation, RequiredClaim, Settings};
use crate::user::{SessionId, UserId, is_avatar};

/// The last second that RFC 3339 can write, at the end of the year 9999.
const LAST_SECOND: u64 = 253_402_300_799;

/// Longest session id of a token, in characters.
const MAX_SESSION_CHARS: usize = 128;

/// Content of a verified token (contract sections 4 and 6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// User: the first of `user_id_claim`.
    pub user: UserId,
    /// Session: the first of `session_id_claim`, else `jti`, else a digest of the token.
    pub session: SessionId,
    /// Whether a claim of `session_id_claim` names the session: it is the same for every token of a login then.
    pub names_session: bool,
    /// Expiry: `exp`, without leeway.
    pub expires_at: Timestamp,
    /// Time of issue: `iat`, if it is a valid time.
    pub issued_at: Option<Timestamp>,
    /// Name of the user: the first usable of `name_claim`.
    pub name: Option<String>,
    /// Address of the user's picture: the first web address of `avatar_claim`.
    pub picture: Option<String>,
    /// Key that verified the token.
    pub key: Arc<KeyName>,
}

/// What the settings require of tokens, and where they find a user.
#[derive(Clone, Debug)]
pub(super) struct Expected {
    /// Issuer of tokens that a static key or a key set without discovery verifies.
    pub issuer: Option<String>,
    pub audience: Vec<String>,
    required: Vec<RequiredClaim>,
    user: Vec<String>,
    name: Vec<String>,
    avatar: Vec<String>,
    session: Vec<String>,
}

impl Expected {
    pub fn from_settings(settings: &Settings) -> Self {
        Self {
            issuer: settings.jwt_issuer.clone(),
            audience: settings.jwt_audience.clone(),
            required: settings.jwt_required_claims.clone(),
            user: settings.user_id_claim.clone(),
            name: settings.name_claim.clone(),
            avatar: settings.avatar_claim.clone(),
            session: settings.session_id_claim.clone(),
        }
    }

    /// Returns the claim that names the user of a token signed here.
    pub fn user_claim(&self) -> &str {
        self.user.first().map_or("sub", String::as_str)
    }

    /// Returns the claim that names the session of a token signed here.
    pub fn session_claim(&self) -> &str {
        self.session.first().map_or("sid", String::as_str)
    }
}

/// Token to be read: its payload, and what its key says about it.
pub(super) struct Verified<'a> {
    pub payload: &'a Map<String, Value>,
    pub token: &'a str,
    pub key: Arc<KeyName>,
    /// The issuer that its key belongs to.
    pub issuer: Option<&'a str>,
}

/// Reads the claims at `now`. Returns every error, in the order: time, issuer, audience, user, required claims.
pub(super) fn read(
    verified: &Verified<'_>,
    expected: &Expected,
    now: Timestamp,
) -> Result<Claims, Vec<TokenError>> {
    let payload = verified.payload;
    let mut errors = Vec::new();
    let mut note = |error| errors.push(error);
    let expires_at = expiry(payload, now).map_err(&mut note).ok();
    let _ = check_not_before(payload, now).map_err(&mut note);
    let _ = check_issuer(payload, verified.issuer).map_err(&mut note);
    let _ = check_audience(payload, &expected.audience).map_err(&mut note);
    let user = user(payload, expected).map_err(&mut note).ok();
    for required in &expected.required {
        if !meets(payload, required) {
            note(TokenError::RequiredClaim(required.to_string()));
        }
    }
    let (Some(expires_at), Some(user)) = (expires_at, user) else {
        return Err(errors);
    };
    if !errors.is_empty() {
        return Err(errors);
    }
    let named = session(payload, &expected.session);
    Ok(Claims {
        user,
        names_session: named.is_some(),
        session: named
            .or_else(|| session(payload, &["jti".to_owned()]))
            .unwrap_or_else(|| by_digest(verified.token)),
        expires_at,
        issued_at: instant(payload, "iat").ok().flatten(),
        name: texts(payload, &expected.name).find_map(profile::clean_name),
        picture: texts(payload, &expected.avatar)
            .find(|picture| is_avatar(picture))
            .map(str::to_owned),
        key: Arc::clone(&verified.key),
    })
}

/// Returns the claim at `path`: its own name, or names within objects with dots between (`realm_access.roles`). A
/// name may itself have dots: `https://example.com/user.id`.
pub(super) fn find<'a>(object: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    if let Some(value) = object.get(path) {
        return Some(value);
    }
    path.match_indices('.').find_map(|(dot, _)| {
        let inner = object.get(&path[..dot])?.as_object()?;
        find(inner, &path[dot + 1..])
    })
}

fn texts<'a>(
    payload: &'a Map<String, Value>,
    paths: &'a [String],
) -> impl Iterator<Item = &'a str> {
    let text = |path: &String| find(payload, path).and_then(Value::as_str);
    paths.iter().filter_map(text)
}

fn expiry(payload: &Map<String, Value>, now: Timestamp) -> Result<Timestamp, TokenError> {
    let expires_at = instant(payload, "exp")?.ok_or(TokenError::MissingClaim("exp".into()))?;
    if now >= expires_at.plus(LEEWAY) {
        return Err(TokenError::Expired);
    }
    Ok(expires_at)
}

fn check_not_before(payload: &Map<String, Value>, now: Timestamp) -> Result<(), TokenError> {
    match instant(payload, "nbf")? {
        Some(not_before) if now.plus(LEEWAY) < not_before => Err(TokenError::NotYetValid),
        Some(_) | None => Ok(()),
    }
}

/// Returns the time of a claim in seconds, with or without a fraction (`NumericDate`, RFC 7519 section 2).
pub(super) fn instant(
    payload: &Map<String, Value>,
    name: &'static str,
) -> Result<Option<Timestamp>, TokenError> {
    match payload.get(name) {
        None => Ok(None),
        Some(Value::Number(seconds)) => since_epoch(seconds)
            .map(|since| Some(Timestamp::from_millis(0).plus(since)))
            .ok_or(TokenError::BadClaim(name.into())),
        Some(_) => Err(TokenError::BadClaim(name.into())),
    }
}

fn since_epoch(seconds: &Number) -> Option<Duration> {
    let since = match seconds.as_u64() {
        Some(whole) => Duration::from_secs(whole),
        None => Duration::try_from_secs_f64(seconds.as_f64()?).ok()?,
    };
    (since.as_secs() <= LAST_SECOND).then_some(since)
}

fn check_issuer(payload: &Map<String, Value>, expected: Option<&str>) -> Result<(), TokenError> {
    let Some(issuer) = expected else {
        return Ok(());
    };
    match payload.get("iss") {
        None => Err(TokenError::MissingClaim("iss".into())),
        Some(Value::String(iss)) if iss == issuer => Ok(()),
        Some(_) => Err(TokenError::WrongIssuer),
    }
}

fn check_audience(payload: &Map<String, Value>, expected: &[String]) -> Result<(), TokenError> {
    if expected.is_empty() {
        return Ok(());
    }
    let is_expected = |aud: &Value| expected.iter().any(|audience| aud == audience);
    match payload.get("aud") {
        None => Err(TokenError::MissingClaim("aud".into())),
        Some(Value::Array(auds)) if auds.iter().any(is_expected) => Ok(()),
        Some(aud) if is_expected(aud) => Ok(()),
        Some(_) => Err(TokenError::WrongAudience),
    }
}

/// Returns the user: the first of `user_id_claim` that the token has.
fn user(payload: &Map<String, Value>, expected: &Expected) -> Result<UserId, TokenError> {
    let mut present = expected.user.iter().filter_map(|path| {
        let value = find(payload, path).filter(|value| !value.is_null())?;
        Some((path, value))
    });
    let Some((path, value)) = present.next() else {
        let first = expected.user_claim().to_owned();
        return Err(TokenError::MissingClaim(first.into()));
    };
    let bad = || TokenError::BadClaim(ClaimName::from(path.clone()));
    match value {
        Value::String(text) => UserId::parse(text),
        // `user_id_claim` may name the key of a database, which is a number.
        Value::Number(number) if path != "sub" && number.is_u64() => {
            UserId::parse(&number.to_string())
        }
        _ => None,
    }
    .ok_or_else(bad)
}

fn meets(payload: &Map<String, Value>, required: &RequiredClaim) -> bool {
    let is_value = |value: &Value| match value {
        Value::String(text) => *text == required.value,
        Value::Bool(truth) => required.value == if *truth { "true" } else { "false" },
        Value::Number(number) => number.to_string().as_str() == required.value,
        Value::Null | Value::Array(_) | Value::Object(_) => false,
    };
    match (required.relation, find(payload, &required.claim)) {
        (Relation::Equals, Some(value)) => is_value(value),
        (Relation::Contains, Some(Value::Array(values))) => values.iter().any(is_value),
        // `scope` is a text of words (RFC 8693, section 4.2).
        (Relation::Contains, Some(Value::String(text))) => {
            text.split(' ').any(|word| word == required.value)
        }
        (Relation::Contains, Some(_)) | (_, None) => false,
    }
}

/// Returns the session that one of `claims` names. A value that cannot be a name is passed over: none of the claims
/// is required, and issuers put all sorts of things there.
fn session(payload: &Map<String, Value>, claims: &[String]) -> Option<SessionId> {
    texts(payload, claims)
        .find(|name| is_session(name))
        .map(SessionId::new)
}

/// Returns true if `name` can be the id of a session. Clients would remove `.` and `..` from a path (RFC 3986, section
/// 5.2.4).
pub(super) fn is_session(name: &str) -> bool {
    (1..=MAX_SESSION_CHARS).contains(&name.chars().count())
        && !name.chars().any(char::is_control)
        && !matches!(name, "." | "..")
}

/// Returns 128 bits of SHA-256: enough to tell tokens apart, and no way back to the token.
fn by_digest(token: &str) -> SessionId {
    let digest = digest(&SHA256, token.as_bytes());
    let half = digest.as_ref().first_chunk().expect("it has 32 bytes");
    SessionId::new(&format!("{:032x}", u128::from_be_bytes(*half)))
}
