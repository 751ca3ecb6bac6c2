//! Relay between a server and PostgreSQL that cuts the connection at a COMMIT, or holds back all that is sent.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::select;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio_postgres::Config;
use tokio_postgres::config::Host;

/// What PostgreSQL makes of a COMMIT whose answer is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// It never gets it.
    BeforeCommit,
    /// It commits.
    AfterCommit,
}

/// Relay to PostgreSQL.
pub struct CommitCutter {
    url: PathBuf,
    next: Arc<Mutex<Option<Cut>>>,
    is_held: watch::Sender<bool>,
    accepting: JoinHandle<()>,
}

impl CommitCutter {
    /// Starts a relay to the server of `database`, a URL.
    pub async fn to(database: &Path) -> Self {
        let url = database.to_str().expect("a URL");
        let config: Config = url.parse().expect("a URL");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let user = config.get_user().expect("a user");
        let name = config.get_dbname().expect("a database");
        let next = Arc::new(Mutex::new(None));
        let shared = Arc::clone(&next);
        let (is_held, held) = watch::channel(false);
        let url = format!("postgres://{user}@127.0.0.1:{port}/{name}?sslmode=disable");
        let accepting = tokio::spawn(async move {
            // Dropped with this task, and the connections with it.
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                connections.spawn(connect(
                    client,
                    config.clone(),
                    Arc::clone(&shared),
                    held.clone(),
                ));
            }
        });
        Self {
            url: PathBuf::from(url),
            next,
            is_held,
            accepting,
        }
    }

    /// The URL of the database through the relay.
    pub fn url(&self) -> &Path {
        &self.url
    }

    /// Cuts the next COMMIT.
    pub fn cut(&self, cut: Cut) {
        self.next.lock().replace(cut);
    }

    /// Holds back everything from now on, and connections too.
    pub fn hold(&self) {
        self.is_held.send_replace(true);
    }

    /// Lets through what was held back, and everything from now on.
    pub fn release(&self) {
        self.is_held.send_replace(false);
    }

    /// Whether the last one to be cut was.
    pub fn has_cut(&self) -> bool {
        self.next.lock().is_none()
    }
}

impl Drop for CommitCutter {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn connect(
    client: TcpStream,
    config: Config,
    next: Arc<Mutex<Option<Cut>>>,
    held: watch::Receiver<bool>,
) {
    let port = config.get_ports().first().copied().unwrap_or(5432);
    match config.get_hosts().first().expect("a host") {
        Host::Unix(folder) => {
            let socket = folder.join(format!(".s.PGSQL.{port}"));
            let server = UnixStream::connect(socket).await;
            Box::pin(relay(
                client,
                server.expect("PostgreSQL listens"),
                &next,
                held,
            ))
            .await;
        }
        Host::Tcp(host) => {
            let server = TcpStream::connect((host.as_str(), port)).await;
            Box::pin(relay(
                client,
                server.expect("PostgreSQL listens"),
                &next,
                held,
            ))
            .await;
        }
    }
}

/// Copies bytes both ways until one side ends or a COMMIT is cut.
async fn relay(
    mut client: TcpStream,
    mut server: impl AsyncRead + AsyncWrite + Unpin,
    next: &Mutex<Option<Cut>>,
    mut held: watch::Receiver<bool>,
) {
    let (mut from_client, mut from_server) = ([0; 8192], [0; 8192]);
    let mut is_cut = false;
    loop {
        select! {
            read = client.read(&mut from_client) => {
                let Ok(read @ 1..) = read else { return };
                if held.wait_for(|is_held| !is_held).await.is_err() {
                    return;
                }
                let bytes = &from_client[..read];
                if contains(bytes, b"COMMIT;\0") {
                    match next.lock().take() {
                        Some(Cut::BeforeCommit) => return,
                        cut => is_cut = cut.is_some(),
                    }
                }
                if server.write_all(bytes).await.is_err() {
                    return;
                }
            }
            read = server.read(&mut from_server) => {
                let Ok(read @ 1..) = read else { return };
                if held.wait_for(|is_held| !is_held).await.is_err() {
                    return;
                }
                let bytes = &from_server[..read];
                if is_cut {
                    // The answer to COMMIT, which the client never gets.
                    if contains(bytes, b"COMMIT\0") {
                        return;
                    }
                } else if client.write_all(bytes).await.is_err() {
                    return;
                }
            }
        }
    }
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}
