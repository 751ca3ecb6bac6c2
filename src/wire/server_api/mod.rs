//! What the team's backend is shown and what it asks, in `/api/server/v1`.

pub mod calls;
pub mod events;
pub mod query;
pub mod sessions;
pub mod status;
pub mod users;
pub mod webhooks;

use serde_json::Value;

use crate::user::UserId;

use super::fields::{Fields, ValidationError};

/// Maximum number of users in the field `users`.
pub const MOST_USERS: usize = 1_000;

/// Returns the ids in the field `users`, at least `least` of them.
///
/// # Errors
/// [`ValidationError`]; it names the place of an id that is not valid.
fn user_ids(fields: Fields<'_>, least: usize) -> Result<Vec<UserId>, ValidationError> {
    let expected = format!("a list of {least} to {MOST_USERS} user ids");
    let users = fields.read("users", &expected, |value| value.as_array().cloned())?;
    if !(least..=MOST_USERS).contains(&users.len()) {
        let count = users.len();
        return Err(ValidationError(format!(
            "users: expected {expected}, got {count}"
        )));
    }
    let id = |(place, value): (usize, &Value)| {
        let id = value.as_str().and_then(UserId::parse);
        id.ok_or_else(|| ValidationError(format!("users[{place}]: expected {}", UserId::EXPECTED)))
    };
    users.iter().enumerate().map(id).collect()
}
