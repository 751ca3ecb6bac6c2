//! Notifications of PostgreSQL: other nodes have posted something.

use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, OnceLock};

use futures_util::{StreamExt as _, stream};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_postgres::{AsyncMessage, Connection};

use super::Server;

/// Receiver of the notifications of all connections of a server.
#[derive(Clone, Default)]
pub(super) struct Listener(Arc<Listening>);

#[derive(Default)]
struct Listening {
    /// Called for each notification, once it is set.
    notify: OnceLock<Box<dyn Fn() + Send + Sync>>,
    /// Process id of the backend whose notifications are this node's own; 0 at first.
    own_backend: AtomicI32,
}

impl Listener {
    /// Drives `connection` until it ends.
    pub async fn drive<S, T>(self, mut connection: Connection<S, T>)
    where
        S: AsyncRead + AsyncWrite + Unpin,
        T: AsyncRead + AsyncWrite + Unpin,
    {
        let mut messages = stream::poll_fn(move |context| connection.poll_message(context));
        while let Some(Ok(message)) = messages.next().await {
            if let AsyncMessage::Notification(notification) = message
                && notification.process_id() != self.0.own_backend.load(Ordering::Relaxed)
                && let Some(notify) = self.0.notify.get()
            {
                notify();
            }
        }
    }
}

impl Server {
    /// Calls `notify` for each notification, on any connection that listens, but for those of this node.
    pub fn listen(&self, notify: impl Fn() + Send + Sync + 'static) {
        // Set once, by the writer of this node.
        let _ = self.listener.0.notify.set(Box::new(notify));
    }

    /// Takes notifications of the PostgreSQL process `backend` as this node's own from now on.
    pub fn set_own_backend(&self, backend: i32) {
        self.listener
            .0
            .own_backend
            .store(backend, Ordering::Relaxed);
    }
}
