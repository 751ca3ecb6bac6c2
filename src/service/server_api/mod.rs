//! What the team's backend does with an API key.
//!
//! A change, its entry in the audit and the answer to a repeated request are written in one transaction: after a crash
//! there is either all of it or nothing.

mod calls;
mod events;
mod keys;
mod sessions;
mod tokens;
mod users;
mod webhooks;

use std::sync::Arc;
use std::time::Duration;

use crate::api_key::{ApiKey, AuditEntry, Digest};
use crate::store::{StoredReply, Write};

use super::batch::until_none;
use super::{Core, Error, KEY_REMEMBERED_FOR};

pub use calls::{CallDetails, CallPage, Placed};
pub use events::{Recipients, SentEvent, SentTo};
pub use sessions::SessionPage;
pub use tokens::IssuedToken;
pub use users::{UserPage, UserRecord, UserUpdate};

/// How exact the time of a key's last use is: a request writes it only if the last write is older.
const USE_IS_EXACT_TO: Duration = Duration::from_mins(1);

/// Rows deleted between two looks at the time.
const STEP: u32 = 64;

/// Backend that asks, by its key.
#[derive(Clone, Debug)]
pub struct Requester {
    /// Number of the key.
    pub key: i64,
    /// Name of the key.
    pub key_name: String,
    /// Id of the request.
    pub request_id: String,
    /// How a repetition of the request is recognised, if it came with an `Idempotency-Key`.
    pub repeat: Option<Repeat>,
}

/// How a repetition of a request is recognised.
#[derive(Clone, Debug)]
pub struct Repeat {
    /// The `Idempotency-Key`.
    pub name: String,
    /// Digest of method, path and body.
    pub request: Digest,
}

/// Answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Body.
    pub body: String,
}

/// A change for the audit.
struct Change {
    action: &'static str,
    subject: Option<String>,
}

impl Change {
    /// Makes the change `action` of `subject`.
    fn of(action: &'static str, subject: impl ToString) -> Self {
        Self {
            action,
            subject: Some(subject.to_string()),
        }
    }
}

/// Use cases of the team's backend.
pub struct ServerApi(pub(super) Arc<Core>);

impl ServerApi {
    /// Returns the key of that digest, if it is valid. It is read for each request, so a revoked key is rejected at once,
    /// also if another process revoked it.
    pub async fn authenticate(&self, digest: &Digest) -> Result<Option<ApiKey>, Error> {
        let now = self.0.clock.wall();
        let found = self.0.store.read(|db| db.api_key(digest))?;
        let Some(key) = found.filter(|key| key.is_valid(now)) else {
            return Ok(None);
        };
        let is_noted = |at| now.since(at) < USE_IS_EXACT_TO;
        if !key.last_used_at.is_some_and(is_noted) {
            let id = key.id;
            let job =
                move |db: &Write<'_>| -> Result<(), Error> { Ok(db.mark_api_key_used(id, now)?) };
            // A request is not worse for it: the next one writes the time.
            if let Err(error) = self.0.store.write(job).await {
                tracing::warn!(%error, "the last use of an API key was not stored");
            }
        }
        Ok(Some(key))
    }

    /// Deletes entries of the audit that are older than `audit_retention`, and answers that nobody asks for any more.
    pub async fn forget_expired(&self) -> Result<(), Error> {
        if !self.0.store.has_duties() {
            return Ok(());
        }
        let now = self.0.clock.wall();
        let replies = move |db: &Write<'_>| Ok(until_none(db.delete_expired_replies(now, STEP)?));
        self.0.run_in_batches(replies).await?;
        let Some(age) = self.0.rules.get().audit_retention else {
            return Ok(());
        };
        let before = now.minus(age);
        let entries = move |db: &Write<'_>| Ok(until_none(db.forget_audit(before, STEP)?));
        self.0.run_in_batches(entries).await?;
        Ok(())
    }

