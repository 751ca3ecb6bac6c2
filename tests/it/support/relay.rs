//! TCP relay between a client and the server that can go silent, like the network of a phone that is out of range: no
//! FIN, no RST, bytes are swallowed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use super::Address;

/// Relay to a server.
pub struct Relay {
    address: Address,
    directions: Arc<Directions>,
    accepting: JoinHandle<()>,
}

/// Which directions are silent.
#[derive(Default)]
struct Directions {
    from_server: AtomicBool,
    from_client: AtomicBool,
}

impl Relay {
    /// Starts a relay to the server at `target`.
    pub async fn to(target: &Address) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let directions = Arc::new(Directions::default());
        let (target, shared) = (target.clone(), Arc::clone(&directions));
        let accepting = tokio::spawn(async move {
            // Dropped with this task, and the connections with it.
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(target.tcp()).await;
                let server = server.expect("the server listens");
                connections.spawn(relay(client, server, Arc::clone(&shared)));
            }
        });
        Self {
            address: Address::with_port(port),
            directions,
            accepting,
        }
    }

    /// Where clients connect to.
    pub const fn address(&self) -> &Address {
        &self.address
    }

    /// Swallows everything from now on.
    pub fn go_silent(&self) {
        self.directions.from_server.store(true, Ordering::SeqCst);
        self.swallow_confirmations();
    }

    /// Swallows what the client sends from now on.
    pub fn swallow_confirmations(&self) {
        self.directions.from_client.store(true, Ordering::SeqCst);
    }

    /// Lets everything through again that is sent from now on.
    pub fn recover(&self) {
        self.directions.from_server.store(false, Ordering::SeqCst);
        self.directions.from_client.store(false, Ordering::SeqCst);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn relay(client: TcpStream, server: TcpStream, directions: Arc<Directions>) {
    let (from_client, mut to_client) = client.into_split();
    let (from_server, mut to_server) = server.into_split();
    tokio::join!(
        copy(from_client, &mut to_server, &directions.from_client),
        copy(from_server, &mut to_client, &directions.from_server),
    );
}

/// Copies bytes for as long as the direction is not silent. An end is passed on only then too.
async fn copy(mut from: OwnedReadHalf, to: &mut OwnedWriteHalf, is_silent: &AtomicBool) {
    let mut bytes = [0; 4096];
    while let Ok(read @ 1..) = from.read(&mut bytes).await {
        if !is_silent.load(Ordering::SeqCst) && to.write_all(&bytes[..read]).await.is_err() {
            break;
        }
    }
    if is_silent.load(Ordering::SeqCst) {
        std::future::pending::<()>().await;
    }
    let _ = to.shutdown().await;
}
