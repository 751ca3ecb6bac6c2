//! Signatures of tokens (RFC 7515, RFC 7518, RFC 8037), made and checked by ring.
//!
//! It is the crypto library that TLS is bound to here, so that there is one in the program and not two.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use jsonwebtoken::Algorithm;
use ring::hmac;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey,
};

/// A key, ready for the algorithms that it may be used with.
#[derive(Clone)]
pub(super) enum Key {
    /// What whoever signs has too.
    Secret(Arc<Secret>),
    /// The public half of what the login service signs with, and the one algorithm of its kind.
    Public(Algorithm, UnparsedPublicKey<Vec<u8>>),
}

/// A secret for each of the hashes: a longer one costs nothing, and some issuers use one.
pub(super) struct Secret {
    hs256: hmac::Key,
    hs384: hmac::Key,
    hs512: hmac::Key,
}

impl Secret {
    fn for_algorithm(&self, algorithm: Algorithm) -> Option<&hmac::Key> {
        match algorithm {
            Algorithm::HS256 => Some(&self.hs256),
            Algorithm::HS384 => Some(&self.hs384),
            Algorithm::HS512 => Some(&self.hs512),
            _ => None,
        }
    }
}

impl Key {
    pub fn secret(bytes: &[u8]) -> Self {
        Self::Secret(Arc::new(Secret {
            hs256: hmac::Key::new(hmac::HMAC_SHA256, bytes),
            hs384: hmac::Key::new(hmac::HMAC_SHA384, bytes),
            hs512: hmac::Key::new(hmac::HMAC_SHA512, bytes),
        }))
    }

    /// An RSA key: the DER of `RSAPublicKey` (RFC 8017, appendix A.1.1).
    pub fn rsa(der: Vec<u8>) -> Self {
        let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, der);
        Self::Public(Algorithm::RS256, key)
    }

    /// A key on the curve P-256: its uncompressed point (SEC 1, section 2.3.3).
    pub fn p256(point: Vec<u8>) -> Self {
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
        Self::Public(Algorithm::ES256, key)
    }

    /// An Ed25519 key: its 32 bytes (RFC 8032, section 5.1.5).
    pub fn ed25519(bytes: Vec<u8>) -> Self {
        Self::Public(Algorithm::EdDSA, UnparsedPublicKey::new(&ED25519, bytes))
    }

    /// Whether a token may be signed with `algorithm`.
    pub fn allows(&self, algorithm: Algorithm) -> bool {
        match self {
            Self::Secret(secret) => secret.for_algorithm(algorithm).is_some(),
            Self::Public(only, _) => *only == algorithm,
        }
    }

    /// Whether `signature` is that of `message` by `algorithm`, which the key allows.
    pub fn verifies(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Secret(secret) => secret
                .for_algorithm(algorithm)
                .is_some_and(|key| hmac::verify(key, message, signature).is_ok()),
            Self::Public(only, key) => *only == algorithm && key.verify(message, signature).is_ok(),
        }
    }

    /// `message` with its HS256 signature, where the key is one that signs.
    pub fn sign(&self, message: &str) -> Option<String> {
        match self {
            Self::Secret(secret) => {
                let signature = BASE64.encode(hmac::sign(&secret.hs256, message.as_bytes()));
                Some(format!("{message}.{signature}"))
            }
            Self::Public(..) => None,
        }
    }
}
