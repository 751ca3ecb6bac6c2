//! Several nodes on one PostgreSQL database. Users of one call are connected to different nodes, and each request goes to
//! a random one.

mod calls;
mod failures;
mod races;
mod sessions;
mod status;
mod stop;

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::time::sleep;

use crate::support::{Api, Cluster, Socket};

/// Nodes of a test.
const NODES: usize = 3;

/// Time limit for what follows the end of a lease, on a loaded machine: the lease has 10 s.
const AFTER_LEASE: Duration = Duration::from_mins(1);

/// Device of a user, and its socket.
struct Device {
    api: Api,
    socket: Socket,
}

impl Device {
    /// Connects the session `session` of `user` to the node at `place`.
    async fn connect(cluster: &Cluster, user: &str, session: &str, place: usize) -> Self {
        let api = cluster.sign_in(user, session);
        let socket = cluster.socket(&api, place).await;
        Self { api, socket }
    }
}

/// Connects a phone and a tablet of Alice and of Bob, each user to two nodes and the phones to different ones.
async fn connect_participants(cluster: &Cluster) -> [Device; 4] {
    let mut devices = Vec::new();
    for (user, session, place) in [
        ("alice", "phone", 0),
        ("alice", "tablet", 1),
        ("bob", "phone", 1),
        ("bob", "tablet", 2),
    ] {
        devices.push(Device::connect(cluster, user, session, place).await);
    }
    devices.try_into().ok().expect("four devices")
}

/// Sends an event of the backend to `users`. It comes after all events of changes that were answered before.
async fn send_app_event(cluster: &Cluster, users: &[&str], kind: &str) -> Value {
    let body = json!({ "users": users, "type": kind, "data": { "n": 1 } });
    let sent = cluster.backend().post("/api/server/v1/events", &body).await;
    sent.success(200)
}

/// Asserts that nothing else was sent to `sockets`, those of all sessions of `users`.
async fn expect_nothing_else<'a>(
    cluster: &Cluster,
    users: &[&str],
    sockets: impl IntoIterator<Item = &'a mut Socket>,
) {
    send_app_event(cluster, users, "app.last").await;
    for socket in sockets {
        socket.expect("app.last").await;
    }
}

/// Asks `probe` until it says yes, for at most [`AFTER_LEASE`].
async fn after_the_lease(what: &str, mut probe: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !probe().await {
        assert!(began.elapsed() < AFTER_LEASE, "waited for {what}");
        sleep(Duration::from_millis(50)).await;
    }
}

/// Returns how many sessions of `user` the node that `viewer` asks counts as connected.
async fn connected_sessions(viewer: &Api, user: &str) -> u64 {
    let path = format!("/api/v1/users/status/{user}");
    let status = viewer.get(&path).await.success(200);
    status["activeSessionCount"].as_u64().expect("a count")
}
