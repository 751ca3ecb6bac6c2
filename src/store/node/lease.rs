//! The lease of a node: its transactions renew it, and what becomes of it when the connection breaks.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rusqlite::params;

use super::{LEASE, Node, milliseconds, prepare};
use crate::store::engine::{Conn, Session};
use crate::store::error::Error;
use crate::store::post::{NodeKey, Post};

/// Interval at which a node that has nothing to write renews its lease and looks at the others.
pub(in crate::store) const HEARTBEAT: Duration = Duration::from_secs(3);

/// Pauses between attempts to connect.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

impl Node {
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
        self.standing.silence() >= HEARTBEAT
    }

    /// Records that a transaction was committed, which renews the lease, with what this node had to post, if it
    /// `has_posted`.
    pub fn committed(&mut self, has_posted: bool) {
        self.replies.clear();
        self.notification.is_due |= has_posted;
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
        if self.standing.record_renewal() > LEASE {
            self.steady_since = Instant::now();
        }
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
            return Err(self.lose(&session));
        };
        tracing::info!("connected to PostgreSQL again");
        (self.session, self.incarnation) = (session, incarnation);
        self.standing.hold_connection(self.session.connection());
        let _ = self.standing.record_renewal();
        self.steady_since = Instant::now();
        Ok(batch)
    }

    fn connect(&self) -> Result<Session, Error> {
        let session = Session::connect(&self.server)?;
        prepare(&self.server, &session)?;
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
            None => Err(self.lose(&self.session)),
        }
    }

    /// Records that the node was removed; by `session`, whether another one has its name.
    fn lose(&self, session: &Session) -> Error {
        let sql = "SELECT EXISTS (SELECT FROM nodes WHERE name = ?1 AND key <> ?2) AS is_replaced";
        let key = self.standing.key;
        let found = Conn::from(session).find(sql, params![self.name, key].into(), |row| {
            row.get("is_replaced")
        });
        let is_replaced = matches!(found, Ok(Some(true)));
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

fn take_turn(session: &Session, key: NodeKey, incarnation: i64, batch: i64) -> Result<(), Error> {
    Conn::from(session).run(
        "SELECT take_turn(?1, ?2, ?3, ?4)",
        params![key, incarnation, batch, milliseconds(LEASE)].into(),
    )
}
