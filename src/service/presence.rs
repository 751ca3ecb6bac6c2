//! Who is there.

use crate::user::UserId;

use super::{Error, Service};

/// A user, and how many of its sessions are connected.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Presence {
    /// The user.
    pub user: UserId,
    /// How many sessions; 0 is offline.
    pub sessions: usize,
}

impl Service {
    /// Everybody who is connected, by id.
    #[must_use]
    pub fn online(&self) -> Vec<Presence> {
        let connected = self.0.hub.connected().into_iter();
        let mut online: Vec<Presence> = connected
            .map(|(user, sessions)| Presence { user, sessions })
            .collect();
        online.sort_unstable();
        online
    }

    /// Whether `user` is connected.
    ///
    /// # Errors
    /// [`Error::UserNotFound`], [`Error::Store`].
    pub fn presence(&self, user: UserId) -> Result<Presence, Error> {
        if self.0.store.read(|db| db.user(&user))?.is_none() {
            return Err(Error::UserNotFound(user));
        }
        let sessions = self.0.hub.sessions(&user).len();
        Ok(Presence { user, sessions })
    }
}
