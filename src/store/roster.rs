//! The table `sessions`: which session is connected to which node. On PostgreSQL alone.

use std::time::Duration;

use rusqlite::params;

use crate::call::history::Filter;
use crate::call::{Call, CallId};
use crate::clock::Timestamp;
use crate::user::{SessionId, UserId};

use super::calls;
use super::engine::{Conn, Row};
use super::error::Error;
use super::history;
use super::post::NodeKey;
use super::users::user_id;
use super::{Read, Write};

/// Session of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRow {
    /// Its user.
    pub user: UserId,
    /// The session.
    pub session: SessionId,
    /// The node that it is, or was, connected to.
    pub node: NodeKey,
    /// When it connected.
    pub entered_at: Timestamp,
    /// When it disconnected, if it did.
    pub left_at: Option<Timestamp>,
}

/// Returns the sessions of all nodes.
pub(super) fn all_sessions(conn: Conn<'_>) -> Result<Vec<SessionRow>, Error> {
    let sql = "SELECT u.id AS user_id, s.session, s.node, s.entered_at, s.left_at
         FROM sessions AS s JOIN users AS u ON u.key = s.user ORDER BY s.entered_at";
    Read::on(conn).many(sql, params![], session_row)
}

fn session_row(row: &Row<'_>) -> Result<SessionRow, Error> {
    let left_at: Option<i64> = row.get("left_at")?;
    Ok(SessionRow {
        user: user_id(row, "sessions", "user_id")?,
        session: SessionId::new(&row.get::<String>("session")?),
        node: row.get("node")?,
        entered_at: Timestamp::from_millis(row.get("entered_at")?),
        left_at: left_at.map(Timestamp::from_millis),
    })
}

impl Read<'_> {
    /// Calls of `user` created after `created` that changed after `changed`, in the order of their creation.
    pub fn recent_calls_of(
        &self,
        user: &UserId,
        created: Timestamp,
        changed: Timestamp,
    ) -> Result<Vec<Call>, Error> {
        let first = CallId::first_at(created);
        let kinds: Vec<String> = history::kinds(Filter::default())
            .iter()
            .map(ToString::to_string)
            .collect();
        let sql = format!(
            "SELECT * FROM named_calls WHERE updated_at > ?3 AND id IN
                (SELECT call FROM live WHERE user = (SELECT key FROM users WHERE id = ?1)
                 UNION SELECT call FROM history WHERE owner = (SELECT key FROM users WHERE id = ?1)
                    AND kind IN ({}) AND call >= ?2)
             ORDER BY id",
            kinds.join(", ")
        );
        self.readable(
            &sql,
            params![user.as_str(), first.as_bytes(), changed.as_millis()],
            calls::call,
        )
    }

    /// Returns the sessions of `user` on all nodes.
    pub fn sessions_of_user(&self, user: &UserId) -> Result<Vec<SessionRow>, Error> {
        let sql = "SELECT u.id AS user_id, s.session, s.node, s.entered_at, s.left_at
             FROM sessions AS s JOIN users AS u ON u.key = s.user WHERE u.id = ?1";
        self.many(sql, params![user.as_str()], session_row)
    }

    /// Returns the name of the node that `session` of `user` is connected to.
    pub fn node_of_session(
        &self,
        user: &UserId,
        session: &SessionId,
    ) -> Result<Option<String>, Error> {
        let sql = "SELECT n.name FROM sessions AS s JOIN nodes AS n ON n.key = s.node
             WHERE s.user = (SELECT key FROM users WHERE id = ?1) AND s.session = ?2 AND s.left_at IS NULL";
        self.find(sql, params![user.as_str(), session.as_str()], |row| {
            row.get("name")
        })
    }

    /// Returns sessions of `node`, at most about `limit`: all of each user who has one that is connected or, if
    /// `with_departed`, has left.
    pub fn sessions_of_node(
        &self,
        node: NodeKey,
        with_departed: bool,
        limit: u32,
    ) -> Result<Vec<SessionRow>, Error> {
        let sql = "SELECT u.id AS user_id, s.session, s.node, s.entered_at, s.left_at
             FROM sessions AS s JOIN users AS u ON u.key = s.user
             WHERE s.node = ?1 AND s.user IN
                (SELECT user FROM sessions WHERE node = ?1 AND (?2 OR left_at IS NULL) ORDER BY user LIMIT ?3)
             ORDER BY s.user";
        self.many(sql, params![node, with_departed, limit], session_row)
    }
}

