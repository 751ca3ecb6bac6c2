//! HTTP listener: accept loop, TLS, time and size limits of connections, and dispatch into Rocket.
//!
//! Rocket 0.5 has no timeout for request heads, bodies or responses, buffers 400 KiB of a head, and its own accept
//! loop cannot be replaced. So the connections are served by hyper here, with limits, and each request is handed to
//! Rocket through its local client, which runs the same routing, guards, fairings and catchers. Rocket's settings
//! `address`, `port`, `tls` and `keep_alive` mean what they mean to Rocket.

mod connection;
mod dispatch;
mod limited_io;
mod shared_body;
mod tls;
mod unix_socket;
mod upgrade;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rocket::local::asynchronous::Client;
use rocket::{Build, Config, Rocket};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use connection::Crowd;
pub use connection::Limits;
use limited_io::HeadBudget;
pub use shared_body::SharedBody;
pub use tls::Tls;
use unix_socket::OpenUnixSocket;
pub use unix_socket::UnixSocket;
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
    /// The Unix socket cannot be opened.
    #[error("the server cannot listen on the Unix socket {}: {error}", path.display())]
    UnixSocket {
        /// The file.
        path: PathBuf,
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
pub async fn launch(rocket: Rocket<Build>, limits: Limits) -> Result<(), LaunchError> {
    let config = Config::try_from(rocket.figment())
        .map_err(|error| LaunchError::Settings(error.to_string()))?;
    let tls = rocket.state::<Tls>().cloned().unwrap_or_default();
    tls.replace(Tls::load(&config).map_err(LaunchError::Tls)?);
    let address = SocketAddr::new(config.address, config.port);
    let bind_error = |error| LaunchError::Bind { address, error };
    let listener = TcpListener::bind(address).await.map_err(bind_error)?;
    let bound = listener.local_addr().map_err(bind_error)?;
    let unix_socket = rocket.state::<UnixSocket>().cloned().unwrap_or_default();
    let unix_socket = unix_socket.0.map(|path| {
        OpenUnixSocket::open(&path).map_err(|error| LaunchError::UnixSocket { path, error })
    });
    let unix_socket = unix_socket.transpose()?;
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
        crowd: Crowd::default(),
        large_units: Arc::new(Semaphore::new(dispatch::LARGE_UNITS)),
    };
    server
        .run(Listeners {
            tcp: listener,
            unix_socket,
        })
        .await;
    Ok(())
}

/// Open listeners.
struct Listeners {
    tcp: TcpListener,
    unix_socket: Option<OpenUnixSocket>,
}

/// Accepted connection.
enum Accepted {
    Tcp(TcpStream, SocketAddr),
    Unix(UnixStream),
}

impl Listeners {
    async fn accept(&self) -> io::Result<Accepted> {
        let tcp = async {
            let (stream, remote) = self.tcp.accept().await?;
            Ok(Accepted::Tcp(stream, remote))
        };
        let Some(unix_socket) = &self.unix_socket else {
            return tcp.await;
        };
        let unix = async {
            let (stream, _) = unix_socket.listener.accept().await?;
            Ok(Accepted::Unix(stream))
        };
        tokio::select! {
            accepted = tcp => accepted,
            accepted = unix => accepted,
        }
    }
}

/// Launched server.
#[derive(Clone)]
struct Server {
    client: Arc<Client>,
    tls: Tls,
    limits: Limits,
    heads: Arc<HeadBudget>,
    crowd: Crowd,
    large_units: Arc<Semaphore>,
}

impl Server {
    async fn run(self, listeners: Listeners) {
        let mut shutdown = self.client.rocket().shutdown();
        let stopping = watch::Sender::new(false);
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                biased;
                () = &mut shutdown => break,
                accepted = listeners.accept() => match accepted {
                    Ok(accepted) => {
                        connections.spawn(self.clone().serve(accepted, stopping.subscribe()));
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
        drop(listeners);
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

    async fn serve(self, accepted: Accepted, stopping: watch::Receiver<bool>) {
        let tls = self.tls.acceptor();
        match accepted {
            // A peer on this machine is treated like one on the loopback interface; TLS is for the network.
            Accepted::Unix(stream) => {
                let remote = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
                self.serve_http(stream, remote, stopping).await;
            }
            Accepted::Tcp(stream, remote) => {
                // A small message must not wait for the acknowledgement of the previous one (Nagle's algorithm).
                let _ = stream.set_nodelay(true);
                let Some(tls) = tls else {
                    return self.serve_http(stream, remote, stopping).await;
                };
                // Failed and slow handshakes end here without a log line; a scanner causes many of them.
                if let Ok(Ok(stream)) = timeout(self.limits.head, tls.accept(stream)).await {
                    self.serve_http(stream, remote, stopping).await;
                }
            }
        }
    }

    async fn serve_http(
        self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        remote: SocketAddr,
        stopping: watch::Receiver<bool>,
    ) {
        let connection = connection::Connection {
            client: self.client,
            remote,
            limits: self.limits,
            heads: self.heads,
            crowd: self.crowd,
            large_units: self.large_units,
            stopping,
        };
        connection.serve(stream).await;
    }
}

/// Whether an accept failed because of that connection: it was closed before it was accepted.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
    )
}
