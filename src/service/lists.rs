//! Whom users have blocked, and who their contacts are.

use std::sync::Arc;

use crate::store::Write;
use crate::user::{List, Listed, UserId};

use super::{Core, Error};

/// Users on one list of one user: more than anybody knows, and few enough for one answer (some 600 KB).
const LONGEST_LIST: u32 = 5_000;

/// Use cases of block and contact lists.
pub struct Lists(pub(super) Arc<Core>);

impl Lists {
    /// Whom `owner` has on `list`, by id.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub fn listed(&self, owner: &UserId, list: List) -> Result<Vec<Listed>, Error> {
        Ok(self.0.store.read(|db| db.listed(owner, list))?)
    }

    /// Puts `user` on `list` of `owner`, where it may be already. A block counts for the calls that come after
    /// it.
    ///
    /// # Errors
    /// [`Error::OwnList`], [`Error::UserNotFound`], [`Error::ListFull`], [`Error::Unavailable`].
    pub async fn enlist(&self, owner: UserId, list: List, user: UserId) -> Result<Listed, Error> {
        if owner == user {
            return Err(Error::OwnList);
        }
        let now = self.0.clock.now();
        let job = move |db: &Write<'_>| -> Result<Listed, Error> {
            let profile = db
                .user(&user)?
                .ok_or_else(|| Error::UserNotFound(user.clone()))?
                .profile;
            if let Some(at) = db.listed_since(&owner, list, &user)? {
                return Ok(Listed { profile, at });
            }
            if db.count_listed(&owner, list)? >= LONGEST_LIST {
                return Err(Error::ListFull(LONGEST_LIST));
            }
            db.enlist(&owner, list, &user, now)?;
            Ok(Listed { profile, at: now })
        };
        self.0.store.write(job).await
    }

    /// Takes `user` off `list` of `owner`, where it may not be.
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

    /// The administrator puts two users into each other's contacts, or takes them out. No list is too long for
    /// the administrator.
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
