//! Events to users.

use std::collections::HashSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::call::{AppEvent, AppMessage};
use crate::user::UserId;
use crate::wire::fields::{Fields, ValidationError, whole};
use crate::wire::request::{json, unmarked};
use crate::wire::response::success;
use crate::wire::{Text, value};

use super::user_ids;

/// Maximum size of the content of an event, in bytes of its JSON.
pub const MAX_DATA_BYTES: usize = 32 * 1024;

/// Expected form of the content, for messages.
const DATA: &str = "any JSON";

/// Longest time for which an event is kept, in seconds: 5 minutes, as events of calls are.
const LONGEST_KEPT: u64 = 300;

/// The sessions of a user that an event was sent to.
#[derive(Serialize, ToSchema)]
#[schema(as = SentEvent)]
pub(crate) struct SentShape {
    /// Sessions that it was sent to.
    reached: usize,
    /// Sessions that confirmed it within a second (or `confirm_timeout`, if that is shorter).
    confirmed: usize,
}

/// The sessions of one of several users.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SentToUser)]
pub(crate) struct SentToUserShape<'a> {
    #[schema(value_type = value::UserId)]
    user_id: Text<&'a UserId>,
    /// Sessions that it was sent to.
    reached: usize,
    /// Sessions that confirmed it.
    confirmed: usize,
}

/// The sessions of several users that an event was sent to.
#[derive(Serialize, ToSchema)]
#[schema(as = SentEvents)]
pub(crate) struct SentToSeveralShape<'a> {
    /// Sessions that it was sent to.
    reached: usize,
    /// Sessions that confirmed it within a second (or `confirm_timeout`, if that is shorter).
    confirmed: usize,
    /// Each user, in the order of the request.
    users: Vec<SentToUserShape<'a>>,
    /// Users who do not exist. The others got the event.
    #[schema(value_type = Vec<value::UserId>)]
    unknown: Vec<Text<&'a UserId>>,
}

/// The body of `POST /users/{userId}/events`.
#[derive(ToSchema)]
#[schema(as = SendEvent, rename_all = "camelCase")]
#[expect(dead_code, reason = "for the document alone")]
pub(crate) struct SendBody {
    #[schema(value_type = value::AppType)]
    r#type: String,
    #[schema(value_type = value::AppData)]
    data: Value,
    /// Seconds for which the event is stored for a user of whom no session has confirmed it. 0 or absent: only for
    /// sessions that are connected.
    #[schema(maximum = 300)]
    keep_for: Option<u32>,
}

/// The body of `POST /events`.
#[derive(ToSchema)]
#[schema(as = SendEvents, rename_all = "camelCase")]
#[expect(dead_code, reason = "for the document alone")]
pub(crate) struct SendToSeveralBody {
    /// The users.
    #[schema(value_type = Vec<value::UserId>, min_items = 1, max_items = 1_000)]
    users: Vec<String>,
    #[schema(value_type = value::AppType)]
    r#type: String,
    #[schema(value_type = value::AppData)]
    data: Value,
    /// Seconds for which the event is stored for a user of whom no session has confirmed it. 0 or absent: only for
    /// sessions that are connected.
    #[schema(maximum = 300)]
    keep_for: Option<u32>,
}

/// What became of an event for one user, as it is shown.
#[derive(Clone, Copy, Debug)]
pub struct Sent<'a> {
    /// The user.
    pub user: &'a UserId,
    /// Sessions that it was sent to.
    pub reached: usize,
    /// Sessions that confirmed it.
    pub confirmed: usize,
}

/// Returns the success `message` with how many sessions of a user were reached.
#[must_use]
pub fn sent<'a>(message: &str, users: impl IntoIterator<Item = Sent<'a>>) -> String {
    let users = users.into_iter();
    let [reached, confirmed] = users.fold([0, 0], |[reached, confirmed], one| {
        [reached + one.reached, confirmed + one.confirmed]
    });
    success(message, SentShape { reached, confirmed })
}

/// Returns the success `message` with how many sessions of several users were reached.
#[must_use]
pub fn sent_to_several<'a>(
    message: &str,
    users: impl IntoIterator<Item = Sent<'a>>,
    unknown: &'a [UserId],
) -> String {
    let users = users.into_iter().map(|one| SentToUserShape {
        user_id: Text(one.user),
        reached: one.reached,
        confirmed: one.confirmed,
    });
    let users: Vec<_> = users.collect();
    let shape = SentToSeveralShape {
        reached: users.iter().map(|one| one.reached).sum(),
        confirmed: users.iter().map(|one| one.confirmed).sum(),
        users,
        unknown: unknown.iter().map(Text).collect(),
    };
    success(message, shape)
}

