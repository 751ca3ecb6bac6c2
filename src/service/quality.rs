//! Network quality of calls: every participant reports every other second, so reports are collected in memory and
//! written together.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::call::quality::{self, Observed};
use crate::call::{Call, CallId, Notice, QualityReport, QualitySummary};
use crate::clock::Timestamp;
use crate::hub::EncodedNotice;
use crate::store::{self, Post, Write};
use crate::user::UserId;

use super::{Core, Delivery, Error};

/// Maximum number of calls in memory: six times what the default `max_connections` allows; about 20 MB.
const WATCHED: usize = 65_536;

/// Time for which a call stays in memory after its last report: longer than the interval of warnings and that of
/// reports.
const IDLE: Duration = Duration::from_secs(30);

/// Calls written in one job: more would delay callers (256 take two milliseconds).
const SAVED_AT_ONCE: usize = 256;

/// Calls with current reports. The entry of a call is complete: what was stored before is read with its first report.
#[derive(Default)]
pub(super) struct Monitor(Mutex<HashMap<CallId, Arc<Mutex<ObservedCall>>>>);

/// Call with reports.
struct ObservedCall {
    /// Quality monitors of the caller and the callee.
    both: [Observed; 2],
    /// Which of them has reported to this node.
    is_reported: [bool; 2],
    /// Time of the last report.
    reported_at: Timestamp,
    /// Number of reports since the call came into memory.
    reports: u64,
    /// Number of these reports that are stored.
    saved: u64,
}

/// Summary of a call to store, and the number of reports it includes.
#[derive(Clone, Copy)]
struct Unsaved {
    call: CallId,
    both: [QualitySummary; 2],
    reports: u64,
}

impl ObservedCall {
    fn summaries(&self) -> [QualitySummary; 2] {
        self.both.map(|observed| observed.summary)
    }

    fn unsaved(&self, call: CallId) -> Option<Unsaved> {
        (self.reports > self.saved).then(|| Unsaved {
            call,
            // What the other participant reports to another node, that one stores.
            both: std::array::from_fn(|role| {
                if self.is_reported[role] {
                    self.both[role].summary
                } else {
                    QualitySummary::default()
                }
            }),
            reports: self.reports,
        })
    }
}

impl Monitor {
    fn find(&self, call: CallId) -> Option<Arc<Mutex<ObservedCall>>> {
        self.0.lock().get(&call).cloned()
    }

    /// Returns the call in memory, and adds it with the summary `stored` if it is absent. Returns none if the memory
    /// limit is reached.
    fn watch(
        &self,
        call: CallId,
        stored: [QualitySummary; 2],
        now: Timestamp,
    ) -> Option<Arc<Mutex<ObservedCall>>> {
        let mut calls = self.0.lock();
        if calls.len() >= WATCHED && !calls.contains_key(&call) {
            return None;
        }
        let new = || {
            Arc::new(Mutex::new(ObservedCall {
                both: stored.map(Observed::since),
                is_reported: [false; 2],
                reported_at: now,
                reports: 0,
                saved: 0,
            }))
        };
        Some(Arc::clone(calls.entry(call).or_insert_with(new)))
    }

    /// Returns what is to be stored of one call.
    fn unsaved_of(&self, call: CallId) -> Option<Unsaved> {
        self.find(call)?.lock().unsaved(call)
    }

    /// Returns what is to be stored of all calls.
    fn unsaved(&self) -> Vec<Unsaved> {
        let calls = self.0.lock();
        let unsaved = calls
            .iter()
            .filter_map(|(call, watched)| watched.lock().unsaved(*call));
        unsaved.collect()
    }

    /// Records that the reports of `unsaved` are stored.
    fn saved(&self, unsaved: &Unsaved) {
        if let Some(watched) = self.find(unsaved.call) {
            let mut watched = watched.lock();
            watched.saved = watched.saved.max(unsaved.reports);
        }
    }

    /// Waits until no report on the call is being processed: later reports see the changed call.
    fn settle(&self, call: CallId) {
        if let Some(watched) = self.find(call) {
            drop(watched.lock());
        }
    }

