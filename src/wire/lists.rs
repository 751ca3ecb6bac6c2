//! Block lists and contacts in REST responses.

use serde::Serialize;
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::user::{Profile, UserId};

use super::response::success;
use super::{Instant, Text, value};

/// A user on a list.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ListedUser)]
pub(crate) struct Entry<'a> {
    #[schema(value_type = value::UserId)]
    user_id: Text<&'a UserId>,
    /// The user's name.
    name: &'a str,
    /// The address of the user's picture, where there is one.
    #[schema(required, format = "uri")]
    avatar: Option<&'a str>,
    /// Since when the user is on the list.
    #[schema(value_type = value::Timestamp)]
    created_at: Instant,
}

impl<'a> Entry<'a> {
    fn new(user: &'a Profile, since: Timestamp) -> Self {
        Self {
            user_id: Text(&user.id),
            name: &user.name,
            avatar: user.avatar.as_deref(),
            created_at: Instant(since),
        }
    }
}

/// Returns the success `message` with one listed user and since when the user is listed.
#[must_use]
pub fn entry(message: &str, user: &Profile, since: Timestamp) -> String {
    success(message, Entry::new(user, since))
}

/// Returns the success `message` with listed users and since when each is listed.
#[must_use]
pub fn entries<'a>(
    message: &str,
    entries: impl IntoIterator<Item = (&'a Profile, Timestamp)>,
) -> String {
    let entries = entries.into_iter();
    let entries: Vec<_> = entries
        .map(|(user, since)| Entry::new(user, since))
        .collect();
    success(message, entries)
}
