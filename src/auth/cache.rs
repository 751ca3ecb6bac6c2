//! Verified tokens: a token that was checked with a public key is not checked again while it is valid. A public-key
//! signature costs about as much as the rest of a request; an HMAC costs no more than the digest of the token here.

use parking_lot::Mutex;
use ring::digest::{SHA256, SHA256_OUTPUT_LEN, digest};

use super::claims::Claims;
use crate::clock::Timestamp;
use crate::recent_map::RecentMap;

/// Tokens of a generation of the cache. A token is some hundred bytes here.
const GENERATION: usize = 4_096;

/// Digest of a token, so that no token is kept.
pub(super) type Key = [u8; SHA256_OUTPUT_LEN];

/// Bounded cache of verified tokens.
pub(super) struct TokenCache(Mutex<RecentMap<Key, Verified>>);

impl Default for TokenCache {
    fn default() -> Self {
        Self(Mutex::new(RecentMap::new(GENERATION)))
    }
}

struct Verified {
    claims: Claims,
    at: Timestamp,
    /// Generation of the keys with which it was verified.
    keys: u64,
}

impl Verified {
    /// Returns whether a check at `now` with the generation `keys` would have the same result. A token within the leeway
    /// after its expiry, or before the instant of its check, is checked again.
    fn holds(&self, now: Timestamp, keys: u64) -> bool {
        self.keys == keys && self.at <= now && now < self.claims.expires_at
    }
}

/// Returns the key of `token`.
pub(super) fn key(token: &str) -> Key {
    let mut key = Key::default();
    key.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
    key
}

impl TokenCache {
    /// Returns the claims of the token with this key, if it was verified with the generation `keys` and is valid at
    /// `now`.
    pub fn get(&self, key: &Key, keys: u64, now: Timestamp) -> Option<Claims> {
        let mut tokens = self.0.lock();
        let verified = tokens.get(key).filter(|one| one.holds(now, keys))?;
        Some(verified.claims.clone())
    }

    /// Stores the `claims` of a token that was verified at `now` with the generation `keys`.
    pub fn insert(&self, key: Key, claims: Claims, keys: u64, now: Timestamp) {
        let verified = Verified {
            claims,
            at: now,
            keys,
        };
        self.0.lock().insert(key, verified);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::signature::KeyName;
    use super::*;
    use crate::user::{SessionId, UserId};

    const EXPIRY: Timestamp = Timestamp::from_millis(10_000);

    fn claims() -> Claims {
        Claims {
            user: UserId::parse("alice").expect("an id"),
            session: SessionId::new("phone"),
            names_session: true,
            expires_at: EXPIRY,
            issued_at: None,
            name: None,
            picture: None,
            key: Arc::new(KeyName {
                source: "a test".to_owned(),
                kid: None,
            }),
        }
    }

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn a_token_is_found_while_it_is_valid_and_its_keys_are_the_same() {
        let cache = TokenCache::default();
        let token = key("a.b.c");
        assert_eq!(cache.get(&token, 1, at(5_000)), None);
        cache.insert(token, claims(), 1, at(5_000));
        assert_eq!(cache.get(&token, 1, at(5_000)), Some(claims()));
        assert_eq!(cache.get(&token, 1, at(9_999)), Some(claims()));
        for (keys, now) in [(1, at(10_000)), (1, at(4_999)), (2, at(5_000))] {
            assert_eq!(cache.get(&token, keys, now), None);
        }
        assert_eq!(cache.get(&key("a.b.d"), 1, at(5_000)), None);
    }
}
