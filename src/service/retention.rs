//! Retention: deletion of old calls (contract section 6, `retention`).

use std::time::Duration;

use crate::clock::Timestamp;
use crate::store::{self, Forgotten, Write};

use super::{Error, History};

/// Calls deleted between two checks of the time slice: eight took longer than a whole job may if each of their pages
/// has to be read from the disk.
const STEP: u32 = 2;

impl History {
    /// Returns the setting `retention`.
    #[must_use]
    pub fn retention(&self) -> Option<Duration> {
        self.0.rules.get().retention
    }

    /// Deletes the calls that ended longer ago than the setting `retention`; none if it is off.
    ///
    /// # Errors
    /// As [`History::forget_calls_over`].
    pub async fn forget_old_calls(&self) -> Result<Forgotten, Error> {
        match self.retention().filter(|_| self.0.store.has_duties()) {
            Some(age) => self.forget_calls_over(self.0.clock.now().minus(age)).await,
            None => Ok(Forgotten::default()),
        }
    }

    /// Deletes the calls that ended before `before`, with their timelines, quality reports and history entries. Other
    /// writes run in between, so it takes longer.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; some may be deleted then.
    pub async fn forget_calls_over(&self, before: Timestamp) -> Result<Forgotten, Error> {
        self.0.run_in_batches(step(before)).await
    }

    /// Deletes one batch of the calls that ended before `before`; returns whether it was the last. If it was not, other
    /// jobs use the writer for a moment before this returns.
    pub async fn forget_some_calls_over(
        &self,
        before: Timestamp,
    ) -> Result<(Forgotten, bool), Error> {
        self.0.run_batch(step(before)).await
    }

    /// Returns how many calls [`History::forget_calls_over`] would delete.
    pub fn count_calls_over(&self, before: Timestamp) -> Result<u64, Error> {
        Ok(self
            .0
            .store
            .read_at_length(|db| db.count_calls_over(before))?)
    }
}

/// Deletes the next few calls.
fn step(
    before: Timestamp,
) -> impl Fn(&Write<'_>) -> Result<(Forgotten, bool), store::Error> + Clone + Send + 'static {
    move |db| {
        let forgotten = db.forget_calls(before, STEP)?;
        Ok((forgotten, forgotten.calls < u64::from(STEP)))
    }
}
