//! Signatures by Standard Webhooks (its specification, "Signature scheme", symmetric).

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::hmac;
use secrecy::{ExposeSecret as _, SecretSlice};

/// Signing keys of messages: one, or two during a rotation.
pub(super) struct Keys(Vec<hmac::Key>);

impl Keys {
    pub fn new(secrets: &[SecretSlice<u8>]) -> Self {
        let key =
            |secret: &SecretSlice<u8>| hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret());
        Self(secrets.iter().map(key).collect())
    }

    /// Returns the header `webhook-signature` for the message `id`, sent at `seconds` since the Unix epoch.
    pub fn sign(&self, id: &str, seconds: i64, body: &str) -> String {
        let signed = format!("{id}.{seconds}.{body}");
        let mut header = String::new();
        for key in &self.0 {
            let tag = hmac::sign(key, signed.as_bytes());
            let space = if header.is_empty() { "" } else { " " };
            write!(header, "{space}v1,{}", BASE64.encode(tag)).expect("a String takes everything");
        }
        header
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::webhook_secrets;

    /// The example in the tests of the specification's own libraries.
    #[test]
    fn the_published_example_is_signed_as_published() {
        let secret = ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"];
        let keys = Keys::new(&webhook_secrets(secret.into_iter()).expect("a secret"));
        assert_eq!(
            keys.sign(
                "msg_p5jXN8AQM9LWM0D4loKWxJek",
                1_614_265_330,
                "{\"test\": 2432232314}"
            ),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }

    #[test]
    fn every_secret_signs() {
        let secrets = [
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        ];
        let keys = Keys::new(&webhook_secrets(secrets.into_iter()).expect("secrets"));
        let header = keys.sign("msg_1", 1, "{}");
        let (first, second) = header.split_once(' ').expect("two signatures");
        assert!(first.starts_with("v1,") && second.starts_with("v1,"));
        assert_ne!(first, second);
    }
}
