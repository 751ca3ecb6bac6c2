//! Accounts: what is shown of them, and records that a backend sends.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::user::{AccountStatus, Profile, User, UserId, is_avatar, is_name};
use crate::wire::fields::{Fields, ValidationError};
use crate::wire::request::json;
use crate::wire::response::success;
use crate::wire::{Text, cursor, value};

/// Maximum number of records in a batch.
pub const LONGEST_BATCH: usize = 10_000;

/// Wrong records that an answer names.
const NAMED_PROBLEMS: usize = 20;

/// What a name has to be.
const NAME: &str = "1 to 200 characters, none of them a control or invisible one";

/// What the address of a picture has to be.
const AVATAR: &str = "an http or https URL of up to 2000 characters, or null";

/// What a standing has to be.
const STANDING: &str = "active or disabled";

/// A user.
#[derive(Serialize, ToSchema)]
#[schema(as = User)]
pub(crate) struct UserShape<'a> {
    #[schema(value_type = value::UserId)]
    id: Text<&'a UserId>,
    /// The name that other users see.
    name: &'a str,
    /// The address of the user's picture, or null.
    #[schema(required, format = "uri")]
    avatar: Option<&'a str>,
    #[schema(value_type = value::Standing)]
    standing: &'static str,
}

impl<'a> UserShape<'a> {
    fn new(user: &'a User) -> Self {
        Self {
            id: Text(&user.profile.id),
            name: &user.profile.name,
            avatar: user.profile.avatar.as_deref(),
            standing: standing_word(user.standing),
        }
    }
}

/// A page of users.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = UserPage)]
pub(crate) struct PageShape<'a> {
    /// The users, by id.
    items: Vec<UserShape<'a>>,
    /// The `cursor` of the next page; null on the last one.
    #[schema(required)]
    next_cursor: Option<String>,
}

/// Result of a batch.
#[derive(Serialize, ToSchema)]
#[schema(as = BatchResult)]
pub(crate) struct BatchShape {
    /// Users that are new, or back.
    added: usize,
    /// Users that are different now.
    updated: usize,
    /// Users that were so already.
    unchanged: usize,
}

/// A user to be stored: the body of `PUT /users/{userId}`.
#[derive(ToSchema)]
#[schema(as = PutUser)]
#[expect(dead_code, reason = "for the document alone")]
pub(crate) struct PutShape {
    /// The name that other users see.
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    /// The address of a picture; null or absent for none.
    #[schema(format = "uri")]
    avatar: Option<String>,
    #[schema(value_type = Option<value::Standing>)]
    standing: Option<String>,
}

/// The fields of a user to be changed: the body of `PATCH /users/{userId}`.
#[derive(ToSchema)]
#[schema(as = PatchUser)]
#[expect(dead_code, reason = "for the document alone")]
pub(crate) struct PatchShape {
    /// The new name.
    #[schema(min_length = 1, max_length = 200)]
    name: Option<String>,
    /// The address of a new picture; null removes it.
    #[schema(format = "uri")]
    avatar: Option<String>,
    #[schema(value_type = Option<value::Standing>)]
    standing: Option<String>,
}

/// A record of a batch.
#[derive(ToSchema)]
#[schema(as = UserRecord)]
#[expect(dead_code, reason = "for the document alone")]
pub(crate) struct RecordShape {
    #[schema(value_type = value::UserId)]
    id: String,
    /// The name that other users see.
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    /// The address of a picture; null or absent for none.
    #[schema(format = "uri")]
    avatar: Option<String>,
    #[schema(value_type = Option<value::Standing>)]
    standing: Option<String>,
}

/// The body of `POST /users/batch`.
#[derive(ToSchema)]
#[schema(as = UserBatch)]
#[expect(dead_code, reason = "for the document alone")]
pub(crate) struct BatchBody {
    /// The records, each of another user.
    #[schema(max_items = 10_000)]
    users: Vec<RecordShape>,
}

/// Fields to be changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Patch {
    /// The new name, if it changes.
    pub name: Option<String>,
    /// The new picture or none, if it changes.
    pub avatar: Option<Option<String>>,
    /// The new standing, if it changes.
    pub standing: Option<AccountStatus>,
}

/// A user with the standing that it should have, or none to leave it.
pub type Record = (Profile, Option<AccountStatus>);

/// Returns the word of a standing.
#[must_use]
pub const fn standing_word(standing: AccountStatus) -> &'static str {
    match standing {
        AccountStatus::Active => "active",
        AccountStatus::Disabled => "disabled",
    }
}

/// Returns the standing of a word.
#[must_use]
pub fn standing_of(word: &str) -> Option<AccountStatus> {
    let mut all = [AccountStatus::Active, AccountStatus::Disabled].into_iter();
    all.find(|one| standing_word(*one) == word)
}

/// Returns `user` as JSON, as commands print it.
///
/// # Panics
/// Never: the shape has text keys.
#[must_use]
pub fn json_of(user: &User) -> Value {
    serde_json::to_value(UserShape::new(user)).expect("the shape has text keys")
}

/// Returns the success `message` with a user.
#[must_use]
pub fn user(message: &str, user: &User) -> String {
    success(message, UserShape::new(user))
}

/// Returns the success `message` with a page of users, and the cursor after the id `next`.
#[must_use]
pub fn page(message: &str, items: &[User], next: Option<&UserId>) -> String {
    let shape = PageShape {
        items: items.iter().map(UserShape::new).collect(),
        next_cursor: next.map(cursor::after_user),
    };
    success(message, shape)
}

