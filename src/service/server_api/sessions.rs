//! Sessions and presence, as the team's backend sees and closes them.

use std::sync::Arc;

use crate::hub::ConnectedSession;
use crate::store::Read;
use crate::user::{SessionId, UserId};

use super::super::{Error, Presence};
use super::{Change, Requester, ServerApi};

/// Some connected sessions, by user.
pub struct SessionPage {
    /// The sessions with their users.
    pub items: Vec<(UserId, ConnectedSession)>,
    /// The user after whom the next page begins, if there is one.
    pub next: Option<UserId>,
}

impl ServerApi {
    /// Returns the connected sessions of the users after `after` whose id contains `text`: about `limit`, since a page
    /// has all sessions of its last user.
    #[must_use]
    pub fn connected_sessions(
        &self,
        after: Option<&UserId>,
        text: &str,
        limit: u32,
    ) -> SessionPage {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let hub = &self.0.hub;
        let items = hub.sessions_after(after, text, limit);
        let last = items.last().map(|(user, _)| user);
        let has_more = |last: &&UserId| !hub.sessions_after(Some(last), text, 1).is_empty();
        let next = last.filter(has_more).cloned();
        SessionPage { items, next }
    }

    /// Returns the connected sessions of `user`, the oldest first.
    ///
    /// # Errors
    /// [`Error::UserNotFound`], [`Error::Unavailable`].
    pub fn sessions_of(&self, user: UserId) -> Result<Vec<ConnectedSession>, Error> {
        if self.0.store.read(|db| db.user(&user))?.is_none() {
            return Err(Error::UserNotFound(user));
        }
        Ok(self.0.hub.connected_to_any_node(&user))
    }

    /// Closes the session `session` of `user`, or all; returns how many. With `reconnects` the client is told to connect
    /// again.
    ///
    /// # Errors
    /// [`Error::UserNotFound`], [`Error::SessionNotFound`], [`Error::Unavailable`].
    pub async fn close_sessions(
        &self,
        requester: Requester,
        user: UserId,
        session: Option<SessionId>,
        reconnects: bool,
    ) -> Result<usize, Error> {
        let core = Arc::clone(&self.0);
        self.change(requester, move |db| {
            if db.user(&user)?.is_none() {
                return Err(Error::UserNotFound(user));
            }
            let is_for_one = session.is_some();
            let closing = core.close_sessions(db, user.clone(), session, reconnects);
            if is_for_one && closing == 0 {
                return Err(Error::SessionNotFound);
            }
            let change = (closing > 0).then(|| Change::of("session.close", &user));
            Ok((closing, change))
        })
        .await
    }

    /// Returns which of `users` are connected, in their order. Those who do not exist are left out.
    pub fn presence_of(&self, users: Vec<UserId>) -> Result<Vec<Presence>, Error> {
        let known = |db: &Read<'_>| -> Result<Vec<UserId>, Error> {
            let mut known = Vec::with_capacity(users.len());
            for user in users {
                if db.user(&user)?.is_some() {
                    known.push(user);
                }
            }
            Ok(known)
        };
        let known = self.0.store.read_at_length(known)?;
        let presence = known.into_iter().map(|user| Presence {
            sessions: self.0.hub.connected_sessions(&user),
            user,
        });
        Ok(presence.collect())
    }
}
