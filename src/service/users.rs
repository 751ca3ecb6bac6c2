//! Who may sign in.

use std::sync::Arc;

use crate::store::Write;
use crate::user::{AccountStatus, Profile, User, UserId};

use super::{Core, Error};

/// What came of a valid token's attempt to sign in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignIn {
    /// Come in.
    Welcome(User),
    /// Nobody of that id is known.
    Unknown,
    /// The user is disabled.
    Disabled,
}

/// Use cases of accounts: sign in, list.
pub struct Users(pub(super) Arc<Core>);

impl Users {
    /// Lets in the user of a valid token; `offered` is what the token says of one who is not known yet, and
    /// counts only with the setting `auto_provision`.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn sign_in(
        &self,
        user: &UserId,
        offered: impl FnOnce() -> Profile,
    ) -> Result<SignIn, Error> {
        let known = self.0.store.read(|db| db.user(user))?;
        let known = match known {
            None if self.0.rules.get().auto_provision => self.provision(offered()).await?,
            known => known,
        };
        Ok(match known {
            None => SignIn::Unknown,
            Some(User {
                standing: AccountStatus::Disabled,
                ..
            }) => SignIn::Disabled,
            Some(user) => SignIn::Welcome(user),
        })
    }

    /// Those who may sign in, by their ids, at most `limit`.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub fn people(&self, limit: usize) -> Result<Vec<Profile>, Error> {
        let mut users = self
            .0
            .store
            .read_at_length(|db| -> Result<_, Error> { Ok(db.users()?) })?;
        users.retain(|user| user.standing == AccountStatus::Active);
        users.truncate(limit);
        Ok(users.into_iter().map(|user| user.profile).collect())
    }

    /// Says that `user` is one who may sign in.
    ///
    /// # Errors
    /// [`Error::UserNotFound`], [`Error::Unavailable`].
    pub fn require_person(&self, user: &UserId) -> Result<(), Error> {
        let known = self
            .0
            .store
            .read(|db| -> Result<_, Error> { Ok(db.user(user)?) })?;
        match known {
            Some(known) if known.standing == AccountStatus::Active => Ok(()),
            Some(_) | None => Err(Error::UserNotFound(user.clone())),
        }
    }

    async fn provision(&self, profile: Profile) -> Result<Option<User>, Error> {
        let now = self.0.clock.now();
        let job = move |db: &Write<'_>| -> Result<Option<User>, Error> {
            // Two first requests at once: the second finds what the first has added.
            db.add_user(&profile, now)?;
            Ok(db.user(&profile.id)?)
        };
        self.0.store.write(job).await
    }
}
