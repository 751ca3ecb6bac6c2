//! The table `listed`: whom users have blocked, and who their contacts are.

use rusqlite::params;

use crate::clock::Timestamp;
use crate::user::{List, ListEntry, UserId};

use super::calls::instant;
use super::engine::Row;
use super::enum_codes::{Columns, encode};
use super::error::Error;
use super::users::user;
use super::{Read, Write};

impl Read<'_> {
    /// Whom `owner` has on `list`, by id. Those who were removed are left out.
    pub fn listed(&self, owner: &UserId, list: List) -> Result<Vec<ListEntry>, Error> {
        self.many("SELECT u.id, u.name, u.avatar, u.standing, l.at
             FROM listed AS l JOIN users AS u ON u.key = l.user
             WHERE l.owner = (SELECT key FROM users WHERE id = ?1) AND l.list = ?2 AND u.standing <> 2
             ORDER BY u.id", params![owner.as_str(), code(list)], listed)
    }

    /// How many `owner` has on `list`.
    pub fn count_listed(&self, owner: &UserId, list: List) -> Result<u32, Error> {
        self.one(
            "SELECT count(*) FROM listed
             WHERE owner = (SELECT key FROM users WHERE id = ?1) AND list = ?2",
            params![owner.as_str(), code(list)],
            |row| row.get(0),
        )
    }

    /// Who has `user` on `list`.
    pub fn listed_by(&self, user: &UserId, list: List) -> Result<Vec<UserId>, Error> {
        self.many(
            "SELECT owner.id FROM listed AS l JOIN users AS owner ON owner.key = l.owner
             WHERE l.user = (SELECT key FROM users WHERE id = ?1) AND l.list = ?2",
            params![user.as_str(), code(list)],
            |row| super::users::user_id(row, "listed", "id"),
        )
    }

    /// Since when `owner` has `user` on `list`, if so.
    pub fn listed_since(
        &self,
        owner: &UserId,
        list: List,
        user: &UserId,
    ) -> Result<Option<Timestamp>, Error> {
        let at = self.find(
            "SELECT at FROM listed
             WHERE owner = (SELECT key FROM users WHERE id = ?1) AND list = ?2
               AND user = (SELECT key FROM users WHERE id = ?3)",
            params![owner.as_str(), code(list), user.as_str()],
            |row| row.get(0),
        )?;
        Ok(at.map(Timestamp::from_millis))
    }
}

impl Write<'_> {
    /// Puts `user` on `list` of `owner`; false where it is there already.
    pub fn enlist(
        &self,
        owner: &UserId,
        list: List,
        user: &UserId,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let changed = self.execute("INSERT INTO listed (owner, list, user, at)
             VALUES ((SELECT key FROM users WHERE id = ?1), ?2, (SELECT key FROM users WHERE id = ?3), ?4)
             ON CONFLICT DO NOTHING", params![owner.as_str(), code(list), user.as_str(), now.as_millis()])?;
        Ok(changed > 0)
    }

    /// Takes `user` off `list` of `owner`; false where it is not there.
    pub fn delist(&self, owner: &UserId, list: List, user: &UserId) -> Result<bool, Error> {
        let changed = self.execute(
            "DELETE FROM listed
             WHERE owner = (SELECT key FROM users WHERE id = ?1) AND list = ?2
               AND user = (SELECT key FROM users WHERE id = ?3)",
            params![owner.as_str(), code(list), user.as_str()],
        )?;
        Ok(changed > 0)
    }

    /// Puts two users into each other's contacts, or takes them out.
    pub fn set_contacts(
        &self,
        [one, other]: [&UserId; 2],
        wanted: bool,
        now: Timestamp,
    ) -> Result<(), Error> {
        for (owner, user) in [(one, other), (other, one)] {
            if wanted {
                self.enlist(owner, List::Contacts, user, now)?;
            } else {
                self.delist(owner, List::Contacts, user)?;
            }
        }
        Ok(())
    }
}

fn code(list: List) -> i64 {
    encode(list)
}

fn listed(row: &Row<'_>) -> Result<ListEntry, Error> {
    let profile = user(row)?.profile;
    let columns = Columns {
        row,
        table: "listed",
        id: &profile.id,
    };
    let at = instant(&columns, "at")?;
    Ok(ListEntry { profile, at })
}
