//! Wall clock changes: when the service adopts a wall clock that was set.
//!
//! The service uses the monotonic clock, so a step moves no deadline and no duration. Its timestamps follow the wall
//! clock again when no call is live: all timestamps of one call come from one clock.

use std::sync::Arc;

use crate::store::Write;

use super::{Core, Deadlines, Error};

/// Smallest difference between the two clocks that is adopted, in milliseconds. NTP corrects smaller ones by slewing.
const SMALLEST_STEP: i64 = 1_000;

impl Deadlines {
    /// Adopts the wall clock if it was set and no call is live. Returns whether the service's clock was moved.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; the clock is not moved then.
    pub async fn follow_wall_clock(&self) -> Result<bool, Error> {
        let step = self.0.clock.wall_step();
        if step.abs() < SMALLEST_STEP {
            return Ok(false);
        }
        let core = Arc::clone(&self.0);
        let job = move |db: &Write<'_>| -> Result<bool, Error> {
            if db.has_live_calls()? {
                return Ok(false);
            }
            db.shift_deadlines(step)?;
            // Inside the job: later jobs of this batch store timestamps of the moved clock.
            core.shift_clock(step);
            Ok(true)
        };
        let moved = match self.0.store.write(job).await {
            Ok(moved) => moved,
            Err(error) => {
                self.undo_shift(step);
                return Err(error);
            }
        };
        if moved {
            tracing::warn!(
                step_ms = step,
                "the system clock was set; times follow it from now on"
            );
        }
        Ok(moved)
    }

    /// Moves the clock back if the job that moved it was not committed.
    fn undo_shift(&self, step: i64) {
        if self.0.clock.wall_step().abs() < SMALLEST_STEP {
            self.0.shift_clock(-step);
        }
    }
}

impl Core {
    /// Moves the clock, and with it the expiry of the events in memory, which must never be early.
    fn shift_clock(&self, step: i64) {
        if step > 0 {
            self.hub.shift_expiry(step);
            self.clock.shift(step);
        } else {
            self.clock.shift(step);
            self.hub.shift_expiry(step);
        }
    }
}
