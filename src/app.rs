//! Assembly of the server: builds the parts from the settings, starts and stops them.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rocket::fairing::AdHoc;
use rocket::figment::Figment;
use rocket::{Build, Rocket, Shutdown};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, timeout_at};

use crate::agora::Agora;
use crate::auth::{Authenticator, KeyError};
use crate::call::transition::Limits;
use crate::clock::Clock;
use crate::control::Control;
use crate::guard::Access;
use crate::hub::{Capacity, Hub};
use crate::metrics::Metrics;
use crate::random::Random;
use crate::service::{Rules, Service};
use crate::settings::Settings;
use crate::store::{self, Store};
use crate::sweeper::Sweeper;
use crate::webhook::{self, Sender, WebhookError, Webhooks};
use crate::ws::SocketRules;
use crate::{http, ws};

/// Time limit for closing sessions when the server stops. With [`LAST_WRITES`] and Rocket's wait for requests in
/// progress, a stop takes less than 5 s whatever clients do.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// Time limit for the last writes, from the beginning of a stop. They take milliseconds. They take longer only if
/// another process locks the file, and then none of them was acknowledged.
const LAST_WRITES: Duration = Duration::from_millis(2_400);

/// Interval at which the server checks that its database file is still the one that it opened.
const FILE_CHECK: Duration = Duration::from_secs(1);

/// Seconds that Rocket waits for requests in progress, and again for connections to close. By then every write was
/// answered: idle connections and incomplete requests remain.
const LAST_REQUESTS_S: u32 = 1;

