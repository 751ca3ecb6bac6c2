//! What this node does with the posts of others.

use std::sync::Arc;

use crate::call::{Event, Notice};
use crate::hub::{CloseReason, RemoteSession};
use crate::service::channels::ChannelUpdate;
use crate::service::{Core, Delivery, delivery};
use crate::store::{NodeKey, Post};
use crate::user::{SessionId, UserId};

impl Core {
    /// Receives a post of `node`; returns the reply, if there is one. Runs on the writer's thread.
    pub(super) fn receive(self: &Arc<Self>, node: NodeKey, post: Post) -> Option<Post> {
        match post {
            // It takes all sessions for responsive.
            Post::NodeJoined => self.hub.forget_known_responsiveness(),
            Post::NodeLeft => self.forget_node(node),
            Post::NodeRemoved(dead) => self.begin_removal(dead),
            Post::Entered { user, session, at } => {
                let remote = RemoteSession::connected(session.clone(), node, at);
                let awaited = self.other_nodes.move_on(&user, &session, node);
                let notices = self.hub.enter_remote(&user, remote)?;
                return Some(Post::Owed {
                    user,
                    session,
                    notices,
                    awaited,
                });
            }
            Post::Left { user, session, at } => {
                let ago = self.clock.now().since(at);
                self.hub.leave_remote(&user, &session, node, ago);
            }
            Post::Responsive {
                user,
                session,
                is_responsive,
            } => self
                .hub
                .set_remote_responsive(&user, &session, node, is_responsive),
            Post::Surplus { user, session } => {
                let reason = CloseReason::Replaced;
                let _ = self.hub.close_sessions(&user, Some(&session), reason);
            }
            Post::Close {
                user,
                session,
                reconnects,
            } => {
                let reason = CloseReason::by_request(reconnects);
                let _ = self.hub.close_sessions(&user, session.as_ref(), reason);
            }
            Post::Event { notice, row, only } => {
                self.deliver_here(node, notice, row, only.as_ref());
            }
            Post::Owed {
                user,
                session,
                notices,
                awaited,
            } => {
                self.other_nodes.await_others(&user, &session, awaited);
                self.take_over(node, &user, &session, notices);
            }
            Post::Confirmed {
                origin,
                user,
                session,
                at,
            } => {
                if origin.is_some() && self.store.node() == origin {
                    let now = self.clock.now();
                    self.other_nodes.confirm(&user, &session, at, now);
                }
                self.hub.confirm_elsewhere(&user, at);
            }
            Post::CallChanged { from, to, answered } => {
                if let Some(answered) = answered {
                    self.channels.apply(ChannelUpdate::new(answered, to));
                }
                self.metrics.live_call_changed(from, to);
            }
            Post::AccountsChanged(users) if users.is_empty() => self.accounts.forget_all(),
            Post::AccountsChanged(users) => self.accounts.forget(&users),
            Post::Barred(user) => self.hub.disconnect_users(&[user]),
            Post::EndpointsChanged(wanted) => self.webhook_outbox.take_up(wanted),
            Post::WebhooksWaiting => self.webhook_outbox.wake_up(),
        }
        None
    }

    pub(super) fn forget_node(&self, node: NodeKey) {
        self.hub.remove_node(node);
    }

    /// Delivers an event of another node to the sessions of this one.
    fn deliver_here(
        &self,
        node: NodeKey,
        notice: Notice,
        row: Option<i64>,
        only: Option<&SessionId>,
    ) {
        let mut addressees = self.hub.addressees(&notice);
        if let Some(only) = only {
            addressees.queues.retain(|queue| queue.session() == only);
        }
        if addressees.queues.is_empty() && addressees.departed.is_empty() {
            return;
        }
        let is_of_backend = matches!(notice.event, Event::App(_));
        let encoded = delivery::addressed(notice, row, &addressees);
        let notice = Arc::new(if is_of_backend {
            encoded.sent_by(node)
        } else {
            encoded
        });
        Delivery::addressed(notice, addressees).publish(&self.hub, &self.metrics);
    }

    /// Delivers what `node` owed to a session that is connected to this one now, or was last.
    fn take_over(&self, node: NodeKey, user: &UserId, session: &SessionId, notices: Vec<Notice>) {
        let mut sessions = self.hub.sessions(user).into_iter();
        let queue = sessions.find(|queue| queue.session() == session);
        // One that has left meanwhile is owed them when it returns, here or to another node.
        if queue.is_none() && !self.hub.has_departed(user, session) {
            return;
        }
        if self.other_nodes.has_given_up(user, session) {
            return;
        }
        let owed = self.hub.take_over(user, session, notices);
        let count = owed.len();
        let late = self.other_nodes.add_owed(user, session, node, owed);
        if let Some(queue) = queue {
            self.metrics.events_redelivered(count);
            for notice in late {
                queue.push(notice);
            }
        }
    }
}
