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

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rusqlite::params;

use super::Read;
use super::engine::{Conn, Server, Session};
use super::error::Error;
use super::post::{NodeKey, Post};
use super::roster::{self, SessionRow};
use super::schema_postgres;
use crate::clock::Clock;
use crate::system_time::ClockLead;

/// How long a lease lasts without a renewal: the longest time after which the others know that a node has died.
const LEASE: Duration = Duration::from_secs(10);

/// Interval at which a node that has nothing to write renews its lease and looks at the others.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(3);

/// Interval at which a node looks for posts, in case a notification was lost.
pub(super) const LOOK: Duration = Duration::from_millis(250);

/// Time without PostgreSQL after which a node gives up if there are others: its clients find one of them.
const LONGEST_OUTAGE: Duration = Duration::from_secs(45);

/// Pauses between attempts to connect.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Longest round trip after which a measured [`ClockLead`] replaces the one before: it is exact to half of that.
const LONGEST_MEASUREMENT: Duration = Duration::from_millis(200);

/// Receives a post of another node, on the writer's thread and in the order of the commits; returns what this node posts
/// in return.
pub type PostReceiver = Box<dyn Fn(NodeKey, Post) -> Vec<Post> + Send + Sync>;

/// State of the node, as others than the writer see it.
pub(super) struct Standing {
    key: NodeKey,
    clock_lead: ClockLead,
    is_active: AtomicBool,
    is_replaced: AtomicBool,
    is_stopped: AtomicBool,
    has_standby: AtomicBool,
    requires_standby: AtomicBool,
    has_others: AtomicBool,
    has_duties: AtomicBool,
    dead: Mutex<Vec<NodeKey>>,
    receiver: OnceLock<PostReceiver>,
}

impl Standing {
    /// Returns the key of the node.
    pub const fn key(&self) -> NodeKey {
        self.key
    }

    /// Returns whether the node was not removed by others.
    pub fn is_active(&self) -> bool {
        self.is_active.load(Ordering::Relaxed)
    }

    /// Returns whether another node has started under the name of this one.
    pub fn is_replaced(&self) -> bool {
        self.is_replaced.load(Ordering::Relaxed)
    }

    /// Returns whether there are other nodes, which must know what changes.
    pub fn has_others(&self) -> bool {
        self.has_others.load(Ordering::Relaxed)
    }

    /// Returns whether this node does what one node does for all.
    pub fn has_duties(&self) -> bool {
        self.has_duties.load(Ordering::Relaxed)
    }

    /// Returns the nodes whose lease is over.
    pub fn dead(&self) -> Vec<NodeKey> {
        self.dead.lock().clone()
    }

    /// Hands posts of other nodes to `receiver` from now on.
    pub fn receive_posts(&self, receiver: PostReceiver) {
        // Set once, by the service of this store.
        let _ = self.receiver.set(receiver);
    }

    /// Returns the lead of PostgreSQL's clock, which is measured again and again.
    pub fn clock_lead(&self) -> ClockLead {
        self.clock_lead.clone()
    }

    /// Returns whether PostgreSQL waited for a standby when the node last looked.
    pub fn has_standby(&self) -> bool {
        self.has_standby.load(Ordering::Relaxed)
    }

    /// Refuses writes from now on while PostgreSQL does not wait for a standby.
    pub fn require_standby(&self) {
        self.requires_standby.store(true, Ordering::Relaxed);
    }

    /// Returns whether writes are refused for want of a standby.
    pub fn lacks_standby(&self) -> bool {
        self.requires_standby.load(Ordering::Relaxed) && !self.has_standby()
    }

    /// Records that the node stops in order.
    pub fn mark_stopped(&self) {
        self.is_stopped.store(true, Ordering::Relaxed);
    }
}

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
    /// Last time at which the lease was renewed.
    renewed: Instant,
    /// Since when the lease was renewed again and again: another node may be dead only after a whole lease.
    steady_since: Instant,
    /// Number of the last post that was read.
    last_post: i64,
    /// What this node posts in return for the posts of others, with the next transaction.
    replies: Vec<Post>,
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

