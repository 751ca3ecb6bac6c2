//! API keys of the team's backend: their form, their digest and their scopes. Pure.
//!
//! A key is `cxk_`, 43 base62 digits of 32 random bytes, and 6 digits of a checksum, so that a secret scanner
//! recognises a leaked key without asking the server. The server stores the SHA-256 of the whole key: 256 random bits
//! need no slow hash.

use std::fmt;

use ring::digest::{SHA256, digest};
use secrecy::SecretString;

use crate::clock::Timestamp;

/// Prefix of every key.
pub const PREFIX: &str = "cxk_";

/// Base62 digits of 32 bytes.
const SECRET_DIGITS: usize = 43;

/// Base62 digits of the checksum: the first four bytes of the SHA-256 of what stands before it.
const CHECKSUM_DIGITS: usize = 6;

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Maximum length of a key's name.
pub const LONGEST_NAME: usize = 64;

/// Digest by which a key is found.
pub type Digest = [u8; 32];

/// What a key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Accounts, block lists and contacts.
    Users,
    /// Calls and statistics.
    Calls,
    /// Sessions and presence.
    Sessions,
    /// Tokens for users.
    Tokens,
    /// Status of the server.
    Status,
    /// Events to users.
    Events,
    /// Webhook endpoints.
    Webhooks,
}

impl Scope {
    /// All scopes.
    pub const ALL: [Self; 7] = [
        Self::Users,
        Self::Calls,
        Self::Sessions,
        Self::Tokens,
        Self::Status,
        Self::Events,
        Self::Webhooks,
    ];

    /// Returns the word of the scope.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Users => "users",
            Self::Calls => "calls",
            Self::Sessions => "sessions",
            Self::Tokens => "tokens",
            Self::Status => "status",
            Self::Events => "events",
            Self::Webhooks => "webhooks",
        }
    }

    const fn bit(self) -> i64 {
        match self {
            Self::Users => 1,
            Self::Calls => 1 << 1,
            Self::Sessions => 1 << 2,
            Self::Tokens => 1 << 3,
            Self::Status => 1 << 4,
            Self::Events => 1 << 5,
            Self::Webhooks => 1 << 6,
        }
    }
}

/// Set of scopes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scopes(i64);

impl Scopes {
    /// Every scope, those of later versions included.
    pub const ALL: Self = Self(i64::MAX);

    /// Returns the set that `bits` hold.
    #[must_use]
    pub const fn from_bits(bits: i64) -> Self {
        Self(bits)
    }

    /// Returns the bits of the set, as the database holds them.
    #[must_use]
    pub const fn bits(self) -> i64 {
        self.0
    }

    /// Whether `scope` is in the set.
    #[must_use]
    pub const fn has(self, scope: Scope) -> bool {
        self.0 & scope.bit() != 0
    }

    /// Parses words with commas between them, or `all`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text == "all" {
            return Some(Self::ALL);
        }
        let words = text.split(',').map(str::trim);
        words
            .map(|word| Scope::ALL.into_iter().find(|one| one.as_str() == word))
            .collect()
    }

    /// Returns the words of the set: `all`, or one for each scope.
    #[must_use]
    pub fn words(self) -> Vec<&'static str> {
        if self == Self::ALL {
            return vec!["all"];
        }
        let scopes = Scope::ALL.into_iter().filter(|one| self.has(*one));
        scopes.map(Scope::as_str).collect()
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<T: IntoIterator<Item = Scope>>(scopes: T) -> Self {
        Self(scopes.into_iter().fold(0, |bits, one| bits | one.bit()))
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words().join(","))
    }
}

/// A key as the server knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// Number of the key in the database.
    pub id: i64,
    /// Name for people, in the audit and in the log.
    pub name: String,
    /// What it may do.
    pub scopes: Scopes,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it expires, if it does.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked, if it was.
    pub revoked_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
}

impl ApiKey {
    /// Whether the key is accepted at `now`.
    #[must_use]
    pub fn is_valid(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|at| now < at)
    }
}

/// A change that was made with a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// When.
    pub at: Timestamp,
    /// Name of the key.
    pub key_name: String,
    /// What was done, such as `user.put`.
    pub action: String,
    /// The user or call that was changed, if it was one.
    pub subject: Option<String>,
    /// Id of the request, as in the server's log.
    pub request_id: String,
}

/// Whether `text` can be the name of a key: it stands in logs and on the command line.
#[must_use]
pub fn is_name(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=LONGEST_NAME).contains(&text.len()) && text.bytes().all(fits)
}

