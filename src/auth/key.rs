//! The one key that tokens are checked with, out of the settings.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::{fs, io};

use jsonwebtoken::DecodingKey;
use ring::agreement::{self, ECDH_P256, EphemeralPrivateKey};
use ring::rand::SystemRandom;
use secrecy::{ExposeSecret, SecretSlice};
use simple_asn1::{ASN1Block, BigUint};
use thiserror::Error;

use super::signature::Key;
use crate::settings::{MIN_SECRET_BYTES, Settings};

/// What RS256 verifies with: 2048 bits at least (RFC 7518 section 3.3), and 8192 at most, which is
/// where the crypto library ends.
const RSA_MODULUS_BITS: RangeInclusive<u64> = 2048..=8192;

/// The bytes of an Ed25519 key (RFC 8032, section 5.1.5).
const ED25519_BYTES: usize = 32;

/// Why there is no key to check tokens with. The server does not start then.
#[derive(Debug, Error)]
pub enum KeyError {
    /// None is set.
    #[error(
        "there is no key to verify tokens: set jwt_secret_file or jwt_secret to the shared secret \
         of your identity provider, or jwt_public_key_file to its public key \
         (in Rocket.toml under [default.chattrix], or as CHATTRIX_JWT_SECRET_FILE and so on); \
         for a trial, `chattrix serve --dev` creates a secret"
    )]
    Missing,
    /// Its file cannot be read.
    #[error("{setting} names {}, which cannot be read: {source}", file.display())]
    Unreadable {
        /// The setting that names the file.
        setting: &'static str,
        /// The file.
        file: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The secret is shorter than its hash.
    #[error(
        "the secret of {setting} has {bytes} bytes and expected at least {MIN_SECRET_BYTES}: \
         create one with `openssl rand -hex 32`"
    )]
    ShortSecret {
        /// The setting it is from.
        setting: &'static str,
        /// How many bytes it has.
        bytes: usize,
    },
    /// A private key stands where the public one belongs.
    #[error(
        "jwt_public_key_file names {}, which holds a private key, expected the public one: \
         create it with `openssl pkey -in private.pem -pubout`, and keep the private key at the \
         identity provider",
        .0.display()
    )]
    PrivateKey(PathBuf),
    /// The file holds a public key that cannot protect anything.
    #[error(
        "jwt_public_key_file names {}, which holds an unsafe key: {problem}. Ask the identity \
         provider for its real public key",
        file.display()
    )]
    Unsafe {
        /// The file.
        file: PathBuf,
        /// What is wrong with the key.
        problem: &'static str,
    },
    /// The file holds no public key, or one of a kind that is not supported.
    #[error(
        "jwt_public_key_file names {}, which is not a supported public key: expected PEM \
         blocks, BEGIN PUBLIC KEY (RSA from 2048 bits, EC on P-256, or Ed25519), \
         BEGIN RSA PUBLIC KEY or BEGIN CERTIFICATE",
        .0.display()
    )]
    NoPublicKey(PathBuf),
}

/// Returns the keys that `settings` name: secrets first, in their order.
pub(super) fn load(settings: &Settings) -> Result<Vec<Key>, KeyError> {
    let mut keys = Vec::new();
    for secret in &settings.jwt_secret {
        keys.push(from_secret(
            "jwt_secret",
            secret.expose_secret().as_bytes(),
        )?);
    }
    for file in &settings.jwt_secret_file {
        let bytes: SecretSlice<u8> = read("jwt_secret_file", file)?.into();
        let secret = without_line_break(bytes.expose_secret());
        keys.push(from_secret("jwt_secret_file", secret)?);
    }
    for file in &settings.jwt_public_key_file {
        keys.extend(from_public_keys(file, &read("jwt_public_key_file", file)?)?);
    }
    if keys.is_empty() {
        return Err(KeyError::Missing);
    }
    Ok(keys)
}

fn read(setting: &'static str, file: &Path) -> Result<Vec<u8>, KeyError> {
    fs::read(file).map_err(|source| KeyError::Unreadable {
        setting,
        file: file.to_owned(),
        source,
    })
}

/// Editors and `openssl rand -hex 32 >file` end a file with a line break that nobody means.
fn without_line_break(bytes: &[u8]) -> &[u8] {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    bytes.strip_suffix(b"\r").unwrap_or(bytes)
}

fn from_secret(setting: &'static str, secret: &[u8]) -> Result<Key, KeyError> {
    if secret.len() < MIN_SECRET_BYTES {
        return Err(KeyError::ShortSecret {
            setting,
            bytes: secret.len(),
        });
    }
    Ok(Key::secret(secret))
}

/// How a kind of public key is read from PEM, checked, and used.
type Kind = (
    fn(&[u8]) -> jsonwebtoken::errors::Result<DecodingKey>,
    fn(&[u8]) -> bool,
    fn(Vec<u8>) -> Key,
);

/// Reads every key of a file. One that cannot be used refuses the file: its tokens would be rejected later.
fn from_public_keys(file: &Path, pem: &[u8]) -> Result<Vec<Key>, KeyError> {
    let text = String::from_utf8_lossy(pem);
    if text.contains("PRIVATE KEY-----") {
        return Err(KeyError::PrivateKey(file.to_owned()));
    }
    let keys: Vec<_> = pem_blocks(&text)
        .map(|block| from_block(file, block))
        .collect::<Result<_, _>>()?;
    if keys.is_empty() {
        return Err(KeyError::NoPublicKey(file.to_owned()));
    }
    Ok(keys)
}

