//! Whether calls ring for a user: the column `do_not_disturb_until` of the table `users`.

use rusqlite::params;

use crate::clock::Timestamp;
use crate::user::{Availability, UserId};

use super::error::Error;
use super::{Read, Write};

impl Read<'_> {
    /// Returns the availability of `user` as last set.
    pub fn availability(&self, user: &UserId) -> Result<Availability, Error> {
        let sql = "SELECT do_not_disturb_until FROM users WHERE id = ?1";
        let until: Option<Option<i64>> =
            self.find(sql, params![user.as_str()], |row| row.get(0))?;
        Ok(availability(until.flatten()))
    }
}

impl Write<'_> {
    /// Sets the availability of `user`.
    pub fn set_availability(&self, user: &UserId, availability: Availability) -> Result<(), Error> {
        let until = match availability {
            Availability::Available => None,
            Availability::DoNotDisturb { until } => {
                Some(until.unwrap_or(Timestamp::MAX).as_millis())
            }
        };
        self.run(
            "UPDATE users SET do_not_disturb_until = ?2 WHERE id = ?1",
            params![user.as_str(), until],
        )?;
        Ok(())
    }
}

/// Returns the availability that the column means.
pub(super) fn availability(until: Option<i64>) -> Availability {
    until.map_or(Availability::Available, |until| {
        let until = Timestamp::from_millis(until);
        Availability::DoNotDisturb {
            until: (until < Timestamp::MAX).then_some(until),
        }
    })
}
