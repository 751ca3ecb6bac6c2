//! The table `history`.

use rusqlite::named_params;

use crate::call::{CallType, Direction, HistoryEntry, Outcome};

use super::Write;
use super::codes::encode;
use super::error::Error;

impl Write<'_> {
    /// Stores one participant's entry for a call that became final.
    pub(super) fn insert_history(&self, entry: &HistoryEntry) -> Result<(), Error> {
        let unseen = entry.outcome == Outcome::Missed && entry.direction == Direction::Incoming;
        self.execute(
            "INSERT INTO history (owner, call, remote, call_type, direction, outcome, created_at,
                                  duration_seconds, unseen)
             VALUES ((SELECT key FROM users WHERE id = :owner), :call,
                     (SELECT key FROM users WHERE id = :remote), :call_type, :direction, :outcome,
                     :created_at, :duration, :unseen)",
            named_params! {
                ":owner": entry.owner.as_str(), ":call": entry.call.as_bytes(), ":remote": entry.remote.as_str(),
                ":call_type": encode(&CallType::ALL, &entry.call_type),
                ":direction": encode(&Direction::ALL, &entry.direction),
                ":outcome": encode(&Outcome::ALL, &entry.outcome),
                ":created_at": entry.created_at.as_millis(), ":duration": entry.duration_seconds,
                ":unseen": unseen,
            },
        )?;
        Ok(())
    }
}
