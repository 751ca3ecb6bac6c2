//! Nodes on PostgreSQL: one is active and has the lease, the others wait for it.
//!
//! The lease is the row of the table `leader`. Each transaction of the active node begins with its renewal, which fails
//! if another node has taken it (`renew_lease` in schema.postgres.sql). So a node that was paused or cut off cannot write
//! what nobody expects any more, and the row tells what became of a COMMIT whose answer was lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rusqlite::params;

use super::engine::{Conn, Server, Session};
use super::error::Error;
use super::schema_postgres;
use crate::clock::Clock;
use crate::system_time::ClockLead;

/// How long a lease lasts without a renewal: the longest time in which no node is active after one has died.
const LEASE: Duration = Duration::from_secs(10);

/// Interval at which a node that has nothing to write renews its lease, and at which waiting nodes report.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(3);

/// Pauses between attempts to connect.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Longest round trip after which a measured [`ClockLead`] replaces the one before: it is exact to half of that.
const LONGEST_MEASUREMENT: Duration = Duration::from_millis(200);

/// State of the node, as others than the writer see it.
pub(super) struct Standing {
    clock_lead: ClockLead,
    is_active: AtomicBool,
    is_stopped: AtomicBool,
    has_standby: AtomicBool,
    requires_standby: AtomicBool,
}

