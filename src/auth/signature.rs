//! Signatures of tokens (RFC 7515, RFC 7518, RFC 8037), made and checked by ring.
//!
//! ring is the crypto library that TLS uses here. jsonwebtoken would bring a second one.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use jsonwebtoken::Algorithm;
use ring::signature::{self as ring_signature, RsaPublicKeyComponents, UnparsedPublicKey};
use ring::{hmac, signature::VerificationAlgorithm};

/// Name of a key: where it comes from, and its id there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyName {
    /// The setting that names it, with its file or URL.
    pub source: String,
    /// Its `kid`, if it comes from a key set that gives it one.
    pub kid: Option<String>,
}

/// Key with the algorithms that it may be used with.
#[derive(Clone)]
pub(super) struct Key {
    pub name: Arc<KeyName>,
    algorithms: &'static [Algorithm],
    material: Material,
}

/// Key material.
#[derive(Clone)]
enum Material {
    /// Shared with the issuer.
    Secret(Arc<Secret>),
    /// Bytes of a public key: the DER of `RSAPublicKey`, a point, or the 32 bytes of Ed25519.
    Bytes(Vec<u8>),
    /// RSA modulus and exponent, big-endian without leading zeros.
    Rsa(RsaPublicKeyComponents<Vec<u8>>),
}

/// Secret for each of the hashes: a longer one costs nothing, and some issuers use one.
struct Secret {
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

/// Algorithms of a shared secret.
const SECRET: &[Algorithm] = &[Algorithm::HS256, Algorithm::HS384, Algorithm::HS512];

impl Key {
    /// Makes a key from a secret of the settings.
    pub fn secret(name: KeyName, bytes: &[u8]) -> Self {
        let secret = Secret {
            hs256: hmac::Key::new(hmac::HMAC_SHA256, bytes),
            hs384: hmac::Key::new(hmac::HMAC_SHA384, bytes),
            hs512: hmac::Key::new(hmac::HMAC_SHA512, bytes),
        };
        Self {
            name: Arc::new(name),
            algorithms: SECRET,
            material: Material::Secret(Arc::new(secret)),
        }
    }

    /// Makes a public key from its bytes: the DER of `RSAPublicKey` (RFC 8017, appendix A.1.1), an uncompressed point
    /// (SEC 1, section 2.3.3), or an Ed25519 key (RFC 8032, section 5.1.5).
    pub fn public(name: KeyName, algorithms: &'static [Algorithm], bytes: Vec<u8>) -> Self {
        Self {
            name: Arc::new(name),
            algorithms,
            material: Material::Bytes(bytes),
        }
    }

    /// Makes an RSA key from modulus `n` and exponent `e`, big-endian without leading zeros.
    pub fn rsa(name: KeyName, algorithms: &'static [Algorithm], n: Vec<u8>, e: Vec<u8>) -> Self {
        Self {
            name: Arc::new(name),
            algorithms,
            material: Material::Rsa(RsaPublicKeyComponents { n, e }),
        }
    }

    /// Returns the algorithms that a token may be signed with.
    pub const fn algorithms(&self) -> &'static [Algorithm] {
        self.algorithms
    }

    /// Returns true if a token may be signed with `algorithm`.
    pub fn allows(&self, algorithm: Algorithm) -> bool {
        self.algorithms.contains(&algorithm)
    }

    /// Returns true if the key signs tokens too.
    pub const fn is_secret(&self) -> bool {
        matches!(self.material, Material::Secret(_))
    }

    /// Returns true if both are the same key for the same algorithms.
    pub fn is_same(&self, other: &Self) -> bool {
        let same_material = match (&self.material, &other.material) {
            (Material::Bytes(one), Material::Bytes(two)) => one == two,
            (Material::Rsa(one), Material::Rsa(two)) => one.n == two.n && one.e == two.e,
            _ => false,
        };
        same_material && self.name.kid == other.name.kid && self.algorithms == other.algorithms
    }

    /// Returns true if the key allows `algorithm` and `signature` is that of `message`.
    pub fn verifies(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        if !self.allows(algorithm) {
            return false;
        }
        match &self.material {
            Material::Secret(secret) => secret
                .for_algorithm(algorithm)
                .is_some_and(|key| hmac::verify(key, message, signature).is_ok()),
            Material::Bytes(bytes) => verification(algorithm).is_some_and(|how| {
                let key = UnparsedPublicKey::new(how, bytes);
                key.verify(message, signature).is_ok()
            }),
            Material::Rsa(components) => rsa_verification(algorithm)
                .is_some_and(|how| components.verify(how, message, signature).is_ok()),
        }
    }

    /// Returns `message` with its HS256 signature, if the key is a secret.
    pub fn sign(&self, message: &str) -> Option<String> {
        match &self.material {
            Material::Secret(secret) => {
                let signature = BASE64.encode(hmac::sign(&secret.hs256, message.as_bytes()));
                Some(format!("{message}.{signature}"))
            }
            Material::Bytes(_) | Material::Rsa(_) => None,
        }
    }
}

fn verification(algorithm: Algorithm) -> Option<&'static dyn VerificationAlgorithm> {
    match algorithm {
        Algorithm::ES256 => Some(&ring_signature::ECDSA_P256_SHA256_FIXED),
        Algorithm::ES384 => Some(&ring_signature::ECDSA_P384_SHA384_FIXED),
        Algorithm::EdDSA => Some(&ring_signature::ED25519),
        other => rsa_verification(other).map(|how| how as &dyn VerificationAlgorithm),
    }
}

/// Returns how ring verifies an RSA algorithm: 2048 to 8192 bits.
fn rsa_verification(algorithm: Algorithm) -> Option<&'static ring_signature::RsaParameters> {
    match algorithm {
        Algorithm::RS256 => Some(&ring_signature::RSA_PKCS1_2048_8192_SHA256),
        Algorithm::RS384 => Some(&ring_signature::RSA_PKCS1_2048_8192_SHA384),
        Algorithm::RS512 => Some(&ring_signature::RSA_PKCS1_2048_8192_SHA512),
        Algorithm::PS256 => Some(&ring_signature::RSA_PSS_2048_8192_SHA256),
        Algorithm::PS384 => Some(&ring_signature::RSA_PSS_2048_8192_SHA384),
        Algorithm::PS512 => Some(&ring_signature::RSA_PSS_2048_8192_SHA512),
        _ => None,
    }
}
