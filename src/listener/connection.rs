//! One connection: hyper with limits of time and memory.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rocket::local::asynchronous::Client;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, sleep_until};

use super::dispatch::{Exchange, dispatch};
use super::limited_io::{HeadBudget, LimitedIo, Progress};

/// Limits of a connection that carries HTTP.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Time from the connection, or the TLS handshake, to the whole head of its first request.
    pub head: Duration,
    /// Time from one response to the whole head of the next request: keep-alive.
    pub idle: Duration,
    /// Time for the body of a request.
    pub body: Duration,
    /// Time for which a client may accept no byte of a response.
    pub write: Duration,
    /// Whether a connection may carry a second request.
    pub keep_alive: bool,
}

impl Default for Limits {
    /// The usual order of magnitude of nginx: a mobile client needs some seconds for a head; a proxy keeps idle
    /// connections for a minute and must close them before the server does.
    fn default() -> Self {
        Self {
            head: Duration::from_secs(10),
            idle: Duration::from_secs(75),
            body: Duration::from_secs(10),
            write: Duration::from_secs(30),
            keep_alive: true,
        }
    }
}

/// A connection to be served.
pub(super) struct Connection {
    pub client: Arc<Client>,
    pub remote: SocketAddr,
    pub limits: Limits,
    pub heads: Arc<HeadBudget>,
    pub large_units: Arc<Semaphore>,
    pub stopping: watch::Receiver<bool>,
}

impl Connection {
    /// Serves requests on `io` until the peer or a limit ends it, or it is upgraded.
    pub async fn serve(self, io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let Self {
            client,
            remote,
            limits,
            heads,
            large_units,
            mut stopping,
        } = self;
        let first_head_by = Instant::now() + limits.head;
        let has_asked = Arc::new(AtomicBool::new(false));
        let progress = Arc::new(Progress::new(heads));
        let io = LimitedIo::new(io, limits.write, Arc::clone(&progress));
        let service = {
            let has_asked = Arc::clone(&has_asked);
            service_fn(move |request| {
                has_asked.store(true, Ordering::Relaxed);
                progress.head_arrived();
                dispatch(Exchange {
                    client: Arc::clone(&client),
                    remote,
                    body_time: limits.body,
                    progress: Arc::clone(&progress),
                    large_units: Arc::clone(&large_units),
                    request,
                })
            })
        };
        let served = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.idle)
            .keep_alive(limits.keep_alive)
            .title_case_headers(true)
            // Without copies into one buffer, a piece of a response is released when it has been written.
            .writev(true)
            .serve_connection(TokioIo::new(io), service)
            .with_upgrades();
        let mut served = pin!(served);
        let mut first_head = pin!(sleep_until(first_head_by));
        let mut waits_for_head = true;
        loop {
            tokio::select! {
                biased;
                // Errors of a connection are caused by the peer; requests have their own log lines.
                _ = &mut served => return,
                () = &mut first_head, if waits_for_head => {
                    if !has_asked.load(Ordering::Relaxed) {
                        return;
                    }
                    waits_for_head = false;
                }
                _ = stopping.wait_for(|stopping| *stopping) => break,
            }
        }
        served.as_mut().graceful_shutdown();
        let _ = served.await;
    }
}
