//! A plain connection for the command line, beside a running server or without one.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use crate::call::{CallId, QualitySummary};
use crate::clock::Timestamp;
use crate::user::{Profile, Standing, User, UserId};

use super::error::Error;
use super::{Forgotten, Read, Write, schema};

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
    conn: Connection,
}

impl Database {
    /// Opens `path`, creating it where it is missing.
    ///
    /// # Errors
    /// What [`Error`] says of files.
    pub fn open(path: &Path) -> Result<Self, Error> {
        Ok(Self {
            conn: schema::open_for_writing(path)?,
        })
    }

    /// Adds a user; false where the id is taken, which changes nothing.
    ///
    /// # Errors
    /// [`Error`].
    pub fn add_user(&self, profile: &Profile, now: Timestamp) -> Result<bool, Error> {
        self.write(|db| db.add_user(profile, now))
    }

    /// All users, by id.
    ///
    /// # Errors
    /// [`Error`].
    pub fn users(&self) -> Result<Vec<User>, Error> {
        Read::on(&self.conn).users()
    }

    /// The user of that id, if there is one.
    ///
    /// # Errors
    /// [`Error`].
    pub fn user(&self, id: &UserId) -> Result<Option<User>, Error> {
        Read::on(&self.conn).user(id)
    }

    /// Enables or disables a user; false where there is none.
    ///
    /// # Errors
    /// [`Error`].
    pub fn set_standing(&self, id: &UserId, standing: Standing) -> Result<bool, Error> {
        self.write(|db| db.set_standing(id, standing))
    }

    /// Removes a user who is in no live call.
    ///
    /// # Errors
    /// [`Error`].
    pub fn remove_user(&self, id: &UserId) -> Result<Removal, Error> {
        self.write(|db| match db.party(id)? {
            None => Ok(Removal::Unknown),
            Some(party) => match party.live_call {
                Some(call) => Ok(Removal::InLiveCall(call)),
                None => db.remove_user(id).map(|_| Removal::Removed),
            },
        })
    }

    /// What the caller and the callee have reported of a call's network.
    ///
    /// # Errors
    /// [`Error`].
    pub fn quality(&self, call: CallId) -> Result<[QualitySummary; 2], Error> {
        Read::on(&self.conn).quality(call)
    }

    /// How many calls were over before `before`.
    ///
    /// # Errors
    /// [`Error`].
    pub fn count_calls_over(&self, before: Timestamp) -> Result<u64, Error> {
        Read::on(&self.conn).count_calls_over(before)
    }

    /// Forgets calls that were over before `before`, the oldest first, at most `limit`, with all that is
    /// known of them. Nothing is left where fewer are forgotten.
    ///
    /// # Errors
    /// [`Error`].
    pub fn forget_calls(&self, before: Timestamp, limit: u32) -> Result<Forgotten, Error> {
        self.write(|db| db.forget_calls(before, limit))
    }

    fn write<T>(&self, job: impl FnOnce(&Write<'_>) -> Result<T, Error>) -> Result<T, Error> {
        // Immediate: a transaction that reads first and then writes would fail where the server writes too.
        let transaction =
            rusqlite::Transaction::new_unchecked(&self.conn, TransactionBehavior::Immediate)?;
        let value = job(&Write::on(&self.conn))?;
        transaction.commit()?;
        Ok(value)
    }
}
