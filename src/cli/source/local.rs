//! Database of this machine, and the server that runs on it.

use std::future::Future;
use std::path::Path;
use std::time::Duration;

use chattrix::auth::Authenticator;
use chattrix::call::CallId;
use chattrix::clock::Clock;
use chattrix::store::{CallFilter, Lock, Removal, Upsert};
use chattrix::user::{AccountStatus, Profile, User, UserId};
use chattrix::wire::admin::{self, CallRecords};
use chattrix::wire::control::{Answer, Delivered, Request, Session};
use chattrix::wire::server_api::users::Patch;
use secrecy::ExposeSecret as _;

use super::super::context::Context;
use super::super::control_client::{ControlClient, runtime};
use super::super::error::CliError;
use super::super::output;
use super::{CallPage, Ended, FoundCall, Source};

/// How long a running server has the database for itself between two transactions with many users.
const PAUSE: Duration = Duration::from_millis(5);

/// Settings, database and server of this machine.
pub struct Local {
    context: Context,
}

impl Local {
    pub const fn new(context: Context) -> Self {
        Self { context }
    }

    pub(super) const fn context(&self) -> &Context {
        &self.context
    }

    fn path(&self) -> &Path {
        &self.context.settings.database
    }

    /// Sends `request` to the running server, which `purpose` needs.
    pub(super) fn ask(&self, request: &Request, purpose: &str) -> Result<Answer, CliError> {
        block_on(async {
            let mut server = ControlClient::required(self.path(), purpose).await?;
            server.ask(request).await
        })
    }

    /// Has the running server, if there is one, read changed accounts. One that does not respond notices within 2 s that
    /// users were disabled or removed.
    fn reload_users(&self) {
        let reload = async {
            match ControlClient::find(self.path()).await? {
                Some(mut server) => server.ask(&Request::ReloadUsers).await.map(drop),
                None => Ok(()),
            }
        };
        if let Err(error) = block_on(reload) {
            output::tell(&format!("the running server follows within 2 s: {error}"));
        }
    }

    /// Returns how the events of `call` were delivered; nothing if no server runs or responds.
    fn deliveries(&self, call: CallId) -> Result<Vec<Delivered>, CliError> {
        block_on(async {
            let Ok(Some(mut server)) = ControlClient::find(self.path()).await else {
                return Ok(Vec::new());
            };
            let call = call.to_string();
            // A server of an earlier version does not know the request.
            match server.ask(&Request::Delivery { call }).await {
                Ok(Answer::Delivered { events }) => Ok(events),
                _ => Ok(Vec::new()),
            }
        })
    }

    /// Returns a warning if the server may reject the user.
    ///
    /// # Errors
    /// The user does not exist, and the server would not create them.
    fn check_user(&self, user: &UserId) -> Result<Option<String>, CliError> {
        let known = match self.user(user) {
            Ok(known) => known,
            Err(failure) => {
                let warning = format!("cannot check whether {user} exists: {failure}");
                return Ok(Some(warning));
            }
        };
        match known.map(|user| user.standing) {
            Some(AccountStatus::Active) => Ok(None),
            Some(AccountStatus::Disabled) => Ok(Some(format!(
                "{user} is disabled, the server rejects this token; use chattrix user enable {user}"
            ))),
            None if self.adds_users_by_token() => Ok(None),
            None => Err(CliError::new(format!(
                "there is no user {user} in {}, the server would reject the token; \
                 use chattrix user add {user} --name NAME, or set auto_provision",
                self.path().display()
            ))),
        }
    }
}

impl Source for Local {
    fn users(&self) -> Result<Vec<User>, CliError> {
        Ok(self.context.database_to_read()?.users()?)
    }

    fn user(&self, id: &UserId) -> Result<Option<User>, CliError> {
        Ok(self.context.database_to_read()?.user(id)?)
    }

    fn add_user(&self, profile: &Profile) -> Result<bool, CliError> {
        let database = self.context.database()?;
        Ok(database.add_user(profile, Clock::System.now())?)
    }

    fn patch_user(&self, id: &UserId, patch: &Patch) -> Result<Option<User>, CliError> {
        let database = self.context.existing_database()?;
        let changed = database.change_user(id, Clock::System.now(), |user| {
            user.standing = patch.standing.unwrap_or(user.standing);
            if let Some(name) = &patch.name {
                user.profile.name.clone_from(name);
            }
            if let Some(avatar) = &patch.avatar {
                user.profile.avatar.clone_from(avatar);
            }
        })?;
        if changed.is_some() {
            self.reload_users();
        }
        Ok(changed)
    }

