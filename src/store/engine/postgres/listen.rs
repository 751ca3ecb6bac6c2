//! Notifications of PostgreSQL: other nodes have posted something.

use futures_util::{StreamExt as _, stream};
use tokio_postgres::AsyncMessage;

use super::super::super::error::Error;
use super::wait::RUNTIME;
use super::{Causes, PAUSE, Server};

impl Server {
    /// Calls `notify` for each notification whose payload is not `own`, on a connection of its own, which is opened again
    /// after it broke, until it returns false.
    pub fn listen(&self, own: String, notify: impl Fn() -> bool + Send + Sync + 'static) {
        let server = self.clone();
        RUNTIME.spawn(async move {
            // There are no notifications of what was posted without a connection.
            while notify() {
                if let Err(error) = server.listen_on_one_connection(&own, &notify).await {
                    tracing::debug!(%error, "no notifications from PostgreSQL");
                }
                tokio::time::sleep(PAUSE).await;
            }
        });
    }

    async fn listen_on_one_connection(
        &self,
        own: &str,
        notify: &impl Fn() -> bool,
    ) -> Result<(), Error> {
        let failed = |error: tokio_postgres::Error| self.cannot_open(&Causes(&error));
        let connected = self.config()?.connect(self.tls()).await;
        let (client, mut connection) = connected.map_err(failed)?;
        let mut messages = stream::poll_fn(move |context| connection.poll_message(context));
        let received = async {
            while let Some(message) = messages.next().await {
                if let AsyncMessage::Notification(notification) = message.map_err(failed)?
                    && notification.payload() != own
                    && !notify()
                {
                    break;
                }
            }
            Ok(())
        };
        let listen = async { client.batch_execute("LISTEN chattrix").await };
        let (listening, received) = tokio::join!(listen, received);
        listening.map_err(failed)?;
        received
    }
}
