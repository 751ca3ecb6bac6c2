//! Long work in short jobs, so that nobody who writes meanwhile notices it.

use std::ops::AddAssign;
use std::time::{Duration, Instant};

use crate::store::{self, Write};

use super::{Error, Service};

/// How long a job may go on. What counts is less this time than the pages that it changes: they are written into
/// the log by its commit and into the database by the checkpoint that follows, while the disk has the commits of
/// others to do. Jobs of 3 ms kept the writer for up to 23 ms, of which a commit had 14.
const HOLD: Duration = Duration::from_millis(1);

/// How long the writer is left to others between two jobs.
const PAUSE: Duration = Duration::from_millis(4);

impl Service {
    /// Does `step` until it says that it has finished; returns the sum of what it did. Others write in between.
    ///
    /// # Errors
    /// [`Error::Store`]; some of it may be done then.
    pub(super) async fn run_in_batches<T: AddAssign + Default + Send + 'static>(
        &self,
        step: impl Fn(&Write<'_>) -> Result<(T, bool), store::Error> + Clone + Send + 'static,
    ) -> Result<T, Error> {
        let mut done = T::default();
        loop {
            let (some, finished) = self.little(step.clone()).await?;
            done += some;
            if finished {
                return Ok(done);
            }
        }
    }

    /// Does `step` as often as nobody notices; returns what that did and whether it has finished. Where it has
    /// not, the writer is left to others for a moment before this returns.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub(super) async fn little<T: AddAssign + Default + Send + 'static>(
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
        let (done, finished) = self.0.store.write(job).await?;
        if !finished {
            // What is old lies all over the file. Were it left to add up in the log, its checkpoint would keep the
            // disk from everybody who commits for a tenth of a second.
            self.0.store.settle().await;
            tokio::time::sleep(PAUSE).await;
        }
        Ok((done, finished))
    }
}

/// What a step has changed; one that finds nothing to change is the last.
pub(super) const fn until_none(changed: usize) -> (usize, bool) {
    (changed, changed == 0)
}
