//! A plain connection for the command line, beside a running server or without one.

use std::ops::ControlFlow;
use std::path::Path;

use rusqlite::{Connection, TransactionBehavior, params};

use crate::api_key::{Digest, Scopes};
use crate::call::{CallId, QualitySummary};
use crate::clock::Timestamp;
use crate::user::{AccountStatus, Profile, User, UserId};

use super::engine::{Conn, Row, Server, Session};
use super::error::Error;
use super::node::{self, NodeInfo};
use super::unreadable::UnreadableRows;
use super::{Forgotten, Lock, Read, Upsert, Write, schema, schema_postgres};

/// Rows that a cursor fetches at a time.
const FETCHED: usize = 1_000;

/// What came of removing a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// It is removed; history keeps its entries.
    Removed,
    /// There is no such user.
    Unknown,
    /// It is in a live call, and stays.
    InLiveCall(CallId),
}

/// The database as the command line opens it.
pub struct Database {
    pub(super) opened: Opened,
    pub(super) version: i64,
    unreadable: UnreadableRows,
}

/// Connection of a command.
#[expect(clippy::large_enum_variant, reason = "a command has one")]
pub(super) enum Opened {
    /// To a SQLite file.
    File(Connection),
    /// To PostgreSQL.
    Postgres(Session),
}

impl Database {
    /// Opens `path`, creating it where it is missing, beside a server that may run on it.
    ///
    /// # Errors
    /// [`Error::OlderInUse`], and what [`Error`] says of files.
    pub fn open(path: &Path) -> Result<Self, Error> {
        Ok(match Server::of(path)? {
            Some(server) => Self::on_postgres(schema_postgres::open(&server)?),
            None => Self {
                opened: Opened::File(schema::open_beside(path)?),
                version: schema::KNOWN_VERSION,
                unreadable: UnreadableRows::default(),
            },
        })
    }

    fn on_postgres(session: Session) -> Self {
        Self {
            opened: Opened::Postgres(session),
            version: schema::KNOWN_VERSION,
            unreadable: UnreadableRows::default(),
        }
    }

    /// Returns whether PostgreSQL waits for a synchronous standby; none if the database is a file.
    pub fn waits_for_standby(&self) -> Result<Option<bool>, Error> {
        match &self.opened {
            Opened::File(_) => Ok(None),
            Opened::Postgres(session) => node::waits_for_standby(session).map(Some),
        }
    }

    /// Opens `path`, creating it where it is missing, for who keeps everybody else away from it.
    ///
    /// # Errors
    /// What [`Error`] says of files.
    pub fn open_alone(path: &Path, _lock: &Lock) -> Result<Self, Error> {
        Ok(Self {
            opened: Opened::File(schema::open_for_writing(path)?),
            version: schema::KNOWN_VERSION,
            unreadable: UnreadableRows::default(),
        })
    }

    /// Opens `path` for looking into it: makes no file and changes none.
    ///
    /// # Errors
    /// [`Error::Older`], and what [`Error`] says of files.
    pub fn open_for_reading(path: &Path) -> Result<Self, Error> {
        let database = Self::open_as_it_is(path)?;
        if database.version < schema::KNOWN_VERSION {
            return Err(Error::Older {
                path: path.to_owned(),
                found: database.version,
                known: schema::KNOWN_VERSION,
            });
        }
        Ok(database)
    }

    /// Opens `path` for looking at the file as a whole, which may be of an older version.
    ///
    /// # Errors
    /// What [`Error`] says of files.
    pub fn open_as_it_is(path: &Path) -> Result<Self, Error> {
        if let Some(server) = Server::of(path)? {
            return Ok(Self::on_postgres(schema_postgres::open_existing(&server)?));
        }
        let (conn, version) = schema::open_for_reading(path)?;
        Ok(Self {
            opened: Opened::File(conn),
            version,
            unreadable: UnreadableRows::default(),
        })
    }

    /// Returns the connection to the file, which `purpose` needs; `tool` does the same for PostgreSQL.
    pub(super) fn file(
        &self,
        purpose: &'static str,
        tool: &'static str,
    ) -> Result<&Connection, Error> {
        match &self.opened {
            Opened::File(conn) => Ok(conn),
            Opened::Postgres(_) => Err(Error::NotAFile { purpose, tool }),
        }
    }

