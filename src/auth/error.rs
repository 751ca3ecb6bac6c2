//! Reasons for which a token is rejected or cannot be signed.

use std::borrow::Cow;

use thiserror::Error;

/// Name of a claim: one of ours, or one of the settings.
pub type ClaimName = Cow<'static, str>;

/// Reason for rejecting a token. For logs, metrics and the command line; clients are not told.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TokenError {
    /// Not a JWT: too long, not three parts, not base64url, not JSON, or critical extensions.
    #[error("it is not a JSON Web Token")]
    Malformed,
    /// No key allows its algorithm.
    #[error("its algorithm is not one that the configured keys allow")]
    WrongAlgorithm,
    /// Its signature does not fit the keys.
    #[error("its signature was not made with a configured key")]
    BadSignature,
    /// No key of the identity provider has its `kid`, or verifies it if it has none.
    #[error("no key of the identity provider verifies it")]
    UnknownKey,
    /// The keys of the identity provider are not loaded, so it cannot be judged.
    #[error("the keys of the identity provider are not available")]
    KeysUnavailable,
    /// `exp` has passed.
    #[error("it has expired")]
    Expired,
    /// `nbf` has not come.
    #[error("it is not valid yet")]
    NotYetValid,
    /// `iss` is not the configured issuer.
    #[error("its issuer is not the configured one")]
    WrongIssuer,
    /// `aud` names none of `jwt_audience`.
    #[error("its audience is not the configured one")]
    WrongAudience,
    /// A required claim is missing.
    #[error("its claim {0} is missing")]
    MissingClaim(ClaimName),
    /// A claim has an invalid value.
    #[error("its claim {0} has a wrong value")]
    BadClaim(ClaimName),
    /// A condition of `jwt_required_claims` is not met.
    #[error("it does not meet the required claim {0}")]
    RequiredClaim(String),
}

impl TokenError {
    /// Returns the word for it, for metrics: one of a short list, without content of the token.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::WrongAlgorithm => "wrong_algorithm",
            Self::BadSignature => "bad_signature",
            Self::UnknownKey => "unknown_key",
            Self::KeysUnavailable => "keys_unavailable",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::WrongIssuer => "wrong_issuer",
            Self::WrongAudience => "wrong_audience",
            Self::MissingClaim(_) => "missing_claim",
            Self::BadClaim(_) => "bad_claim",
            Self::RequiredClaim(_) => "required_claim",
        }
    }
}

/// Reason for which no token can be signed.
#[derive(Debug, Error)]
pub enum MintError {
    /// There are only public keys, which verify but cannot sign.
    #[error(
        "cannot sign a token: no jwt_secret is set, and only the identity provider has its private \
         keys"
    )]
    OnlyPublicKey,
}
