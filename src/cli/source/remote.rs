//! Server elsewhere, over its server API.

use std::time::Duration;

use chattrix::call::{CallId, CallType, Status};
use chattrix::store::{CallFilter, Removal};
use chattrix::user::{AccountStatus, Profile, User, UserId};
use chattrix::wire::control::Session;
use chattrix::wire::cursor;
use chattrix::wire::server_api::users::{Patch, read_user, standing_word};
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::super::error::CliError;
use super::api_client::{ApiClient, Refusal, Request};
use super::{CallPage, Ended, FoundCall, Source};

/// Items of a page: the most that the server sends.
const PAGE: u32 = 100;

/// Users, calls and sessions of a server elsewhere.
pub struct Remote {
    api: ApiClient,
}

impl Remote {
    pub const fn new(api: ApiClient) -> Self {
        Self { api }
    }

    pub(super) const fn api(&self) -> &ApiClient {
        &self.api
    }

    /// Returns at most `limit` items of the list at `path`, and whether more follow.
    pub(super) fn pages(
        &self,
        path: &[&str],
        query: &[(&'static str, String)],
        limit: u32,
    ) -> Result<(Vec<Value>, bool), CliError> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut items = Vec::new();
        let mut query = query.to_vec();
        loop {
            let left = u32::try_from(limit.saturating_sub(items.len())).unwrap_or(PAGE);
            query.push(("limit", left.min(PAGE).to_string()));
            let mut page = self.api.get(path, &query)?;
            if let Value::Array(some) = page["items"].take() {
                items.extend(some);
            }
            let Some(next) = page["nextCursor"].as_str() else {
                return Ok((items, false));
            };
            if items.len() >= limit {
                return Ok((items, true));
            }
            query.retain(|(name, _)| !matches!(*name, "limit" | "cursor"));
            query.push(("cursor", next.to_owned()));
        }
    }
}

impl Source for Remote {
    fn users(&self) -> Result<Vec<User>, CliError> {
        let (users, _) = self.pages(&["users"], &[], u32::MAX)?;
        users.iter().map(user_of).collect()
    }

    fn user(&self, id: &UserId) -> Result<Option<User>, CliError> {
        let request = Request::new(Method::GET, &["users", id.as_str()]);
        let found = self.api.send(&request)?;
        absent_if("user_not_found", found)?
            .map(|user| user_of(&user))
            .transpose()
    }

    fn add_user(&self, profile: &Profile) -> Result<bool, CliError> {
        if self.user(&profile.id)?.is_some() {
            return Ok(false);
        }
        let body = json!({ "name": profile.name, "avatar": profile.avatar });
        let request = Request::new(Method::PUT, &["users", profile.id.as_str()]);
        self.api.send(&request.body(body))??;
        Ok(true)
    }

    fn patch_user(&self, id: &UserId, patch: &Patch) -> Result<Option<User>, CliError> {
        let mut body = Map::new();
        if let Some(name) = &patch.name {
            body.insert("name".to_owned(), json!(name));
        }
        if let Some(avatar) = &patch.avatar {
            body.insert("avatar".to_owned(), json!(avatar));
        }
        if let Some(standing) = patch.standing {
            body.insert("standing".to_owned(), json!(standing_word(standing)));
        }
        let request = Request::new(Method::PATCH, &["users", id.as_str()]);
        let patched = self.api.send(&request.body(body.into()))?;
        absent_if("user_not_found", patched)?
            .map(|user| user_of(&user))
            .transpose()
    }

    fn put_users(
        &self,
        users: &[(Profile, Option<AccountStatus>)],
    ) -> Result<[usize; 3], CliError> {
        let records = users.iter().map(|(profile, standing)| {
            json!({
                "id": profile.id.as_str(), "name": profile.name, "avatar": profile.avatar,
                "standing": standing.map(standing_word),
            })
        });
        let body = json!({ "users": records.collect::<Vec<_>>() });
        let request = Request::new(Method::POST, &["users", "batch"]);
        let counts = self.api.send(&request.body(body))??;
        Ok(["added", "updated", "unchanged"].map(|field| count(&counts, field)))
    }

    fn users_are_put(&self) {}

