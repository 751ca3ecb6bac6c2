//! Outages of PostgreSQL that break no connection: nothing is answered any more.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::Server;
use super::wait::RUNTIME;

/// Interval of the looks.
const LOOK: Duration = Duration::from_secs(1);

/// Time limit for an answer on a new connection.
const LONGEST_ANSWER: Duration = Duration::from_secs(5);

impl Server {
    /// Asks `is_overdue` every second, until it returns none. If an answer is overdue, and PostgreSQL does not answer on
    /// a new connection either, calls `give_up`: a connection that waits for another transaction or a standby is none.
    pub fn watch(
        &self,
        is_overdue: impl Fn() -> Option<bool> + Send + Sync + 'static,
        give_up: impl Fn() + Send + Sync + 'static,
    ) {
        let server = self.clone();
        RUNTIME.spawn(async move {
            while let Some(is_overdue) = is_overdue() {
                if is_overdue && !server.answers().await {
                    give_up();
                }
                sleep(LOOK).await;
            }
        });
    }

    async fn answers(&self) -> bool {
        let ask = async {
            let config = self.config().ok()?;
            let (client, connection) = config.connect(self.tls()).await.ok()?;
            let answer = async { client.simple_query("SELECT 1").await.ok() };
            tokio::select! {
                _ = connection => None,
                answer = answer => answer,
            }
        };
        matches!(timeout(LONGEST_ANSWER, ask).await, Ok(Some(_)))
    }
}
