//! The table `users`.

use rusqlite::{named_params, params};

use crate::clock::Timestamp;
use crate::user::{AccountStatus, Profile, User, UserId};

use super::engine::Row;
use super::enum_codes::Columns;
use super::error::Error;
use super::{Read, Write};

/// `standing` of a user who was removed but is named in calls and history.
const REMOVED: i64 = 2;

/// What came of putting a user in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upsert {
    /// It is new, or back.
    Added,
    /// It was there, and is different now.
    Updated,
    /// It was there just so.
    Unchanged,
}

/// Row of a user for a sign-in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Account {
    /// The user exists.
    Present {
        /// The user.
        user: User,
        /// As of when name and avatar are known.
        profile_at: Option<Timestamp>,
    },
    /// The user was removed.
    Removed {
        /// When.
        at: Option<Timestamp>,
    },
}

impl Read<'_> {
    /// Returns the account of that id, also of a removed user.
    pub fn account(&self, id: &UserId) -> Result<Option<Account>, Error> {
        self.find(
            "SELECT id, name, avatar, standing, removed_at, profile_at FROM users WHERE id = ?1",
            params![id.as_str()],
            account,
        )
    }

    /// The user of that id, if there is one.
    pub fn user(&self, id: &UserId) -> Result<Option<User>, Error> {
        self.find(
            "SELECT id, name, avatar, standing FROM users WHERE id = ?1 AND standing <> 2",
            params![id.as_str()],
            user,
        )
    }

    /// What is shown of the user of that id, who is named somewhere and may have been removed.
    pub fn profile(&self, id: &UserId) -> Result<Profile, Error> {
        self.one(
            "SELECT name, avatar FROM users WHERE id = ?1",
            params![id.as_str()],
            |row| {
                Ok(Profile {
                    id: id.clone(),
                    name: row.get("name")?,
                    avatar: row.get("avatar")?,
                })
            },
        )
    }

    /// All users, by id.
    pub fn users(&self) -> Result<Vec<User>, Error> {
        self.select_users(
            "SELECT id, name, avatar, standing FROM users WHERE standing <> 2 ORDER BY id",
        )
    }

    /// Returns users after the id `after`, by id, whose id or name contains `text` in any case, at most `limit`.
    pub fn users_after(&self, after: &str, text: &str, limit: u32) -> Result<Vec<User>, Error> {
        let pattern = pattern(text);
        self.readable(
            "SELECT id, name, avatar, standing FROM users
             WHERE id > ?1 AND standing <> 2 AND (?2 = '' OR lower(id || ' ' || name) LIKE ?2 ESCAPE '!')
             ORDER BY id LIMIT ?3",
            params![after, pattern, limit],
            user,
        )
    }

    /// The users who may not sign in, removed ones included.
    pub fn disabled_users(&self) -> Result<Vec<UserId>, Error> {
        self.readable(
            "SELECT id FROM users WHERE standing <> 0",
            params![],
            |row| user_id(row, "users", "id"),
        )
    }

    fn select_users(&self, sql: &str) -> Result<Vec<User>, Error> {
        self.readable(sql, params![], user)
    }
}

