//! Tokens that this server signs itself: for tests and for dev mode.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use secrecy::SecretString;
use serde_json::json;
use uuid::Uuid;

use super::authenticator::Authenticator;
use super::error::MintError;
use super::signature::Key;
use crate::clock::Timestamp;
use crate::user::{SessionId, UserId};

impl Authenticator {
    /// Returns true if [`Authenticator::mint`] works: there is a secret.
    #[must_use]
    pub fn can_mint(&self) -> bool {
        self.static_keys().iter().any(Key::is_secret)
    }

    /// Signs a token for `user` that is valid from `now` for `ttl`, in a session of its own.
    ///
    /// # Errors
    /// There are only public keys.
    pub fn mint(
        &self,
        user: &UserId,
        ttl: Duration,
        now: Timestamp,
    ) -> Result<SecretString, MintError> {
        let session = SessionId::new(&Uuid::new_v4().to_string());
        self.sign("jti", user, &session, ttl, now)
    }

    /// Signs a token for `user` that is valid from `now` for `ttl`, in `session`, which may have had others before.
    ///
    /// # Errors
    /// There are only public keys.
    pub fn mint_in(
        &self,
        user: &UserId,
        session: &SessionId,
        ttl: Duration,
        now: Timestamp,
    ) -> Result<SecretString, MintError> {
        let claim = self.expected().session_claim().to_owned();
        self.sign(&claim, user, session, ttl, now)
    }

    /// Signs a token that names its session in the claim `session_claim`.
    fn sign(
        &self,
        session_claim: &str,
        user: &UserId,
        session: &SessionId,
        ttl: Duration,
        now: Timestamp,
    ) -> Result<SecretString, MintError> {
        let mut claims = json!({
            "iat": now.as_millis() / 1_000,
            "exp": now.plus(ttl).as_millis() / 1_000,
        });
        // A path as a name: it is found by both.
        claims[self.expected().user_claim()] = json!(user.as_str());
        claims[session_claim] = json!(session.as_str());
        // Without them this very server would reject the token.
        if let Some(issuer) = &self.expected().issuer {
            claims["iss"] = json!(issuer);
        }
        if let Some(audience) = self.expected().audience.first() {
            claims["aud"] = json!(audience);
        }
        let header = BASE64.encode(r#"{"typ":"JWT","alg":"HS256"}"#);
        let message = format!("{header}.{}", BASE64.encode(claims.to_string()));
        let token = self
            .static_keys()
            .iter()
            .find_map(|key| key.sign(&message))
            .ok_or(MintError::OnlyPublicKey)?;
        Ok(SecretString::from(token))
    }
}
