//! Accounts: sign-in, automatic creation and update from tokens.

use std::sync::Arc;

use crate::clock::Timestamp;
use crate::store::{Account, Post, Write};
use crate::user::{AccountStatus, Profile, User, UserId};

use super::{Core, Error};

/// Result of a sign-in with a valid token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignIn {
    /// The user is signed in.
    Welcome,
    /// There is no user with that id.
    Unknown,
    /// The user was removed after the token was issued.
    Removed,
    /// The user is disabled.
    Disabled,
}

/// User data of a token, for the setting `auto_provision`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Name, if the token has a valid one.
    pub name: Option<String>,
    /// URL of a picture, if the token has one.
    pub avatar: Option<String>,
    /// When the token was issued, if the token contains it.
    pub issued_at: Option<Timestamp>,
}

impl Offer {
    /// Returns the profile of a new user.
    fn profile(&self, id: &UserId) -> Profile {
        Profile {
            name: self.name.clone().unwrap_or_else(|| id.to_string()),
            avatar: self.avatar.clone(),
            id: id.clone(),
        }
    }

    /// Returns the profile of `known` updated from the token, if its profile of `profile_at` is older and differs.
    /// Fields that the token does not have stay.
    fn update(
        &self,
        known: &Profile,
        profile_at: Option<Timestamp>,
    ) -> Option<(Profile, Timestamp)> {
        let issued_at = self.issued_at?;
        if profile_at.is_some_and(|at| at >= issued_at) {
            return None;
        }
        let updated = Profile {
            id: known.id.clone(),
            name: self.name.as_ref().unwrap_or(&known.name).clone(),
            avatar: self.avatar.as_ref().or(known.avatar.as_ref()).cloned(),
        };
        (updated != *known).then_some((updated, issued_at))
    }
}

/// Use cases of accounts: sign in, list, check.
pub struct Users(pub(super) Arc<Core>);

impl Users {
    /// Signs in the user of a valid token. With the setting `auto_provision`, `offer` creates an unknown user, and a
    /// newer token updates name and picture. A request without such a change writes nothing, and for a user in the
    /// cache it reads nothing.
    pub async fn sign_in(&self, user: &UserId, offer: Offer) -> Result<SignIn, Error> {
        let provisions = self.0.rules.get().auto_provision;
        let is_current = |profile: &Profile, profile_at| {
            !provisions || offer.update(profile, profile_at).is_none()
        };
        if self.0.accounts.knows(user, is_current) {
            return Ok(SignIn::Welcome);
        }
        let permit = self.0.accounts.permit_read();
        let account = self.0.store.read(|db| db.account(user))?;
        self.0.accounts.store(permit, account.as_ref());
        match account {
            None | Some(Account::Removed { .. }) if !provisions => Ok(SignIn::Unknown),
            None => self.provision(user, offer).await,
            Some(Account::Removed { at }) => {
                let is_newer = offer.issued_at.is_some_and(|issued| Some(issued) > at);
                if is_newer {
                    return self.provision(user, offer).await;
                }
                Ok(SignIn::Removed)
            }
            Some(Account::Present { user, .. }) if user.standing == AccountStatus::Disabled => {
                Ok(SignIn::Disabled)
            }
            Some(Account::Present { user, profile_at }) => {
                let update = offer.update(&user.profile, profile_at);
                match update.filter(|_| provisions) {
                    Some((profile, at)) => self.update(profile, at).await,
                    None => Ok(SignIn::Welcome),
                }
            }
        }
    }

    /// Reads accounts again that a command has changed beside the server, and closes the sessions of users who were
    /// disabled or removed.
    ///
    /// # Errors
    /// [`Error::Unavailable`]: sessions are not closed then.
    pub async fn reload(&self) -> Result<(), Error> {
        self.0.accounts.forget_all();
        self.0.close_disabled_sessions()?;
        if self.0.store.has_other_nodes() {
            let core = Arc::clone(&self.0);
            let job = move |db: &Write<'_>| -> Result<(), Error> {
                core.post(db, || Post::AccountsChanged(Vec::new()));
                Ok(())
            };
            self.0.store.write(job).await?;
        }
        Ok(())
    }

    /// Returns at most `limit` users who may sign in, ordered by id.
    pub fn people(&self, limit: usize) -> Result<Vec<Profile>, Error> {
        let mut users = self
            .0
            .store
            .read_at_length(|db| -> Result<_, Error> { Ok(db.users()?) })?;
        users.retain(|user| user.standing == AccountStatus::Active);
        users.truncate(limit);
        Ok(users.into_iter().map(|user| user.profile).collect())
    }

    /// Checks that `user` exists and may sign in.
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

    async fn provision(&self, user: &UserId, offer: Offer) -> Result<SignIn, Error> {
        let (now, profile) = (self.0.clock.now(), offer.profile(user));
        let core = Arc::clone(&self.0);
        let job = move |db: &Write<'_>| -> Result<SignIn, Error> {
            // Two first requests at once: the second finds the account that the first has added.
            db.provision_user(&profile, offer.issued_at, now)?;
            let signed_in = signed_in(db.user(&profile.id)?);
            core.account_changed(db, profile.id);
            Ok(signed_in)
        };
        self.0.store.write(job).await
    }

    async fn update(&self, profile: Profile, at: Timestamp) -> Result<SignIn, Error> {
        let core = Arc::clone(&self.0);
        let job = move |db: &Write<'_>| -> Result<SignIn, Error> {
            db.update_profile(&profile, at)?;
            let signed_in = signed_in(db.user(&profile.id)?);
            core.account_changed(db, profile.id);
            Ok(signed_in)
        };
        self.0.store.write(job).await
    }
}

impl Core {
    /// Forgets the account of `user`, which has changed, once the job is committed.
    pub(super) fn account_changed(self: &Arc<Self>, db: &Write<'_>, user: UserId) {
        self.post(db, || Post::AccountsChanged(vec![user.clone()]));
        let core = Arc::clone(self);
        db.on_commit(move || core.accounts.forget(&[user]));
    }
}

fn signed_in(user: Option<User>) -> SignIn {
    match user {
        None => SignIn::Removed,
        Some(user) if user.standing == AccountStatus::Disabled => SignIn::Disabled,
        Some(_) => SignIn::Welcome,
    }
}
