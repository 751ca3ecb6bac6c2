//! Nodes on PostgreSQL: each takes calls. Their writers' transactions follow one another, so that all changes are in one
//! order, as on one node.
//!
//! A transaction begins with `take_turn` (schema.postgres.sql), which waits for the transaction of another node, and
//! renews the lease of this one. It fails if the node was removed: a node that was paused or cut off for longer than its
//! lease cannot write what nobody expects any more. The row of the node tells what became of a COMMIT whose answer was
//! lost.
//!
//! What the other nodes must know of a transaction is its post. Since the transactions are in one order, so are the
//! numbers of the posts, and a node reads those after the last that it knows.

mod lease;
mod list;
mod posts;
mod standing;
mod watch;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::params;

use super::engine::{Conn, Server, Session};
use super::error::Error;
use super::post::Post;
use super::roster::{self, SessionRow};
use super::schema_postgres;
use posts::{Notification, write_posts};
use watch::measure_clock;

pub(super) use lease::HEARTBEAT;
pub use list::NodeInfo;
pub(super) use list::{is_held, nodes};
pub(super) use posts::LOOK;
pub use posts::PostReceiver;
pub(super) use standing::Standing;
pub(super) use watch::waits_for_standby;

/// How long a lease lasts without a renewal: the longest time after which the others know that a node has died.
const LEASE: Duration = Duration::from_secs(10);

/// This node: the writer's connection and its lease.
pub(super) struct Node {
    server: Server,
    name: String,
    session: Session,
    incarnation: i64,
    /// Number of the last transaction.
    batch: i64,
    standing: Arc<Standing>,
    reported: Instant,
    /// Whether to look at the other nodes again at once.
    is_look_due: bool,
    /// Since when the lease was renewed again and again: another node may be dead only after a whole lease.
    steady_since: Instant,
    /// Number of the last post that was read.
    last_post: i64,
    /// What this node posts in return for the posts of others, with the next transaction.
    replies: Vec<Post>,
    notification: Notification,
}

/// Node that has joined the others.
pub(super) struct Joined {
    pub node: Node,
    /// Whether there is no other node.
    pub is_alone: bool,
    /// Whether there was no node before, or the last one stopped in order.
    pub stopped_in_order: bool,
    /// Sessions of the other nodes.
    pub sessions: Vec<SessionRow>,
}

impl Node {
    /// Brings the schema up to date and adds this process to the nodes. A node of the same `name` was this one before a
    /// crash: it is removed.
    pub fn join(server: &Server, name: &str) -> Result<Joined, Error> {
        let session = schema_postgres::open(server)?;
        prepare(server, &session)?;
        session.run_script("BEGIN; SELECT FROM turn FOR UPDATE")?;
        let conn = Conn::from(&session);
        let mut others = Vec::new();
        let (mut is_alone, mut stopped_in_order) = (true, true);
        let sql = "SELECT key, name = ?1 AS is_this FROM nodes";
        conn.each(sql, params![name].into(), |row| {
            if row.get("is_this")? {
                stopped_in_order = false;
            } else {
                is_alone = false;
                others.push(row.get::<i64>("key")?);
            }
            Ok(ControlFlow::Continue(()))
        })?;
        if is_alone {
            for table in ["sessions", "nodes", "posts"] {
                session.run_script(&format!("DELETE FROM {table}"))?;
            }
            session.run_script("UPDATE turn SET duties_until = clock_timestamp()")?;
        } else {
            conn.execute(
                "UPDATE turn SET duties_until = clock_timestamp()
                 WHERE duties_of IN (SELECT key FROM nodes WHERE name = ?1)",
                params![name].into(),
            )?;
            conn.execute(
                "UPDATE nodes SET name = name || '#' || key, is_removed = TRUE, incarnation = incarnation + 1
                 WHERE name = ?1",
                params![name].into(),
            )?;
        }
        let key = conn
            .find(
                "INSERT INTO nodes (name, version, started_at, lease_until)
                 VALUES (?1, ?2, clock_timestamp(), clock_timestamp() + CAST(?3 AS BIGINT) * interval '1 millisecond')
                 RETURNING key",
                params![name, env!("CARGO_PKG_VERSION"), milliseconds(LEASE)].into(),
                |row| row.get("key"),
            )?
            .ok_or(rusqlite::Error::QueryReturnedNoRows)?;
        let sessions = roster::all_sessions(conn)?;
        let last_post = conn
            .find(
                "SELECT coalesce(max(seq), 0) AS seq FROM posts",
                params![].into(),
                |row| row.get("seq"),
            )?
            .unwrap_or(0);
        if !is_alone {
            write_posts(conn, key, &[Post::NodeJoined])?;
        }
        session.run_script("COMMIT; NOTIFY chattrix")?;
        let standing = Standing::new(key, name, waits_for_standby(&session)?, !is_alone);
        standing.clock_lead.set(measure_clock(&session)?.0);
        standing.hold_connection(session.connection());
        let now = Instant::now();
        let mut node = Self {
            server: server.clone(),
            name: name.to_owned(),
            session,
            incarnation: 0,
            batch: 0,
            standing: standing.watched(server),
            reported: now,
            is_look_due: false,
            steady_since: now,
            last_post,
            replies: Vec::new(),
            notification: Notification::default(),
        };
        node.look_at_others()?;
        Ok(Joined {
            node,
            is_alone,
            stopped_in_order,
            sessions,
        })
    }

    /// Returns the state of the node for others.
    pub fn standing(&self) -> Arc<Standing> {
        Arc::clone(&self.standing)
    }

    /// Returns where the database is.
    pub const fn server(&self) -> &Server {
        &self.server
    }

    /// Returns the connection.
    pub const fn session(&self) -> &Session {
        &self.session
    }
}

/// Makes a new connection of the writer ready: it is notified of other nodes' posts between its transactions. PostgreSQL
/// ends it if the node stands still within a transaction, since the others wait for the turn.
fn prepare(server: &Server, session: &Session) -> Result<(), Error> {
    session.plan_by_keys()?;
    let backend = Conn::from(session).find(
        "SELECT pg_backend_pid() AS backend",
        params![].into(),
        |row| row.get("backend"),
    )?;
    server.set_own_backend(backend.unwrap_or_default());
    session.run_script("SET idle_in_transaction_session_timeout = '5s'; LISTEN chattrix")
}

/// Returns a name for this process among the nodes: its host, and its `port` or else its process id.
#[must_use]
pub fn default_node_name(port: u16) -> String {
    let host = rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned();
    match port {
        0 => format!("{host}/{}", std::process::id()),
        port => format!("{host}:{port}"),
    }
}

fn milliseconds(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}