/// Returns the PEM blocks of `text` (RFC 7468). The text around them is ignored.
fn pem_blocks(text: &str) -> impl Iterator<Item = &str> {
    const END: &str = "-----END ";
    text.match_indices("-----BEGIN ").map(|(start, _)| {
        let rest = &text[start..];
        let end = rest.find(END).and_then(|end| {
            let label = end + END.len();
            Some(label + rest[label..].find("-----")? + "-----".len())
        });
        &rest[..end.unwrap_or(rest.len())]
    })
}

fn from_block(file: &Path, block: &str) -> Result<Key, KeyError> {
    const PUBLIC: [&str; 3] = [
        "-----BEGIN PUBLIC KEY-----",
        "-----BEGIN RSA PUBLIC KEY-----",
        "-----BEGIN CERTIFICATE-----",
    ];
    let kinds: [Kind; 3] = [
        (DecodingKey::from_ed_pem, is_ed25519, Key::ed25519),
        (DecodingKey::from_ec_pem, is_p256, Key::p256),
        (DecodingKey::from_rsa_pem, is_rsa, Key::rsa),
    ];
    let no_public_key = || KeyError::NoPublicKey(file.to_owned());
    if !PUBLIC.iter().any(|begin| block.starts_with(begin)) {
        return Err(no_public_key());
    }
    // jsonwebtoken reads a point of any curve as P-256 and an RSA key of any length, and every token would
    // be refused later.
    let (bytes, key) = kinds
        .into_iter()
        .find_map(|(read, is_usable, key)| {
            let read = read(block.as_bytes()).ok()?;
            let bytes = read.try_get_as_bytes().ok()?;
            is_usable(bytes).then(|| (bytes.to_vec(), key))
        })
        .ok_or_else(no_public_key)?;
    match unsafe_problem(&bytes) {
        Some(problem) => Err(KeyError::Unsafe {
            file: file.to_owned(),
            problem,
        }),
        None => Ok(key(bytes)),
    }
}

/// Returns what is wrong with a usable key, if its signatures prove nothing.
fn unsafe_problem(key: &[u8]) -> Option<&'static str> {
    if has_low_order(key) {
        return Some("it is an Ed25519 point of low order, with which anyone can sign");
    }
    // FIPS 186-5 (appendix A.1.1): odd, and at least 65537. Providers use 65537. With 1, anyone can sign.
    let (_, exponent) = rsa_numbers(key)?;
    let is_allowed = exponent.bit(0) && exponent >= BigUint::from(65_537_u32);
    // ring takes no more than 33 bits.
    (!is_allowed || exponent.bits() > 33)
        .then_some("its RSA exponent is not 65537 or a larger odd number of up to 33 bits")
}

/// Returns true for the points of Ed25519 whose order is 1, 2, 4 or 8: their y coordinates, in every encoding,
/// as libsodium lists them. The last bit is the sign of x.
fn has_low_order(key: &[u8]) -> bool {
    const ORDER_8: [[u8; ED25519_BYTES]; 2] = [
        [
            0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef,
            0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88,
            0x6d, 0x53, 0xfc, 0x05,
        ],
        [
            0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10,
            0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77,
            0x92, 0xac, 0x03, 0x7a,
        ],
    ];
    let Ok(mut y) = <[u8; ED25519_BYTES]>::try_from(key) else {
        return false;
    };
    y[31] &= 0x7f;
    let is_0_or_1 = y[0] <= 1 && y[1..].iter().all(|byte| *byte == 0);
    // p - 1, p and p + 1 for p = 2^255 - 19.
    let is_around_p =
        (0xec..=0xee).contains(&y[0]) && y[1..31].iter().all(|byte| *byte == 0xff) && y[31] == 0x7f;
    is_0_or_1 || is_around_p || ORDER_8.contains(&y)
}

fn is_ed25519(key: &[u8]) -> bool {
    key.len() == ED25519_BYTES
}

/// Whether it is a point of that curve, which is what an agreement with a key of our own finds out.
fn is_p256(point: &[u8]) -> bool {
    let theirs = agreement::UnparsedPublicKey::new(&ECDH_P256, point);
    EphemeralPrivateKey::generate(&ECDH_P256, &SystemRandom::new())
        .and_then(|ours| agreement::agree_ephemeral(ours, &theirs, |_| ()))
        .is_ok()
}

/// Returns true for an `RSAPublicKey` of a length that can be used.
fn is_rsa(der: &[u8]) -> bool {
    rsa_numbers(der).is_some_and(|(modulus, _)| RSA_MODULUS_BITS.contains(&modulus.bits()))
}

/// Returns modulus and exponent of an `RSAPublicKey` (RFC 8017, appendix A.1.1).
fn rsa_numbers(der: &[u8]) -> Option<(BigUint, BigUint)> {
    let blocks = simple_asn1::from_der(der).ok()?;
    let [ASN1Block::Sequence(_, numbers)] = blocks.as_slice() else {
        return None;
    };
    match numbers.as_slice() {
        [
            ASN1Block::Integer(_, modulus),
            ASN1Block::Integer(_, exponent),
        ] => Some((modulus.to_biguint()?, exponent.to_biguint()?)),
        _ => None,
    }
}