    /// Removes calls without recent reports whose reports are all stored.
    fn let_go(&self, now: Timestamp) {
        let is_idle = |watched: &ObservedCall| {
            let idle = now.since(watched.reported_at) >= IDLE || watched.reported_at > now;
            idle && watched.reports == watched.saved
        };
        let mut calls = self.0.lock();
        // Another holder of a call is about to report on it.
        calls.retain(|_, watched| Arc::strong_count(watched) > 1 || !is_idle(&watched.lock()));
        if calls.len() < calls.capacity() / 4 {
            calls.shrink_to_fit();
        }
    }
}

/// Use cases of network quality reports.
pub struct Quality(pub(super) Arc<Core>);

impl Quality {
    /// Records a participant's report, and warns the other participant if a warning is due.
    ///
    /// # Errors
    /// [`Error::CallNotFound`], [`Error::Refused`], [`Error::Unavailable`].
    pub fn report(&self, user: &UserId, call: CallId, report: &QualityReport) -> Result<(), Error> {
        let core = &self.0;
        core.store.read_at_length(|db| {
            let now = core.clock.now();
            // Checked before the call comes into memory: only participants who may report use that memory.
            reportable(db, user, call)?;
            let watched = match core.monitor.find(call) {
                Some(watched) => watched,
                None => core
                    .monitor
                    .watch(call, db.quality(call)?, now)
                    .ok_or_else(|| {
                        Error::Unavailable(format!("{WATCHED} calls are reported on"))
                    })?,
            };
            let mut watched = watched.lock();
            // Checked again, now that the end of the call waits for this report: no warning may follow the event that
            // ends the call.
            let call = reportable(db, user, call)?;
            let role = usize::from(*user == call.callee);
            watched.reports += 1;
            watched.reported_at = now;
            watched.is_reported[role] = true;
            if watched.both[role].add(report, now) {
                core.warn(quality::warning(&call, user, report.quality, now));
            }
            Ok(())
        })
    }

    /// Returns the call and the summaries of the caller's and callee's reports, to a participant.
    ///
    /// # Errors
    /// As [`Quality::report`].
    pub fn get(&self, user: &UserId, call: CallId) -> Result<(Call, [QualitySummary; 2]), Error> {
        let shown = self.0.call_of(user, call)?;
        let watched = self.0.monitor.find(call);
        let Some(watched) = watched else {
            let both = self.0.store.read(|db| db.quality(call))?;
            return Ok((shown, both));
        };
        let (mut both, is_reported) = {
            let watched = watched.lock();
            (watched.summaries(), watched.is_reported)
        };
        if self.0.store.has_other_nodes() {
            let stored = self.0.store.read(|db| db.quality(call))?;
            for role in (0..2).filter(|role| !is_reported[*role]) {
                both[role] = stored[role];
            }
        }
        Ok((shown, both))
    }

    /// Stores the reports since the last time.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; the reports are stored the next time then.
    pub async fn save(&self) -> Result<(), Error> {
        for batch in self.0.monitor.unsaved().chunks(SAVED_AT_ONCE) {
            let (core, batch) = (Arc::clone(&self.0), batch.to_vec());
            let job = move |db: &Write<'_>| -> Result<(), Error> {
                for unsaved in &batch {
                    db.save_quality(unsaved.call, &unsaved.both)?;
                }
                db.on_commit(move || batch.iter().for_each(|one| core.monitor.saved(one)));
                Ok(())
            };
            self.0.store.write(job).await?;
        }
        self.0.monitor.let_go(self.0.clock.now());
        Ok(())
    }
}

impl Core {
    /// Stores the reports on a call with its end. No report is processed while the end is published. Runs inside the
    /// writer's job.
    pub(super) fn settle_quality(
        self: &Arc<Self>,
        db: &Write<'_>,
        call: CallId,
    ) -> Result<(), store::Error> {
        let unsaved = self.monitor.unsaved_of(call);
        if let Some(unsaved) = &unsaved {
            db.save_quality(call, &unsaved.both)?;
        }
        let core = Arc::clone(self);
        db.on_commit(move || {
            core.monitor.settle(call);
            if let Some(unsaved) = unsaved {
                core.monitor.saved(&unsaved);
            }
        });
        Ok(())
    }

