//! Confirmation and redelivery of events (contract section 4, "Delivery is confirmed").
//!
//! The hub remembers which session lacks which event. An event that no responsive session can receive is stored with
//! the change that causes it. The others are in memory only, so that a call needs no more rows: a graceful shutdown
//! stores them, and after a crash they are derived from the calls' timelines. An event that was confirmed before a
//! crash may then be sent again, on another connection and identical byte for byte.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crate::call::notice::MissedCall;
use crate::call::{
    Actor, Audience, Call, CallId, Cause, Event, KEPT_FOR, Lacking, Notice, State, Status,
    TimelineEntry, Transition,
};
use crate::clock::Timestamp;
use crate::hub::{EncodedNotice, RecipientSessions, SessionQueue, StoredNotice};
use crate::store::{self, PendingEvent, Post, Read, Write};
use crate::user::UserId;

use super::{Core, Error, Sessions};

/// Maximum age of calls whose events are recovered after a crash: few calls last longer, and those lose an event at
/// most.
const OLDEST_CALL: Duration = Duration::from_hours(24);

impl Sessions {
    /// Records that the peer of `session` has received its events up to number `last`.
    pub async fn confirm(&self, session: &SessionQueue, last: u64) {
        let now = self.0.clock.now();
        let (mut rows, mut invitations, mut posts) = (Vec::new(), Vec::new(), Vec::new());
        for notice in session.confirm(last) {
            let took = now.since(notice.notice().at);
            self.0.metrics.event_confirmed(took);
            invitations.extend(self.0.confirmed_invitation(&notice));
            let user = notice.notice().audience.user();
            let is_new_elsewhere = !notice.is_confirmed()
                && self.0.store.has_other_nodes()
                && self.0.hub.is_known_elsewhere(user);
            if is_new_elsewhere || notice.origin().is_some() {
                posts.push(Post::Confirmed {
                    origin: notice.origin(),
                    user: user.clone(),
                    session: session.session().clone(),
                    at: notice.notice().at,
                });
            }
            if let Some(row) = notice.confirm(session.session(), now) {
                rows.push((row, notice));
            }
        }
        if rows.is_empty() && invitations.is_empty() && posts.is_empty() {
            return;
        }
        let core = Arc::clone(&self.0);
        let job = move |db: &Write<'_>| -> Result<(), Error> {
            for (row, _) in &rows {
                db.delete_pending_event(*row)?;
            }
            for call in &invitations {
                db.settle_invitation(*call)?;
            }
            for post in posts {
                core.post(db, || post);
            }
            db.on_commit(move || rows.iter().for_each(|(_, notice)| notice.forget_row()));
            Ok(())
        };
        if let Err(error) = self.0.store.write(job).await {
            // The rows expire by themselves; until then the events may be sent again.
            tracing::warn!(%error, "confirmations could not be stored");
        }
    }

    /// Returns the events of `call`, if it is a recent one, with the sessions that they were sent to.
    #[must_use]
    pub fn deliveries(&self, call: CallId) -> Vec<Arc<EncodedNotice>> {
        self.0.hub.recent_events(call)
    }

    /// Stores the events that sessions have not confirmed, for the next start and for the other nodes, which forget this
    /// one in the same transaction: they post no event to it from then on. Must be called after the sessions are closed.
    pub async fn store_unconfirmed(&self) -> Result<(), Error> {
        let core = Arc::clone(&self.0);
        let job = move |db: &Write<'_>| -> Result<(), Error> {
            // Inside the job: what other nodes have posted before it is received.
            for (notice, lacking) in core.hub.unstored() {
                store_pending(db, &notice, &lacking)?;
            }
            core.post(db, || Post::NodeLeft);
            let core = Arc::clone(&core);
            db.on_commit(move || core.hub.forget_own_sessions());
            Ok(())
        };
        self.0.store.write(job).await
    }
}

/// Recovery after a crash: for earlier events, it is not known which sessions have received them.
pub(super) struct Recovery {
    /// Time of the start after a crash, in milliseconds.
    recovered_at: AtomicI64,
}

impl Default for Recovery {
    fn default() -> Self {
        Self {
            recovered_at: AtomicI64::new(i64::MIN),
        }
    }
}

impl Recovery {
    /// Returns the pending events `stored`, and marks those from before a crash. Events of one call with the same
    /// timestamp are put in the order of the call's lifecycle: the order of their rows may differ.
    pub fn mark(&self, mut stored: Vec<PendingEvent>) -> Vec<StoredNotice> {
        let recovered_at = Timestamp::from_millis(self.recovered_at.load(Ordering::Relaxed));
        // For an event that is stored for some sessions, it was known that others have received it.
        let is_recovered =
            |one: &PendingEvent| one.notice.at < recovered_at && one.lacking == Lacking::All;
        if stored.iter().any(|one| one.notice.at < recovered_at) {
            stored.sort_by_key(|PendingEvent { notice, .. }| {
                let is_answer = matches!(notice.event, Event::Accepted { .. });
                (notice.at, notice.event.call(), !is_answer)
            });
        }
        let mark = |one: PendingEvent| StoredNotice {
            is_recovered: is_recovered(&one),
            notice: one.notice,
            row: one.row,
            expires_at: one.expires_at,
            lacking: one.lacking,
        };
        stored.into_iter().map(mark).collect()
    }
}