/// Why a server cannot start; the text is for the administrator.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The key that tokens are checked with.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// What webhooks are sent with.
    #[error(transparent)]
    Webhook(#[from] WebhookError),
    /// The database.
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// A server that is ready to be launched.
pub struct App {
    /// The server.
    pub rocket: Rocket<Build>,
    /// The way to stop it.
    pub stop: Stop,
}

/// Makes the server that `settings` describe. `figment` is Rocket's own configuration: address, port, TLS.
///
/// # Errors
/// [`StartError`].
pub fn build(settings: &Settings, figment: Figment, clock: Clock) -> Result<App, StartError> {
    // The key first: a server without one leaves no file behind.
    let authenticator = Authenticator::from_settings(settings)?;
    let sender = Sender::from_settings(settings)?.map(Arc::new);
    let metrics = Metrics::new(env!("CARGO_PKG_VERSION"));
    let store = Store::open(&settings.database, metrics.clone())?;
    let hub = Hub::new(
        Capacity {
            event_queue: settings.event_queue,
            sessions_per_user: settings.max_sessions_per_user,
            connections: settings.max_connections,
            connections_per_address: settings.max_connections_per_address,
            confirm_timeout: settings.confirm_timeout,
        },
        clock.clone(),
    );
    let service = Service::new(
        store,
        hub,
        clock,
        Random::System,
        Rules {
            limits: Limits {
                ring_timeout: settings.ring_timeout,
                max_call_duration: settings.max_call_duration,
            },
            disconnect_grace: settings.disconnect_grace,
            auto_provision: settings.auto_provision,
            call_policy: settings.call_policy,
            retention: settings.retention,
        },
        metrics.clone(),
        webhook::webhook_config(settings),
    );
    let access = Access::new(settings, authenticator, service.clone());
    let sockets = SocketRules {
        ping_interval: settings.ping_interval,
        idle_timeout: settings.idle_timeout,
        close_expired_sessions: settings.close_expired_sessions,
        max_message_bytes: settings.max_message_bytes,
    };
    let stop = Stop::new(service.clone());
    let mut rocket = rocket::custom(ours(figment))
        .manage(service.clone())
        .manage(access.clone())
        .manage(agora(settings))
        .attach(begin(service.clone()))
        .attach(http::stage(settings, metrics.clone()))
        .attach(ws::stage(sockets, metrics))
        .attach(Control::new(
            &settings.database,
            service.clone(),
            access,
            sender.clone(),
        ))
        .attach(Sweeper(service.clone()))
        .attach(watch_database(settings.database.clone(), stop.clone()))
        .attach(stop.clone().fairing());
    if let Some(sender) = sender {
        rocket = rocket.attach(Webhooks::new(service, sender));
    }
    Ok(App { rocket, stop })
}

/// The account with Agora, where there is one: the settings have both its halves or neither.
fn agora(settings: &Settings) -> Option<Agora> {
    let app_id = settings.agora_app_id.clone()?;
    let certificate = settings.agora_app_certificate.clone()?;
    Some(Agora::new(app_id, certificate))
}

/// Rocket's configuration but for what has to be as it is here: signals are handled by [`Stop`], since
/// Rocket would drop open sockets without a close frame, and a client's address is for the guard to find.
fn ours(figment: Figment) -> Figment {
    figment
        .merge(("shutdown.ctrlc", false))
        .merge(("shutdown.signals", Vec::<String>::new()))
        .merge(("shutdown.grace", LAST_REQUESTS_S))
        .merge(("shutdown.mercy", LAST_REQUESTS_S))
        .merge(("ip_header", false))
}

/// Takes up what an earlier run left behind, before the first request.
fn begin(service: Service) -> AdHoc {
    AdHoc::try_on_ignite("Begin", move |rocket| async move {
        match service.deadlines().begin().await {
            Ok(()) => Ok(rocket),
            Err(error) => {
                tracing::error!(%error, "cannot write the database");
                Err(rocket)
            }
        }
    })
}

/// Stops the server when its database file was replaced or removed: nobody would find what it writes from then on.
fn watch_database(path: PathBuf, stop: Stop) -> AdHoc {
    AdHoc::on_liftoff("Watch database file", move |rocket| {
        let shutdown = rocket.shutdown();
        Box::pin(async move {
            tokio::spawn(async move {
                let replaced = async {
                    while stop.0.service.has_its_database() {
                        tokio::time::sleep(FILE_CHECK).await;
                    }
                };
                tokio::select! {
                    () = replaced => (),
                    () = shutdown => return,
                }
                let failure = format!(
                    "the database {} was replaced or removed while the server ran, so the server stopped. Start it \
                     again to use the file that has this name now",
                    path.display()
                );
                tracing::error!("{failure}");
                stop.fail(failure).await;
            });
        })
    })
}

/// The way to stop a server politely. Cheap to clone.
#[derive(Clone)]
pub struct Stop(Arc<Inner>);

struct Inner {
    service: Service,
    shutdown: OnceLock<Shutdown>,
    stopping: AtomicBool,
    failure: OnceLock<String>,
}

impl Stop {
    fn new(service: Service) -> Self {
        let stopping = AtomicBool::new(false);
        Self(Arc::new(Inner {
            service,
            shutdown: OnceLock::new(),
            stopping,
            failure: OnceLock::new(),
        }))
    }

    /// Returns why the server stopped by itself, if it did.
    #[must_use]
    pub fn failure(&self) -> Option<&str> {
        self.0.failure.get().map(String::as_str)
    }

    async fn fail(&self, failure: String) {
        // The first failure is the cause.
        let _ = self.0.failure.set(failure);
        self.stop().await;
    }

    /// Learns from the launched server how to end it.
    fn fairing(self) -> AdHoc {
        AdHoc::on_liftoff("Stop", move |rocket| {
            Box::pin(async move {
                // Liftoff comes once.
                let _ = self.0.shutdown.set(rocket.shutdown());
            })
        })
    }

    /// Stops: takes nobody in any more, closes every session with 1012 and waits for them, at most 2 s, then
    /// closes the database and ends the server. `launch` returns after that.
    pub async fn stop(&self) {
        if self.0.stopping.swap(true, Ordering::SeqCst) {
            return;
        }
        let began = Instant::now();
        let _ = timeout_at(
            began + CLOSE_TIMEOUT,
            self.0.service.sessions().close_sessions(),
        )
        .await;
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
            tracing::warn!(%error, "unconfirmed events are not stored");
        }
        let _ = tokio::task::spawn_blocking(move || service.close()).await;
    }

    /// Stops at the first SIGTERM or SIGINT from now on, and at once at the second. To be called in a launched
    /// server: before that there is nothing to stop, and the signals do what they do to any process.
    ///
    /// # Errors
    /// Where the signals cannot be caught.
    pub fn on_signals(self) -> std::io::Result<()> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        tokio::spawn(async move {
            let mut next = async || {
                tokio::select! {
                    _ = terminate.recv() => "SIGTERM",
                    _ = interrupt.recv() => "SIGINT",
                }
            };
            let first = next().await;
            tracing::info!(
                signal = first,
                "the server stops; a second signal stops it at once"
            );
            tokio::spawn(async move { self.stop().await });
            let second = next().await;
            tracing::warn!(signal = second, "the server stopped at once");
            std::process::exit(1);
        });
        Ok(())
    }
}
