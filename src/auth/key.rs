//! Static keys of the settings: secrets, and public keys as PEM.

use std::io;
use std::path::{Path, PathBuf};

use jsonwebtoken::{Algorithm, DecodingKey};
use secrecy::{ExposeSecret, SecretSlice};
use thiserror::Error;

use super::public_key::{is_ed25519, is_p256, is_rsa, unsafe_problem};
use super::signature::{Key, KeyName};
use crate::regular_file;
use crate::settings::{MIN_SECRET_BYTES, Settings};

/// Reason for which there are no keys. The server does not start then.
#[derive(Debug, Error)]
pub enum KeyError {
    /// No key is set.
    #[error(
        "there is no key to verify tokens: set jwt_secret_file or jwt_secret to the shared secret \
         of your identity provider, jwt_public_key_file to its public key, or jwt_issuer_url to its \
         OpenID Connect issuer \
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
    /// The file is not a set of usable keys.
    #[error("jwt_jwks_file names {}, which is not valid: {problem}", file.display())]
    KeySet {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The file holds no certificates.
    #[error("jwt_ca_file names {}, which is not valid: expected certificates in PEM", .0.display())]
    NoCertificates(PathBuf),
    /// The HTTP client cannot be made.
    #[error("cannot make the client for the identity provider: {0}")]
    Client(String),
    /// The file holds no public key, or one of a kind that is not supported.
    #[error(
        "jwt_public_key_file names {}, which is not a supported public key: expected PEM \
         blocks, BEGIN PUBLIC KEY (RSA from 2048 bits, EC on P-256, or Ed25519), \
         BEGIN RSA PUBLIC KEY or BEGIN CERTIFICATE",
        .0.display()
    )]
    NoPublicKey(PathBuf),
}

/// Returns the static keys that `settings` name, if any: secrets first, in their order.
pub(super) fn load(settings: &Settings) -> Result<Vec<Key>, KeyError> {
    let mut keys = Vec::new();
    for secret in &settings.jwt_secret {
        let name = unnamed("jwt_secret".to_owned());
        keys.push(from_secret(
            "jwt_secret",
            name,
            secret.expose_secret().as_bytes(),
        )?);
    }
    for file in &settings.jwt_secret_file {
        let bytes: SecretSlice<u8> = read("jwt_secret_file", file)?.into();
        let secret = without_line_break(bytes.expose_secret());
        let name = unnamed(format!("jwt_secret_file {}", file.display()));
        keys.push(from_secret("jwt_secret_file", name, secret)?);
    }
    for file in &settings.jwt_public_key_file {
        keys.extend(from_public_keys(file, &read("jwt_public_key_file", file)?)?);
    }
    Ok(keys)
}

fn unnamed(source: String) -> KeyName {
    KeyName { source, kid: None }
}

pub(super) fn read(setting: &'static str, file: &Path) -> Result<Vec<u8>, KeyError> {
    regular_file::read(file).map_err(|source| KeyError::Unreadable {
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

fn from_secret(setting: &'static str, name: KeyName, secret: &[u8]) -> Result<Key, KeyError> {
    if secret.len() < MIN_SECRET_BYTES {
        return Err(KeyError::ShortSecret {
            setting,
            bytes: secret.len(),
        });
    }
    Ok(Key::secret(name, secret))
}

/// How a kind of public key is read from PEM and checked, and the algorithm of its kind.
type Kind = (
    fn(&[u8]) -> jsonwebtoken::errors::Result<DecodingKey>,
    fn(&[u8]) -> bool,
    &'static [Algorithm],
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
        (DecodingKey::from_ed_pem, is_ed25519, &[Algorithm::EdDSA]),
        (DecodingKey::from_ec_pem, is_p256, &[Algorithm::ES256]),
        (DecodingKey::from_rsa_pem, is_rsa, &[Algorithm::RS256]),
    ];
    let no_public_key = || KeyError::NoPublicKey(file.to_owned());
    if !PUBLIC.iter().any(|begin| block.starts_with(begin)) {
        return Err(no_public_key());
    }
    // jsonwebtoken reads a point of any curve as P-256 and an RSA key of any length, and every token would
    // be refused later.
    let (bytes, algorithms) = kinds
        .into_iter()
        .find_map(|(read, is_usable, algorithms)| {
            let read = read(block.as_bytes()).ok()?;
            let bytes = read.try_get_as_bytes().ok()?;
            is_usable(bytes).then(|| (bytes.to_vec(), algorithms))
        })
        .ok_or_else(no_public_key)?;
    if let Some(problem) = unsafe_problem(&bytes) {
        return Err(KeyError::Unsafe {
            file: file.to_owned(),
            problem,
        });
    }
    let name = unnamed(format!("jwt_public_key_file {}", file.display()));
    Ok(Key::public(name, algorithms, bytes))
}