impl Write<'_> {
    /// Adds a user; false where the id is taken, which changes nothing. One who was removed comes back.
    pub fn add_user(&self, profile: &Profile, now: Timestamp) -> Result<bool, Error> {
        let changed = self.execute(
            "INSERT INTO users (id, name, avatar, standing, created_at, profile_at)
             VALUES (:id, :name, :avatar, 0, :now, :now)
             ON CONFLICT (id) DO UPDATE
                SET name = excluded.name, avatar = excluded.avatar, standing = 0, removed_at = NULL,
                    profile_at = excluded.profile_at, do_not_disturb_until = NULL
                WHERE users.standing = 2",
            named_params! {
                ":id": profile.id.as_str(), ":name": profile.name, ":avatar": profile.avatar,
                ":now": now.as_millis(),
            },
        )?;
        Ok(changed > 0)
    }

    /// Adds the user of a token that was issued at `issued_at`. A removed user comes back if that is later than the
    /// removal.
    pub fn provision_user(
        &self,
        profile: &Profile,
        issued_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<(), Error> {
        self.run(
            "INSERT INTO users (id, name, avatar, standing, created_at, profile_at)
             VALUES (:id, :name, :avatar, 0, :now, :issued_at)
             ON CONFLICT (id) DO UPDATE
                SET name = excluded.name, avatar = excluded.avatar, standing = 0, removed_at = NULL,
                    profile_at = excluded.profile_at
                WHERE users.standing = 2 AND excluded.profile_at > users.removed_at",
            named_params! {
                ":id": profile.id.as_str(), ":name": profile.name, ":avatar": profile.avatar,
                ":now": now.as_millis(), ":issued_at": issued_at.map(Timestamp::as_millis),
            },
        )?;
        Ok(())
    }

    /// Sets name and avatar as of `at`, unless newer ones are known.
    pub fn update_profile(&self, profile: &Profile, at: Timestamp) -> Result<(), Error> {
        self.run(
            "UPDATE users SET name = :name, avatar = :avatar, profile_at = :at
             WHERE id = :id AND standing = 0 AND (profile_at IS NULL OR profile_at < :at)",
            named_params! {
                ":id": profile.id.as_str(), ":name": profile.name, ":avatar": profile.avatar,
                ":at": at.as_millis(),
            },
        )?;
        Ok(())
    }

    /// Adds a user or brings it to this profile, and to this standing where one is given. One who was removed
    /// comes back.
    pub fn put_user(
        &self,
        profile: &Profile,
        standing: Option<AccountStatus>,
        now: Timestamp,
    ) -> Result<Upsert, Error> {
        let Some(before) = self.user(&profile.id)? else {
            self.add_user(profile, now)?;
            if let Some(standing @ AccountStatus::Disabled) = standing {
                self.set_standing(&profile.id, standing)?;
            }
            return Ok(Upsert::Added);
        };
        let standing = standing.unwrap_or(before.standing);
        if before.profile == *profile && before.standing == standing {
            return Ok(Upsert::Unchanged);
        }
        self.run(
            "UPDATE users SET name = ?2, avatar = ?3, standing = ?4, profile_at = ?5 WHERE id = ?1",
            params![
                profile.id.as_str(),
                &profile.name,
                &profile.avatar,
                code(standing),
                now.as_millis()
            ],
        )?;
        Ok(Upsert::Updated)
    }

    /// Enables or disables a user; false where there is none.
    pub fn set_standing(&self, id: &UserId, standing: AccountStatus) -> Result<bool, Error> {
        let sql = "UPDATE users SET standing = ?2 WHERE id = ?1 AND standing <> 2";
        Ok(self.execute(sql, params![id.as_str(), code(standing)])? > 0)
    }

    /// Removes a user; false where there is none. Calls and history keep naming it.
    /// Tokens issued before `now` do not bring the user back.
    pub fn remove_user(&self, id: &UserId, now: Timestamp) -> Result<bool, Error> {
        let sql =
            "UPDATE users SET standing = ?2, removed_at = ?3 WHERE id = ?1 AND standing <> ?2";
        Ok(self.execute(sql, params![id.as_str(), REMOVED, now.as_millis()])? > 0)
    }
}

/// Returns the pattern of LIKE for texts that contain `text`; an empty one for an empty text.
fn pattern(text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    let mut pattern = "%".to_owned();
    for char in text.to_lowercase().chars() {
        if matches!(char, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(char);
    }
    pattern + "%"
}

const fn code(standing: AccountStatus) -> i64 {
    match standing {
        AccountStatus::Active => 0,
        AccountStatus::Disabled => 1,
    }
}

/// Names of the columns of a user.
pub(super) struct UserColumns {
    pub id: &'static str,
    pub name: &'static str,
    pub avatar: &'static str,
    pub standing: &'static str,
}

fn account(row: &Row<'_>) -> Result<Account, Error> {
    let instant = |column| -> Result<Option<Timestamp>, Error> {
        let ms: Option<i64> = row.get(column)?;
        Ok(ms.map(Timestamp::from_millis))
    };
    Ok(if row.get::<i64>("standing")? == REMOVED {
        Account::Removed {
            at: instant("removed_at")?,
        }
    } else {
        Account::Present {
            user: user(row)?,
            profile_at: instant("profile_at")?,
        }
    })
}

/// The user of a row with the columns `id`, `name`, `avatar` and `standing`.
pub(super) fn user(row: &Row<'_>) -> Result<User, Error> {
    let names = UserColumns {
        id: "id",
        name: "name",
        avatar: "avatar",
        standing: "standing",
    };
    named_user(row, &names)
}

/// The user of a row with columns of these names.
pub(super) fn named_user(row: &Row<'_>, names: &UserColumns) -> Result<User, Error> {
    let id = user_id(row, "users", names.id)?;
    let columns = Columns {
        row,
        table: "users",
        id: &id,
    };
    let profile = Profile {
        name: columns.get(names.name)?,
        avatar: columns.get(names.avatar)?,
        id: id.clone(),
    };
    let standing = match columns.get::<i64>(names.standing)? {
        0 => AccountStatus::Active,
        1 => AccountStatus::Disabled,
        other => return Err(columns.impossible("standing", &other.to_string())),
    };
    Ok(User { profile, standing })
}

/// The user id in `column`.
pub(super) fn user_id(
    row: &Row<'_>,
    table: &'static str,
    column: &'static str,
) -> Result<UserId, Error> {
    let text: String = row.get(column)?;
    UserId::parse(&text).ok_or_else(|| Error::Inconsistent {
        table,
        column,
        id: text.clone(),
        found: text,
    })
}
