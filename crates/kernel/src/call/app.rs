//! Messages between the apps and the team's own backend, over the connection of the calls. The server does not parse
//! their content.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Maximum length of a type.
const LONGEST_TYPE: usize = 64;

/// Message of a type that begins with `app.`. Cheap to clone.
#[derive(Clone, PartialEq, Eq)]
pub struct AppMessage {
    kind: Arc<str>,
    data: Arc<str>,
}

impl AppMessage {
    /// Prefix of the types of these messages.
    pub const PREFIX: &str = "app.";

    /// Expected form of a type, for messages.
    pub const EXPECTED_TYPE: &str =
        "app. and 1 to 60 letters, digits, dots, hyphens or underscores";

    /// Returns the message of the type `kind` with the JSON text `data`, or none if that cannot be a type.
    #[must_use]
    pub fn new(kind: &str, data: &str) -> Option<Self> {
        let is_allowed =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        let name = kind.strip_prefix(Self::PREFIX)?;
        let is_type =
            !name.is_empty() && kind.len() <= LONGEST_TYPE && name.bytes().all(is_allowed);
        is_type.then(|| Self {
            kind: kind.into(),
            data: data.into(),
        })
    }

    /// Returns its type.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// Returns its content, as it was sent: a JSON text.
    #[must_use]
    pub fn data(&self) -> &str {
        &self.data
    }
}

impl fmt::Debug for AppMessage {
    /// Omits the content: it is the team's own.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} bytes)", self.kind, self.data.len())
    }
}

/// Event that the team's backend sends to users.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppEvent {
    /// Type and content.
    pub message: AppMessage,
    /// Time for which it is stored for a user who has not confirmed it, if it is.
    pub kept_for: Option<Duration>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_begin_with_app() {
        let longest = format!("app.{}", "x".repeat(60));
        for kind in ["app.x", "app.chat.message-new_1", &longest] {
            assert!(AppMessage::new(kind, "1").is_some(), "{kind}");
        }
        let too_long = format!("{longest}x");
        for kind in ["", "app", "app.", "chat.x", "App.x", "app.ä", &too_long] {
            assert!(AppMessage::new(kind, "1").is_none(), "{kind}");
        }
    }

    #[test]
    fn content_is_not_shown_in_a_log() {
        let message = AppMessage::new("app.chat", "\"secret\"").expect("a type");
        assert_eq!(format!("{message:?}"), "app.chat (8 bytes)");
    }
}
