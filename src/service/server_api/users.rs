//! Accounts and lists, changed by the team's backend.

use std::sync::Arc;

use crate::clock::Timestamp;
use crate::store::{Post, Upsert, Write};
use crate::user::{AccountStatus, List, ListEntry, Profile, User, UserId};

use super::super::{Core, Error, lists};
use super::{Change, Reply, Requester, ServerApi};

/// Records of a batch that one job writes: some 3 ms, in which no call can change.
const BATCH_STEP: usize = 250;

/// A user as a backend knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserRecord {
    /// Id, name and picture.
    pub profile: Profile,
    /// Whether the user may sign in; none leaves it as it is.
    pub standing: Option<AccountStatus>,
}

/// A change of some fields of a user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserUpdate {
    /// The new name, if it changes.
    pub name: Option<String>,
    /// The new picture or none, if it changes.
    pub avatar: Option<Option<String>>,
    /// The new standing, if it changes.
    pub standing: Option<AccountStatus>,
}

/// Some users, by id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserPage {
    /// The users.
    pub items: Vec<User>,
    /// The id after which the next page begins, if there is one.
    pub next: Option<UserId>,
}

impl ServerApi {
    /// Returns the user of that id.
    ///
    /// # Errors
    /// [`Error::UserNotFound`], [`Error::Unavailable`].
    pub fn user(&self, id: UserId) -> Result<User, Error> {
        let found = self.0.store.read(|db| db.user(&id))?;
        found.ok_or(Error::UserNotFound(id))
    }

    /// Returns at most `limit` users after the id `after` whose id or name contains `text`.
    pub fn users(&self, after: Option<&UserId>, text: &str, limit: u32) -> Result<UserPage, Error> {
        let after = after.map_or("", UserId::as_str);
        // One more than is shown tells whether there is a next page.
        let wanted = limit.saturating_add(1);
        let read = self
            .0
            .store
            .read_at_length(|db| db.users_after(after, text, wanted));
        let mut items = read?;
        let shown = usize::try_from(limit).unwrap_or(usize::MAX);
        let has_more = items.len() > shown;
        items.truncate(shown);
        let last = items.last().filter(|_| has_more);
        let next = last.map(|user| user.profile.id.clone());
        Ok(UserPage { items, next })
    }

    /// Adds the user of `record`, or brings it to that record.
    pub async fn put_user(&self, requester: Requester, record: UserRecord) -> Result<User, Error> {
        let core = Arc::clone(&self.0);
        self.change(requester, move |db| {
            let put = core.put(db, &record)?;
            let id = record.profile.id;
            let user = db.user(&id)?.ok_or(Error::UserNotFound(id))?;
            let change =
                (put != Upsert::Unchanged).then(|| Change::of("user.put", &user.profile.id));
            Ok((user, change))
        })
        .await
    }

    /// Changes some fields of the user `id`.
    ///
    /// # Errors
    /// [`Error::UserNotFound`], [`Error::Unavailable`].
    pub async fn update_user(
        &self,
        requester: Requester,
        id: UserId,
        update: UserUpdate,
    ) -> Result<User, Error> {
        let core = Arc::clone(&self.0);
        self.change(requester, move |db| {
            let before = db
                .user(&id)?
                .ok_or_else(|| Error::UserNotFound(id.clone()))?;
            let record = UserRecord {
                profile: Profile {
                    name: update.name.unwrap_or(before.profile.name),
                    avatar: update.avatar.unwrap_or(before.profile.avatar),
                    id: id.clone(),
                },
                standing: update.standing,
            };
            let put = core.put(db, &record)?;
            let change = (put != Upsert::Unchanged).then(|| Change::of("user.update", &id));
            let user = db.user(&id)?.ok_or(Error::UserNotFound(id))?;
            Ok((user, change))
        })
        .await
    }

    /// Removes the user `id`, unless the user is in a live call. History keeps its entries.
    ///
    /// # Errors
    /// [`Error::UserNotFound`], [`Error::UserInCall`], [`Error::Unavailable`].
    pub async fn remove_user(&self, requester: Requester, id: UserId) -> Result<(), Error> {
        let core = Arc::clone(&self.0);
        self.change(requester, move |db| {
            let party = db
                .party(&id)?
                .ok_or_else(|| Error::UserNotFound(id.clone()))?;
            if let Some(call) = party.live_call {
                return Err(Error::UserInCall { user: id, call });
            }
            db.remove_user(&id, core.clock.now())?;
            let change = Change::of("user.remove", &id);
            core.forget_after_commit(db, id, true);
            Ok(((), Some(change)))
        })
        .await
    }

