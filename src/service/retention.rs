//! Forgetting what is old (contract section 6, `retention`).

use std::time::Duration;

use crate::clock::Timestamp;
use crate::store::{self, Forgotten, Write};

use super::{Error, History};

/// Calls between two looks at the time: eight took longer than a whole job may, where each page of theirs has to
/// come from the disk.
const STEP: u32 = 2;

impl History {
    /// The setting `retention`.
    #[must_use]
    pub fn retention(&self) -> Option<Duration> {
        self.0.rules.get().retention
    }

    /// Forgets the calls that have been over for the setting `retention`; none where it is off.
    ///
    /// # Errors
    /// As [`History::forget_calls_over`].
    pub async fn forget_old_calls(&self) -> Result<Forgotten, Error> {
        match self.retention() {
            Some(age) => self.forget_calls_over(self.0.clock.now().minus(age)).await,
            None => Ok(Forgotten::default()),
        }
    }

    /// Forgets the calls that were over before `before`: their timelines, quality and histories too. Others
    /// write in between: it takes its time.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; some may be forgotten then.
    pub async fn forget_calls_over(&self, before: Timestamp) -> Result<Forgotten, Error> {
        self.0.run_in_batches(step(before)).await
    }

    /// Forgets some of the calls that were over before `before`, as many as nobody notices; returns whether
    /// that were the last. Where they were not, it leaves the writer to others for a moment before it returns.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn forget_some_calls_over(
        &self,
        before: Timestamp,
    ) -> Result<(Forgotten, bool), Error> {
        self.0.run_batch(step(before)).await
    }

    /// How many calls [`History::forget_calls_over`] would forget.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub fn count_calls_over(&self, before: Timestamp) -> Result<u64, Error> {
        Ok(self
            .0
            .store
            .read_at_length(|db| db.count_calls_over(before))?)
    }
}

/// Forgets the next few.
fn step(
    before: Timestamp,
) -> impl Fn(&Write<'_>) -> Result<(Forgotten, bool), store::Error> + Clone + Send + 'static {
    move |db| {
        let forgotten = db.forget_calls(before, STEP)?;
        Ok((forgotten, forgotten.calls < u64::from(STEP)))
    }
}
