//! Tokens: who is it, in which session, until when.
//!
//! A token (JWT, RFC 7519) comes from the team's own login service, or from `chattrix token`. This
//! module knows the key, the claims and the time it is given; whether the user exists or is
//! disabled is the store's to say. What is wrong with a token is for logs and for the command
//! line: a client is told one sentence for all of it (contract section 2).
//!
//! The algorithm comes from the settings, never from the token: a token can only agree with it.
//! Keys or hints at keys within a token (`jwk`, `x5c`, `jku`, `kid`) are never looked at.

mod claims;
mod key;
mod signature;
#[cfg(test)]
mod tests;

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, dangerous};
use secrecy::SecretString;
use serde_json::{Map, Value, json};
use thiserror::Error;
use uuid::Uuid;

pub use self::claims::Claims;
pub use self::key::KeyError;
use crate::clock::Timestamp;
use crate::settings::Settings;
use crate::user::{SessionId, UserId};

/// How far the clocks of the issuer and this server may be apart (contract section 6).
pub const LEEWAY: Duration = Duration::from_secs(30);

/// The longest token looked at. Those of the usual issuers have 1–2 KiB; hyper takes header lines
/// far longer than this.
pub const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// Why a token will not do. For logs, metrics and the command line; clients are not told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TokenError {
    /// It is no JWT: too long, not three parts, not base64url, not JSON, or critical extensions.
    #[error("it is not a JSON Web Token")]
    Malformed,
    /// Its algorithm is not one that the key allows.
    #[error("its algorithm is not one that the configured key allows")]
    WrongAlgorithm,
    /// Its signature does not fit the key.
    #[error("its signature was not made with the configured key")]
    BadSignature,
    /// `exp` has passed.
    #[error("it has expired")]
    Expired,
    /// `nbf` has not come.
    #[error("it is not valid yet")]
    NotYetValid,
    /// `iss` is another one than `jwt_issuer`.
    #[error("its issuer is not the configured one")]
    WrongIssuer,
    /// `aud` does not name `jwt_audience`.
    #[error("its audience is not the configured one")]
    WrongAudience,
    /// A claim that is required is not there.
    #[error("its claim {0} is missing")]
    MissingClaim(&'static str),
    /// A claim has a value that it cannot have.
    #[error("its claim {0} has a wrong value")]
    BadClaim(&'static str),
}

impl TokenError {
    /// The word for it, for metrics: one of a short list, without what the token says.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::WrongAlgorithm => "wrong_algorithm",
            Self::BadSignature => "bad_signature",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::WrongIssuer => "wrong_issuer",
            Self::WrongAudience => "wrong_audience",
            Self::MissingClaim(_) => "missing_claim",
            Self::BadClaim(_) => "bad_claim",
        }
    }
}

/// Why no token can be minted.
#[derive(Debug, Error)]
pub enum MintError {
    /// There is only a public key, which verifies but cannot sign.
    #[error(
        "cannot sign a token: jwt_public_key_file is set, and only the identity provider has the \
         private key"
    )]
    OnlyPublicKey,
}

/// What `token` claims, whoever made it: nothing of it is verified. For showing it to somebody who looks for
/// what is wrong with it; to let somebody in, [`Authenticator::verify`].
#[must_use]
pub fn claimed(token: &str) -> Option<Map<String, Value>> {
    dangerous::insecure_decode_claims(token).ok()
}

/// Checks tokens, and mints them where the key can sign.
#[derive(Clone)]
pub struct Authenticator {
    keys: Vec<signature::Key>,
    expected: claims::Expected,
}

impl Authenticator {
    /// The authenticator with the key, issuer and audience of `settings`.
    ///
    /// # Errors
    /// There is no key, its file cannot be read, or it is not of a kind that signs tokens.
    pub fn from_settings(settings: &Settings) -> Result<Self, KeyError> {
        Ok(Self {
            keys: key::load(settings)?,
            expected: claims::Expected {
                issuer: settings.jwt_issuer.clone(),
                audience: settings.jwt_audience.clone(),
            },
        })
    }

