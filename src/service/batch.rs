//! Batches: long work is split into short jobs, so that other writes are not delayed.

use std::ops::AddAssign;
use std::time::{Duration, Instant};

use crate::store::{self, Write};

use super::{Core, Error};

/// Time slice of one job. The number of pages that it changes matters more than this time: its commit writes them into
/// the log and the checkpoint that follows writes them into the database, while other commits wait for the disk. Jobs
/// of 3 ms held the writer for up to 23 ms, of which a commit took 14.
const HOLD: Duration = Duration::from_millis(1);

/// Pause between two jobs, in which other jobs use the writer.
const PAUSE: Duration = Duration::from_millis(4);

impl Core {
    /// Runs `step` until it returns that it has finished; returns the sum of its results. Other jobs run in between.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; part of the work may be done then.
    pub(super) async fn run_in_batches<T: AddAssign + Default + Send + 'static>(
        &self,
        step: impl Fn(&Write<'_>) -> Result<(T, bool), store::Error> + Clone + Send + 'static,
    ) -> Result<T, Error> {
        let mut done = T::default();
        loop {
            let (some, finished) = self.run_batch(step.clone()).await?;
            done += some;
            if finished {
                return Ok(done);
            }
        }
    }

    /// Runs `step` until the time slice ends; returns the sum of its results and whether it has finished. If it has
    /// not, other jobs use the writer for a moment before this returns.
    pub(super) async fn run_batch<T: AddAssign + Default + Send + 'static>(
        &self,
        step: impl Fn(&Write<'_>) -> Result<(T, bool), store::Error> + Send + 'static,
    ) -> Result<(T, bool), Error> {
        let job = move |db: &Write<'_>| -> Result<(T, bool), Error> {
            let (began, mut done) = (Instant::now(), T::default());
            loop {
                let (some, finished) = step(db)?;
                done += some;
                if finished || began.elapsed() >= HOLD {
                    return Ok((done, finished));
                }
            }
        };
        let (done, finished) = self.store.write(job).await?;
        if !finished {
            // Old rows are spread over the whole file. If their pages accumulated in the log, its checkpoint would
            // block every commit on the disk for a tenth of a second.
            self.store.settle().await;
            tokio::time::sleep(PAUSE).await;
        }
        Ok((done, finished))
    }
}

/// Returns the result of a step that changed `changed` rows; a step that changes none is the last.
pub(super) const fn until_none(changed: usize) -> (usize, bool) {
    (changed, changed == 0)
}