impl Read<'_> {
    /// Returns until when the calls of `user` have used up their rate, in microseconds.
    pub fn paced_until(&self, user: &UserId) -> Result<Option<i64>, Error> {
        self.find(
            "SELECT until FROM paced WHERE user = (SELECT key FROM users WHERE id = ?1)",
            params![user.as_str()],
            |row| row.get("until"),
        )
    }
}

impl Write<'_> {
    /// Records until when the calls of `user` have used up their rate, in microseconds.
    pub fn set_paced_until(&self, user: &UserId, until: i64) -> Result<(), Error> {
        self.run(
            "INSERT INTO paced (user, until) SELECT key, ?2 FROM users WHERE id = ?1
             ON CONFLICT (user) DO UPDATE SET until = excluded.until",
            params![user.as_str(), until],
        )
    }

    /// Records that `session` of `user` is connected to `node` from now.
    pub fn enter_session(
        &self,
        user: &UserId,
        session: &SessionId,
        node: NodeKey,
        now: Timestamp,
    ) -> Result<(), Error> {
        self.run(
            "INSERT INTO sessions (user, session, node, entered_at)
             SELECT key, ?2, ?3, ?4 FROM users WHERE id = ?1
             ON CONFLICT (user, session) DO UPDATE
             SET node = excluded.node, entered_at = excluded.entered_at, left_at = NULL",
            params![user.as_str(), session.as_str(), node, now.as_millis()],
        )
    }

    /// Records that `session` of `user` has left `node`, unless it is connected to another one.
    pub fn leave_session(
        &self,
        user: &UserId,
        session: &SessionId,
        node: NodeKey,
        now: Timestamp,
    ) -> Result<(), Error> {
        self.run(
            "UPDATE sessions SET left_at = ?4
             WHERE user = (SELECT key FROM users WHERE id = ?1) AND session = ?2 AND node = ?3",
            params![user.as_str(), session.as_str(), node, now.as_millis()],
        )
    }

    /// Forgets the sessions of `user` on `node`.
    pub fn forget_sessions(&self, user: &UserId, node: NodeKey) -> Result<(), Error> {
        self.run(
            "DELETE FROM sessions WHERE user = (SELECT key FROM users WHERE id = ?1) AND node = ?2",
            params![user.as_str(), node],
        )
    }

    /// Forgets the sessions that left more than `kept_for` ago.
    pub fn forget_left_sessions(&self, now: Timestamp, kept_for: Duration) -> Result<(), Error> {
        self.run(
            "DELETE FROM sessions WHERE left_at < ?1",
            params![now.minus(kept_for).as_millis()],
        )
    }

    /// Begins the removal of `node`, whose transactions fail from now, and returns its name; none if its lease is not over.
    pub fn begin_removal(&self, node: NodeKey) -> Result<Option<String>, Error> {
        self.find(
            "UPDATE nodes SET is_removed = TRUE, incarnation = incarnation + 1
             WHERE key = ?1 AND (is_removed OR lease_until <= clock_timestamp()) RETURNING name",
            params![node],
            |row| row.get("name"),
        )
    }

    /// Forgets `node`, whose sessions are forgotten.
    pub fn forget_node(&self, node: NodeKey) -> Result<(), Error> {
        self.run("DELETE FROM nodes WHERE key = ?1", params![node])
    }
}