impl Standing {
    /// Returns whether no other node has taken the lease.
    pub fn is_active(&self) -> bool {
        self.is_active.load(Ordering::Relaxed)
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

/// The active node: the writer's connection and its lease.
pub(super) struct ActiveNode {
    server: Server,
    name: String,
    session: Session,
    incarnation: i64,
    /// Number of the last transaction.
    batch: i64,
    standing: Arc<Standing>,
    reported: Instant,
}

/// Lease that was taken.
pub(super) struct Taken {
    pub node: ActiveNode,
    /// Whether the node before stopped in order.
    pub stopped_in_order: bool,
}

impl ActiveNode {
    /// Brings the schema up to date and takes the lease.
    ///
    /// # Errors
    /// [`Error::InUse`] if another node has it.
    pub fn take(server: &Server) -> Result<Taken, Error> {
        let session = schema_postgres::open(server)?;
        session.plan_by_keys()?;
        let name = node_name();
        session.run_script("BEGIN")?;
        let conn = Conn::from(&session);
        let before = conn.find(
            "SELECT stopped, incarnation, lease_until <= clock_timestamp() AS is_free FROM leader FOR UPDATE",
            params![].into(),
            |row| Ok((row.get("stopped")?, row.get::<i64>("incarnation")?, row.get("is_free")?)),
        )?;
        let Some((stopped_in_order, incarnation, true)) = before else {
            return Err(Error::InUse {
                path: server.url().to_owned(),
            });
        };
        let incarnation = incarnation + 1;
        conn.run(
            "UPDATE leader SET node = ?1, incarnation = ?2, batch = 0, stopped = FALSE",
            params![name, incarnation].into(),
        )?;
        renew(&session, incarnation, 0)?;
        report(&session, &name)?;
        session.run_script("COMMIT")?;
        let clock_lead = ClockLead::default();
        clock_lead.set(measure_clock(&session)?.0);
        let standing = Standing {
            clock_lead,
            is_active: AtomicBool::new(true),
            is_stopped: AtomicBool::new(false),
            has_standby: AtomicBool::new(waits_for_standby(&session)?),
            requires_standby: AtomicBool::new(false),
        };
        Ok(Taken {
            node: Self {
                server: server.clone(),
                name,
                session,
                incarnation,
                batch: 0,
                standing: Arc::new(standing),
                reported: Instant::now(),
            },
            stopped_in_order,
        })
    }

    /// Returns the state of the lease for others.
    pub fn standing(&self) -> Arc<Standing> {
        Arc::clone(&self.standing)
    }

    /// Returns how long to wait for PostgreSQL.
    pub const fn patience(&self) -> Duration {
        self.server.patience()
    }

    /// Returns the connection.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Begins the next transaction, whose first statement renews the lease. Their answers come with later ones.
    pub fn begin(&mut self) -> Result<(), Error> {
        self.batch += 1;
        let conn = Conn::from(&self.session);
        conn.run("BEGIN", params![].into())?;
        renew(&self.session, self.incarnation, self.batch)
    }

    /// Renews the lease outside a transaction, and reports the node.
    pub fn renew(&mut self) -> Result<(), Error> {
        renew(&self.session, self.incarnation, self.batch)?;
        self.session.settle()?;
        self.report()
    }

    /// Reports that the node runs, if the last report is old enough.
    pub fn report(&mut self) -> Result<(), Error> {
        if self.reported.elapsed() >= HEARTBEAT {
            self.reported = Instant::now();
            report(&self.session, &self.name)?;
            self.look_for_standby()?;
            let (lead, took) = measure_clock(&self.session)?;
            if took <= LONGEST_MEASUREMENT {
                self.standing.clock_lead.set(lead);
            }
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
    /// Nobody knows: PostgreSQL was not reachable in time, or another node is active.
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
        let session = Session::connect(&self.server)?;
        session.plan_by_keys()?;
        let found = Conn::from(&session).find(
            "UPDATE leader SET incarnation = incarnation + 1, lease_until = clock_timestamp() + CAST(?2 AS BIGINT) * interval '1 millisecond'
             WHERE node = ?1 RETURNING incarnation, batch",
            params![self.name, milliseconds(LEASE)].into(),
            |row| Ok((row.get("incarnation")?, row.get("batch")?)),
        )?;
        let Some((incarnation, batch)) = found else {
            return Err(self.lose());
        };
        tracing::info!("connected to PostgreSQL again");
        (self.session, self.incarnation) = (session, incarnation);
        Ok(batch)
    }

    /// Fails if another node has the lease.
    fn check_lease(&self) -> Result<(), Error> {
        let holder = Conn::from(&self.session).find(
            "SELECT node FROM leader WHERE incarnation = ?1",
            params![self.incarnation].into(),
            |row| row.get::<String>("node"),
        )?;
        match holder {
            Some(_) => Ok(()),
            None => Err(self.lose()),
        }
    }

    fn lose(&self) -> Error {
        self.standing.is_active.store(false, Ordering::Relaxed);
        Error::Unavailable("another node is active".to_owned())
    }

    /// Gives the lease back, so that a waiting node need not wait until it is over.
    pub fn release(&self) -> Result<(), Error> {
        let conn = Conn::from(&self.session);
        let stopped = self.standing.is_stopped.load(Ordering::Relaxed);
        conn.run(
            "UPDATE leader SET lease_until = clock_timestamp(), stopped = ?2 WHERE incarnation = ?1",
            params![self.incarnation, stopped].into(),
        )?;
        forget(&self.session, &self.name)?;
        self.session.settle()
    }
}

/// Node that waits for the lease.
pub struct WaitingNode {
    server: Server,
    name: String,
    session: Option<Session>,
}

impl WaitingNode {
    pub(super) fn new(server: Server) -> Self {
        Self {
            server,
            name: node_name(),
            session: None,
        }
    }

    /// Returns whether the lease is free, and reports that this node waits for it.
    ///
    /// # Errors
    /// PostgreSQL is not reachable.
    pub fn may_take_over(&mut self) -> Result<bool, Error> {
        let session = match self.session.take() {
            Some(session) if !session.is_closed() => session,
            Some(_) | None => Session::connect(&self.server)?,
        };
        report(&session, &self.name)?;
        session.settle()?;
        let is_free = is_free(&session)?;
        if is_free {
            forget(&session, &self.name)?;
            session.settle()?;
        }
        self.session = Some(session);
        Ok(is_free)
    }
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

/// Returns whether no node has the lease.
fn is_free(session: &Session) -> Result<bool, Error> {
    let sql = "SELECT lease_until <= clock_timestamp() AS is_free FROM leader";
    let is_free = Conn::from(session).find(sql, params![].into(), |row| row.get("is_free"))?;
    Ok(is_free.unwrap_or(false))
}

/// Returns whether a node of `server` is active.
pub(super) fn is_held(server: &Server) -> Result<bool, Error> {
    let session = Session::connect(server)?;
    if schema_postgres::is_empty(&session, server)? {
        return Ok(false);
    }
    Ok(!is_free(&session)?)
}

/// Node that runs, or ran until lately.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeInfo {
    /// Its name.
    pub name: String,
    /// Version of its program.
    pub version: String,
    /// Whether it has the lease.
    pub is_active: bool,
    /// Seconds since it started.
    pub running_for: i64,
    /// Seconds since it reported last.
    pub silent_for: i64,
}

/// Returns the nodes, the active one first.
pub(super) fn nodes(session: &Session) -> Result<Vec<NodeInfo>, Error> {
    let mut nodes = Vec::new();
    Conn::from(session).each(
        "SELECT n.name, n.version, l.lease_until > clock_timestamp() AS is_active,
                CAST(extract(epoch FROM clock_timestamp() - n.started_at) AS BIGINT) AS running_for,
                CAST(extract(epoch FROM clock_timestamp() - n.seen_at) AS BIGINT) AS silent_for
         FROM nodes AS n LEFT JOIN leader AS l ON l.node = n.name
         ORDER BY l.node IS NULL, n.name",
        params![].into(),
        |row| {
            nodes.push(NodeInfo {
                name: row.get("name")?,
                version: row.get("version")?,
                is_active: row.get::<Option<bool>>("is_active")?.unwrap_or(false),
                running_for: row.get("running_for")?,
                silent_for: row.get("silent_for")?,
            });
            Ok(std::ops::ControlFlow::Continue(()))
        },
    )?;
    Ok(nodes)
}

fn renew(session: &Session, incarnation: i64, batch: i64) -> Result<(), Error> {
    Conn::from(session).run(
        "SELECT renew_lease(?1, ?2, ?3)",
        params![incarnation, batch, milliseconds(LEASE)].into(),
    )
}

fn report(session: &Session, name: &str) -> Result<(), Error> {
    let conn = Conn::from(session);
    conn.run(
        "INSERT INTO nodes (name, version, started_at, seen_at)
         VALUES (?1, ?2, clock_timestamp(), clock_timestamp())
         ON CONFLICT (name) DO UPDATE SET seen_at = excluded.seen_at",
        params![name, env!("CARGO_PKG_VERSION")].into(),
    )?;
    conn.run(
        "DELETE FROM nodes WHERE seen_at < clock_timestamp() - interval '1 day'",
        params![].into(),
    )
}

fn forget(session: &Session, name: &str) -> Result<(), Error> {
    Conn::from(session).run("DELETE FROM nodes WHERE name = ?1", params![name].into())
}

/// Returns the name of this process among the nodes: its host and its process id.
fn node_name() -> String {
    let host = rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned();
    format!("{host}/{}", std::process::id())
}

fn milliseconds(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}