/// Returns the success `message` with how many users were added, updated and unchanged.
#[must_use]
pub fn batch(message: &str, [added, updated, unchanged]: [usize; 3]) -> String {
    let shape = BatchShape {
        added,
        updated,
        unchanged,
    };
    success(message, shape)
}

/// Reads a user as [`json_of`] writes it.
pub fn read_user(json: &Value) -> Result<User, ValidationError> {
    let (profile, standing) = batch_record(json)?;
    Ok(User {
        profile,
        standing: standing.unwrap_or(AccountStatus::Active),
    })
}

/// Reads the body of `PUT /users/{userId}`.
pub fn read_put(id: UserId, body: &[u8]) -> Result<Record, ValidationError> {
    let body = json(body)?;
    record(id, Fields::of(&body, "body")?)
}

/// Reads the body of `PATCH /users/{userId}`.
pub fn read_patch(body: &[u8]) -> Result<Patch, ValidationError> {
    let body = json(body)?;
    let fields = Fields::of(&body, "body")?;
    let names_avatar = body.get("avatar").is_some();
    let patch = Patch {
        name: fields.optional("name", NAME, name_of)?,
        avatar: if names_avatar {
            Some(fields.optional("avatar", AVATAR, avatar_of)?)
        } else {
            None
        },
        standing: standing(fields)?,
    };
    if patch == Patch::default() {
        return Err(ValidationError(
            "body: expected name, avatar or standing".to_owned(),
        ));
    }
    Ok(patch)
}

/// Reads the body of `POST /users/batch`. If records are wrong, the error names the first of them, each by its place.
pub fn read_batch(body: &[u8]) -> Result<Vec<Record>, ValidationError> {
    let body = json(body)?;
    let expected = format!("a list of at most {LONGEST_BATCH} users");
    let users = Fields::of(&body, "body")?.read("users", &expected, |value| {
        let users = value.as_array();
        users.filter(|users| users.len() <= LONGEST_BATCH).cloned()
    })?;
    let mut seen = std::collections::HashSet::with_capacity(users.len());
    let mut records = Vec::with_capacity(users.len());
    let mut problems = Vec::new();
    for (place, user) in users.iter().enumerate() {
        match batch_record(user) {
            Ok((profile, _)) if !seen.insert(profile.id.clone()) => {
                problems.push(format!("users[{place}].id: expected each user once"));
            }
            Ok(record) => records.push(record),
            Err(ValidationError(problem)) => problems.push(format!("users[{place}].{problem}")),
        }
    }
    if problems.is_empty() {
        return Ok(records);
    }
    let wrong = problems.len();
    problems.truncate(NAMED_PROBLEMS);
    let more = wrong - problems.len();
    let rest = if more > 0 {
        format!("; and {more} more")
    } else {
        String::new()
    };
    Err(ValidationError(format!(
        "{wrong} of {} records are wrong and none was stored: {}{rest}",
        users.len(),
        problems.join("; ")
    )))
}

fn batch_record(user: &Value) -> Result<Record, ValidationError> {
    let fields = Fields::of(user, "user")?;
    let id = fields.parsed("id", UserId::EXPECTED, UserId::parse)?;
    record(id, fields)
}

fn record(id: UserId, fields: Fields<'_>) -> Result<Record, ValidationError> {
    let profile = Profile {
        id,
        name: fields.read("name", NAME, name_of)?,
        avatar: fields.optional("avatar", AVATAR, avatar_of)?,
    };
    Ok((profile, standing(fields)?))
}

fn name_of(value: &Value) -> Option<String> {
    let text = value.as_str().filter(|text| is_name(text))?;
    Some(text.to_owned())
}

fn avatar_of(value: &Value) -> Option<String> {
    let text = value.as_str().filter(|text| is_avatar(text))?;
    Some(text.to_owned())
}

fn standing(fields: Fields<'_>) -> Result<Option<AccountStatus>, ValidationError> {
    fields.optional("standing", STANDING, |value| {
        value.as_str().and_then(standing_of)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batch_names_each_wrong_record_by_its_place() {
        let body = br#"{"users":[{"id":"a","name":"A"},{"id":"b"},{"id":"a","name":"A"},{"id":"c","name":"C","standing":"gone"}]}"#;
        let ValidationError(message) = read_batch(body).expect_err("wrong records");
        for part in [
            "3 of 4",
            "users[1].name",
            "users[2].id",
            "users[3].standing",
        ] {
            assert!(message.contains(part), "{message}");
        }
    }

    #[test]
    fn batch_with_many_wrong_records_names_some() {
        let users = vec!["{}"; 100].join(",");
        let body = format!("{{\"users\":[{users}]}}");
        let ValidationError(message) = read_batch(body.as_bytes()).expect_err("wrong records");
        assert!(
            message.contains("100 of 100") && message.ends_with("and 80 more"),
            "{message}"
        );
    }

    #[test]
    fn patch_tells_no_picture_from_the_same_picture() {
        let patch = |text: &str| read_patch(text.as_bytes()).expect("a patch");
        assert_eq!(patch(r#"{"avatar":null}"#).avatar, Some(None));
        assert_eq!(patch(r#"{"name":"A"}"#).avatar, None);
        assert!(read_patch(b"{}").is_err());
        assert!(read_patch(br#"{"name":""}"#).is_err());
    }
}
