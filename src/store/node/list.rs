//! List of the nodes of a database.

use rusqlite::params;

use super::{LEASE, milliseconds};
use crate::store::Read;
use crate::store::engine::{Conn, Server, Session};
use crate::store::error::Error;
use crate::store::schema_postgres;

/// Returns whether a node runs on `server`.
pub(in crate::store) fn is_held(server: &Server) -> Result<bool, Error> {
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
pub(in crate::store) fn nodes(session: &Session) -> Result<Vec<NodeInfo>, Error> {
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