impl Core {
    /// Adds the session that acted to the timeline if other sessions of its user are notified.
    pub(super) fn name_acting_session(&self, transition: &mut Transition) {
        let acting = transition.notices.iter().find_map(|notice| {
            let Audience::OtherSessions { acted, .. } = &notice.audience else {
                return None;
            };
            let is_told = !self.hub.addressees(notice).is_empty();
            is_told.then(|| acted.digest())
        });
        transition.entry.session = acting;
    }

    /// After a crash: stores the events of the last minutes, since it is not known who has received them. Must be
    /// called inside the writer's job, before any client connects.
    pub(super) fn recover_events(
        &self,
        db: &Write<'_>,
        now: Timestamp,
    ) -> Result<(), store::Error> {
        if self.store.stopped_in_order() {
            return Ok(());
        }
        let pending = db.all_pending_events()?;
        let since = now.minus(KEPT_FOR);
        for call in db.calls_changed_since(oldest_call(since), since)? {
            for (notice, lacking) in events_since(db, &call, since)? {
                let user = notice.audience.user();
                if !pending.contains(user, &notice.event) {
                    store_pending(db, &notice, &lacking)?;
                }
            }
        }
        let recovered_at = &self.recovery.recovered_at;
        recovered_at.store(now.as_millis(), Ordering::Relaxed);
        Ok(())
    }
}

/// Returns the time of the oldest call whose events since `since` are derived from its timeline.
pub(super) fn oldest_call(since: Timestamp) -> Timestamp {
    since.minus(OLDEST_CALL)
}

/// Returns `notice` ready for delivery to `addressees`; `stored` is its row if no session is responsive.
pub(super) fn addressed(
    notice: Notice,
    stored: Option<i64>,
    addressees: &RecipientSessions,
) -> EncodedNotice {
    let notice = encoded(notice, stored);
    if stored.is_none() && addressees.are_served_elsewhere() {
        notice.for_addressees_alone()
    } else {
        notice
    }
}

/// Returns `notice` ready for delivery; `stored` is its row if no session is responsive.
fn encoded(notice: Notice, stored: Option<i64>) -> EncodedNotice {
    match stored {
        None => EncodedNotice::new(notice),
        Some(row) => EncodedNotice::stored(StoredNotice {
            expires_at: notice.expires_at(),
            notice,
            row,
            is_recovered: false,
            lacking: Lacking::All,
        }),
    }
}

/// Stores an event for the sessions of its user that lack it; returns its row. Must be called inside the writer's job.
pub(super) fn store_pending(
    db: &Write<'_>,
    notice: &Notice,
    lacking: &Lacking,
) -> Result<Option<i64>, store::Error> {
    let (user, expires_at) = (notice.audience.user(), notice.expires_at());
    db.store_pending_event(user, &notice.event, notice.at, expires_at, lacking)
}

/// Returns the events of `call` after `since` that participants were sent, or were to be sent, with the sessions that
/// may lack them.
pub(super) fn events_since(
    db: &Read<'_>,
    call: &Call,
    since: Timestamp,
) -> Result<Vec<(Notice, Lacking)>, store::Error> {
    let mut events = Vec::new();
    for entry in db.timeline(call.id)?.iter().filter(|one| one.at > since) {
        if entry.cause == Cause::UserBusy {
            events.extend(missed(db, call, entry)?.map(|missed| (missed, Lacking::All)));
        } else {
            events.extend(events_of(call, entry));
        }
    }
    Ok(events)
}

/// Returns the `call_missed` event of a call that was refused because the callee was in another one.
fn missed(
    db: &Read<'_>,
    call: &Call,
    entry: &TimelineEntry,
) -> Result<Option<Notice>, store::Error> {
    let caller = db.user(&call.caller)?;
    Ok(caller.map(|caller| Notice {
        audience: Audience::Participant(call.callee.clone()),
        event: Event::Missed(MissedCall {
            call: call.id,
            caller: caller.profile,
            call_type: call.call_type,
        }),
        at: entry.at,
    }))
}

/// Returns the events for participants that the step `entry` of `call` caused.
fn events_of(call: &Call, entry: &TimelineEntry) -> Vec<(Notice, Lacking)> {
    let event = match (entry.status, &call.state) {
        (Status::Connecting, _) => Event::Accepted {
            call: call.id,
            accepted_by: call.callee.clone(),
        },
        (Status::Rejected, State::Rejected { reason, .. }) => Event::Rejected {
            call: call.id,
            rejected_by: call.callee.clone(),
            reason: *reason,
        },
        (
            Status::Ended,
            State::Ended {
                ended_by,
                duration_seconds,
                ..
            },
        ) => Event::Ended {
            call: call.id,
            ended_by: ended_by.clone(),
            duration_seconds: *duration_seconds,
        },
        (Status::Missed, _) => Event::TimedOut { call: call.id },
        (
            Status::Initiating
            | Status::Ringing
            | Status::Active
            | Status::Ended
            | Status::Rejected,
            _,
        ) => return Vec::new(),
    };
    // A participant who was disconnected for too long counts as the one who ended the call, although the server ended
    // it.
    let actor = match &event {
        Event::Ended { ended_by, .. } => ended_by,
        _ => &entry.actor,
    };
    let lacking = |user: &UserId| {
        if *actor == Actor::User(user.clone()) {
            // The session that acted knows the event.
            entry.session.map(Lacking::AllBut)
        } else {
            Some(Lacking::All)
        }
    };
    let notice = |user: &UserId| Notice {
        audience: Audience::Participant(user.clone()),
        event: event.clone(),
        at: entry.at,
    };
    let participants = call.participants();
    participants
        .filter_map(|user| Some((notice(user), lacking(user)?)))
        .collect()
}
