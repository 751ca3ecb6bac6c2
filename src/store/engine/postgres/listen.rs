//! Notifications of PostgreSQL: other nodes have posted something.

use std::sync::{Arc, OnceLock};

use futures_util::{StreamExt as _, stream};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_postgres::{AsyncMessage, Connection};

use super::Server;

/// Receives the payload of a notification.
type Receive = Box<dyn Fn(&str) + Send + Sync>;

/// Receiver of the notifications of all connections of a server, once it is set.
#[derive(Clone, Default)]
pub(super) struct Listener(Arc<OnceLock<Receive>>);

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
                && let Some(receive) = self.0.get()
            {
                receive(notification.payload());
            }
        }
    }
}

impl Server {
    /// Calls `notify` for each notification, on any connection that listens, whose payload is not `own`.
    pub fn listen(&self, own: String, notify: impl Fn() + Send + Sync + 'static) {
        // Set once, by the writer of this node.
        let _ = self.listener.0.set(Box::new(move |payload| {
            if payload != own {
                notify();
            }
        }));
    }
}
