//! What a token claims, once its signature is known to be good.

use std::time::Duration;

use ring::digest::{SHA256, digest};
use serde_json::{Map, Number, Value};

use super::{LEEWAY, TokenError};
use crate::clock::Timestamp;
use crate::user::{SessionId, UserId, is_avatar, is_name};

/// The last second that RFC 3339 can write, at the end of the year 9999.
const LAST_SECOND: u64 = 253_402_300_799;

/// The longest `sid` or `jti` that names a session.
const MAX_SESSION_CHARS: usize = 128;

/// Who a token stands for (contract sections 4 and 6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// The user: `sub`.
    pub user: UserId,
    /// The login: `sid`, else `jti`, else a digest of the token.
    pub session: SessionId,
    /// When it expires: `exp`, without leeway.
    pub expires_at: Timestamp,
    /// The user's name: `name`, where it is one that can be shown.
    pub name: Option<String>,
    /// The address of the user's picture: `picture`, where it is a web address.
    pub picture: Option<String>,
}

/// What the settings want to see in a token.
#[derive(Clone, Debug)]
pub(super) struct Expected {
    pub(super) issuer: Option<String>,
    pub(super) audience: Option<String>,
}

/// Checks the `payload` of `token` at `now`: time, issuer, audience, user.
pub(super) fn read(
    payload: &Map<String, Value>,
    expected: &Expected,
    token: &str,
    now: Timestamp,
) -> Result<Claims, TokenError> {
    let expires_at = instant(payload, "exp")?.ok_or(TokenError::MissingClaim("exp"))?;
    if now >= expires_at.plus(LEEWAY) {
        return Err(TokenError::Expired);
    }
    if instant(payload, "nbf")?.is_some_and(|not_before| now.plus(LEEWAY) < not_before) {
        return Err(TokenError::NotYetValid);
    }
    check_issuer(payload, expected)?;
    check_audience(payload, expected)?;
    let user = match payload.get("sub") {
        None | Some(Value::Null) => return Err(TokenError::MissingClaim("sub")),
        Some(sub) => sub
            .as_str()
            .and_then(UserId::parse)
            .ok_or(TokenError::BadClaim("sub"))?,
    };
    let text = |name| payload.get(name).and_then(Value::as_str);
    Ok(Claims {
        user,
        session: session(payload, token),
        expires_at,
        name: text("name").filter(|name| is_name(name)).map(str::to_owned),
        picture: text("picture")
            .filter(|picture| is_avatar(picture))
            .map(str::to_owned),
    })
}

/// The instant of a claim in seconds, whole or not (`NumericDate`, RFC 7519 section 2).
fn instant(
    payload: &Map<String, Value>,
    name: &'static str,
) -> Result<Option<Timestamp>, TokenError> {
    match payload.get(name) {
        None => Ok(None),
        Some(Value::Number(seconds)) => since_epoch(seconds)
            .map(|since| Some(Timestamp::from_millis(0).plus(since)))
            .ok_or(TokenError::BadClaim(name)),
        Some(_) => Err(TokenError::BadClaim(name)),
    }
}

fn since_epoch(seconds: &Number) -> Option<Duration> {
    let since = match seconds.as_u64() {
        Some(whole) => Duration::from_secs(whole),
        None => Duration::try_from_secs_f64(seconds.as_f64()?).ok()?,
    };
    (since.as_secs() <= LAST_SECOND).then_some(since)
}

fn check_issuer(payload: &Map<String, Value>, expected: &Expected) -> Result<(), TokenError> {
    let Some(issuer) = &expected.issuer else {
        return Ok(());
    };
    match payload.get("iss") {
        None => Err(TokenError::MissingClaim("iss")),
        Some(Value::String(iss)) if iss == issuer => Ok(()),
        Some(_) => Err(TokenError::WrongIssuer),
    }
}

fn check_audience(payload: &Map<String, Value>, expected: &Expected) -> Result<(), TokenError> {
    let Some(audience) = &expected.audience else {
        return Ok(());
    };
    match payload.get("aud") {
        None => Err(TokenError::MissingClaim("aud")),
        Some(Value::String(aud)) if aud == audience => Ok(()),
        Some(Value::Array(auds)) if auds.iter().any(|aud| aud == audience) => Ok(()),
        Some(_) => Err(TokenError::WrongAudience),
    }
}

/// The session of a token. A `sid` or `jti` that cannot be a name is passed over, since neither is
/// required and issuers put all sorts of things there.
fn session(payload: &Map<String, Value>, token: &str) -> SessionId {
    let names = ["sid", "jti"]
        .into_iter()
        .filter_map(|name| payload.get(name)?.as_str());
    let mut usable = names.filter(|name| {
        (1..=MAX_SESSION_CHARS).contains(&name.chars().count())
            && !name.chars().any(char::is_control)
    });
    usable
        .next()
        .map_or_else(|| by_digest(token), SessionId::new)
}

/// 128 bits of SHA-256: enough to tell tokens apart, and no way back to the token.
fn by_digest(token: &str) -> SessionId {
    let digest = digest(&SHA256, token.as_bytes());
    let half = digest.as_ref().first_chunk().expect("it has 32 bytes");
    SessionId::new(&format!("{:032x}", u128::from_be_bytes(*half)))
}
