//! The guard of tokens: whoever does not know the secret is not let in, and who signs with it is the user that the
//! claims name, until they expire.
#![no_main]

use std::sync::LazyLock;

use chattrix::auth::Authenticator;
use chattrix::clock::Timestamp;
use chattrix::settings::Settings;
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use libfuzzer_sys::fuzz_target;

const SECRET: &str = "a secret of the fuzzer, longer than thirty-two bytes";

/// `{"alg":"HS256"}` in base64url.
const HS256: &str = "eyJhbGciOiJIUzI1NiJ9";

static GUARD: LazyLock<Authenticator> = LazyLock::new(|| {
    let settings = Settings {
        jwt_secret: vec![SECRET.to_owned().into()],
        ..Settings::default()
    };
    Authenticator::from_settings(&settings).expect("the secret is long enough")
});

static KEY: LazyLock<EncodingKey> = LazyLock::new(|| EncodingKey::from_secret(SECRET.as_bytes()));

fuzz_target!(|bytes: &[u8]| {
    let now = Timestamp::from_millis(1_705_314_600_000);
    if let Ok(text) = std::str::from_utf8(bytes) {
        assert!(GUARD.verify(text, now).is_err(), "a forged token was taken");
    }
    let message = format!("{HS256}.{}", base64url(bytes));
    let signature = crypto::sign(message.as_bytes(), &KEY, Algorithm::HS256).expect("signed");
    if let Ok(claims) = GUARD.verify(&format!("{message}.{signature}"), now) {
        assert!(claims.expires_at.as_millis() >= now.as_millis() - 30_000);
    }
});

fn base64url(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::with_capacity(bytes.len() * 4 / 3 + 3);
    for chunk in bytes.chunks(3) {
        let bits = chunk
            .iter()
            .fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte));
        let bits = bits << (8 * (3 - chunk.len()));
        for place in 0..=chunk.len() {
            let six = (bits >> (18 - 6 * place)) & 63;
            text.push(char::from(ALPHABET[six as usize]));
        }
    }
    text
}