    /// Makes a change by `work`, which returns its result and what the audit says of it, if anything changed.
    async fn change<T: Send + 'static>(
        &self,
        requester: Requester,
        work: impl FnOnce(&Write<'_>) -> Result<(T, Option<Change>), Error> + Send + 'static,
    ) -> Result<T, Error> {
        let core = Arc::clone(&self.0);
        let job = move |db: &Write<'_>| -> Result<T, Error> {
            let (value, change) = work(db)?;
            core.audit(db, &requester, change)?;
            Ok(value)
        };
        self.0.store.write(job).await
    }

    /// Makes a change by `work` once: a repeated request gets the same reply and changes nothing.
    async fn change_once(
        &self,
        mut requester: Requester,
        work: impl FnOnce(&Write<'_>) -> Result<(Reply, Option<Change>), Error> + Send + 'static,
    ) -> Result<Reply, Error> {
        let core = Arc::clone(&self.0);
        let job = move |db: &Write<'_>| -> Result<Reply, Error> {
            let repeat = requester.repeat.take();
            if let Some(reply) = core.repeated(db, requester.key, repeat.as_ref())? {
                return Ok(reply);
            }
            let (reply, change) = work(db)?;
            core.audit(db, &requester, change)?;
            core.remember_reply(db, requester.key, repeat, &reply)?;
            Ok(reply)
        };
        self.0.store.write(job).await
    }

    /// Does `work`, which is more than one job of the writer, for a request that gets the same reply when it is
    /// repeated after that. Two that come at the same time both do it, and get the reply of the first to finish.
    async fn work_once(
        &self,
        requester: Requester,
        work: impl Future<Output = Result<(Reply, Option<Change>), Error>>,
    ) -> Result<Reply, Error> {
        if let Some(before) = self.reply_before(&requester).await? {
            return Ok(before);
        }
        let done = work.await?;
        self.change_once(requester, move |_| Ok(done)).await
    }

    /// Returns the reply to the same request before, if it was sent with a key.
    async fn reply_before(&self, requester: &Requester) -> Result<Option<Reply>, Error> {
        let (core, requester) = (Arc::clone(&self.0), requester.clone());
        if requester.repeat.is_none() {
            return Ok(None);
        }
        let job = move |db: &Write<'_>| core.repeated(db, requester.key, requester.repeat.as_ref());
        self.0.store.write(job).await
    }
}

impl Core {
    /// Adds `change` to the audit. Runs inside the writer's job.
    fn audit(
        &self,
        db: &Write<'_>,
        requester: &Requester,
        change: Option<Change>,
    ) -> Result<(), Error> {
        let Some(Change { action, subject }) = change else {
            return Ok(());
        };
        let entry = AuditEntry {
            at: self.clock.wall(),
            key_name: requester.key_name.clone(),
            action: action.to_owned(),
            subject,
            request_id: requester.request_id.clone(),
        };
        Ok(db.add_audit_entry(&entry)?)
    }

    /// Returns the reply to the same request before. Runs inside the writer's job.
    fn repeated(
        &self,
        db: &Write<'_>,
        key: i64,
        repeat: Option<&Repeat>,
    ) -> Result<Option<Reply>, Error> {
        let Some(repeat) = repeat else {
            return Ok(None);
        };
        let before = db.api_reply(key, &repeat.name, self.clock.wall())?;
        match before {
            Some(before) if before.request != repeat.request => Err(Error::RequestKeyReused),
            Some(StoredReply { status, body, .. }) => Ok(Some(Reply { status, body })),
            None => Ok(None),
        }
    }

    /// Stores `reply` for a repetition of the request. Runs inside the writer's job.
    fn remember_reply(
        &self,
        db: &Write<'_>,
        key: i64,
        repeat: Option<Repeat>,
        reply: &Reply,
    ) -> Result<(), Error> {
        let Some(Repeat { name, request }) = repeat else {
            return Ok(());
        };
        let stored = StoredReply {
            request,
            status: reply.status,
            body: reply.body.clone(),
        };
        let expires_at = self.clock.wall().plus(KEY_REMEMBERED_FOR);
        Ok(db.store_api_reply(key, &name, &stored, expires_at)?)
    }
}