    /// Who `token` says it is, if that can be believed at `now`.
    ///
    /// # Errors
    /// The first thing that is wrong with it: form, algorithm, signature, time, then the claims.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Claims, TokenError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenError::Malformed);
        }
        let algorithm = self.algorithm_of(token)?;
        let (message, signature) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
        let signature = BASE64
            .decode(signature)
            .map_err(|_| TokenError::Malformed)?;
        let verifies =
            |key: &signature::Key| key.verifies(algorithm, message.as_bytes(), &signature);
        if !self.keys.iter().any(verifies) {
            return Err(TokenError::BadSignature);
        }
        // The library's own `decode` would check times against the system's clock, and takes a
        // malformed claim for a malformed token. The signature is verified above.
        let payload: Map<String, Value> =
            dangerous::insecure_decode_claims(token).map_err(|_| TokenError::Malformed)?;
        claims::read(&payload, &self.expected, token, now)
    }

    /// The algorithm of the token's header, if the key allows it.
    fn algorithm_of(&self, token: &str) -> Result<Algorithm, TokenError> {
        let header = jsonwebtoken::decode_header(token).map_err(|error| match error.kind() {
            // JSON whose `alg` is missing, "none" or unknown.
            ErrorKind::Json(json) if json.is_data() => TokenError::WrongAlgorithm,
            _ => TokenError::Malformed,
        })?;
        // Whoever does not understand a critical extension must refuse the token (RFC 7515
        // section 4.1.11), and this server understands none.
        if header.crit.is_some() {
            return Err(TokenError::Malformed);
        }
        if !self.keys.iter().any(|key| key.allows(header.alg)) {
            return Err(TokenError::WrongAlgorithm);
        }
        Ok(header.alg)
    }

    /// Whether [`Authenticator::mint`] works: there is a secret, not only a public key.
    #[must_use]
    pub fn can_mint(&self) -> bool {
        let is_secret = |key: &signature::Key| matches!(key, signature::Key::Secret(_));
        self.keys.iter().any(is_secret)
    }

    /// A token for `user` that is valid from `now` for `ttl`, in a session of its own.
    ///
    /// # Errors
    /// There is only a public key.
    pub fn mint(
        &self,
        user: &UserId,
        ttl: Duration,
        now: Timestamp,
    ) -> Result<SecretString, MintError> {
        let session = SessionId::new(&Uuid::new_v4().to_string());
        self.sign("jti", user, &session, ttl, now)
    }

    /// A token for `user` that is valid from `now` for `ttl`, in `session`, which may have had others before.
    ///
    /// # Errors
    /// There is only a public key.
    pub fn mint_in(
        &self,
        user: &UserId,
        session: &SessionId,
        ttl: Duration,
        now: Timestamp,
    ) -> Result<SecretString, MintError> {
        self.sign("sid", user, session, ttl, now)
    }

    /// A token that names its session in the claim `naming`.
    fn sign(
        &self,
        naming: &str,
        user: &UserId,
        session: &SessionId,
        ttl: Duration,
        now: Timestamp,
    ) -> Result<SecretString, MintError> {
        let mut claims = json!({
            "sub": user.as_str(),
            "iat": now.as_millis() / 1_000,
            "exp": now.plus(ttl).as_millis() / 1_000,
        });
        claims[naming] = json!(session.as_str());
        // Without them this very server would refuse the token.
        if let Some(issuer) = &self.expected.issuer {
            claims["iss"] = json!(issuer);
        }
        if let Some(audience) = &self.expected.audience {
            claims["aud"] = json!(audience);
        }
        let header = BASE64.encode(r#"{"typ":"JWT","alg":"HS256"}"#);
        let message = format!("{header}.{}", BASE64.encode(claims.to_string()));
        let token = self
            .keys
            .iter()
            .find_map(|key| key.sign(&message))
            .ok_or(MintError::OnlyPublicKey)?;
        Ok(SecretString::from(token))
    }
}

impl fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authenticator")
            .field("expected", &self.expected)
            .finish_non_exhaustive()
    }
}
