//! Confirmation and redelivery of events (contract section 4, "Delivery is confirmed").
//!
//! The hub remembers which session lacks which event. Events that no responsive session can get are stored with the
//! change that causes them. The others are in memory alone, so that a call needs no more rows: an orderly stop stores
//! them, and after a crash they are derived from the calls' timelines. What was confirmed before a crash may then come
//! once more, on another connection and the same to the byte.

use std::time::Duration;

use crate::call::{Actor, Audience, Call, Event, Notice, State, Status, TimelineEntry};
use crate::clock::Timestamp;
use crate::hub::{REDELIVERED_FOR, SessionQueue};
use crate::store::{self, Read, Write};
use crate::user::UserId;

use super::{Core, Error, Sessions};

/// Age of calls whose events are looked for after a crash: few calls last longer, and those lose an event at most.
const OLDEST_CALL: Duration = Duration::from_hours(24);

impl Sessions {
    /// Records that the peer of `session` has received its events up to number `last`.
    pub async fn confirm(&self, session: &SessionQueue, last: u64) {
        let now = self.0.clock.now();
        let mut rows = Vec::new();
        for notice in session.confirm(last) {
            let took = now.since(notice.notice().at);
            self.0.metrics.event_confirmed(took);
            rows.extend(notice.confirm(session.session()));
        }
        if rows.is_empty() {
            return;
        }
        let job = move |db: &Write<'_>| -> Result<(), Error> {
            for row in &rows {
                db.delete_pending_event(*row)?;
            }
            Ok(())
        };
        if let Err(error) = self.0.store.write(job).await {
            // They expire by themselves; until then they may come once more.
            tracing::warn!(%error, "confirmed events could not be deleted");
        }
    }

    /// Stores the events that no session has confirmed, for the next start. To be called when the sessions are gone.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn store_unconfirmed(&self) -> Result<(), Error> {
        let unstored = self.0.hub.unstored();
        if !unstored.is_empty() {
            let job = move |db: &Write<'_>| -> Result<(), Error> {
                for notice in &unstored {
                    store_pending(db, notice.audience.user(), notice)?;
                }
                Ok(())
            };
            self.0.store.write(job).await?;
        }
        self.0.store.mark_stopped();
        Ok(())
    }
}

impl Core {
    /// After a crash: stores the events of the last minutes, of which nobody knows who has received them. To be called
    /// inside the writer's job, before anybody connects.
    pub(super) fn recover_events(
        &self,
        db: &Write<'_>,
        now: Timestamp,
    ) -> Result<(), store::Error> {
        if self.store.stopped_in_order() {
            return Ok(());
        }
        let since = now.minus(REDELIVERED_FOR);
        for call in db.calls_changed_since(since.minus(OLDEST_CALL), since)? {
            for notice in events_since(db, &call, since)? {
                let user = notice.audience.user();
                let stored = db.pending_events(user, now)?;
                if !stored.iter().any(|(_, known)| known.event == notice.event) {
                    store_pending(db, user, &notice)?;
                }
            }
        }
        Ok(())
    }
}

/// Stores an event for the next session of `user`; returns its row. To be called inside the writer's job.
pub(super) fn store_pending(
    db: &Write<'_>,
    user: &UserId,
    notice: &Notice,
) -> Result<Option<i64>, store::Error> {
    let expires_at = notice.at.plus(REDELIVERED_FOR);
    db.store_pending_event(user, &notice.event, notice.at, expires_at)
}

/// The events of `call` after `since` that participants were sent, or were to be.
fn events_since(db: &Read<'_>, call: &Call, since: Timestamp) -> Result<Vec<Notice>, store::Error> {
    let timeline = db.timeline(call.id)?;
    let recent = timeline.iter().filter(|entry| entry.at > since);
    Ok(recent.flat_map(|entry| events_of(call, entry)).collect())
}

/// The events that the step `entry` of `call` caused for participants.
fn events_of(call: &Call, entry: &TimelineEntry) -> Vec<Notice> {
    let (event, recipients) = match (entry.status, &call.state) {
        (Status::Connecting, _) => {
            let accepted_by = call.callee.clone();
            let event = Event::Accepted {
                call: call.id,
                accepted_by,
            };
            (event, vec![&call.caller])
        }
        (Status::Rejected, State::Rejected { reason, .. }) if entry.actor != Actor::System => {
            let event = Event::Rejected {
                call: call.id,
                rejected_by: call.callee.clone(),
                reason: *reason,
            };
            (event, vec![&call.caller])
        }
        (
            Status::Ended,
            State::Ended {
                ended_by,
                duration_seconds,
                ..
            },
        ) => {
            let event = Event::Ended {
                call: call.id,
                ended_by: ended_by.clone(),
                duration_seconds: *duration_seconds,
            };
            let others = call
                .participants()
                .filter(|user| *ended_by != Actor::User((*user).clone()));
            (event, others.collect())
        }
        (Status::Missed, _) => (
            Event::TimedOut { call: call.id },
            call.participants().collect(),
        ),
        (
            Status::Initiating
            | Status::Ringing
            | Status::Active
            | Status::Ended
            | Status::Rejected,
            _,
        ) => return Vec::new(),
    };
    let told = recipients
        .into_iter()
        .filter(|user| call.has_participant(user));
    let notice = |user: &UserId| Notice {
        audience: Audience::Participant(user.clone()),
        event: event.clone(),
        at: entry.at,
    };
    told.map(notice).collect()
}
