//! Block lists and contact lists of users.

use std::sync::Arc;

use crate::clock::Timestamp;
use crate::store::Write;
use crate::user::{List, ListEntry, UserId};

use super::{Core, Error};

/// Maximum number of entries of a list: more than a user needs, and few enough for one response (about 600 KB).
const LONGEST_LIST: u32 = 5_000;

/// Use cases of block and contact lists.
pub struct Lists(pub(super) Arc<Core>);

impl Lists {
    /// Returns the entries of `list` of `owner`, ordered by id.
    pub fn listed(&self, owner: &UserId, list: List) -> Result<Vec<ListEntry>, Error> {
        Ok(self.0.store.read(|db| db.listed(owner, list))?)
    }

    /// Adds `user` to `list` of `owner`, unless it is there already. A block applies to later calls.
    ///
    /// # Errors
    /// [`Error::OwnList`], [`Error::UserNotFound`], [`Error::ListFull`], [`Error::Unavailable`].
    pub async fn enlist(
        &self,
        owner: UserId,
        list: List,
        user: UserId,
    ) -> Result<ListEntry, Error> {
        let now = self.0.clock.now();
        let job = move |db: &Write<'_>| enlist(db, &owner, list, user, now);
        self.0.store.write(job).await
    }

    /// Removes `user` from `list` of `owner`, if it is there.
    ///
    /// # Errors
    /// [`Error::UserNotFound`], [`Error::Unavailable`].
    pub async fn delist(&self, owner: UserId, list: List, user: UserId) -> Result<(), Error> {
        let job = move |db: &Write<'_>| -> Result<(), Error> {
            if db.user(&user)?.is_none() {
                return Err(Error::UserNotFound(user));
            }
            db.delist(&owner, list, &user)?;
            Ok(())
        };
        self.0.store.write(job).await
    }

    /// Adds two users to each other's contacts, or removes them, for the administrator. The length limit of lists does
    /// not apply.
    ///
    /// # Errors
    /// [`Error::OwnList`], [`Error::UserNotFound`], [`Error::Unavailable`].
    pub async fn set_contacts(&self, pair: [UserId; 2], wanted: bool) -> Result<(), Error> {
        if pair[0] == pair[1] {
            return Err(Error::OwnList);
        }
        let now = self.0.clock.now();
        let job = move |db: &Write<'_>| -> Result<(), Error> {
            for user in &pair {
                if db.user(user)?.is_none() {
                    return Err(Error::UserNotFound(user.clone()));
                }
            }
            db.set_contacts([&pair[0], &pair[1]], wanted, now)?;
            Ok(())
        };
        self.0.store.write(job).await
    }
}

/// Puts `user` on `list` of `owner`, where it may be already. Runs inside the writer's job.
pub(super) fn enlist(
    db: &Write<'_>,
    owner: &UserId,
    list: List,
    user: UserId,
    now: Timestamp,
) -> Result<ListEntry, Error> {
    if *owner == user {
        return Err(Error::OwnList);
    }
    let known = db.user(&user)?;
    let profile = known
        .ok_or_else(|| Error::UserNotFound(user.clone()))?
        .profile;
    if let Some(at) = db.listed_since(owner, list, &user)? {
        return Ok(ListEntry { profile, at });
    }
    if db.count_listed(owner, list)? >= LONGEST_LIST {
        return Err(Error::ListFull(LONGEST_LIST));
    }
    db.enlist(owner, list, &user, now)?;
    Ok(ListEntry { profile, at: now })
}
