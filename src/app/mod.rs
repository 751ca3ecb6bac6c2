//! Assembly of the server: builds the parts from the settings, starts and stops them.

mod reload;
mod stop;

use std::sync::Arc;

use rocket::fairing::AdHoc;
use rocket::figment::Figment;
use rocket::{Build, Rocket};

use crate::auth::{Authenticator, KeyError};
use crate::clock::Clock;
use crate::control::{Control, ReloadCommand};
use crate::guard::Access;
use crate::http::RouteSettings;
use crate::hub::{Capacity, Hub};
use crate::listener::{Tls, UnixSocket};
use crate::metrics::Metrics;
use crate::random::Random;
use crate::reloadable::Reloadable;
use crate::service::{Rules, Service};
use crate::settings::Settings;
use crate::store::{self, PostgresOptions, Store};
use crate::sweeper::Sweeper;
use crate::system_time::ServerTime;
use crate::webhook::{self, Sender, WebhookError, Webhooks};
use crate::ws::SocketRules;
use crate::{http, ws};

use reload::Parts;

pub use reload::Reload;
pub use stop::Stop;

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
    /// The way to put changed settings in force.
    pub reload: Reload,
}

/// Makes the server that `settings` describe. `figment` is Rocket's own configuration: address, port, TLS.
pub fn build(settings: &Settings, figment: Figment, clock: Clock) -> Result<App, StartError> {
    // The key first: a server without one leaves no file behind.
    let authenticator = Authenticator::from_settings(settings)?;
    let sender = Sender::from_settings(settings)?;
    let node_name = node_name(settings, &figment);
    let metrics = Metrics::of_node(env!("CARGO_PKG_VERSION"), Some(&node_name));
    let options = PostgresOptions {
        node_name,
        connections: settings.database_connections,
        patience: settings.database_patience,
    };
    let store = Store::open_with(&settings.database, options, metrics.clone())?;
    if settings.require_synchronous_standby {
        store.require_synchronous_standby()?;
    }
    // One clock for all parts: on PostgreSQL, that of the database.
    let clock = clock.for_server(ServerTime::new(store.clock_lead()));
    let hub = Hub::new(
        Capacity {
            event_queue: settings.event_queue,
            sessions_per_user: settings.max_sessions_per_user,
            connections: settings
                .max_connections
                .min(settings.socket_limit.unwrap_or(usize::MAX)),
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
        Rules::new(settings),
        metrics.clone(),
        Some(webhook::webhook_config(settings)),
    );
    let access = Access::new(settings, authenticator, service.clone());
    let sockets = Reloadable::new(SocketRules::new(settings));
    let (routes, tls) = (RouteSettings::new(settings), Tls::default());
    let webhooks = Webhooks::new(service.clone(), sender);
    let parts = Parts {
        webhooks: webhooks.clone(),
        service: service.clone(),
        access: access.clone(),
        routes: routes.clone(),
        sockets: sockets.clone(),
        tls: tls.clone(),
    };
    let reload = Reload::new(parts, settings.clone(), figment.clone());
    let stop = Stop::new(service.clone(), settings.drain_time);
    let rocket = rocket::custom(ours(figment))
        .manage(service.clone())
        .manage(access.clone())
        .manage(webhooks.clone())
        .manage(tls)
        .manage(UnixSocket(settings.unix_socket.clone()))
        .attach(load_keys(access.clone()))
        .attach(begin(service.clone()))
        .attach(http::stage(routes, metrics.clone()))
        .attach(ws::stage(sockets, metrics))
        .attach(Control::new(
            &settings.database,
            service.clone(),
            access,
            webhooks.clone(),
            reload_command(reload.clone()),
        ))
        .attach(webhooks)
        .attach(Sweeper(service))
        .attach(stop.clone().watch_database(settings.database.clone()))
        .attach(stop.clone().fairing());
    Ok(App {
        rocket,
        stop,
        reload,
    })
}

/// Returns the name of this process among the nodes of a PostgreSQL database.
fn node_name(settings: &Settings, figment: &Figment) -> String {
    let port = || figment.extract_inner("port").unwrap_or(0);
    let name = settings.node_name.clone();
    name.unwrap_or_else(|| store::default_node_name(port()))
}

/// Loads the keys of the identity provider before the first request, if it responds in time.
fn load_keys(access: Access) -> AdHoc {
    AdHoc::on_ignite("Identity provider", move |rocket| async move {
        access.load_keys().await;
        rocket
    })
}

/// Returns `reload` as the control socket runs it.
fn reload_command(reload: Reload) -> ReloadCommand {
    Arc::new(move || {
        let reload = reload.clone();
        Box::pin(async move { reload.reload().await })
    })
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
