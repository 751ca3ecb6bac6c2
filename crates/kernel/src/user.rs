//! Users and their sessions, as the call rules need them.

use std::fmt;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use crate::clock::Timestamp;

/// User id: 1–255 printable ASCII characters without space (contract section 1), which is what `sub` may be in
/// `OpenID` Connect Core 1.0, section 2. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserId(Arc<str>);

impl UserId {
    /// Maximum length in characters.
    pub const MAX_LENGTH: usize = 255;

    /// Form of an id, for messages.
    pub const EXPECTED: &str = "1-255 printable ASCII characters without spaces";

    /// Returns the id, or none if `text` is not a user id.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        ((1..=Self::MAX_LENGTH).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_graphic()))
        .then(|| Self(text.into()))
    }

    /// Returns the id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Session id: one sign-in on one device. It is the token's `sid`, else its `jti`, else a digest of the token (contract
/// section 4), and unique only per user. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SessionId(Arc<str>);

impl SessionId {
    /// Returns the session id of that name.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// Returns the name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl SessionId {
    /// Returns the digest of the session id.
    #[must_use]
    pub fn digest(&self) -> SessionDigest {
        let mut hasher = DefaultHasher::new();
        self.0.hash(&mut hasher);
        let [.., a, b, c, d] = hasher.finish().to_be_bytes();
        SessionDigest(u32::from_be_bytes([a, b, c, d]))
    }
}

/// Digest of a session id, which recognises the session again within minutes; another version of the program may
/// compute another one. Two sessions of a user have the same digest with a probability of 1 in 4 billion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionDigest(pub u32);

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Profile of a user, as other users see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// The user's id.
    pub id: UserId,
    /// Display name.
    pub name: String,
    /// URL of the picture.
    pub avatar: Option<String>,
}

/// Whether `text` is a valid user name: 1–200 characters, at least one of them visible, and no control, invisible or
/// direction-changing character.
#[must_use]
pub fn is_name(text: &str) -> bool {
    (1..=200).contains(&text.chars().count())
        && !text.chars().any(|c| c.is_control() || is_deceptive(c))
        && text.chars().any(|c| !c.is_whitespace() && !is_blank(c))
}

/// Whether `c` is invisible or changes the direction of the text around it, so that one name could be mistaken for
/// another.
#[must_use]
pub const fn is_deceptive(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}' | '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
            | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
    )
}

/// Whether `c` shows nothing by itself: it joins or separates its neighbours, selects a form of the character before it,
/// or is the empty Braille pattern. Persian names and emoji need such characters.
const fn is_blank(c: char) -> bool {
    matches!(
        c,
        '\u{200c}'..='\u{200d}' | '\u{2800}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}'
    )
}

/// Whether `text` is a valid URL of a user's picture: `http` or `https`, with a host, up to 2000 characters, without
/// spaces and control characters.
#[must_use]
pub fn is_avatar(text: &str) -> bool {
    let rest = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    text.chars().count() <= 2_000
        && !text.chars().any(|c| c.is_control() || c.is_whitespace())
        && rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['/', '?', '#']))
}

/// Account status: whether a user may sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountStatus {
    /// May sign in and be called.
    Active,
    /// Stored, but rejected everywhere until enabled again.
    Disabled,
}

/// Whether calls ring for a user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Availability {
    /// Calls ring.
    #[default]
    Available,
    /// Calls do not ring; the caller sees the same as for an offline user.
    DoNotDisturb {
        /// When do not disturb ends; none if it does not end by itself.
        until: Option<Timestamp>,
    },
}

impl Availability {
    /// Returns the availability at `now`: do not disturb ends by itself.
    #[must_use]
    pub fn at(self, now: Timestamp) -> Self {
        match self {
            Self::DoNotDisturb { until: Some(until) } if until <= now => Self::Available,
            Self::Available | Self::DoNotDisturb { .. } => self,
        }
    }

    /// Whether calls do not ring.
    #[must_use]
    pub const fn is_do_not_disturb(self) -> bool {
        matches!(self, Self::DoNotDisturb { .. })
    }

    /// Returns the word for programs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Available => "available",
            Self::DoNotDisturb { .. } => "do_not_disturb",
        }
    }
}

/// List of other users that a user maintains.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum List {
    /// Users whose calls do not ring for this user.
    Blocked,
    /// The user's contacts.
    Contacts,
}

impl List {
    /// Both lists.
    pub const ALL: [Self; 2] = [Self::Blocked, Self::Contacts];
}

/// Entry of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListEntry {
    /// The listed user.
    pub profile: Profile,
    /// Since when the user is listed.
    pub at: Timestamp,
}

/// Account of a user in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The profile that other users see.
    pub profile: Profile,
    /// Whether the user may sign in.
    pub standing: AccountStatus,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_ids_are_1_to_255_printable_ascii_characters() {
        for good in [
            "a",
            "auth0|5f7c",
            "google-oauth2|1098",
            "alice+work@example.com",
            "a/b",
            "..",
            "%",
            "~",
            &"x".repeat(255),
        ] {
            assert_eq!(UserId::parse(good).expect(good).as_str(), good);
        }
        for bad in ["", &"x".repeat(256), "a b", "é", "a\n", "a\0", "a\x7f"] {
            assert_eq!(UserId::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn do_not_disturb_ends_at_its_instant() {
        let [now, later] = [5, 6].map(Timestamp::from_millis);
        let until = |until| Availability::DoNotDisturb { until };
        for lasting in [until(None), until(Some(later))] {
            assert_eq!(lasting.at(now), lasting);
        }
        assert_eq!(until(Some(now)).at(now), Availability::Available);
    }

    #[test]
    fn names_are_1_to_200_characters_that_can_be_shown() {
        for good in [
            "A",
            "Zoë Ω",
            "山田太郎",
            "👨\u{200d}👩",
            "❤\u{fe0f}",
            "م\u{200c}ن",
            &"é".repeat(200),
        ] {
            assert!(is_name(good), "{good:?}");
        }
        for bad in [
            "",
            "  ",
            "a\nb",
            "\u{1b}[31mred",
            "nul\0",
            "\u{200d}",
            "Al\u{200b}ice",
            "\u{2800}\u{fe0f}",
            "\u{3164}",
            "Al\u{115f}ice",
            "Al\u{e0041}ice",
            "evil\u{202e}txt",
            "\u{2066}a\u{2069}",
            &"é".repeat(201),
        ] {
            assert!(!is_name(bad), "{bad:?}");
        }
    }

    #[test]
    fn avatars_are_web_addresses_of_up_to_2000_characters() {
        let longest = format!("https://a/{}", "x".repeat(1_990));
        for good in [
            "https://example.com/a.png",
            "http://localhost:3000/a?b=c",
            &longest,
        ] {
            assert!(is_avatar(good), "{good:?}");
        }
        let too_long = format!("{longest}x");
        for bad in [
            "",
            "https://",
            "https:///a",
            "ftp://a/b",
            "javascript:alert(1)",
            &too_long,
        ] {
            assert!(!is_avatar(bad), "{bad:?}");
        }
        assert!(!is_avatar("https://example.com/a b"));
    }
}
