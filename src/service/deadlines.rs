//! Deadlines of calls, events and idempotency keys, and what the server does when they pass.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::call::{Status, Transition, transition};
use crate::clock::{TimeSource as _, Timestamp};
use crate::metrics::Loss;
use crate::store::{self, Write};
use crate::system_time::SystemTime;

use super::batch::until_none;
use super::channels::ChannelUpdate;
use super::{Core, Error};

/// Maximum number of calls changed in one job: more would delay callers (64 take a few milliseconds).
const BATCH: usize = 64;

/// Excess length of a sleep that counts as a pause of the process. A loaded machine delays by less.
const PAUSE: Duration = Duration::from_secs(5);

/// Number of expired events or keys deleted between two checks of the time slice.
const STEP: u32 = 64;

/// Use cases of the sweeper, which acts when deadlines pass.
pub struct Deadlines(pub(super) Arc<Core>);

impl Deadlines {
    /// Prepares the start: without other nodes no user is connected, so every participant of an answered call counts as
    /// disconnected from now. Fills the memory state of live calls.
    pub async fn begin(&self) -> Result<(), Error> {
        let now = self.0.clock.now();
        let core = Arc::clone(&self.0);
        let job = move |db: &Write<'_>| -> Result<(), Error> {
            if core.store.is_alone_at_start() {
                db.mark_all_gone(now)?;
                if core.store.node().is_some() {
                    // The last nodes have recorded who was gone when they stopped; nobody could return since then.
                    db.restart_disconnect_grace(now)?;
                }
                core.recover_events(db, now)?;
            }
            core.begin_announcing(db, now)?;
            let live = db.live_calls_by_status()?;
            let answered = db.answered_calls()?;
            db.on_commit(move || {
                for answered in answered {
                    core.channels.apply(ChannelUpdate::In(answered));
                }
                for (status, calls) in live {
                    core.metrics.set_live_calls(status, calls);
                }
            });
            Ok(())
        };
        self.0.store.write(job).await
    }

    /// Records that the sweeper runs.
    pub fn begin_run(&self) {
        self.0.scheduler.begin_run(Instant::now());
    }

    /// Ends every call whose ring timeout or maximum duration has passed, and every answered call whose participant has
    /// been disconnected for the disconnect grace. Returns how many.
    pub async fn end_overdue_calls(&self) -> Result<usize, Error> {
        let mut ended = 0;
        while let Some(due) = self.next_deadline()?.filter(|at| *at <= self.0.clock.now()) {
            let core = Arc::clone(&self.0);
            let changed = self.0.store.write(move |db| core.end_overdue(db)).await?;
            if changed == 0 {
                break;
            }
            ended += changed;
            // A deadline that passed while the server was down does not count as late for that time.
            let late = self.0.clock.now().since(due.max(self.0.started_at));
            self.0.metrics.deadline_met(late);
        }
        Ok(ended)
    }

    /// Returns the next deadline of [`Deadlines::end_overdue_calls`].
    pub fn next_deadline(&self) -> Result<Option<Timestamp>, Error> {
        let (deadline, gone_since) = self.0.store.read(|db| -> Result<_, Error> {
            Ok((db.nearest_deadline()?, db.longest_gone_since()?))
        })?;
        let gone = gone_since
            .zip(self.0.rules.get().disconnect_grace)
            .map(|(since, grace)| since.plus(grace));
        Ok([deadline, gone].into_iter().flatten().min())
    }

    /// Deletes stored events and idempotency keys that have expired. Other writes run in between.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; some may be deleted then.
    pub async fn forget_expired(&self) -> Result<(), Error> {
        let unconfirmed = self.0.hub.forget_expired();
        self.0.metrics.events_dropped(Loss::Expired, unconfirmed);
        if !self.0.store.has_duties() {
            return Ok(());
        }
        let now = self.0.clock.now();
        let keys = move |db: &Write<'_>| Ok(until_none(db.delete_expired_keys(now, STEP)?));
        self.0.run_in_batches(keys).await?;
        let notices = move |db: &Write<'_>| {
            let deleted = db.delete_expired_events(now, STEP)?;
            let unconfirmed = deleted.iter().filter(|unconfirmed| **unconfirmed).count();
            Ok((unconfirmed, deleted.is_empty()))
        };
        loop {
            let (unconfirmed, finished) = self.0.run_batch(notices).await?;
            self.0.metrics.events_dropped(Loss::Expired, unconfirmed);
            if finished {
                break;
            }
        }
        let contents =
            move |db: &Write<'_>| Ok(until_none(db.delete_expired_app_events(now, STEP)?));
        self.0.run_in_batches(contents).await?;
        Ok(())
    }

    /// Sleeps until the next deadline, at most for `longest`.
    pub async fn sleep_until_due(&self, longest: Duration) -> Result<(), Error> {
        // Reset before the deadlines are read: a deadline written after that wakes the sweeper.
        self.0.scheduler.reset();
        let now = self.0.clock.now();
        let until = now
            .plus(longest)
            .min(self.next_deadline()?.unwrap_or(Timestamp::MAX))
            .min(self.next_confirmation()?.unwrap_or(Timestamp::MAX));
        self.0.scheduler.sleep_until(until);
        let (began, rest) = (Instant::now(), until.since(now));
        let slept_from = SystemTime.elapsed();
        self.0.scheduler.end_run(began + rest, began);
        tokio::select! {
            () = tokio::time::sleep(rest) => (),
            () = self.0.scheduler.woken() => self.0.scheduler.make_due(Instant::now()),
        }
        let slept = SystemTime.elapsed().saturating_sub(slept_from);
        // Clients of other nodes could reconnect meanwhile.
        if slept > rest + PAUSE && !self.0.store.has_other_nodes() {
            self.restart_disconnect_grace(slept).await?;
        }
        Ok(())
    }

    /// Restarts the disconnect grace after the process was stopped or the machine slept for `pause`: clients could not
    /// reconnect in that time.
    async fn restart_disconnect_grace(&self, pause: Duration) -> Result<(), Error> {
        tracing::warn!(
            seconds = pause.as_secs(),
            "the process was stopped or the machine slept; the disconnect grace starts again"
        );
        let now = self.0.clock.now();
        let job =
            move |db: &Write<'_>| -> Result<(), Error> { Ok(db.restart_disconnect_grace(now)?) };
        self.0.store.write(job).await
    }
}

