//! Tests of authentication: fixtures.

mod claims;
mod forgeries;
mod keys;
mod minting;

use std::path::PathBuf;

use jsonwebtoken::{Algorithm, EncodingKey, Header, crypto};
use secrecy::SecretString;
use serde_json::{Value, json};

use super::{Authenticator, TokenError};
use crate::clock::Timestamp;
use crate::settings::Settings;

const SECRET: &str = "a secret for the tests, of 32 bytes or more";
/// 2024-01-15T10:30:00Z, in seconds.
const NOW: i64 = 1_705_314_600;

fn now() -> Timestamp {
    Timestamp::from_millis(NOW * 1_000)
}

fn key_file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/test-keys")
        .join(name)
}

fn with_secret() -> Settings {
    Settings {
        jwt_secret: vec![SecretString::from(SECRET)],
        ..Settings::default()
    }
}

fn with_public_key(name: &str) -> Settings {
    Settings {
        jwt_public_key_file: vec![key_file(name)],
        ..Settings::default()
    }
}

fn authenticator(settings: &Settings) -> Authenticator {
    Authenticator::from_settings(settings).expect("a usable key")
}

fn claims() -> Value {
    json!({"sub": "alice", "exp": NOW + 60})
}

/// `claims()` with other ones over it; null takes a claim away.
fn claims_with(changes: &Value) -> Value {
    let mut claims = claims();
    for (name, value) in changes.as_object().expect("an object") {
        match value {
            Value::Null => claims.as_object_mut().expect("an object").remove(name),
            value => claims
                .as_object_mut()
                .expect("an object")
                .insert(name.clone(), value.clone()),
        };
    }
    claims
}

fn signed(claims: &Value) -> String {
    jsonwebtoken::encode(
        &Header::default(),
        claims,
        &EncodingKey::from_secret(SECRET.as_bytes()),
    )
    .expect("signs")
}

/// A token of exactly this header and payload, signed well with HS256 and `secret`.
fn raw_token(header: &str, payload: &str, secret: &[u8]) -> String {
    let message = format!("{}.{}", base64url(header), base64url(payload));
    let key = EncodingKey::from_secret(secret);
    let signature = crypto::sign(message.as_bytes(), &key, Algorithm::HS256).expect("signs");
    format!("{message}.{signature}")
}

fn base64url(text: &str) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut encoded = String::new();
    for chunk in text.as_bytes().chunks(3) {
        let bits = chunk
            .iter()
            .fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte))
            << (8 * (3 - chunk.len()));
        for index in 0..=chunk.len() {
            let letter = bits >> (18 - 6 * index) & 0x3f;
            encoded.push(char::from(LETTERS[letter as usize]));
        }
    }
    encoded
}

fn refusal(settings: &Settings, token: &str) -> TokenError {
    authenticator(settings)
        .verify(token, now())
        .expect_err("a forgery")
}
