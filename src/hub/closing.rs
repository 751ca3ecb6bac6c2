//! Closing of sessions: of a user, for a graceful shutdown.

use std::sync::atomic::Ordering;

use super::{CloseReason, Hub};
use crate::user::{SessionId, UserId};

impl Hub {
    /// Closes all sessions of `users`.
    pub fn disconnect_users(&self, users: &[UserId]) {
        for session in users.iter().flat_map(|user| self.sessions(user)) {
            session.close(CloseReason::UserDisabled);
        }
    }

    /// Closes the sessions of `user`, or only `session`, for `reason`; returns how many.
    #[must_use]
    pub fn close_sessions(
        &self,
        user: &UserId,
        session: Option<&SessionId>,
        reason: CloseReason,
    ) -> usize {
        let mut sessions = self.sessions(user);
        sessions.retain(|one| session.is_none_or(|wanted| one.session() == wanted));
        for one in &sessions {
            one.close(reason);
        }
        sessions.len()
    }

    /// Makes every session check its token again.
    pub fn recheck_tokens(&self) {
        for session in self.0.users.lock().values().flat_map(|user| &user.sessions) {
            session.recheck();
        }
    }

    /// Forgets the sessions of this server with what they are owed: it stops, and everything that they lack is stored.
    /// Events from now on are stored, as for users without a session.
    pub fn forget_own_sessions(&self) {
        self.0.users.lock().retain(|_, user| {
            user.forget_own();
            !user.is_empty()
        });
    }

    /// Rejects new sessions from now on.
    pub fn reject_sessions(&self) {
        self.0.rejects_sessions.store(true, Ordering::Release);
    }

    /// Whether new sessions are rejected: the server stops, or serves its last requests.
    #[must_use]
    pub fn rejects_sessions(&self) -> bool {
        self.0.rejects_sessions.load(Ordering::Acquire)
    }

    /// Closes one of `waves` equal shares of the sessions, at least one.
    pub fn close_share(&self, waves: u32) {
        let users = self.0.users.lock();
        let sessions = users.values().flat_map(|user| &user.sessions);
        let open: Vec<_> = sessions.filter(|one| one.is_open()).collect();
        let share = open
            .len()
            .div_ceil(usize::try_from(waves).unwrap_or(usize::MAX).max(1));
        for session in open.into_iter().take(share) {
            session.close(CloseReason::Stopping);
        }
    }

    /// Closes all sessions and rejects new ones (graceful shutdown).
    pub fn stop(&self) {
        self.reject_sessions();
        self.0.stopping.store(true, Ordering::Release);
        for session in self.0.users.lock().values().flat_map(|user| &user.sessions) {
            session.close(CloseReason::Stopping);
        }
    }

    /// Whether all sessions were closed by [`Hub::stop`].
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.0.stopping.load(Ordering::Acquire)
    }

    /// Waits until the last connection is closed.
    pub async fn emptied(&self) {
        self.0.limits.emptied().await;
    }
}
