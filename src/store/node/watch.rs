//! What a node looks at every few seconds: the other nodes, the duties, the standby and the clock of PostgreSQL.

use std::ops::ControlFlow;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rusqlite::params;

use super::{HEARTBEAT, LEASE, Node, milliseconds};
use crate::clock::Clock;
use crate::store::engine::{Conn, Session};
use crate::store::error::Error;

/// Longest round trip after which a measured [`ClockLead`] replaces the one before: it is exact to half of that.
const LONGEST_MEASUREMENT: Duration = Duration::from_millis(200);

impl Node {
    /// Renews the duties and looks at the other nodes, if the last look is old enough or a node has left. A lost connection
    /// is reported by whoever connects again.
    pub fn report(&mut self) -> Result<(), Error> {
        let is_due = self.is_look_due || self.reported.elapsed() >= HEARTBEAT;
        if is_due && !self.session.is_closed() {
            self.reported = Instant::now();
            self.is_look_due = false;
            self.look_at_others()?;
            self.look_for_standby()?;
            let (lead, took) = measure_clock(&self.session)?;
            if took <= LONGEST_MEASUREMENT {
                self.standing.clock_lead.set(lead);
            }
        }
        Ok(())
    }

    pub(super) fn look_at_others(&mut self) -> Result<(), Error> {
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
}

/// Returns whether PostgreSQL acknowledges a COMMIT of `session` only when a standby has it. By the settings, which everybody
/// may read: with them, a COMMIT without a standby waits for one.
pub(in crate::store) fn waits_for_standby(session: &Session) -> Result<bool, Error> {
    let sql = "SELECT current_setting('synchronous_standby_names') <> ''
                  AND current_setting('synchronous_commit') IN ('on', 'remote_apply') AS waits";
    let waits = Conn::from(session).find(sql, params![].into(), |row| row.get("waits"))?;
    Ok(waits.unwrap_or(false))
}

/// Returns the lead of PostgreSQL's clock in milliseconds, and how long the measurement took: it is exact to half of that.
pub(super) fn measure_clock(session: &Session) -> Result<(i64, Duration), Error> {
    let sql = "SELECT CAST(floor(extract(epoch FROM clock_timestamp()) * 1000) AS BIGINT) AS now";
    let (began, before) = (Instant::now(), Clock::System.now());
    let found = Conn::from(session).find(sql, params![].into(), |row| row.get::<i64>("now"))?;
    let took = began.elapsed();
    let middle = before.plus(took / 2).as_millis();
    Ok((found.unwrap_or(middle).saturating_sub(middle), took))
}