    /// Sends a warning to the connected sessions of a participant at once: it is not stored, because a late warning is
    /// useless.
    fn warn(self: &Arc<Self>, notice: Notice) {
        if self.hub.addressees(&notice).has_remote {
            self.warn_elsewhere(notice.clone());
        }
        let queues = self.hub.sessions(notice.audience.user());
        let notice = Arc::new(EncodedNotice::new(notice));
        Delivery::ToSessions { queues, notice }.publish(&self.hub, &self.metrics);
    }

    /// Sends a warning to the sessions of a participant on other nodes, unless the call has ended by then.
    fn warn_elsewhere(self: &Arc<Self>, notice: Notice) {
        let core = Arc::clone(self);
        tokio::spawn(async move {
            let poster = Arc::clone(&core);
            let job = move |db: &Write<'_>| -> Result<(), store::Error> {
                let call = notice.event.call().map(|call| db.call(call)).transpose()?;
                if call.flatten().is_some_and(|call| call.status().is_live()) {
                    poster.post(db, || Post::Event {
                        notice,
                        row: None,
                        only: None,
                    });
                }
                Ok(())
            };
            if let Err(error) = core.store.write(job).await {
                tracing::warn!(%error, "a quality warning was not sent to another node");
            }
        });
    }
}

/// Returns the call if `user` may report on it now.
fn reportable(db: &store::Read<'_>, user: &UserId, call: CallId) -> Result<Call, Error> {
    let call = db.call(call)?.ok_or(Error::CallNotFound)?;
    quality::check(&call, user)?;
    Ok(call)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::NetworkQuality;

    const START: Timestamp = Timestamp::from_millis(1_705_314_600_000);

    fn call(number: u128) -> CallId {
        CallId::from_uuid(uuid::Uuid::from_u128(number))
    }

    fn watch(monitor: &Monitor, call: CallId) -> Option<Arc<Mutex<ObservedCall>>> {
        monitor.watch(call, Default::default(), START)
    }

    fn report(watched: &Mutex<ObservedCall>) {
        let mut watched = watched.lock();
        watched.reports += 1;
        let report = QualityReport {
            quality: NetworkQuality::Good,
            packet_loss_rate: None,
            round_trip_ms: None,
        };
        watched.is_reported[0] = true;
        watched.both[0].add(&report, START);
    }

    #[test]
    fn no_more_calls_are_watched_than_there_is_room_for() {
        let monitor = Monitor::default();
        let mut numbers = 0..u128::try_from(WATCHED).expect("a count");
        assert!(numbers.all(|number| watch(&monitor, call(number)).is_some()));
        assert!(watch(&monitor, call(u128::MAX)).is_none());
        assert!(watch(&monitor, call(0)).is_some());
    }

    #[test]
    fn report_during_a_store_is_stored_next_time() {
        let monitor = Monitor::default();
        let watched = watch(&monitor, call(1)).expect("room");
        assert!(monitor.unsaved().is_empty());
        report(&watched);
        let first = monitor.unsaved_of(call(1)).expect("a report");
        report(&watched);
        monitor.saved(&first);
        let second = monitor.unsaved_of(call(1)).expect("another report");
        assert_eq!([first, second].map(|one| one.both[0].reports), [1, 2]);
        monitor.saved(&second);
        // A late result of an earlier save.
        monitor.saved(&first);
        assert!(monitor.unsaved().is_empty());
    }

    #[test]
    fn quality_stays_in_memory_until_stored_and_quiet() {
        let monitor = Monitor::default();
        let watched = watch(&monitor, call(1)).expect("room");
        report(&watched);
        drop(watched);
        let later = START.plus(IDLE);
        monitor.let_go(later);
        let unsaved = monitor.unsaved_of(call(1)).expect("not stored yet");
        monitor.saved(&unsaved);
        monitor.let_go(START.plus(IDLE / 2));
        let held = monitor.find(call(1)).expect("not quiet for long enough");
        monitor.let_go(later);
        drop(held);
        assert!(
            monitor.find(call(1)).is_some(),
            "somebody was about to report"
        );
        monitor.let_go(later);
        assert!(monitor.find(call(1)).is_none());
    }
}