/// Reads the body of `POST /users/{userId}/events`.
pub fn read(body: &[u8]) -> Result<AppEvent, ValidationError> {
    let sent = json(body)?;
    event(Fields::of(&sent, "body")?, body)
}

/// Reads the body of `POST /events`: the users, each once, and the event.
pub fn read_for_several(body: &[u8]) -> Result<(Vec<UserId>, AppEvent), ValidationError> {
    let sent = json(body)?;
    let fields = Fields::of(&sent, "body")?;
    let mut users = user_ids(fields, 1)?;
    let mut seen = HashSet::with_capacity(users.len());
    users.retain(|user| seen.insert(user.clone()));
    Ok((users, event(fields, body)?))
}

fn event(fields: Fields<'_>, body: &[u8]) -> Result<AppEvent, ValidationError> {
    const KEEP_FOR: &str = "an integer from 0 to 300, or nothing";
    let kind = fields.text("type", AppMessage::EXPECTED_TYPE)?;
    fields.read("data", DATA, |_| Some(()))?;
    let data = data(body)?;
    let message = AppMessage::new(kind, data).ok_or_else(|| {
        let expected = AppMessage::EXPECTED_TYPE;
        ValidationError(format!("type: expected {expected}"))
    })?;
    let kept_for = fields.optional("keepFor", KEEP_FOR, |value| {
        whole(value).filter(|seconds| *seconds <= LONGEST_KEPT)
    })?;
    let kept_for = kept_for.filter(|seconds| *seconds > 0);
    Ok(AppEvent {
        message,
        kept_for: kept_for.map(Duration::from_secs),
    })
}

/// Returns the content, byte for byte as it was sent: the apps may depend on numbers that no other parser preserves.
fn data(body: &[u8]) -> Result<&str, ValidationError> {
    #[derive(Deserialize)]
    struct Whole<'a> {
        #[serde(borrow)]
        data: &'a RawValue,
    }
    let whole: Whole<'_> = serde_json::from_slice(unmarked(body))
        .map_err(|error| ValidationError(format!("data: expected {DATA}: {error}")))?;
    let data = whole.data.get();
    if data.len() > MAX_DATA_BYTES {
        let bytes = data.len();
        return Err(ValidationError(format!(
            "data: expected {DATA} in at most {MAX_DATA_BYTES} bytes, got {bytes} bytes"
        )));
    }
    Ok(data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_is_what_was_sent() {
        let body =
            br#"{"type":"app.x","data": {"b":1.0, "a":12345678901234567890123} ,"keepFor":1}"#;
        let event = read(body).expect("an event");
        assert_eq!(
            event.message.data(),
            r#"{"b":1.0, "a":12345678901234567890123}"#
        );
        assert_eq!(event.kept_for, Some(Duration::from_secs(1)));
        let null = read(br#"{"type":"app.x","data":null,"keepFor":0}"#).expect("an event");
        assert_eq!((null.message.data(), null.kept_for), ("null", None));
    }

    #[test]
    fn wrong_users_are_named() {
        for (users, named) in [
            (r#"["bob","a b"]"#, "users[1]: expected 1-255"),
            ("[]", "1 to 1000 user ids, got 0"),
            (r#""bob""#, "users: expected a list"),
        ] {
            let body = format!(r#"{{"type":"app.x","data":1,"users":{users}}}"#);
            let ValidationError(message) = read_for_several(body.as_bytes()).expect_err(named);
            assert!(message.contains(named), "{message}");
        }
    }

    #[test]
    fn wrong_events_are_named() {
        let long = format!(
            r#"{{"type":"app.x","data":"{}"}}"#,
            "x".repeat(MAX_DATA_BYTES)
        );
        for (body, named) in [
            (r#"{"data":1}"#, "type is missing"),
            (r#"{"type":"chat.x","data":1}"#, "type: expected app."),
            (r#"{"type":"app.x"}"#, "data is missing"),
            (r#"{"type":"app.x","data":1,"keepFor":301}"#, "keepFor: "),
            (&long, "data: expected any JSON in at most 32768 bytes"),
        ] {
            let ValidationError(message) = read(body.as_bytes()).expect_err(named);
            assert!(message.starts_with(named), "{message}");
        }
        let ValidationError(message) =
            read_for_several(br#"{"users":[],"type":"app.x","data":1}"#).expect_err("no users");
        assert!(message.starts_with("users: "), "{message}");
    }

    #[test]
    fn each_user_gets_the_event_once() {
        let body = br#"{"users":["bob","alice","bob"],"type":"app.x","data":1}"#;
        let (users, _) = read_for_several(body).expect("an event");
        let users: Vec<_> = users.iter().map(UserId::as_str).collect();
        assert_eq!(users, ["bob", "alice"]);
    }
}