    pub(super) fn conn(&self) -> Conn<'_> {
        match &self.opened {
            Opened::File(conn) => Conn::from(conn),
            Opened::Postgres(session) => Conn::from(session),
        }
    }

    /// Runs `sql`, which has no parameters, and calls `read` with its rows until it breaks off. They may not fit into
    /// memory: on PostgreSQL a cursor reads them. `name` is that of the statement, which stays prepared with its columns.
    pub(super) fn each_of_many(
        &self,
        name: &str,
        sql: &str,
        mut read: impl FnMut(&Row<'_>) -> Result<ControlFlow<()>, Error>,
    ) -> Result<(), Error> {
        let conn = self.conn();
        let Opened::Postgres(session) = &self.opened else {
            return conn.each(sql, params![].into(), read);
        };
        conn.run("BEGIN", params![].into())?;
        let declare = format!("DECLARE rows_of_{name} CURSOR FOR {sql}");
        conn.run(&declare, params![].into())?;
        let fetch = format!("FETCH {FETCHED} FROM rows_of_{name}");
        loop {
            let mut fetched = 0;
            let mut flow = ControlFlow::Continue(());
            session.each(&fetch, params![].into(), |row| {
                fetched += 1;
                flow = read(row)?;
                Ok(flow)
            })?;
            if flow.is_break() || fetched < FETCHED {
                return session.run_script("COMMIT");
            }
        }
    }

    /// Returns the nodes of the service, in the order of their names; none of a file.
    pub fn nodes(&self) -> Result<Vec<NodeInfo>, Error> {
        match &self.opened {
            Opened::File(_) => Ok(Vec::new()),
            Opened::Postgres(session) => node::nodes(session),
        }
    }

    /// The version of its schema.
    #[must_use]
    pub const fn version(&self) -> i64 {
        self.version
    }

    /// The newest version that this program knows, to which it brings what it opens for writing.
    pub const KNOWN_VERSION: i64 = schema::KNOWN_VERSION;

    /// When its newest call was created, if it has any.
    pub fn newest_call(&self) -> Result<Option<Timestamp>, Error> {
        let sql = "SELECT created_at FROM calls ORDER BY id DESC LIMIT 1";
        let newest = self.conn().find(sql, params![].into(), |row| row.get(0))?;
        Ok(newest.map(Timestamp::from_millis))
    }

    /// What can be read.
    #[must_use]
    pub fn read(&self) -> Read<'_> {
        Read::on(self.conn())
    }

    /// Like [`Database::read`], for lists: rows that cannot be read are left out and counted.
    pub fn read_list(&self) -> Read<'_> {
        Read::skipping(self.conn(), &self.unreadable)
    }

    /// Returns how many rows were left out so far.
    pub fn left_out(&self) -> usize {
        self.unreadable.count()
    }

    /// Adds a user; false where the id is taken, which changes nothing.
    pub fn add_user(&self, profile: &Profile, now: Timestamp) -> Result<bool, Error> {
        self.write(|db| db.add_user(profile, now))
    }

    /// Adds users or brings them to these profiles, and to these standings where one is given, in one
    /// transaction: what came of each.
    ///
    /// # Errors
    /// [`Error`]; nothing is changed then.
    pub fn put_users(
        &self,
        users: &[(Profile, Option<AccountStatus>)],
        now: Timestamp,
    ) -> Result<Vec<Upsert>, Error> {
        self.write(|db| {
            users
                .iter()
                .map(|(profile, standing)| db.put_user(profile, *standing, now))
                .collect()
        })
    }

    /// All users, by id.
    pub fn users(&self) -> Result<Vec<User>, Error> {
        self.read().users()
    }

    /// The user of that id, if there is one.
    pub fn user(&self, id: &UserId) -> Result<Option<User>, Error> {
        self.read().user(id)
    }

    /// Applies `change` to a user, in one transaction; returns the user as it is then, or none if there is no such user.
    pub fn change_user(
        &self,
        id: &UserId,
        now: Timestamp,
        change: impl FnOnce(&mut User),
    ) -> Result<Option<User>, Error> {
        self.write(|db| {
            let Some(mut user) = db.user(id)? else {
                return Ok(None);
            };
            change(&mut user);
            db.put_user(&user.profile, Some(user.standing), now)?;
            Ok(Some(user))
        })
    }

    /// Removes a user who is in no live call.
    /// Tokens issued before `now` do not bring the user back.
    pub fn remove_user(&self, id: &UserId, now: Timestamp) -> Result<Removal, Error> {
        self.write(|db| match db.party(id)? {
            None => Ok(Removal::Unknown),
            Some(party) => match party.live_call {
                Some(call) => Ok(Removal::InLiveCall(call)),
                None => db.remove_user(id, now).map(|_| Removal::Removed),
            },
        })
    }

    /// Puts two users, who exist, into each other's contacts, or takes them out.
    pub fn set_contacts(
        &self,
        pair: [&UserId; 2],
        wanted: bool,
        now: Timestamp,
    ) -> Result<(), Error> {
        self.write(|db| db.set_contacts(pair, wanted, now))
    }

    /// Adds an API key; false if the name is taken, also by a revoked key.
    pub fn add_api_key(
        &self,
        name: &str,
        digest: &Digest,
        scopes: Scopes,
        expires_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<bool, Error> {
        self.write(|db| db.add_api_key(name, digest, scopes, expires_at, now))
    }

    /// Revokes an API key; false if there is none of that name that is not revoked.
    pub fn revoke_api_key(&self, name: &str, now: Timestamp) -> Result<bool, Error> {
        self.write(|db| db.revoke_api_key(name, now))
    }

    /// What the caller and the callee have reported of a call's network.
    pub fn quality(&self, call: CallId) -> Result<[QualitySummary; 2], Error> {
        self.read().quality(call)
    }

    /// How many calls were over before `before`.
    pub fn count_calls_over(&self, before: Timestamp) -> Result<u64, Error> {
        self.read().count_calls_over(before)
    }

    /// Forgets calls that were over before `before`, the oldest first, at most `limit`, with all that is
    /// known of them. Nothing is left where fewer are forgotten.
    pub fn forget_calls(&self, before: Timestamp, limit: u32) -> Result<Forgotten, Error> {
        self.write(|db| db.forget_calls(before, limit))
    }

    pub(super) fn write<T>(
        &self,
        job: impl FnOnce(&Write<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let write = Write::on(self.conn());
        let value = match &self.opened {
            Opened::File(conn) => {
                // Immediate: a transaction that reads first and then writes would fail where the server writes too.
                let immediate = TransactionBehavior::Immediate;
                let transaction = rusqlite::Transaction::new_unchecked(conn, immediate)?;
                let value = job(&write)?;
                transaction.commit()?;
                value
            }
            Opened::Postgres(session) => {
                session.run_script("BEGIN; SELECT FROM turn FOR UPDATE")?;
                let outcome = write.settled(job(&write));
                session.run_script(if outcome.is_ok() {
                    "COMMIT"
                } else {
                    "ROLLBACK"
                })?;
                outcome?
            }
        };
        for step in write.into_parts().0 {
            step();
        }
        Ok(value)
    }
}
