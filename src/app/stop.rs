//! Stop of the server: signals, closing of sessions, last writes.

use std::io::{IsTerminal, stdin};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rocket::Shutdown;
use rocket::fairing::AdHoc;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, sleep, timeout_at};

use crate::service::Service;
use crate::store;

use super::reload::Reload;

/// Time limit for closing sessions when the server stops. With [`LAST_WRITES`] and Rocket's wait for requests in
/// progress, a stop takes less than 5 s whatever clients do.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// Interval at which the server checks that its database file is still the one that it opened.
const FILE_CHECK: Duration = Duration::from_secs(1);

/// Time limit for the last writes, from the beginning of a stop. They take milliseconds. They take longer only if
/// another process locks the file, and then none of them was acknowledged.
const LAST_WRITES: Duration = Duration::from_millis(2_400);

/// The way to stop a server politely. Cheap to clone.
#[derive(Clone)]
pub struct Stop(Arc<Inner>);

struct Inner {
    service: Service,
    drain_time: Option<Duration>,
    shutdown: OnceLock<Shutdown>,
    stopping: AtomicBool,
    failure: OnceLock<String>,
    was_removed: AtomicBool,
}

impl Stop {
    /// Makes the way to stop `service`. At a signal, sessions are closed within `drain_time`, if there is one.
    pub(super) fn new(service: Service, drain_time: Option<Duration>) -> Self {
        let stopping = AtomicBool::new(false);
        Self(Arc::new(Inner {
            service,
            drain_time,
            shutdown: OnceLock::new(),
            stopping,
            failure: OnceLock::new(),
            was_removed: AtomicBool::new(false),
        }))
    }

    /// Returns why the server stopped by itself, if it did.
    #[must_use]
    pub fn failure(&self) -> Option<&str> {
        self.0.failure.get().map(String::as_str)
    }

    /// Whether the server stopped because the other nodes had removed this one.
    #[must_use]
    pub fn was_removed(&self) -> bool {
        self.0.was_removed.load(Ordering::SeqCst)
    }

    async fn fail(&self, failure: String) {
        // The first failure is the cause.
        let _ = self.0.failure.set(failure);
        self.stop().await;
    }

    /// Stops the server when its database file was replaced or removed: nobody would find what it writes from then on.
    /// On PostgreSQL, when the other nodes have removed this one.
    pub(super) fn watch_database(self, path: PathBuf) -> AdHoc {
        AdHoc::on_liftoff("Watch database file", move |rocket| {
            let shutdown = rocket.shutdown();
            Box::pin(async move {
                tokio::spawn(async move {
                    let replaced = async {
                        while self.0.service.has_its_database() {
                            sleep(FILE_CHECK).await;
                        }
                    };
                    tokio::select! {
                        () = replaced => (),
                        () = shutdown => return,
                    }
                    let failure = if self.0.service.is_replaced() {
                        format!(
                            "another server on the database {} has started under the name of this one: each needs its \
                             own `node_name`",
                            path.display()
                        )
                    } else if store::is_url(&path) {
                        self.0.was_removed.store(true, Ordering::SeqCst);
                        format!(
                            "this node did not reach the database {} in time, so the other nodes removed it and it \
                             begins anew",
                            path.display()
                        )
                    } else {
                        format!(
                            "the database {} was replaced or removed while the server ran, so the server stopped. Start \
                         it again to use the file that has this name now",
                            path.display()
                        )
                    };
                    tracing::error!("{failure}");
                    self.fail(failure).await;
                });
            })
        })
    }

    /// Learns from the launched server how to end it.
    pub(super) fn fairing(self) -> AdHoc {
        AdHoc::on_liftoff("Stop", move |rocket| {
            Box::pin(async move {
                // Liftoff comes once.
                let _ = self.0.shutdown.set(rocket.shutdown());
            })
        })
    }

    /// The first part of a stop: takes nobody in any more, and closes every session with 1012. Returns when they are
    /// closed; the server goes on to respond that it stops.
    pub async fn close_sessions(&self) {
        self.0.service.sessions().close_sessions().await;
    }

    /// Stops: takes nobody in any more, closes every session with 1012 and waits for them, at most 2 s, then
    /// closes the database and ends the server. `launch` returns after that.
    pub async fn stop(&self) {
        if self.0.stopping.swap(true, Ordering::SeqCst) {
            return;
        }
        let began = Instant::now();
        let _ = timeout_at(began + CLOSE_TIMEOUT, self.close_sessions()).await;
        if timeout_at(began + LAST_WRITES, self.last_writes())
            .await
            .is_err()
        {
            tracing::warn!("the database did not finish the last writes in time");
        }
        if let Some(shutdown) = self.0.shutdown.get() {
            shutdown.clone().notify();
        }
    }

    async fn last_writes(&self) {
        let service = self.0.service.clone();
        if let Err(error) = service.quality().save().await {
            tracing::warn!(%error, "the last quality reports are lost");
        }
        if let Err(error) = service.sessions().store_unconfirmed().await {
            tracing::warn!(%error, "unconfirmed events are not stored; they are derived, as after a crash");
        } else if let Err(error) = service.nodes().leave().await {
            tracing::warn!(%error, "this node has not removed its sessions; the other nodes do when its lease is over");
        }
        let _ = tokio::task::spawn_blocking(move || service.close()).await;
    }

    /// Handles signals from now on: the first SIGTERM, SIGINT or SIGQUIT stops the server, the second one at once.
    /// SIGHUP reads the settings again by `reload`. A terminal that is closed sends it too, and stops the server that
    /// was started in it. To be called in a launched server: before that there is nothing to stop.
    ///
    /// # Errors
    /// The signals cannot be handled.
    pub fn on_signals(self, reload: Reload) -> std::io::Result<()> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut quit = signal(SignalKind::quit())?;
        let mut hang_up = signal(SignalKind::hangup())?;
        let in_terminal = stdin().is_terminal();
        tokio::spawn(async move {
            let mut next = async || loop {
                tokio::select! {
                    _ = terminate.recv() => return "SIGTERM",
                    _ = interrupt.recv() => return "SIGINT",
                    _ = quit.recv() => return "SIGQUIT",
                    Some(()) = hang_up.recv() => {
                        if in_terminal && !stdin().is_terminal() {
                            return "SIGHUP";
                        }
                        // The reload logs its result.
                        let _ = reload.reload().await;
                    }
                }
            };
            let first = next().await;
            tracing::info!(
                signal = first,
                "the server stops; a second signal stops it at once"
            );
            tokio::spawn(async move {
                if let Some(drain_time) = self.0.drain_time {
                    self.0.service.sessions().drain(drain_time).await;
                }
                self.stop().await;
            });
            let second = next().await;
            tracing::warn!(signal = second, "the server stopped at once");
            std::process::exit(1);
        });
        Ok(())
    }
}
