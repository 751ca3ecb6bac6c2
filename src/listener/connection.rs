//! One connection: hyper with limits of time and memory.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rocket::local::asynchronous::Client;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, sleep};

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
    /// Number of connections above which quiet ones end after `quiet`.
    pub crowd: usize,
    /// Time for which a connection may neither send nor accept a byte while there is a crowd.
    pub quiet: Duration,
    /// Whether a connection may carry a second request.
    pub keep_alive: bool,
}

impl Default for Limits {
    /// The usual order of magnitude of nginx: a mobile client needs some seconds for a head; a proxy keeps idle
    /// connections for a minute and must close them before the server does. A proxy keeps far fewer than a crowd.
    fn default() -> Self {
        Self {
            head: Duration::from_secs(10),
            idle: Duration::from_secs(75),
            body: Duration::from_secs(10),
            write: Duration::from_secs(30),
            crowd: 1_000,
            quiet: Duration::from_secs(15),
            keep_alive: true,
        }
    }
}

/// Connections that carry HTTP: each has a clone.
#[derive(Clone, Default)]
pub(super) struct Crowd(Arc<()>);

impl Crowd {
    fn size(&self) -> usize {
        Arc::strong_count(&self.0)
    }
}

/// A connection to be served.
pub(super) struct Connection {
    pub client: Arc<Client>,
    pub remote: SocketAddr,
    pub limits: Limits,
    pub heads: Arc<HeadBudget>,
    pub crowd: Crowd,
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
            crowd,
            large_units,
            mut stopping,
        } = self;
        let mut check = pin!(sleep(limits.head));
        let progress = Arc::new(Progress::new(heads));
        let io = LimitedIo::new(io, limits.write, Arc::clone(&progress));
        let service = {
            let progress = Arc::clone(&progress);
            service_fn(move |request| {
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
        let mut checks = Checks::new(progress, crowd, limits);
        let mut served = pin!(served);
        loop {
            tokio::select! {
                biased;
                // Errors of a connection are caused by the peer; requests have their own log lines.
                _ = &mut served => return,
                () = &mut check => match checks.next() {
                    Some(at) => check.as_mut().reset(at),
                    None => return,
                },
                _ = stopping.wait_for(|stopping| *stopping) => break,
            }
        }
        served.as_mut().graceful_shutdown();
        let _ = served.await;
    }
}

/// Checks of one connection, which end it if it is quiet in a crowd. An attacker's connections look like those of a
/// client that has read its responses, whose kernel accepts them.
struct Checks {
    progress: Arc<Progress>,
    crowd: Crowd,
    limits: Limits,
    /// Whether there was a crowd since the connection was opened. Otherwise those that end first would save the others.
    was_crowded: bool,
}

impl Checks {
    fn new(progress: Arc<Progress>, crowd: Crowd, limits: Limits) -> Self {
        Self {
            was_crowded: crowd.size() > limits.crowd,
            progress,
            crowd,
            limits,
        }
    }

    /// Returns when to check again; none if the connection has to end. The first check is at the limit of its first
    /// head.
    fn next(&mut self) -> Option<Instant> {
        if !self.progress.has_asked() {
            return None;
        }
        let now = Instant::now();
        self.was_crowded |= self.crowd.size() > self.limits.crowd;
        let quiet_until = self.progress.last_byte() + self.limits.quiet;
        if quiet_until > now {
            return Some(quiet_until);
        }
        let ends = self.was_crowded && !self.progress.is_answering();
        (!ends).then(|| now + self.limits.quiet)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quiet_connection_ends_in_a_crowd() {
        let progress = Arc::new(Progress::new(Arc::default()));
        let crowd = Crowd::default();
        let limits = Limits {
            crowd: 2,
            quiet: Duration::ZERO,
            ..Limits::default()
        };
        let mut checks = Checks::new(Arc::clone(&progress), crowd.clone(), limits);
        assert!(checks.next().is_none(), "its first head is late");
        progress.head_arrived();
        progress.responded();
        assert!(checks.next().is_some(), "there is no crowd");
        progress.head_arrived();
        let others = crowd.clone();
        assert!(checks.next().is_some(), "it awaits its response");
        progress.responded();
        checks.limits.quiet = Duration::from_hours(1);
        assert!(checks.next().is_some(), "it is not quiet");
        checks.limits.quiet = Duration::ZERO;
        drop(others);
        assert!(checks.next().is_none(), "there was a crowd");
    }
}
