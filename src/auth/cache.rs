//! Verified tokens: a token that was checked with a public key is not checked again while it is valid. A public-key
//! signature costs about as much as the rest of a request; an HMAC costs no more than the digest of the token here.

use std::collections::HashMap;
use std::mem;

use parking_lot::Mutex;
use ring::digest::{SHA256, SHA256_OUTPUT_LEN, digest};

use super::claims::Claims;
use crate::clock::Timestamp;

/// Tokens of a half of the cache. A token is some hundred bytes here.
const HALF: usize = 4_096;

/// Digest of a token, so that no token is kept.
pub(super) type Key = [u8; SHA256_OUTPUT_LEN];

/// Bounded cache of verified tokens. When the newer half is full it becomes the older one, whose tokens are dropped
/// unless they are used again.
#[derive(Default)]
pub(super) struct TokenCache(Mutex<Halves>);

#[derive(Default)]
struct Halves {
    newer: HashMap<Key, Verified>,
    older: HashMap<Key, Verified>,
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
        let mut halves = self.0.lock();
        if let Some(verified) = halves.newer.get(key) {
            return verified.holds(now, keys).then(|| verified.claims.clone());
        }
        let verified = halves
            .older
            .remove(key)
            .filter(|one| one.holds(now, keys))?;
        let claims = verified.claims.clone();
        halves.insert(*key, verified);
        Some(claims)
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

impl Halves {
    fn insert(&mut self, key: Key, verified: Verified) {
        if self.newer.len() >= HALF {
            self.older = mem::take(&mut self.newer);
        }
        self.newer.insert(key, verified);
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

    #[test]
    fn the_cache_is_bounded_and_keeps_what_is_used() {
        let cache = TokenCache::default();
        let used = key("used");
        cache.insert(used, claims(), 1, at(0));
        for token in 0..3 * HALF {
            cache.insert(key(&token.to_string()), claims(), 1, at(0));
            assert!(cache.get(&used, 1, at(0)).is_some());
        }
        let halves = cache.0.lock();
        assert!(halves.newer.len() + halves.older.len() <= 2 * HALF);
        assert!(!halves.newer.contains_key(&key("0")) && !halves.older.contains_key(&key("0")));
    }
}
