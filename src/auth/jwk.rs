//! Keys of a JSON Web Key Set (RFC 7517, RFC 7518 section 6, RFC 8037).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use jsonwebtoken::jwk::{
    AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse,
    RSAKeyParameters,
};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::Value;

use super::public_key::{is_ed25519, is_p256, is_p384, rsa_problem, unsafe_problem};
use super::signature::{Key, KeyName};

/// Keys that are read of one set. Providers publish 1 to 10.
const MAX_KEYS: usize = 64;

/// Longest `kid`, in bytes.
const MAX_KID_BYTES: usize = 256;

/// Algorithms of an RSA key whose `alg` is not given.
const RSA: &[Algorithm] = &[
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
];

/// Keys of a set, and the keys that were left out.
#[derive(Default)]
pub(super) struct KeySet {
    pub keys: Vec<Key>,
    /// Why keys were left out, a sentence each: `kid "a": it is for encryption`.
    pub left_out: Vec<String>,
}

/// Reads a key set from `source`.
///
/// # Errors
/// The text is not a key set, as a sentence.
pub(super) fn read(source: &str, text: &[u8]) -> Result<KeySet, String> {
    let document: Value = serde_json::from_slice(text)
        .map_err(|error| format!("expected a JSON Web Key Set, got no JSON: {error}"))?;
    let keys = document.get("keys").and_then(Value::as_array);
    let keys = keys.ok_or("expected a JSON Web Key Set: an object with a list \"keys\"")?;
    let mut set = KeySet::default();
    for value in keys.iter().take(MAX_KEYS) {
        match read_key(source, value) {
            Ok(key) => set.keys.push(key),
            Err(problem) => {
                let kid = value.get("kid").unwrap_or(&Value::Null).to_string();
                set.left_out.push(format!("kid {}: {problem}", cut(&kid)));
            }
        }
    }
    if keys.len() > MAX_KEYS {
        set.left_out.push(format!(
            "{} keys after the first {MAX_KEYS}",
            keys.len() - MAX_KEYS
        ));
    }
    Ok(set)
}

fn cut(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control())
        .take(MAX_KID_BYTES)
        .collect()
}

fn read_key(source: &str, value: &Value) -> Result<Key, &'static str> {
    let jwk: Jwk = serde_json::from_value(value.clone()).map_err(|_| "it is not a JSON Web Key")?;
    if !matches!(
        jwk.common.public_key_use,
        None | Some(PublicKeyUse::Signature)
    ) {
        return Err("it is not for signatures (use)");
    }
    let operations = jwk.common.key_operations.as_ref();
    if operations.is_some_and(|all| !all.contains(&KeyOperations::Verify)) {
        return Err("it is not for verifying (key_ops)");
    }
    let kid = jwk.common.key_id.clone();
    if kid.as_ref().is_some_and(|kid| kid.len() > MAX_KID_BYTES) {
        return Err("its kid is too long");
    }
    let name = KeyName {
        source: source.to_owned(),
        kid,
    };
    let allowed = |all| algorithms(all, jwk.common.key_algorithm);
    match &jwk.algorithm {
        AlgorithmParameters::RSA(rsa) => rsa_key(name, allowed(RSA)?, rsa),
        AlgorithmParameters::EllipticCurve(ec) => match ec.curve {
            EllipticCurve::P256 => point(name, allowed(&[Algorithm::ES256])?, &jwk, is_p256),
            EllipticCurve::P384 => point(name, allowed(&[Algorithm::ES384])?, &jwk, is_p384),
            _ => Err("its curve is not supported: expected P-256 or P-384"),
        },
        AlgorithmParameters::OctetKeyPair(okp) if okp.curve == EllipticCurve::Ed25519 => {
            point(name, allowed(&[Algorithm::EdDSA])?, &jwk, is_ed25519)
        }
        // A shared secret is never published.
        AlgorithmParameters::OctetKey(_) => Err("it is a shared secret"),
        _ => Err("its type is not supported: expected RSA, EC or Ed25519"),
    }
}

/// Returns the algorithms of a key: its `alg`, if its type allows that one, else all of its type.
fn algorithms(
    of_type: &'static [Algorithm],
    alg: Option<KeyAlgorithm>,
) -> Result<&'static [Algorithm], &'static str> {
    let Some(alg) = alg else {
        return Ok(of_type);
    };
    let place = of_type
        .iter()
        .position(|one| KeyAlgorithm::from(*one) == alg);
    let place = place.ok_or("its alg does not fit its type or is not supported")?;
    Ok(&of_type[place..=place])
}

fn rsa_key(
    name: KeyName,
    algorithms: &'static [Algorithm],
    rsa: &RSAKeyParameters,
) -> Result<Key, &'static str> {
    let number = |text: &str| BASE64.decode(text.trim_end_matches('=')).ok();
    let (Some(n), Some(e)) = (number(&rsa.n), number(&rsa.e)) else {
        return Err("its RSA numbers are not base64url");
    };
    // Some providers write the sign byte of ASN.1.
    let (n, e) = (without_zeros(n), without_zeros(e));
    match rsa_problem(&n, &e) {
        Some(problem) => Err(problem),
        None => Ok(Key::rsa(name, algorithms, n, e)),
    }
}

fn without_zeros(bytes: Vec<u8>) -> Vec<u8> {
    bytes.into_iter().skip_while(|byte| *byte == 0).collect()
}

fn point(
    name: KeyName,
    algorithms: &'static [Algorithm],
    jwk: &Jwk,
    is_usable: fn(&[u8]) -> bool,
) -> Result<Key, &'static str> {
    let key = DecodingKey::from_jwk(jwk).map_err(|_| "its coordinates are not base64url")?;
    let bytes = key.try_get_as_bytes().map_err(|_| "it has no point")?;
    if !is_usable(bytes) {
        return Err("it is not a point of its curve");
    }
    match unsafe_problem(bytes) {
        Some(problem) => Err(problem),
        None => Ok(Key::public(name, algorithms, bytes.to_vec())),
    }
}