    fn put_users(
        &self,
        users: &[(Profile, Option<AccountStatus>)],
    ) -> Result<[usize; 3], CliError> {
        let database = self.context.database()?;
        let mut counts = [0; 3];
        for put in database.put_users(users, Clock::System.now())? {
            counts[match put {
                Upsert::Added => 0,
                Upsert::Updated => 1,
                Upsert::Unchanged => 2,
            }] += 1;
        }
        if Lock::is_held(self.path())? {
            std::thread::sleep(PAUSE);
        }
        Ok(counts)
    }

    fn users_are_put(&self) {
        self.reload_users();
    }

    fn remove_user(&self, id: &UserId) -> Result<Removal, CliError> {
        let database = self.context.existing_database()?;
        let removal = database.remove_user(id, Clock::System.now())?;
        if removal == Removal::Removed {
            self.reload_users();
        }
        Ok(removal)
    }

    fn adds_users_by_token(&self) -> bool {
        self.context.settings.auto_provision
    }

    fn calls(&self, filter: &CallFilter, limit: u32) -> Result<CallPage, CliError> {
        let database = self.context.database_to_read()?;
        // One more than is shown tells whether older ones follow.
        let find = || database.read_list().calls(filter, limit.saturating_add(1));
        let mut calls = find()?;
        let left_out = database.left_out();
        if left_out > 0 {
            // Again, with as many more that can be read.
            calls = find()?;
            output::tell(&format!(
                "left out {left_out} that cannot be read; `chattrix db check` lists them"
            ));
        }
        let shown = usize::try_from(limit).unwrap_or(usize::MAX);
        let has_more = calls.len() > shown;
        calls.truncate(shown);
        let items = calls.iter().map(admin::call).collect();
        Ok(CallPage { items, has_more })
    }

    fn call(&self, id: CallId) -> Result<Option<FoundCall>, CliError> {
        let database = self.context.database_to_read()?;
        let read = database.read();
        let Some(call) = read.call(id)? else {
            return Ok(None);
        };
        let records = CallRecords {
            timeline: &read.timeline(id)?,
            quality: &read.quality(id)?,
            delivery: &self.deliveries(id)?,
        };
        Ok(Some(FoundCall {
            json: admin::call_with_timeline(&call, records),
            deadline: call.state.deadline(),
        }))
    }

    fn end_call(&self, id: CallId) -> Result<Ended, CliError> {
        let call = id.to_string();
        block_on(async {
            let mut server = ControlClient::required(self.path(), "end a call").await?;
            match server.attempt(&Request::EndCall { call }).await? {
                Answer::Failed { message } => Ok(Ended::Refused(message)),
                _ => Ok(Ended::Done),
            }
        })
    }

    fn sessions(&self, user: Option<&UserId>) -> Result<Vec<Session>, CliError> {
        let user = user.map(ToString::to_string);
        match self.ask(&Request::Sessions { user }, "list sessions")? {
            Answer::Sessions { sessions } => Ok(sessions),
            _ => Err(CliError::new("the server sent an unexpected response")),
        }
    }

    fn close_sessions(
        &self,
        user: &UserId,
        session: Option<&str>,
        reconnects: bool,
    ) -> Result<usize, CliError> {
        let request = Request::CloseSessions {
            user: user.to_string(),
            session: session.map(ToOwned::to_owned),
            reconnects,
        };
        match self.ask(&request, "disconnect a session")? {
            Answer::Counted { count } => Ok(count),
            _ => Err(CliError::new("the server sent an unexpected response")),
        }
    }

    fn token(&self, user: &UserId, ttl: Duration) -> Result<String, CliError> {
        let authenticator = Authenticator::from_settings(&self.context.settings)?;
        if let Some(warning) = self.check_user(user)? {
            output::tell(&format!("warning: {warning}"));
        }
        let token = authenticator.mint(user, ttl, Clock::System.now())?;
        Ok(token.expose_secret().to_owned())
    }
}

pub(super) fn block_on<T>(work: impl Future<Output = Result<T, CliError>>) -> Result<T, CliError> {
    runtime()?.block_on(work)
}
