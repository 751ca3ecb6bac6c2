//! ICE servers for clients (RFC 8445): STUN and TURN URLs, and time-limited TURN credentials for a user.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use secrecy::{ExposeSecret, SecretString};

use crate::clock::Timestamp;
use crate::settings::Settings;
use crate::user::UserId;

/// Validity of a password: longer than a client takes to set up a call. A TURN server asks for it again only for new
/// allocations of a call.
const VALID_FOR: Duration = Duration::from_hours(1);

/// ICE servers of the settings. Cheap to clone.
#[derive(Clone, Debug)]
pub struct IceServers {
    stun: Vec<String>,
    turn: Vec<String>,
    secret: Option<SecretString>,
}

/// TURN credentials of a user.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// User name: expiry in seconds of the Unix epoch, and the user, as in `1705318200:alice`.
    pub username: String,
    /// Password.
    pub credential: SecretString,
    /// Time of expiry.
    pub expires_at: Timestamp,
}

impl IceServers {
    /// Returns the ICE servers of `settings`.
    #[must_use]
    pub fn new(settings: &Settings) -> Self {
        let is_stun = |url: &String| url.starts_with("stun");
        let (stun, turn) = settings.ice_servers.iter().cloned().partition(is_stun);
        Self {
            stun,
            turn,
            secret: settings.turn_secret.clone(),
        }
    }

    /// Returns the URLs of the STUN servers, which need no credentials.
    #[must_use]
    pub fn stun(&self) -> &[String] {
        &self.stun
    }

    /// Returns the URLs of the TURN servers and the credentials of `user` from `now` on; none if there are no TURN
    /// servers.
    #[must_use]
    pub fn turn(&self, user: &UserId, now: Timestamp) -> Option<(&[String], Credentials)> {
        let secret = self.secret.as_ref().filter(|_| !self.turn.is_empty())?;
        Some((&self.turn, credentials(secret, user, now)))
    }
}

/// Makes credentials by coturn's scheme `use-auth-secret`: the password is a digest that the TURN server computes
/// itself, so that the two servers need no connection.
fn credentials(secret: &SecretString, user: &UserId, now: Timestamp) -> Credentials {
    let expires_at = now.plus(VALID_FOR);
    let username = format!("{}:{user}", expires_at.as_millis() / 1_000);
    let key = hmac::Key::new(
        hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        secret.expose_secret().as_bytes(),
    );
    let digest = hmac::sign(&key, username.as_bytes());
    Credentials {
        username,
        credential: STANDARD.encode(digest).into(),
        expires_at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_the_one_that_coturn_expects() {
        let user = UserId::parse("alice").expect("a user id");
        let now = Timestamp::from_millis(1_705_314_600_123);
        let made = credentials(&SecretString::from("north"), &user, now);
        assert_eq!(made.username, "1705318200:alice");
        // printf 1705318200:alice | openssl dgst -sha1 -hmac north -binary | base64
        assert_eq!(
            made.credential.expose_secret(),
            "L7JRU1Qmkrd/enHW3qPHCb8RcwQ="
        );
    }

    #[test]
    fn without_turn_servers_nobody_gets_a_password() {
        let settings = Settings {
            ice_servers: vec!["stun:stun.example.com".to_owned()],
            turn_secret: Some("north".into()),
            ..Settings::default()
        };
        let servers = IceServers::new(&settings);
        let user = UserId::parse("alice").expect("a user id");
        assert_eq!(servers.stun(), ["stun:stun.example.com"]);
        assert!(servers.turn(&user, Timestamp::from_millis(0)).is_none());
    }
}
