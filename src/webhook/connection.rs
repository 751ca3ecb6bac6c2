//! A connection to a receiver, to an address that was looked at before.

use std::future::poll_fn;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::rt::{Read, Write};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;

use crate::settings::{Proxy, ProxyRules};

use super::address::is_public;
use super::proxy;
use super::target::Target;

/// How long a connection to one address may take to come about.
pub(super) const CONNECT_WAIT: Duration = Duration::from_secs(3);

/// How long a connection is kept for the next message: less than servers keep theirs.
const KEPT_FOR: Duration = Duration::from_secs(4);

/// A connection that takes requests.
pub(super) type Connection = SendRequest<Full<Bytes>>;

/// How receivers are connected to.
pub(super) struct Connector {
    pub tls: Arc<ClientConfig>,
    pub allow_private: bool,
    /// Proxy for endpoints that use TLS.
    pub proxy: ProxyRules,
}

impl Connector {
    /// A new connection to `target`.
    ///
    /// # Errors
    /// Why there is none, for the administrator.
    pub async fn connect(&self, target: &Target) -> Result<Connection, String> {
        if let Some(proxy) = self.proxy_for(target) {
            self.check_named_address(target)?;
            let stream = proxy::tunnel(proxy, target).await?;
            return self.secure(stream, target).await;
        }
        let addresses = self.addresses(target).await?;
        let mut failure = format!("{} has no address", target.host);
        for address in addresses {
            match timeout(CONNECT_WAIT, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => return self.secure(stream, target).await,
                Ok(Err(error)) => failure = format!("no connection to {address}: {error}"),
                Err(_) => failure = format!("no connection to {address} within {CONNECT_WAIT:?}"),
            }
        }
        Err(failure)
    }

    /// The proxy through which `target` is reached, if any.
    fn proxy_for(&self, target: &Target) -> Option<&Proxy> {
        let proxy = self.proxy.proxy_for(&target.host);
        proxy.filter(|_| target.tls.is_some())
    }

    /// Rejects a private address that the URL itself names. Names are looked up by the proxy.
    fn check_named_address(&self, target: &Target) -> Result<(), String> {
        match target.address() {
            Some(address) if !self.allow_private && !is_public(address) => {
                Err(private(target, address))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// The addresses of `target` that may be connected to. They are connected to as they are: a name that is
    /// looked up twice may lead elsewhere the second time.
    async fn addresses(&self, target: &Target) -> Result<Vec<SocketAddr>, String> {
        let host = &target.host;
        let found: Vec<SocketAddr> = match target.address() {
            Some(address) => vec![(address, target.port).into()],
            None => match timeout(CONNECT_WAIT, lookup_host((host.as_str(), target.port))).await {
                Ok(Ok(found)) => found.collect(),
                Ok(Err(error)) => return Err(format!("{host} is not found: {error}")),
                Err(_) => return Err(format!("{host} is not found within {CONNECT_WAIT:?}")),
            },
        };
        let may = |address: &SocketAddr| self.allow_private || is_public(address.ip());
        let allowed: Vec<_> = found.iter().copied().filter(may).collect();
        match found.first() {
            Some(found) if allowed.is_empty() => Err(private(target, found.ip())),
            Some(_) | None => Ok(allowed),
        }
    }

    async fn secure(&self, stream: TcpStream, target: &Target) -> Result<Connection, String> {
        // A message is one small write, for which nothing is worth waiting.
        let _ = stream.set_nodelay(true);
        let Some(name) = &target.tls else {
            return speak(TokioIo::new(stream)).await;
        };
        let connector = TlsConnector::from(Arc::clone(&self.tls));
        match connector.connect(name.clone(), stream).await {
            Ok(stream) => speak(TokioIo::new(stream)).await,
            Err(error) => Err(format!("no TLS with {}: {error}", target.host)),
        }
    }
}

fn private(target: &Target, address: IpAddr) -> String {
    let host = &target.host;
    format!("{host} is at {address}, which is private: webhook_allow_private allows that")
}

async fn speak(stream: impl Read + Write + Send + Unpin + 'static) -> Result<Connection, String> {
    let spoken = handshake(stream).await;
    let (connection, task) = spoken.map_err(|error| format!("no HTTP: {error}"))?;
    // Ends with the connection, whichever side closes it; what goes wrong shows in the request.
    tokio::spawn(async move { drop(task.await) });
    Ok(connection)
}

/// Connections to one receiver that wait for a next message.
#[derive(Default)]
pub(super) struct Idle(Mutex<Vec<(Connection, Instant)>>);

impl Idle {
    /// One of them, if any still stands.
    pub fn take(&self) -> Option<Connection> {
        let mut idle = self.0.lock();
        let now = Instant::now();
        idle.retain(|(connection, since)| {
            !connection.is_closed() && now.duration_since(*since) < KEPT_FOR
        });
        idle.pop().map(|(connection, _)| connection)
    }

    /// Keeps `connection`, whose answer was read to its end, as soon as it can take a next request.
    pub async fn keep(&self, mut connection: Connection) {
        // At once, or never where the receiver closes it.
        if poll_fn(|context| connection.poll_ready(context))
            .await
            .is_ok()
        {
            self.0.lock().push((connection, Instant::now()));
        }
    }
}
