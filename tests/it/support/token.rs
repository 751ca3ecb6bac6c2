//! Tokens as an identity provider signs them, with any claims.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chattrix::clock::Timestamp;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Map, Value};

/// The secret that test servers verify with.
pub const SECRET: &str = "a secret of the tests, longer than thirty-two bytes";

/// The claims of a token to be signed.
#[derive(Clone)]
pub struct Token {
    claims: Map<String, Value>,
}

impl Token {
    /// A token of `user` for a session that no other token has, valid for a year from `now`: tests advance
    /// the clock by hours.
    pub fn of(user: &str, now: Timestamp) -> Self {
        static SESSIONS: AtomicU64 = AtomicU64::new(1);
        let session = SESSIONS.fetch_add(1, Ordering::Relaxed);
        Self { claims: Map::new() }
            .with("sub", user)
            .with("sid", format!("session-{session}"))
            .expiring_at(now.plus(Duration::from_hours(24 * 365)))
    }

    /// The same with `claim` set to `value`.
    pub fn with(mut self, claim: &str, value: impl Into<Value>) -> Self {
        self.claims.insert(claim.to_owned(), value.into());
        self
    }

    /// The same without `claim`.
    pub fn without(mut self, claim: &str) -> Self {
        self.claims.remove(claim);
        self
    }

    /// The same for the session `sid`.
    pub fn session(self, sid: &str) -> Self {
        self.with("sid", sid)
    }

    /// The same expiring at `exp`, to the second.
    pub fn expiring_at(self, exp: Timestamp) -> Self {
        self.with("exp", exp.as_millis() / 1000)
    }

    /// The session that the token is of.
    pub fn sid(&self) -> &str {
        self.claims["sid"].as_str().expect("sid is text")
    }

    /// The token, signed as test servers want it.
    pub fn sign(&self) -> String {
        self.sign_with(
            Algorithm::HS256,
            &EncodingKey::from_secret(SECRET.as_bytes()),
        )
    }

    /// The token, signed with another algorithm or key.
    pub fn sign_with(&self, algorithm: Algorithm, key: &EncodingKey) -> String {
        jsonwebtoken::encode(&Header::new(algorithm), &self.claims, key)
            .expect("the claims can be signed")
    }
}
