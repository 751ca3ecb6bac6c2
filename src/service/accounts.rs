//! Cache of accounts that may sign in, so that a request does not read its user from the database.

use parking_lot::Mutex;

use crate::clock::Timestamp;
use crate::recent_map::RecentMap;
use crate::store::Account;
use crate::user::{AccountStatus, Profile, UserId};

/// Number of accounts in a generation of the cache. An account has some hundred bytes.
const GENERATION: usize = 4_096;

/// Bounded cache of active accounts. Code that changes an account removes it from here after the commit; disabled,
/// removed and unknown users are always read from the database.
pub(super) struct AccountCache(Mutex<Accounts>);

struct Accounts {
    known: RecentMap<UserId, KnownAccount>,
    /// Number of changes so far: an account that was read before a change is not stored after it.
    changes: u64,
}

struct KnownAccount {
    profile: Profile,
    profile_at: Option<Timestamp>,
}

/// Permission to store an account that is read from the database after this was given.
#[derive(Clone, Copy)]
pub(super) struct ReadPermit(u64);

impl Default for AccountCache {
    fn default() -> Self {
        Self(Mutex::new(Accounts {
            known: RecentMap::new(GENERATION),
            changes: 0,
        }))
    }
}

impl AccountCache {
    /// Returns whether the account of `user` is cached and `is_current`, given its profile and the profile's date.
    pub fn knows(
        &self,
        user: &UserId,
        is_current: impl FnOnce(&Profile, Option<Timestamp>) -> bool,
    ) -> bool {
        let mut accounts = self.0.lock();
        let known = accounts.known.get(user);
        known.is_some_and(|known| is_current(&known.profile, known.profile_at))
    }

    /// Returns the permission to store what is read from now on.
    pub fn permit_read(&self) -> ReadPermit {
        ReadPermit(self.0.lock().changes)
    }

    /// Stores `account` if it is active and no account has changed since `permit` was given.
    pub fn store(&self, permit: ReadPermit, account: Option<&Account>) {
        let Some(Account::Present { user, profile_at }) = account else {
            return;
        };
        let mut accounts = self.0.lock();
        if accounts.changes != permit.0 || user.standing != AccountStatus::Active {
            return;
        }
        let (profile, profile_at) = (user.profile.clone(), *profile_at);
        let known = KnownAccount {
            profile,
            profile_at,
        };
        accounts.known.insert(user.profile.id.clone(), known);
    }

    /// Removes the accounts of `users`, which have changed.
    pub fn forget(&self, users: &[UserId]) {
        let mut accounts = self.0.lock();
        accounts.changes += 1;
        for user in users {
            accounts.known.remove(user);
        }
    }

    /// Removes all accounts: any of them may have changed.
    pub fn forget_all(&self) {
        let mut accounts = self.0.lock();
        accounts.changes += 1;
        accounts.known.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::user::User;

    fn alice() -> UserId {
        UserId::parse("alice").expect("an id")
    }

    fn account(standing: AccountStatus) -> Account {
        let profile = Profile {
            id: alice(),
            name: "Alice".to_owned(),
            avatar: None,
        };
        Account::Present {
            user: User { profile, standing },
            profile_at: None,
        }
    }

    fn knows_alice(cache: &AccountCache) -> bool {
        cache.knows(&alice(), |_, _| true)
    }

    #[test]
    fn account_is_known_until_it_changes() {
        let cache = AccountCache::default();
        let active = account(AccountStatus::Active);
        cache.store(cache.permit_read(), Some(&active));
        assert!(knows_alice(&cache));
        assert!(!cache.knows(&alice(), |_, _| false), "not current");
        cache.forget(&[alice()]);
        assert!(!knows_alice(&cache));
        cache.store(cache.permit_read(), Some(&active));
        cache.forget_all();
        assert!(!knows_alice(&cache));
    }

    #[test]
    fn account_read_before_a_change_is_not_stored() {
        let cache = AccountCache::default();
        let permit = cache.permit_read();
        cache.forget(&[]);
        cache.store(permit, Some(&account(AccountStatus::Active)));
        assert!(!knows_alice(&cache));
    }

    #[test]
    fn disabled_and_unknown_users_are_not_stored() {
        let cache = AccountCache::default();
        let removed = Account::Removed { at: None };
        let disabled = account(AccountStatus::Disabled);
        for account in [None, Some(&removed), Some(&disabled)] {
            cache.store(cache.permit_read(), account);
        }
        assert!(!knows_alice(&cache));
    }
}
