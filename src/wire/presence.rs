//! Presence in REST responses (contract section 5).

use serde::Serialize;
use utoipa::ToSchema;

use crate::user::UserId;

use super::response::success;
use super::{Text, value};

/// Whether a user is connected.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UserStatus<'a> {
    #[schema(value_type = value::UserId)]
    user_id: Text<&'a UserId>,
    /// Whether a session of the user is connected.
    is_online: bool,
    /// How many of them are.
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

/// Returns the success `message` with one user and the number of sessions.
#[must_use]
pub fn user(message: &str, user: &UserId, sessions: usize) -> String {
    success(message, UserStatus::new(user, sessions))
}

/// Returns the success `message` with users and the number of sessions of each.
#[must_use]
pub fn users<'a>(message: &str, users: impl IntoIterator<Item = (&'a UserId, usize)>) -> String {
    let users = users.into_iter();
    let users: Vec<_> = users
        .map(|(user, sessions)| UserStatus::new(user, sessions))
        .collect();
    success(message, users)
}
