//! Where commands read and change users, calls, sessions and webhooks: on this machine, or at a server elsewhere.

mod api_client;
mod local;
mod remote;
mod webhooks;

use std::time::Duration;

use chattrix::call::CallId;
use chattrix::clock::Timestamp;
use chattrix::store::{CallFilter, Removal};
use chattrix::user::{AccountStatus, Profile, User, UserId};
use chattrix::wire::call_report::CallRecord;
use chattrix::wire::control::Session;
use chattrix::wire::server_api::users::Patch;
use clap::Args;
use reqwest::Url;
use serde_json::Value;

use super::GlobalArgs;
use super::error::CliError;

use self::api_client::ApiClient;
use self::local::Local;
use self::remote::Remote;

pub use self::webhooks::WebhookSource;

/// Some calls, newest first, as JSON.
pub struct CallPage {
    /// The calls.
    pub items: Vec<Value>,
    /// Whether older ones follow.
    pub has_more: bool,
}

impl CallPage {
    /// Returns the calls as records.
    pub fn records(&self) -> Result<Vec<CallRecord>, CliError> {
        let read = self.items.iter().map(CallRecord::read);
        read.collect::<Result<_, _>>()
            .map_err(|error| CliError::new(error.to_string()))
    }
}

/// A call with all that is known of it.
pub struct FoundCall {
    /// The call, as `call show --json` prints it.
    pub json: Value,
    /// When it ends by itself, if that is known.
    pub deadline: Option<Timestamp>,
}

/// Result of ending a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It was live, and is over.
    Done,
    /// It cannot be ended: it is over already, or does not exist.
    Refused(String),
}

/// Users, calls, sessions and webhooks of one server.
pub trait Source: WebhookSource {
    /// Returns all users, by id.
    fn users(&self) -> Result<Vec<User>, CliError>;

    /// Returns the user of that id, if there is one.
    fn user(&self, id: &UserId) -> Result<Option<User>, CliError>;

    /// Adds a user; returns false if the id is taken, and changes nothing then.
    fn add_user(&self, profile: &Profile) -> Result<bool, CliError>;

    /// Changes the fields of a user that `patch` names, and returns the user; none if there is no such user.
    fn patch_user(&self, id: &UserId, patch: &Patch) -> Result<Option<User>, CliError>;

    /// Adds or changes some users; returns how many were added, updated and unchanged.
    fn put_users(&self, users: &[(Profile, Option<AccountStatus>)])
    -> Result<[usize; 3], CliError>;

    /// Has a running server read the accounts that [`Source::put_users`] changed.
    fn users_are_put(&self);

    /// Removes a user who is in no live call.
    fn remove_user(&self, id: &UserId) -> Result<Removal, CliError>;

    /// Returns whether the server adds unknown users by their tokens, as far as that is known.
    fn adds_users_by_token(&self) -> bool;

    /// Returns at most `limit` calls that `filter` selects, newest first.
    fn calls(&self, filter: &CallFilter, limit: u32) -> Result<CallPage, CliError>;

    /// Returns a call, if there is one.
    fn call(&self, id: CallId) -> Result<Option<FoundCall>, CliError>;

    /// Ends a live call.
    fn end_call(&self, id: CallId) -> Result<Ended, CliError>;

    /// Returns the connected sessions of `user`, or of all users.
    fn sessions(&self, user: Option<&UserId>) -> Result<Vec<Session>, CliError>;

    /// Closes the session `session` of `user`, or all of the user's; returns how many. Their apps connect again if
    /// `reconnects`, else they sign out.
    fn close_sessions(
        &self,
        user: &UserId,
        session: Option<&str>,
        reconnects: bool,
    ) -> Result<usize, CliError>;

    /// Returns a token for `user` that is valid for `ttl`.
    fn token(&self, user: &UserId, ttl: Duration) -> Result<String, CliError>;
}

/// Option of the commands that work at a server elsewhere too.
#[derive(Clone, Debug, Args)]
pub struct ServerArg {
    /// URL of the server.
    #[arg(long, global = true, value_name = "URL", value_parser = api_client::server,
        help = "Use the server at this URL, with CHATTRIX_API_KEY",
        conflicts_with_all = ["dev", "database", "config"])]
    server: Option<Url>,
}

impl ServerArg {
    /// Returns the source that a command works on.
    pub fn source(&self, global: &GlobalArgs) -> Result<Box<dyn Source>, CliError> {
        Ok(match &self.server {
            Some(server) => Box::new(Remote::new(ApiClient::new(server.clone())?)),
            None => Box::new(Local::new(global.context()?)),
        })
    }

    /// Fails if the user names a server elsewhere, because `command` has no route there.
    pub fn refuse(&self, command: &str, hint: &str) -> Result<(), CliError> {
        match &self.server {
            Some(_) => Err(CliError::usage(format!(
                "{command} works on the server's machine only, not with --server"
            ))
            .hint(hint)),
            None => Ok(()),
        }
    }
}