    fn remove_user(&self, id: &UserId) -> Result<Removal, CliError> {
        let request = Request::new(Method::DELETE, &["users", id.as_str()]);
        let removed = absent_if("user_not_found", self.api.send(&request)?)?;
        Ok(match removed {
            Some(_) => Removal::Removed,
            None => Removal::Unknown,
        })
    }

    fn adds_users_by_token(&self) -> bool {
        false
    }

    fn calls(&self, filter: &CallFilter, limit: u32) -> Result<CallPage, CliError> {
        let query = [
            ("live", filter.live.then(|| "true".to_owned())),
            ("user", filter.user.as_ref().map(ToString::to_string)),
            (
                "status",
                filter.status.map(Status::as_str).map(str::to_owned),
            ),
            (
                "type",
                filter.call_type.map(CallType::as_str).map(str::to_owned),
            ),
            ("since", filter.since.map(|at| at.to_string())),
            ("cursor", filter.before.map(cursor::after)),
        ];
        let given = query
            .into_iter()
            .filter_map(|(name, value)| value.map(|value| (name, value)));
        let (items, has_more) = self.pages(&["calls"], &given.collect::<Vec<_>>(), limit)?;
        Ok(CallPage { items, has_more })
    }

    fn call(&self, id: CallId) -> Result<Option<FoundCall>, CliError> {
        let request = Request::new(Method::GET, &["calls", &id.to_string()]);
        let found = absent_if("call_not_found", self.api.send(&request)?)?;
        Ok(found.map(|json| FoundCall {
            json,
            deadline: None,
        }))
    }

    fn end_call(&self, id: CallId) -> Result<Ended, CliError> {
        let request = Request::new(Method::POST, &["calls", &id.to_string(), "end"]);
        match self.api.send(&request.body(json!({})))? {
            Ok(_) => Ok(Ended::Done),
            Err(refusal) if ["invalid_status", "call_not_found"].contains(&refusal.word()) => {
                Ok(Ended::Refused(refusal.message))
            }
            Err(refusal) => Err(refusal.into()),
        }
    }

    fn sessions(&self, user: Option<&UserId>) -> Result<Vec<Session>, CliError> {
        let sessions = match user {
            None => self.pages(&["sessions"], &[], u32::MAX)?.0,
            Some(user) => {
                let sessions = self.api.get(&["users", user.as_str(), "sessions"], &[])?;
                sessions.as_array().cloned().unwrap_or_default()
            }
        };
        let of = |session: Value| Session {
            user_id: user.map_or_else(|| text(&session, "userId"), ToString::to_string),
            session_id: text(&session, "sessionId"),
            connected_at: text(&session, "connectedAt"),
            responsive: session["responsive"] == true,
        };
        Ok(sessions.into_iter().map(of).collect())
    }

    fn close_sessions(
        &self,
        user: &UserId,
        session: Option<&str>,
        reconnects: bool,
    ) -> Result<usize, CliError> {
        let mut path = vec!["users", user.as_str(), "sessions"];
        path.extend(session);
        let mut request = Request::new(Method::DELETE, &path);
        if reconnects {
            request = request.query(&[("reconnect", "true".to_owned())]);
        }
        let closed = absent_if("not_found", self.api.send(&request)?)?;
        Ok(closed.map_or(0, |closed| count(&closed, "closed")))
    }

    fn token(&self, user: &UserId, ttl: Duration) -> Result<String, CliError> {
        let request = Request::new(Method::POST, &["users", user.as_str(), "token"]);
        let body = json!({ "ttl": ttl.as_secs() });
        let issued = self.api.send(&request.body(body))??;
        Ok(text(&issued, "token"))
    }
}

/// Returns the data of an answer; none if the server refused with `word`.
pub(super) fn absent_if(
    word: &str,
    answer: Result<Value, Refusal>,
) -> Result<Option<Value>, CliError> {
    match answer {
        Ok(data) => Ok(Some(data)),
        Err(refusal) if refusal.word() == word => Ok(None),
        Err(refusal) => Err(refusal.into()),
    }
}

fn user_of(json: &Value) -> Result<User, CliError> {
    read_user(json).map_err(|error| CliError::new(error.to_string()))
}

fn text(json: &Value, field: &str) -> String {
    json[field].as_str().unwrap_or_default().to_owned()
}

pub(super) fn count(json: &Value, field: &str) -> usize {
    let count = json[field].as_u64().unwrap_or_default();
    usize::try_from(count).unwrap_or(usize::MAX)
}
