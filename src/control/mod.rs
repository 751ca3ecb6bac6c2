//! Control socket: the connection of commands to the running server (contract section 7).
//!
//! A Unix socket beside the database, `<database>-control`, for the user of the server only (mode 0600): a user who can
//! read the database may control its server, and no token is required. A connection carries one request and its
//! answers; the shapes are in [`crate::wire::control`]. The socket exists while the server runs. If it cannot be
//! created, the server runs without it and logs that, and commands report it.

mod connection;
mod delivery;
mod filter;
mod machine;
mod sessions;
mod webhooks;

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use rocket::fairing::{Fairing, Info, Kind};
use rocket::{Orbit, Rocket};
use tokio::net::{UnixListener, UnixSocket, UnixStream};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};

use crate::guard::Access;
use crate::service::Service;
use crate::store;
use crate::webhook::Webhooks;
use crate::wire::control::{Answer, Reloaded};

pub(crate) use delivery::delivered;
pub use machine::{open_files_limit, raise_open_files_limit};

/// Maximum number of connected commands: some that watch, and a script or two.
const MAX_CONNECTIONS: usize = 16;

/// Connections that the system queues while the server is busy.
const BACKLOG: u32 = 16;

/// Pause after a failed accept (no file descriptor is free), to avoid a busy loop.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// Returns the path of the control socket of the server of `database`: beside the file. On PostgreSQL it is in the
/// working directory, under the name of the database.
#[must_use]
pub fn socket_path(database: &Path) -> PathBuf {
    if store::is_url(database) {
        return PathBuf::from(format!("{}-control", store::name_in_url(database)));
    }
    store::beside(database, "-control")
}

/// State that all connections share.
struct Shared {
    service: Service,
    access: Access,
    webhooks: Webhooks,
    reload: ReloadCommand,
    started: Instant,
}

/// Reload of the settings; fails with a message for the administrator.
pub type ReloadCommand =
    Arc<dyn Fn() -> BoxFuture<'static, Result<Reloaded, String>> + Send + Sync>;

/// Control socket of the running server.
pub struct Control {
    path: PathBuf,
    shared: Arc<Shared>,
    running: Mutex<Option<Running>>,
}

/// Task that accepts connections.
struct Running {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Control {
    /// Creates the control socket of `service` behind `access`, whose database is `database`; it tests endpoints
    /// through `webhooks` and reloads the settings by `reload`.
    #[must_use]
    pub fn new(
        database: &Path,
        service: Service,
        access: Access,
        webhooks: Webhooks,
        reload: ReloadCommand,
    ) -> Self {
        Self {
            path: socket_path(database),
            shared: Arc::new(Shared {
                service,
                access,
                webhooks,
                reload,
                started: Instant::now(),
            }),
            running: Mutex::new(None),
        }
    }
}

#[rocket::async_trait]
impl Fairing for Control {
    fn info(&self) -> Info {
        Info {
            name: "Control socket",
            kind: Kind::Liftoff | Kind::Shutdown,
        }
    }

    async fn on_liftoff(&self, _: &Rocket<Orbit>) {
        let listener = match listen(&self.path) {
            Ok(listener) => listener,
            Err(error) => {
                tracing::warn!(
                    %error, path = %self.path.display(),
                    "cannot open the control socket: `call end`, `call watch`, `session`, `contact` and `db prune` will not reach this server"
                );
                return;
            }
        };
        let (stop, stopped) = oneshot::channel();
        let socket = SocketFile(self.path.clone());
        let shared = Arc::clone(&self.shared);
        let task = tokio::spawn(async move {
            take_connections(listener, &shared, stopped).await;
            drop(socket);
        });
        *self.running.lock() = Some(Running { stop, task });
    }

    /// Waits until nothing holds the service any more: the lock on the database is released with it.
    async fn on_shutdown(&self, _: &Rocket<Orbit>) {
        let running = self.running.lock().take();
        if let Some(Running { stop, task }) = running {
            let _ = stop.send(());
            if task.await.is_err() {
                tracing::error!("the control socket task panicked");
            }
        }
    }
}

/// File of the socket, removed when dropped.
struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        // A file that cannot be removed is stale, and replaced at the next start.
        let _ = fs::remove_file(&self.0);
    }
}

/// Listens at `path`. A file that exists there is stale: this server holds the lock on the database, so no other server
/// listens.
fn listen(path: &Path) -> io::Result<UnixListener> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => (),
    }
    let socket = UnixSocket::new_stream()?;
    socket.bind(path)?;
    // Before any client can connect, which is possible once it listens.
    fs::set_permissions(path, Permissions::from_mode(0o600))?;
    socket.listen(BACKLOG)
}

async fn take_connections(
    listener: UnixListener,
    shared: &Arc<Shared>,
    mut stopped: oneshot::Receiver<()>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = &mut stopped => break,
            Some(_) = connections.join_next() => (),
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) if connections.len() < MAX_CONNECTIONS => {
                    connections.spawn(connection::serve(stream, Arc::clone(shared)));
                }
                Ok((stream, _)) => refuse(&stream),
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a command");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    connections.shutdown().await;
}

fn refuse(stream: &UnixStream) {
    let answer = Answer::Failed {
        message: format!("{MAX_CONNECTIONS} commands are connected to the server already"),
    };
    // The buffer of a new connection has space for a line; if it does not, closing the connection is enough.
    let _ = stream.try_write(answer.to_line().as_bytes());
}
