//! Who is there, as REST shows it (contract section 5).

use serde::Serialize;

use crate::user::UserId;

use super::Text;
use super::answer::success;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct UserStatus<'a> {
    user_id: Text<&'a UserId>,
    is_online: bool,
    active_session_count: usize,
}

impl<'a> UserStatus<'a> {
    const fn new(user: &'a UserId, sessions: usize) -> Self {
        Self {
            user_id: Text(user),
            is_online: sessions > 0,
            active_session_count: sessions,
        }
    }
}

/// The success `message` with one user, who has so many sessions.
#[must_use]
pub fn user(message: &str, user: &UserId, sessions: usize) -> String {
    success(message, UserStatus::new(user, sessions))
}

/// The success `message` with a list of users and how many sessions each has.
#[must_use]
pub fn users<'a>(message: &str, users: impl IntoIterator<Item = (&'a UserId, usize)>) -> String {
    let users = users.into_iter();
    let users: Vec<_> = users
        .map(|(user, sessions)| UserStatus::new(user, sessions))
        .collect();
    success(message, users)
}
