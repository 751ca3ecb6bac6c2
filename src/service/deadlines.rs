//! What the server does by itself when an instant has passed.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::call::{Status, Transition, transition};
use crate::clock::Timestamp;
use crate::metrics::Loss;
use crate::store::Write;

use super::batch::until_none;
use super::channels::Move;
use super::{Core, Error};

/// Calls changed in one job: more would keep callers waiting behind it (64 take a few milliseconds).
const BATCH: u32 = 64;

/// Expired events or keys between two looks at the time.
const STEP: u32 = 64;

/// Use cases of the sweeper: what the server does by itself when an instant has passed.
pub struct Deadlines(pub(super) Arc<Core>);

impl Deadlines {
    /// At the start: nobody is connected, so whoever was in an answered call is gone from now. What is kept in
    /// memory of live calls is filled.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn begin(&self) -> Result<(), Error> {
        let now = self.0.clock.now();
        let core = Arc::clone(&self.0);
        let job = move |db: &Write<'_>| -> Result<(), Error> {
            db.mark_all_gone(now)?;
            core.begin_announcing(db, now)?;
            let live = db.live_calls_by_status()?;
            let answered = db.answered_calls()?;
            db.on_commit(move || {
                for answered in answered {
                    core.channels.tell(Move::In(answered));
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

    /// Ends every call whose ring timeout or longest duration has passed, and every answered one whose
    /// participant has been gone for the disconnect grace. Returns how many.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn end_overdue_calls(&self) -> Result<usize, Error> {
        let mut ended = 0;
        while let Some(due) = self.next_deadline()?.filter(|at| *at <= self.0.clock.now()) {
            let core = Arc::clone(&self.0);
            let changed = self.0.store.write(move |db| core.end_overdue(db)).await?;
            if changed == 0 {
                break;
            }
            ended += changed;
            // What came due while the server was down is not late by that.
            let late = self.0.clock.now().since(due.max(self.0.started_at));
            self.0.metrics.deadline_met(late);
        }
        Ok(ended)
    }

    /// The nearest instant at which [`Deadlines::end_overdue_calls`] has something to do.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub fn next_deadline(&self) -> Result<Option<Timestamp>, Error> {
        let (deadline, gone_since) = self.0.store.read(|db| -> Result<_, Error> {
            Ok((db.nearest_deadline()?, db.longest_gone_since()?))
        })?;
        let gone = gone_since
            .zip(self.0.rules.disconnect_grace)
            .map(|(since, grace)| since.plus(grace));
        Ok([deadline, gone].into_iter().flatten().min())
    }

    /// Forgets kept events and idempotency keys that have expired. Others write in between.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; some may be forgotten then.
    pub async fn forget_expired(&self) -> Result<(), Error> {
        let now = self.0.clock.now();
        let keys = move |db: &Write<'_>| Ok(until_none(db.delete_expired_keys(now, STEP)?));
        self.0.run_in_batches(keys).await?;
        let notices = move |db: &Write<'_>| Ok(until_none(db.delete_expired_events(now, STEP)?));
        loop {
            let (expired, finished) = self.0.run_batch(notices).await?;
            self.0.metrics.events_dropped(Loss::Expired, expired);
            if finished {
                return Ok(());
            }
        }
    }

    /// Sleeps until something is due, at most for `longest`.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn sleep_until_due(&self, longest: Duration) -> Result<(), Error> {
        // Reset before the deadlines are read: a deadline written after that wakes the sweeper.
        self.0.scheduler.reset();
        let now = self.0.clock.now();
        let until = now
            .plus(longest)
            .min(self.next_deadline()?.unwrap_or(Timestamp::MAX));
        self.0.scheduler.sleep_until(until);
        let (began, rest) = (Instant::now(), until.since(now));
        self.0.scheduler.end_run(began + rest, began);
        tokio::select! {
            () = tokio::time::sleep(rest) => (),
            () = self.0.scheduler.woken() => self.0.scheduler.make_due(Instant::now()),
        }
        Ok(())
    }
}

impl Core {
    fn end_overdue(self: &Arc<Self>, db: &Write<'_>) -> Result<usize, Error> {
        let now = self.clock.now();
        let due = self.due(db, now)?;
        for transition in &due {
            self.apply(db, transition)?;
        }
        Ok(due.len())
    }

    /// What is due at `now`: the calls' own deadlines first, then those who are gone.
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
        let Some(grace) = self.rules.disconnect_grace else {
            return Ok(due);
        };
        for gone in db.gone_participants(now.minus(grace), BATCH)? {
            // Both may be gone: the one who left first has ended the call, and it is listed twice.
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

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use crate::call::transition::Limits;
    use crate::call::{CallType, ChannelId, Principal, Source, Status};
    use crate::clock::{Clock, ManualClock};
    use crate::hub::{Capacity, Hub};
    use crate::metrics::Metrics;
    use crate::service::{NewCall, Rules, Service};
    use crate::store::{Database, Store};
    use crate::user::{Profile, SessionId, UserId};

    use super::*;

    const RING: Duration = Duration::from_mins(1);

    fn principal(user: &str) -> Principal {
        Principal {
            user: UserId::parse(user).expect("an id"),
            session: SessionId::new(user),
            via: Source::Rest,
        }
    }

    #[tokio::test]
    async fn call_accepted_before_the_timeout_write_is_not_missed() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("calls.db");
        let hand = ManualClock::starting_at(Timestamp::from_millis(0));
        let database = Database::open(&path).expect("a database");
        for user in ["alice", "bob"] {
            let profile = Profile {
                id: principal(user).user,
                name: user.to_owned(),
                avatar: None,
            };
            database.add_user(&profile, hand.now()).expect("added");
        }
        drop(database);
        let metrics = Metrics::new("0.0.0");
        let service = Service::new(
            Store::open(&path, metrics.clone()).expect("a store"),
            Hub::new(Capacity {
                event_queue: 1,
                sessions_per_user: 1,
                connections: 1,
                connections_per_address: None,
            }),
            Clock::Manual(hand.clone()),
            Rules::only(Limits {
                ring_timeout: RING,
                max_call_duration: None,
            }),
            metrics,
            None,
        );
        let new = NewCall {
            callee: principal("bob").user,
            call_type: CallType::Audio,
            channel: ChannelId::parse("channel").expect("a channel"),
            idempotency_key: None,
        };
        let call = service
            .calls()
            .initiate(principal("alice"), new)
            .await
            .expect("made");
        hand.advance(RING);
        // While the file is held, the answer waits to be written, and the sweeper still sees a call that is overdue.
        let other = Connection::open(&path).expect("opened");
        other.execute_batch("BEGIN IMMEDIATE").expect("held");
        let (accepted, missed, ()) = tokio::join!(
            biased;
            service.calls().accept(principal("bob"), call.id),
            service.deadlines().end_overdue_calls(),
            async { other.execute_batch("ROLLBACK").expect("released") },
        );
        assert_eq!(accepted.expect("accepted").status(), Status::Connecting);
        assert_eq!(missed.expect("looked"), 0);
        let live = service.calls().active(&call.caller).expect("read");
        assert_eq!(live.map(|call| call.status()), Some(Status::Connecting));
    }
}
