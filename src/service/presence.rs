//! Presence of users.

use std::collections::HashSet;

use crate::user::{List, UserId};

use super::{Error, Sessions};

/// Presence of a user: the number of connected sessions.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Presence {
    /// The user.
    pub user: UserId,
    /// Number of connected sessions; 0 means offline.
    pub sessions: usize,
}

impl Sessions {
    /// Returns the connected users who have not blocked `viewer`, ordered by id.
    pub fn online(&self, viewer: &UserId) -> Result<Vec<Presence>, Error> {
        let blockers = self
            .0
            .store
            .read(|db| db.listed_by(viewer, List::Blocked))?;
        let blockers: HashSet<UserId> = blockers.into_iter().collect();
        let connected = self.0.hub.connected().into_iter();
        let mut online: Vec<Presence> = connected
            .filter(|(user, _)| !blockers.contains(user))
            .map(|(user, sessions)| Presence { user, sessions })
            .collect();
        online.sort_unstable();
        Ok(online)
    }

    /// Returns whether `user` is connected. A `viewer` whom the user has blocked always gets offline: a call that waits
    /// for a connected user would reveal the block.
    ///
    /// # Errors
    /// [`Error::UserNotFound`], [`Error::Unavailable`].
    pub fn presence(&self, viewer: &UserId, user: UserId) -> Result<Presence, Error> {
        let (known, blocked) = self.0.store.read(|db| -> Result<_, Error> {
            let blocked = db.listed_since(&user, List::Blocked, viewer)?.is_some();
            Ok((db.user(&user)?.is_some(), blocked))
        })?;
        if !known {
            return Err(Error::UserNotFound(user));
        }
        let sessions = if blocked {
            0
        } else {
            self.0.hub.connected_sessions(&user)
        };
        Ok(Presence { user, sessions })
    }
}
