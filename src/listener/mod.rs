//! HTTP listener: accept loop, TLS, time and size limits of connections, and dispatch into Rocket.
//!
//! Rocket 0.5 has no timeout for request heads, bodies or responses, buffers 400 KiB of a head, and its own accept
//! loop cannot be replaced. So the connections are served by hyper here, with limits, and each request is handed to
//! Rocket through its local client, which runs the same routing, guards, fairings and catchers. Rocket's settings
//! `address`, `port`, `tls` and `keep_alive` mean what they mean to Rocket.

mod connection;
mod dispatch;
mod limited_io;
mod tls;
mod upgrade;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rocket::local::asynchronous::Client;
use rocket::{Build, Config, Rocket};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout, timeout_at};

pub use connection::Limits;
use limited_io::HeadBudget;
pub use tls::Tls;
pub use upgrade::{Upgraded, on_upgrade};

/// Wait after a failed accept: at the limit of open files, connections end in the meantime.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// Time that requests in progress have to finish when the server stops. All writes are answered by then.
const DRAIN: Duration = Duration::from_secs(1);

/// Reasons for which a server does not start.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// Rocket's own settings are wrong.
    #[error("{0}")]
    Settings(String),
    /// The certificate or its key cannot be used.
    #[error("tls: {0}")]
    Tls(String),
    /// The address cannot be bound.
    #[error("the server cannot listen on {address}: {error}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// The system's error.
        error: io::Error,
    },
    /// Rocket refused to start.
    #[error(transparent)]
    Rocket(#[from] Box<rocket::Error>),
}

/// Serves `rocket` until its shutdown is notified; returns when its connections have ended.
///
/// The port is bound before the fairings run, and `port` in the launched configuration is the bound one.
///
/// # Errors
/// [`LaunchError`].
pub async fn launch(rocket: Rocket<Build>, limits: Limits) -> Result<(), LaunchError> {
    let config = Config::try_from(rocket.figment())
        .map_err(|error| LaunchError::Settings(error.to_string()))?;
    let tls = rocket.state::<Tls>().cloned().unwrap_or_default();
    tls.replace(Tls::load(&config).map_err(LaunchError::Tls)?);
    let address = SocketAddr::new(config.address, config.port);
    let bind_error = |error| LaunchError::Bind { address, error };
    let listener = TcpListener::bind(address).await.map_err(bind_error)?;
    let bound = listener.local_addr().map_err(bind_error)?;
    let figment = rocket.figment().clone().merge(("port", bound.port()));
    let client = Client::untracked(rocket.configure(figment))
        .await
        .map_err(Box::new)?;
    let server = Server {
        client: Arc::new(client),
        tls,
        limits: Limits {
            keep_alive: limits.keep_alive && config.keep_alive > 0,
            ..limits
        },
        heads: Arc::default(),
    };
    server.run(listener).await;
    Ok(())
}

/// Launched server.
#[derive(Clone)]
struct Server {
    client: Arc<Client>,
    tls: Tls,
    limits: Limits,
    heads: Arc<HeadBudget>,
}

impl Server {
    async fn run(self, listener: TcpListener) {
        let mut shutdown = self.client.rocket().shutdown();
        let stopping = watch::Sender::new(false);
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                biased;
                () = &mut shutdown => break,
                accepted = listener.accept() => match accepted {
                    Ok((stream, remote)) => {
                        let serving = self.clone().serve(stream, remote, stopping.subscribe());
                        connections.spawn(serving);
                    }
                    Err(error) if is_of_one_connection(&error) => {}
                    Err(error) => {
                        tracing::warn!(%error, "cannot accept a connection");
                        sleep(ACCEPT_RETRY).await;
                    }
                },
                Some(_) = connections.join_next() => {}
            }
        }
        drop(listener);
        stopping.send_replace(true);
        let deadline = Instant::now() + DRAIN;
        while let Ok(Some(_)) = timeout_at(deadline, connections.join_next()).await {}
        connections.shutdown().await;
        self.terminate(deadline).await;
    }

    /// Runs the shutdown fairings. Requests that still run hold the client; they have until `deadline` too.
    async fn terminate(self, deadline: Instant) {
        let mut client = self.client;
        loop {
            match Arc::try_unwrap(client) {
                Ok(client) => {
                    client.terminate().await;
                    return;
                }
                Err(_) if Instant::now() >= deadline => {
                    tracing::warn!("the server stops with requests in progress");
                    return;
                }
                Err(shared) => client = shared,
            }
            sleep(Duration::from_millis(5)).await;
        }
    }

    async fn serve(self, stream: TcpStream, remote: SocketAddr, stopping: watch::Receiver<bool>) {
        // A small message must not wait for the acknowledgement of the one before it.
        let _ = stream.set_nodelay(true);
        let Self {
            client,
            tls,
            limits,
            heads,
        } = self;
        let connection = connection::Connection {
            client,
            remote,
            limits,
            heads,
            stopping,
        };
        match tls.acceptor() {
            None => connection.serve(stream).await,
            Some(tls) => {
                // Failed and slow handshakes end here; a scanner makes many of them.
                if let Ok(Ok(stream)) = timeout(limits.head, tls.accept(stream)).await {
                    connection.serve(stream).await;
                }
            }
        }
    }
}

/// Whether an accept failed for the connection's own fault: it was gone before it was accepted.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
    )
}