    /// Adds the users of `records`, or brings them to these records. Other jobs run in between: all records are valid, so
    /// only a failing disk ends it halfway, and the same request completes it. `reply` answers how many were added,
    /// updated and unchanged; each job that changes some has its entry in the audit.
    pub async fn put_users(
        &self,
        requester: Requester,
        records: Vec<UserRecord>,
        reply: fn([usize; 3]) -> Reply,
    ) -> Result<Reply, Error> {
        let steps: Vec<Vec<UserRecord>> = records.chunks(BATCH_STEP).map(<[_]>::to_vec).collect();
        let not_repeated = Requester {
            repeat: None,
            ..requester.clone()
        };
        let work = async {
            let mut counts = [0; 3];
            for step in steps {
                let core = Arc::clone(&self.0);
                let job = move |db: &Write<'_>| core.put_some(db, &step);
                let some = self.change(not_repeated.clone(), job).await?;
                counts = std::array::from_fn(|at| counts[at] + some[at]);
            }
            Ok((reply(counts), None))
        };
        self.work_once(requester, work).await
    }

    /// Returns whom `owner` has on `list`, by id.
    ///
    /// # Errors
    /// [`Error::UserNotFound`], [`Error::Unavailable`].
    pub fn list_of(&self, owner: UserId, list: List) -> Result<Vec<ListEntry>, Error> {
        self.0.store.read(|db| {
            if db.user(&owner)?.is_none() {
                return Err(Error::UserNotFound(owner));
            }
            Ok(db.listed(&owner, list)?)
        })
    }

    /// Puts `user` on `list` of `owner`.
    ///
    /// # Errors
    /// [`Error::OwnList`], [`Error::UserNotFound`], [`Error::ListFull`], [`Error::Unavailable`].
    pub async fn enlist(
        &self,
        requester: Requester,
        owner: UserId,
        list: List,
        user: UserId,
    ) -> Result<ListEntry, Error> {
        let now = self.0.clock.now();
        self.change(requester, move |db| {
            if db.user(&owner)?.is_none() {
                return Err(Error::UserNotFound(owner));
            }
            let listed = lists::enlist(db, &owner, list, user, now)?;
            let change = (listed.at == now).then(|| Change::of(added_to(list), &owner));
            Ok((listed, change))
        })
        .await
    }

    /// Takes `user` off `list` of `owner`, where it may not be.
    ///
    /// # Errors
    /// [`Error::UserNotFound`], [`Error::Unavailable`].
    pub async fn delist(
        &self,
        requester: Requester,
        owner: UserId,
        list: List,
        user: UserId,
    ) -> Result<(), Error> {
        self.change(requester, move |db| {
            for id in [&owner, &user] {
                if db.user(id)?.is_none() {
                    return Err(Error::UserNotFound(id.clone()));
                }
            }
            let delisted = db.delist(&owner, list, &user)?;
            let change = delisted.then(|| Change::of(removed_from(list), &owner));
            Ok(((), change))
        })
        .await
    }
}

const fn added_to(list: List) -> &'static str {
    match list {
        List::Blocked => "block.add",
        List::Contacts => "contact.add",
    }
}

const fn removed_from(list: List) -> &'static str {
    match list {
        List::Blocked => "block.remove",
        List::Contacts => "contact.remove",
    }
}

impl Core {
    /// Adds or changes the user of `record`. Runs inside the writer's job.
    fn put(self: &Arc<Self>, db: &Write<'_>, record: &UserRecord) -> Result<Upsert, Error> {
        let now: Timestamp = self.clock.now();
        let put = db.put_user(&record.profile, record.standing, now)?;
        if put != Upsert::Unchanged {
            let is_disabled = record.standing == Some(AccountStatus::Disabled);
            self.forget_after_commit(db, record.profile.id.clone(), is_disabled);
        }
        Ok(put)
    }

    /// Puts some records of a batch; returns how many were added, updated and unchanged.
    fn put_some(
        self: &Arc<Self>,
        db: &Write<'_>,
        records: &[UserRecord],
    ) -> Result<([usize; 3], Option<Change>), Error> {
        let mut counts = [0; 3];
        for record in records {
            let place = match self.put(db, record)? {
                Upsert::Added => 0,
                Upsert::Updated => 1,
                Upsert::Unchanged => 2,
            };
            counts[place] += 1;
        }
        let [added, updated, _] = counts;
        let change = (added + updated > 0)
            .then(|| Change::of("user.batch", format!("{added} added, {updated} updated")));
        Ok((counts, change))
    }

    /// Forgets the account of `user`, which has changed, once the job is committed, and closes the user's sockets if the
    /// user may no longer sign in.
    fn forget_after_commit(self: &Arc<Self>, db: &Write<'_>, user: UserId, is_out: bool) {
        self.account_changed(db, user.clone());
        if is_out {
            self.post(db, || Post::Barred(user.clone()));
            let core = Arc::clone(self);
            db.on_commit(move || core.hub.disconnect_users(&[user]));
        }
    }
}