/// Row of the table `posts`.
pub(super) struct PostRow {
    seq: i64,
    node: NodeKey,
    body: String,
}

impl Node {
    /// Brings the schema up to date and adds this process to the nodes. A node of the same `name` was this one before a
    /// crash: it is removed.
    pub fn join(server: &Server, name: &str) -> Result<Joined, Error> {
        let session = schema_postgres::open(server)?;
        prepare(&session)?;
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
        let clock_lead = ClockLead::default();
        clock_lead.set(measure_clock(&session)?.0);
        let standing = Standing {
            key,
            clock_lead,
            is_active: AtomicBool::new(true),
            is_replaced: AtomicBool::new(false),
            is_stopped: AtomicBool::new(false),
            has_standby: AtomicBool::new(waits_for_standby(&session)?),
            requires_standby: AtomicBool::new(false),
            has_others: AtomicBool::new(!is_alone),
            has_duties: AtomicBool::new(false),
            dead: Mutex::default(),
            receiver: OnceLock::new(),
        };
        let now = Instant::now();
        let mut node = Self {
            server: server.clone(),
            name: name.to_owned(),
            session,
            incarnation: 0,
            batch: 0,
            standing: Arc::new(standing),
            reported: now,
            renewed: now,
            steady_since: now,
            last_post,
            replies: Vec::new(),
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

    /// Begins the next transaction, whose first statement takes the turn. The answers come with later ones.
    pub fn begin(&mut self) -> Result<(), Error> {
        self.batch += 1;
        let conn = Conn::from(&self.session);
        conn.run("BEGIN", params![].into())?;
        take_turn(
            &self.session,
            self.standing.key,
            self.incarnation,
            self.batch,
        )
    }

    /// Returns whether the lease was not renewed lately.
    pub fn is_due_for_renewal(&self) -> bool {
        self.renewed.elapsed() >= HEARTBEAT
    }

    /// Records that a transaction was committed, which renews the lease, with what this node had to post.
    pub fn committed(&mut self) {
        self.replies.clear();
        self.record_renewal();
    }

    /// Renews the lease outside a transaction, and looks at the others.
    pub fn renew(&mut self) -> Result<(), Error> {
        take_turn(
            &self.session,
            self.standing.key,
            self.incarnation,
            self.batch,
        )?;
        self.session.settle()?;
        self.record_renewal();
        self.report()
    }

    fn record_renewal(&mut self) {
        if self.renewed.elapsed() > LEASE {
            self.steady_since = Instant::now();
        }
        self.renewed = Instant::now();
    }

    /// Reads the posts since the last that was received; none before there is a receiver.
    pub fn posts(&self) -> Result<Vec<PostRow>, Error> {
        if self.standing.receiver.get().is_none() {
            return Ok(Vec::new());
        }
        Read::on(&self.session).many(
            "SELECT seq, node, CASE WHEN node = ?2 THEN '' ELSE body END AS body
             FROM posts WHERE seq > ?1 ORDER BY seq",
            params![self.last_post, self.standing.key],
            |row| {
                Ok(PostRow {
                    seq: row.get("seq")?,
                    node: row.get("node")?,
                    body: row.get("body")?,
                })
            },
        )
    }

    /// Hands `posts` to the receiver, each once.
    pub fn receive(&mut self, posts: Vec<PostRow>) {
        let Some(receive) = self.standing.receiver.get() else {
            return;
        };
        for PostRow { seq, node, body } in posts {
            if seq <= self.last_post {
                continue;
            }
            self.last_post = seq;
            if node == self.standing.key {
                continue;
            }
            self.standing.has_others.store(true, Ordering::Relaxed);
            match Post::all_of(&body) {
                Ok(posts) => {
                    let replies = posts.into_iter().flat_map(|post| receive(node, post));
                    self.replies.extend(replies);
                }
                Err(error) => tracing::error!(%error, node, "a post of another node is unreadable"),
            }
        }
    }

    /// Returns whether this node has something to post in return for the posts of others.
    pub fn has_replies(&self) -> bool {
        !self.replies.is_empty()
    }

    /// Writes the post of the transaction: `posts`, and what this node posts in return for others. Returns whether there
    /// was anything.
    pub fn post(&self, posts: impl Iterator<Item = Post>) -> Result<bool, Error> {
        if !self.standing.has_others() {
            return Ok(false);
        }
        let posts: Vec<Post> = self.replies.iter().cloned().chain(posts).collect();
        if posts.is_empty() {
            return Ok(false);
        }
        write_posts(Conn::from(&self.session), self.standing.key, &posts)?;
        Ok(true)
    }

    /// Renews the duties and looks at the other nodes, if the last look is old enough.
    pub fn report(&mut self) -> Result<(), Error> {
        if self.reported.elapsed() >= HEARTBEAT {
            self.reported = Instant::now();
            self.look_at_others()?;
            self.look_for_standby()?;
            let (lead, took) = measure_clock(&self.session)?;
            if took <= LONGEST_MEASUREMENT {
                self.standing.clock_lead.set(lead);
            }
        }
        Ok(())
    }

    fn look_at_others(&mut self) -> Result<(), Error> {
        let conn = Conn::from(&self.session);
        let changed = conn.execute(
            "UPDATE turn
             SET duties_of = ?1, duties_until = clock_timestamp() + CAST(?2 AS BIGINT) * interval '1 millisecond'
             WHERE duties_of = ?1 OR duties_until <= clock_timestamp()",
            params![self.standing.key, milliseconds(LEASE)].into(),
        )?;
        let has_duties = changed > 0;
        if self.standing.has_duties.swap(has_duties, Ordering::Relaxed) != has_duties {
            tracing::info!(has_duties, "the duties of one node for all have moved");
        }
        let (mut others, mut dead) = (0, Vec::new());
        conn.each(
            "SELECT key, is_removed OR lease_until <= clock_timestamp() AS is_dead FROM nodes WHERE key <> ?1",
            params![self.standing.key].into(),
            |row| {
                others += 1;
                if row.get("is_dead")? {
                    dead.push(row.get("key")?);
                }
                Ok(ControlFlow::Continue(()))
            },
        )?;
        self.standing
            .has_others
            .store(others > 0, Ordering::Relaxed);
        // After an outage of PostgreSQL, all leases are over at once.
        let is_steady = self.steady_since.elapsed() >= LEASE;
        *self.standing.dead.lock() = if is_steady { dead } else { Vec::new() };
        if has_duties {
            conn.execute(
                "DELETE FROM posts WHERE seq < (SELECT seq FROM posts
                    WHERE at > clock_timestamp() - interval '1 minute' ORDER BY seq LIMIT 1)",
                params![].into(),
            )?;
        }
        Ok(())
    }

    fn look_for_standby(&self) -> Result<(), Error> {
        let has_standby = waits_for_standby(&self.session)?;
        let had_standby = self
            .standing
            .has_standby
            .swap(has_standby, Ordering::Relaxed);
        if had_standby && !has_standby {
            tracing::warn!("PostgreSQL does not wait for a synchronous standby any more");
        } else if has_standby && !had_standby {
            tracing::info!("PostgreSQL waits for a synchronous standby");
        }
        Ok(())
    }

    /// Ends the transaction that failed; returns whether it was committed all the same. After a COMMIT without an
    /// answer only the table tells, on another connection: raising the incarnation waits for the old connection's row
    /// lock, and makes whatever still comes from it fail.
    ///
    /// # Errors
    /// Nobody knows: PostgreSQL was not reachable in time, or the node was removed.
    pub fn recover(&mut self, in_doubt: bool) -> Result<bool, Error> {
        if !in_doubt && !self.session.is_closed() && self.session.roll_back().is_ok() {
            self.check_lease()?;
            return Ok(false);
        }
        let deadline = Instant::now() + self.server.patience();
        let mut pause = FIRST_PAUSE;
        loop {
            match self.reconnect() {
                Ok(last) => return Ok(last >= self.batch),
                Err(error) if Instant::now() + pause >= deadline || !self.standing.is_active() => {
                    return Err(error);
                }
                Err(_) => std::thread::sleep(pause),
            }
            pause = (2 * pause).min(LONGEST_PAUSE);
        }
    }

    /// Connects again if the connection is lost.
    pub fn ensure_connected(&mut self) -> Result<(), Error> {
        if self.session.is_closed() {
            self.reconnect()?;
        }
        Ok(())
    }

    /// Connects again and raises the incarnation; returns the number of the last transaction that was committed.
    fn reconnect(&mut self) -> Result<i64, Error> {
        let session = self.connect()?;
        let found = Conn::from(&session).find(
            "UPDATE nodes SET incarnation = incarnation + 1, lease_until = clock_timestamp() + CAST(?2 AS BIGINT) * interval '1 millisecond'
             WHERE key = ?1 AND NOT is_removed RETURNING incarnation, batch",
            params![self.standing.key, milliseconds(LEASE)].into(),
            |row| Ok((row.get("incarnation")?, row.get("batch")?)),
        )?;
        let Some((incarnation, batch)) = found else {
            return Err(self.lose(Some(&session)));
        };
        tracing::info!("connected to PostgreSQL again");
        (self.session, self.incarnation) = (session, incarnation);
        (self.renewed, self.steady_since) = (Instant::now(), Instant::now());
        Ok(batch)
    }

    fn connect(&self) -> Result<Session, Error> {
        let connected = Session::connect(&self.server);
        let session = match connected {
            Err(_) if self.standing.has_others() && self.renewed.elapsed() > LONGEST_OUTAGE => {
                return Err(self.lose(None));
            }
            connected => connected?,
        };
        prepare(&session)?;
        Ok(session)
    }

    /// Fails if the node was removed.
    fn check_lease(&self) -> Result<(), Error> {
        let found = Conn::from(&self.session).find(
            "SELECT key FROM nodes WHERE key = ?1 AND incarnation = ?2",
            params![self.standing.key, self.incarnation].into(),
            |row| row.get::<i64>("key"),
        )?;
        match found {
            Some(_) => Ok(()),
            None => Err(self.lose(Some(&self.session))),
        }
    }

    /// Records that the node was removed; by `session`, whether another one has its name.
    fn lose(&self, session: Option<&Session>) -> Error {
        let sql = "SELECT EXISTS (SELECT FROM nodes WHERE name = ?1 AND key <> ?2) AS is_replaced";
        let key = self.standing.key;
        let is_replaced = session.is_some_and(|session| {
            let found = Conn::from(session).find(sql, params![self.name, key].into(), |row| {
                row.get("is_replaced")
            });
            matches!(found, Ok(Some(true)))
        });
        let replaced = &self.standing.is_replaced;
        replaced.store(is_replaced, Ordering::Relaxed);
        self.standing.is_active.store(false, Ordering::Relaxed);
        Error::Unavailable("the other nodes have removed this one".to_owned())
    }

    /// Leaves the other nodes, so that they need not wait until the lease is over. A node that has not stopped in order
    /// leaves its row and its sessions to whoever removes it.
    pub fn leave(&mut self) -> Result<(), Error> {
        let key = self.standing.key;
        self.begin()?;
        let conn = Conn::from(&self.session);
        conn.run(
            "UPDATE turn SET duties_until = clock_timestamp() WHERE duties_of = ?1",
            params![key].into(),
        )?;
        if self.standing.is_stopped.load(Ordering::Relaxed) {
            conn.run("DELETE FROM sessions WHERE node = ?1", params![key].into())?;
            conn.run("DELETE FROM nodes WHERE key = ?1", params![key].into())?;
            self.post(std::iter::once(Post::NodeLeft))?;
        } else {
            conn.run(
                "UPDATE nodes SET lease_until = clock_timestamp() WHERE key = ?1",
                params![key].into(),
            )?;
        }
        self.session.run_script("COMMIT; NOTIFY chattrix")
    }
}

/// Makes a new connection of the writer ready. PostgreSQL ends it if the node stands still within a transaction: the
/// others wait for the turn.
fn prepare(session: &Session) -> Result<(), Error> {
    session.plan_by_keys()?;
    session.run_script("SET idle_in_transaction_session_timeout = '5s'")
}

/// Returns whether PostgreSQL acknowledges a COMMIT of `session` only when a standby has it. By the settings, which everybody
/// may read: with them, a COMMIT without a standby waits for one.
pub(super) fn waits_for_standby(session: &Session) -> Result<bool, Error> {
    let sql = "SELECT current_setting('synchronous_standby_names') <> ''
                  AND current_setting('synchronous_commit') IN ('on', 'remote_apply') AS waits";
    let waits = Conn::from(session).find(sql, params![].into(), |row| row.get("waits"))?;
    Ok(waits.unwrap_or(false))
}

/// Returns the lead of PostgreSQL's clock in milliseconds, and how long the measurement took: it is exact to half of that.
fn measure_clock(session: &Session) -> Result<(i64, Duration), Error> {
    let sql = "SELECT CAST(floor(extract(epoch FROM clock_timestamp()) * 1000) AS BIGINT) AS now";
    let (began, before) = (Instant::now(), Clock::System.now());
    let found = Conn::from(session).find(sql, params![].into(), |row| row.get::<i64>("now"))?;
    let took = began.elapsed();
    let middle = before.plus(took / 2).as_millis();
    Ok((found.unwrap_or(middle).saturating_sub(middle), took))
}

/// Returns whether a node runs on `server`.
pub(super) fn is_held(server: &Server) -> Result<bool, Error> {
    let session = Session::connect(server)?;
    if schema_postgres::is_empty(&session, server)? {
        return Ok(false);
    }
    let sql = "SELECT EXISTS (SELECT FROM nodes WHERE lease_until > clock_timestamp() AND NOT is_removed) AS is_held";
    let is_held = Conn::from(&session).find(sql, params![].into(), |row| row.get("is_held"))?;
    Ok(is_held.unwrap_or(false))
}

/// Node that runs, or whose lease is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeInfo {
    /// Its name.
    pub name: String,
    /// Version of its program.
    pub version: String,
    /// Whether its lease is not over.
    pub is_active: bool,
    /// Whether it does what one node does for all: webhooks, retention, removal of dead nodes.
    pub has_duties: bool,
    /// Sessions that are connected to it.
    pub sessions: i64,
    /// Seconds since it started.
    pub running_for: i64,
    /// Seconds since it last renewed its lease.
    pub silent_for: i64,
}

