//! A session's entry in the hub.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{Hub, SessionQueue};
use crate::user::UserId;

/// Entry of a session in the hub. When it is dropped, the session leaves.
pub struct Subscription {
    pub(super) hub: Hub,
    pub(super) user: UserId,
    pub(super) queue: Arc<SessionQueue>,
}

impl Subscription {
    /// Whose session it is.
    #[must_use]
    pub const fn user(&self) -> &UserId {
        &self.user
    }

    /// The queue of what the session has to send.
    #[must_use]
    pub const fn queue(&self) -> &Arc<SessionQueue> {
        &self.queue
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.hub.0.subscriptions.fetch_sub(1, Ordering::Relaxed);
        let mut users = self.hub.0.users.lock();
        if let Some(user) = users.get_mut(&self.user) {
            user.sessions
                .retain(|session| !Arc::ptr_eq(session, &self.queue));
            if user.is_empty() {
                users.remove(&self.user);
            }
        }
    }
}
