//! Tokens: user, session, expiry.
//!
//! A token (JWT, RFC 7519) comes from the team's identity provider, or from `chattrix token`. This module knows the keys,
//! the claims and the time it is given; whether the user exists or is disabled is the store's concern. What is wrong
//! with a token is for logs and for the command line: a client gets one sentence for all of it (contract section 2).
//!
//! The algorithm of a token is the key's: a token can only agree with it. Its `kid` only selects among the known keys.
//! Keys and URLs within a token (`jwk`, `x5c`, `jku`) are never looked at.
//!
//! Static keys come from the settings (`key`), the others from an identity provider: `source` finds its key set, `fetch`
//! is the HTTP client, `jwk` reads the keys, `provider` keeps them fresh. `signature` verifies, `claims` reads what a
//! verified token says, `cache` remembers it.

mod authenticator;
mod cache;
mod claims;
mod error;
mod fetch;
mod jwk;
mod key;
mod mint;
mod profile;
mod provider;
mod public_key;
mod signature;
mod source;
#[cfg(test)]
mod tests;

use std::time::Duration;

use jsonwebtoken::dangerous;
use serde_json::{Map, Value};

pub use self::authenticator::{Authenticator, Examination};
pub use self::claims::Claims;
pub use self::error::{ClaimName, MintError, TokenError};
pub use self::key::KeyError;
pub use self::signature::KeyName;
use crate::clock::Timestamp;

/// How far the clocks of the issuer and this server may be apart (contract section 6).
pub const LEEWAY: Duration = Duration::from_secs(30);

/// Longest token that is read. Those of the usual issuers have 1–2 KiB; hyper takes header lines far longer than this.
pub const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// Key that verifies tokens, as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyInfo {
    /// The setting that names it, with its file or URL.
    pub source: String,
    /// Its `kid`, if it has one.
    pub kid: Option<String>,
    /// Algorithms of its tokens.
    pub algorithms: Vec<String>,
    /// When it was first seen at the provider.
    pub since: Option<Timestamp>,
    /// When the keys of the provider were last refreshed.
    pub refreshed_at: Option<Timestamp>,
}

impl KeyInfo {
    fn new(
        key: &signature::Key,
        since: Option<Timestamp>,
        refreshed_at: Option<Timestamp>,
    ) -> Self {
        let algorithms = key.algorithms().iter();
        Self {
            source: key.name.source.clone(),
            kid: key.name.kid.clone(),
            algorithms: algorithms
                .map(|algorithm| format!("{algorithm:?}"))
                .collect(),
            since,
            refreshed_at,
        }
    }
}

/// Status of the identity provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderStatus {
    /// The setting that names it, with its URL or file.
    pub source: String,
    /// Keys in use.
    pub keys: usize,
    /// When they were last refreshed.
    pub fetched_at: Option<Timestamp>,
    /// The provider's clock at that time, if it was in the response.
    pub clock: Option<Timestamp>,
    /// Why the last refresh failed, if it did.
    pub failure: Option<String>,
}

/// Returns the claims of `token`, none of which is verified, to show them to someone who looks for what is wrong. To
/// sign someone in, use [`Authenticator::authenticate`].
#[must_use]
pub fn claimed(token: &str) -> Option<Map<String, Value>> {
    dangerous::insecure_decode_claims(token).ok()
}

/// Returns true if `text` can be the id of a session.
#[must_use]
pub fn is_session_id(text: &str) -> bool {
    claims::is_session(text)
}