/// Returns the key that 32 random bytes make, and its digest.
#[must_use]
pub fn make(random: [u8; 32]) -> (SecretString, Digest) {
    let mut text = format!("{PREFIX}{}", base62(&random, SECRET_DIGITS));
    text.push_str(&checksum(&text));
    let digest = digest_of(&text);
    (text.into(), digest)
}

/// Returns the digest of `text` if it has the form of a key and the right checksum.
#[must_use]
pub fn parse(text: &str) -> Option<Digest> {
    let length = PREFIX.len() + SECRET_DIGITS + CHECKSUM_DIGITS;
    let is_base62 = text
        .bytes()
        .skip(PREFIX.len())
        .all(|byte| DIGITS.contains(&byte));
    if !text.starts_with(PREFIX) || text.len() != length || !is_base62 {
        return None;
    }
    let (secret, sum) = text.split_at(length - CHECKSUM_DIGITS);
    (checksum(secret) == sum).then(|| digest_of(text))
}

fn checksum(text: &str) -> String {
    base62(&digest_of(text)[..4], CHECKSUM_DIGITS)
}

/// Returns the SHA-256 of `text`.
///
/// # Panics
/// Never: a SHA-256 has 32 bytes.
#[must_use]
pub fn digest_of(text: &str) -> Digest {
    let digest = digest(&SHA256, text.as_bytes());
    digest.as_ref().try_into().expect("SHA-256 has 32 bytes")
}

/// Writes `bytes`, a number with the highest byte first, in `digits` base62 digits.
fn base62(bytes: &[u8], digits: usize) -> String {
    let mut number = bytes.to_vec();
    let mut text = vec![b'0'; digits];
    for digit in text.iter_mut().rev() {
        let mut rest = 0_u16;
        for byte in &mut number {
            let value = rest << 8 | u16::from(*byte);
            *byte = u8::try_from(value / 62).expect("the rest is below 62");
            rest = value % 62;
        }
        *digit = DIGITS[usize::from(rest)];
    }
    text.into_iter().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn key_has_its_form_and_is_found_by_its_digest() {
        for random in [[0; 32], [255; 32], [7; 32]] {
            let (key, digest) = make(random);
            let text = key.expose_secret();
            assert_eq!(text.len(), 53, "{text}");
            assert_eq!(parse(text), Some(digest));
        }
        let (one, other) = (make([1; 32]).1, make([2; 32]).1);
        assert_ne!(one, other);
    }

    #[test]
    fn key_with_a_wrong_digit_is_not_a_key() {
        let (key, _) = make([7; 32]);
        let text = key.expose_secret();
        for at in 0..text.len() {
            let mut wrong = text.to_owned().into_bytes();
            wrong[at] = if wrong[at] == b'x' { b'y' } else { b'x' };
            let wrong = String::from_utf8(wrong).expect("ASCII");
            assert_eq!(parse(&wrong), None, "{wrong}");
        }
        for wrong in [
            "",
            "cxk_",
            &text[..52],
            &format!("{text}0"),
            &text.replace('_', "é"),
        ] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn base62_writes_numbers() {
        assert_eq!(base62(&[0], 2), "00");
        assert_eq!(base62(&[61], 2), "0z");
        assert_eq!(base62(&[62], 2), "10");
        assert_eq!(base62(&[1, 0], 2), "48");
    }

    #[test]
    fn scopes_are_read_as_they_are_shown() {
        for text in ["all", "users", "users,calls,sessions,tokens", "tokens"] {
            let scopes = Scopes::parse(text).expect("scopes");
            assert_eq!(scopes.to_string(), text);
        }
        for wrong in ["", "user", "users,", "all,users", "Users"] {
            assert_eq!(Scopes::parse(wrong), None, "{wrong}");
        }
        let calls: Scopes = [Scope::Calls].into_iter().collect();
        assert!(calls.has(Scope::Calls) && !calls.has(Scope::Users));
        assert!(Scope::ALL.into_iter().all(|one| Scopes::ALL.has(one)));
    }

    #[test]
    fn key_is_valid_until_it_expires_or_is_revoked() {
        let key = |expires: Option<i64>, revoked: Option<i64>| ApiKey {
            id: 1,
            name: "backend".to_owned(),
            scopes: Scopes::ALL,
            created_at: Timestamp::from_millis(0),
            expires_at: expires.map(Timestamp::from_millis),
            revoked_at: revoked.map(Timestamp::from_millis),
            last_used_at: None,
        };
        let now = Timestamp::from_millis(10);
        assert!(key(None, None).is_valid(now));
        assert!(key(Some(11), None).is_valid(now));
        assert!(!key(Some(10), None).is_valid(now));
        assert!(!key(None, Some(10)).is_valid(now));
    }
}
