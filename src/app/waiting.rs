//! A node that waits while another one is active on the same PostgreSQL database: it answers every request with 503.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use rocket::fairing::AdHoc;
use rocket::figment::Figment;
use rocket::http::Status;
use rocket::response::content::RawJson;
use rocket::{Request, Shutdown, catch, catchers, get, routes};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::sleep;

use crate::guard::ApiError;
use crate::listener::{self, LaunchError, Limits, Tls, UnixSocket};
use crate::settings::Settings;
use crate::store::WaitingNode;

use super::ours;

/// Interval at which a waiting node looks whether it may take over.
const LOOK: Duration = Duration::from_secs(1);

/// How the wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitEnd {
    /// The lease is free.
    TakeOver,
    /// A signal stopped the node.
    Stopped,
}

/// Answers every request with 503 until `node` may take over or a signal stops it. `ready` runs once the node listens.
pub async fn wait(
    settings: &Settings,
    figment: Figment,
    node: WaitingNode,
    ready: fn(),
) -> Result<WaitEnd, LaunchError> {
    let is_stopped = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&is_stopped);
    // A fairing has to be shareable between threads.
    let node = Mutex::new(node);
    let watch = AdHoc::on_liftoff("Wait for the lease", move |rocket| {
        let shutdown = rocket.shutdown();
        Box::pin(async move {
            tokio::spawn(watch_lease(node.into_inner(), shutdown.clone()));
            tokio::spawn(watch_signals(stopped, shutdown));
            tracing::info!(
                "waiting: another node is active on this database; this one answers 503 until it takes over"
            );
            ready();
        })
    });
    let rocket = rocket::custom(ours(figment))
        .manage(Tls::default())
        .manage(UnixSocket(settings.unix_socket.clone()))
        .mount("/", routes![alive, ready_state])
        .register("/", catchers![refuse])
        .attach(watch);
    listener::launch(rocket, Limits::default()).await?;
    Ok(if is_stopped.load(Ordering::SeqCst) {
        WaitEnd::Stopped
    } else {
        WaitEnd::TakeOver
    })
}

/// The process answers.
#[get("/healthz")]
const fn alive() -> &'static str {
    "ok\n"
}

/// The node is not ready.
#[get("/readyz")]
fn ready_state() -> (Status, RawJson<String>) {
    let state = serde_json::json!({ "status": "waiting", "version": env!("CARGO_PKG_VERSION") });
    (Status::ServiceUnavailable, RawJson(state.to_string()))
}

#[catch(default)]
fn refuse(_: Status, _: &Request<'_>) -> ApiError {
    ApiError::unavailable("Another node is active")
}

async fn watch_lease(mut node: WaitingNode, shutdown: Shutdown) {
    let mut was_reachable = true;
    loop {
        let looked = tokio::task::spawn_blocking(move || {
            let looked = node.may_take_over();
            (node, looked)
        });
        let Ok((same, looked)) = looked.await else {
            tracing::error!("the look at the lease panicked");
            return shutdown.notify();
        };
        node = same;
        match looked {
            Ok(true) => return shutdown.notify(),
            Ok(false) => was_reachable = true,
            Err(error) => {
                if std::mem::take(&mut was_reachable) {
                    tracing::warn!(%error, "this waiting node cannot reach its database");
                }
            }
        }
        sleep(LOOK).await;
    }
}

async fn watch_signals(stopped: Arc<AtomicBool>, shutdown: Shutdown) {
    let kinds = [
        SignalKind::terminate(),
        SignalKind::interrupt(),
        SignalKind::quit(),
    ];
    let signals: Result<Vec<Signal>, _> = kinds.into_iter().map(signal).collect();
    match signals {
        Ok(mut signals) => {
            let received = signals.iter_mut().map(|one| Box::pin(one.recv()));
            futures_util::future::select_all(received).await;
            stopped.store(true, Ordering::SeqCst);
            shutdown.notify();
        }
        Err(error) => tracing::error!(%error, "cannot handle signals while waiting"),
    }
}