/// Returns the nodes, in the order of their names.
pub(super) fn nodes(session: &Session) -> Result<Vec<NodeInfo>, Error> {
    Read::on(session).many(
        "SELECT n.name, n.version, n.lease_until > clock_timestamp() AND NOT n.is_removed AS is_active,
                coalesce(t.duties_of = n.key AND t.duties_until > clock_timestamp(), FALSE) AS has_duties,
                (SELECT count(*) FROM sessions AS s WHERE s.node = n.key AND s.left_at IS NULL) AS sessions,
                CAST(extract(epoch FROM clock_timestamp() - n.started_at) AS BIGINT) AS running_for,
                CAST(extract(epoch FROM clock_timestamp() - n.lease_until) AS BIGINT) + ?1 AS silent_for
         FROM nodes AS n CROSS JOIN turn AS t ORDER BY n.name",
        params![milliseconds(LEASE) / 1_000],
        |row| {
            Ok(NodeInfo {
                name: row.get("name")?,
                version: row.get("version")?,
                is_active: row.get("is_active")?,
                has_duties: row.get("has_duties")?,
                sessions: row.get("sessions")?,
                running_for: row.get("running_for")?,
                silent_for: row.get::<i64>("silent_for")?.max(0),
            })
        },
    )
}

fn take_turn(session: &Session, key: NodeKey, incarnation: i64, batch: i64) -> Result<(), Error> {
    Conn::from(session).run(
        "SELECT take_turn(?1, ?2, ?3, ?4)",
        params![key, incarnation, batch, milliseconds(LEASE)].into(),
    )
}

fn write_posts(conn: Conn<'_>, key: NodeKey, posts: &[Post]) -> Result<(), Error> {
    conn.run(
        "INSERT INTO posts (node, body) VALUES (?1, ?2)",
        params![key, Post::text_of(posts)].into(),
    )
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
