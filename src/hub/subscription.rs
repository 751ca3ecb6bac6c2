//! Registration of a session in the hub.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{Hub, SessionQueue};
use crate::user::UserId;

/// Registration of a session in the hub. Dropping it unregisters the session.
pub struct Subscription {
    pub(super) hub: Hub,
    pub(super) user: UserId,
    pub(super) queue: Arc<SessionQueue>,
}

impl Subscription {
    /// Returns the user of the session.
    #[must_use]
    pub const fn user(&self) -> &UserId {
        &self.user
    }

    /// Returns the queue of the session.
    #[must_use]
    pub const fn queue(&self) -> &Arc<SessionQueue> {
        &self.queue
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.hub.0.subscriptions.fetch_sub(1, Ordering::Relaxed);
        let most = self.hub.0.capacity.sessions_per_user;
        let now = self.hub.0.clock.steady();
        if let Some(user) = self.hub.0.users.lock().get_mut(&self.user) {
            user.remove(&self.queue, most, now);
        }
    }
}
