//! Forgetting what is old (contract section 6, `retention`).

use std::time::{Duration, Instant};

use crate::clock::Timestamp;
use crate::store::{AfterCommit, Forgotten, Write};

use super::{Error, Service, nothing};

/// How long a job may go on forgetting. With its share of the commit that keeps the writer for less than
/// 20 ms, which nobody notices.
const HOLD: Duration = Duration::from_millis(5);

/// Calls between two looks at the time: they take a fraction of [`HOLD`], even where each page of theirs has
/// to come from the disk.
const STEP: u32 = 8;

/// How long the writer is left to others after each job.
const PAUSE: Duration = Duration::from_millis(20);

impl Service {
    /// The setting `retention`.
    #[must_use]
    pub fn retention(&self) -> Option<Duration> {
        self.0.rules.retention
    }

    /// Forgets the calls that have been over for the setting `retention`; none where it is off.
    ///
    /// # Errors
    /// As [`Service::forget_calls_over`].
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
    /// [`Error::Store`]; some may be forgotten then.
    pub async fn forget_calls_over(&self, before: Timestamp) -> Result<Forgotten, Error> {
        let mut forgotten = Forgotten::default();
        loop {
            let (batch, finished) = self.forget_some_calls_over(before).await?;
            forgotten += batch;
            if finished {
                return Ok(forgotten);
            }
        }
    }

    /// Forgets some of the calls that were over before `before`, as many as nobody notices; returns whether
    /// that were the last. Where they were not, it leaves the writer to others for a moment before it returns.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn forget_some_calls_over(
        &self,
        before: Timestamp,
    ) -> Result<(Forgotten, bool), Error> {
        let (batch, finished) = self.forget_batch(before).await?;
        if !finished {
            tokio::time::sleep(PAUSE).await;
        }
        Ok((batch, finished))
    }

    /// Forgets as many calls as fit into [`HOLD`]; returns whether that were the last.
    async fn forget_batch(&self, before: Timestamp) -> Result<(Forgotten, bool), Error> {
        let job = move |db: &Write<'_>| -> Result<((Forgotten, bool), AfterCommit), Error> {
            let began = Instant::now();
            let mut forgotten = Forgotten::default();
            loop {
                let step = db.forget_calls(before, STEP)?;
                forgotten += step;
                let finished = step.calls < u64::from(STEP);
                if finished || began.elapsed() >= HOLD {
                    return Ok(((forgotten, finished), nothing()));
                }
            }
        };
        self.0.store.write(job).await
    }

    /// How many calls [`Service::forget_calls_over`] would forget.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn count_calls_over(&self, before: Timestamp) -> Result<u64, Error> {
        Ok(self
            .0
            .store
            .read_at_length(|db| db.count_calls_over(before))?)
    }
}