impl Core {
    fn end_overdue(self: &Arc<Self>, db: &Write<'_>) -> Result<usize, Error> {
        let now = self.clock.now();
        let due = self.due(db, now)?;
        let mut ended = 0;
        for transition in &due {
            // One call that cannot be changed must not prevent the others from being ended.
            match db.attempt(|db| self.apply(db, transition)) {
                Ok(()) => ended += 1,
                Err(error @ store::Error::Unavailable(_)) => return Err(error.into()),
                Err(error) => db.skip_call(&transition.call, &error),
            }
        }
        Ok(ended)
    }

    /// Returns what is due at `now`: the calls' own deadlines first, then disconnected participants.
    fn due(&self, db: &Write<'_>, now: Timestamp) -> Result<Vec<Transition>, Error> {
        let mut due = Vec::new();
        for call in db.overdue_calls(now, BATCH)? {
            due.push(match call.status() {
                Status::Initiating | Status::Ringing => transition::ring_timeout(&call, now)?,
                Status::Connecting
                | Status::Active
                | Status::Ended
                | Status::Rejected
                | Status::Missed => transition::duration_exceeded(&call, now)?,
            });
        }
        if !due.is_empty() {
            return Ok(due);
        }
        let Some(grace) = self.rules.get().disconnect_grace else {
            return Ok(due);
        };
        for gone in db.gone_participants(now.minus(grace), BATCH)? {
            // Both participants may be disconnected: the first one has ended the call, and it is listed twice.
            if !due
                .iter()
                .any(|transition: &Transition| transition.call.id == gone.call.id)
            {
                due.push(transition::participant_lost(&gone.call, &gone.user, now)?);
            }
        }
        Ok(due)
    }
}
