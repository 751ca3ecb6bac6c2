//! Signatures by Standard Webhooks (its specification, "Signature scheme", symmetric).

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::hmac;
use secrecy::{ExposeSecret as _, SecretSlice};

use crate::clock::Timestamp;
use crate::settings::webhook_secrets;
use crate::webhook_model::message::Made;

/// Signing keys of messages: one, or two during a rotation. A key with a time signs only before it.
pub(super) struct Keys(Vec<(hmac::Key, Option<Timestamp>)>);

impl Keys {
    pub fn new(secrets: &[SecretSlice<u8>]) -> Self {
        let key = |secret: &SecretSlice<u8>| {
            let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret());
            (key, None)
        };
        Self(secrets.iter().map(key).collect())
    }

    /// Returns the keys of an endpoint that a backend made; none if its secret is not one.
    pub fn of(made: &Made) -> Option<Self> {
        let [secret] = &webhook_secrets([made.secret.as_str()].into_iter())?[..] else {
            return None;
        };
        let mut keys = Self::new(std::slice::from_ref(secret));
        if let Some((secret, until)) = &made.previous {
            let previous = Self::new(&webhook_secrets([secret.as_str()].into_iter())?);
            let previous = previous.0.into_iter().map(|(key, _)| (key, Some(*until)));
            keys.0.extend(previous);
        }
        Some(keys)
    }

    /// Returns the header `webhook-signature` for the message `id`, sent at `seconds` since the Unix epoch.
    pub fn sign(&self, id: &str, seconds: i64, body: &str) -> String {
        let signed = format!("{id}.{seconds}.{body}");
        let now = Timestamp::from_millis(seconds.saturating_mul(1000));
        let mut header = String::new();
        let valid = self
            .0
            .iter()
            .filter(|(_, until)| until.is_none_or(|until| now < until));
        for (key, _) in valid {
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

    #[test]
    fn previous_secret_signs_until_its_end() {
        let [new, old] = ["M", "A"].map(|letter| format!("whsec_{}", letter.repeat(32)));
        let until = Timestamp::from_millis(2_000);
        let made = Made {
            at: Timestamp::from_millis(0),
            secret: new,
            previous: Some((old, until)),
        };
        let keys = Keys::of(&made).expect("secrets");
        let signatures = |seconds| keys.sign("msg_1", seconds, "{}").split(' ').count();
        assert_eq!([signatures(1), signatures(2)], [2, 1]);
    }
}
