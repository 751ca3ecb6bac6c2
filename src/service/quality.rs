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
    /// Their reports that are not stored.
    unsaved: [QualitySummary; 2],
    /// Time of the last report.
    reported_at: Timestamp,
}

impl ObservedCall {
    fn summaries(&self) -> [QualitySummary; 2] {
        self.both.map(|observed| observed.summary)
    }

    fn has_unsaved(&self) -> bool {
        self.unsaved.iter().any(|one| one.reports > 0)
    }
}

/// Reports of a call that are being stored. If that fails, they are stored the next time.
struct Saving {
    core: Arc<Core>,
    call: CallId,
    reported: [QualitySummary; 2],
}

impl Saving {
    fn succeed(mut self) {
        self.reported = Default::default();
    }
}

impl Drop for Saving {
    fn drop(&mut self) {
        self.core.monitor.give_back(self.call, &self.reported);
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
                unsaved: Default::default(),
                reported_at: now,
            }))
        };
        Some(Arc::clone(calls.entry(call).or_insert_with(new)))
    }

    /// Takes the reports on a call that are not stored, if there are any.
    fn take_unsaved(&self, call: CallId) -> Option<[QualitySummary; 2]> {
        let watched = self.find(call)?;
        let mut watched = watched.lock();
        let has_unsaved = watched.has_unsaved();
        has_unsaved.then(|| std::mem::take(&mut watched.unsaved))
    }

    /// Adds reports that could not be stored.
    fn give_back(&self, call: CallId, reported: &[QualitySummary; 2]) {
        if let Some(watched) = self.find(call) {
            let mut watched = watched.lock();
            for (unsaved, reported) in watched.unsaved.iter_mut().zip(reported) {
                unsaved.merge(reported);
            }
        }
    }

    /// Returns the calls with reports that are not stored.
    fn unsaved(&self) -> Vec<CallId> {
        let calls = self.0.lock();
        let unsaved = calls
            .iter()
            .filter(|(_, watched)| watched.lock().has_unsaved());
        unsaved.map(|(call, _)| *call).collect()
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
            idle && !watched.has_unsaved()
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
            watched.reported_at = now;
            watched.unsaved[role].add(report);
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
        if !self.0.store.has_other_nodes() {
            return Ok((shown, watched.lock().summaries()));
        }
        let mut both = self.0.store.read(|db| db.quality(call))?;
        for (stored, unsaved) in both.iter_mut().zip(&watched.lock().unsaved) {
            stored.merge(unsaved);
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
                for call in &batch {
                    core.save_quality(db, *call)?;
                }
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
        self.save_quality(db, call)?;
        let core = Arc::clone(self);
        db.on_commit(move || core.monitor.settle(call));
        Ok(())
    }

    /// Stores the reports on a call since the last time. Runs inside the writer's job.
    fn save_quality(self: &Arc<Self>, db: &Write<'_>, call: CallId) -> Result<(), store::Error> {
        let Some(reported) = self.monitor.take_unsaved(call) else {
            return Ok(());
        };
        let saving = Saving {
            core: Arc::clone(self),
            call,
            reported,
        };
        db.add_quality(call, &reported)?;
        db.on_commit(move || saving.succeed());
        Ok(())
    }

    /// Sends a warning to the connected sessions of a participant. It is not stored, because a late warning is useless.
    fn warn(self: &Arc<Self>, notice: Notice) {
        if !self.store.has_other_nodes() {
            return self.send_warning(notice);
        }
        // Another node may be ending the call: the turn of the transactions says what comes first.
        let core = Arc::clone(self);
        tokio::spawn(async move {
            let sender = Arc::clone(&core);
            if let Err(error) = core
                .store
                .write(move |db| sender.warn_while_live(db, notice))
                .await
            {
                tracing::warn!(%error, "a quality warning was not sent");
            }
        });
    }

    /// Sends a warning to a participant's sessions of all nodes, unless the call has ended. Runs inside the writer's
    /// job.
    fn warn_while_live(
        self: &Arc<Self>,
        db: &Write<'_>,
        notice: Notice,
    ) -> Result<(), store::Error> {
        let call = notice.event.call().map(|call| db.call(call)).transpose()?;
        if !call.flatten().is_some_and(|call| call.status().is_live()) {
            return Ok(());
        }
        if self.hub.addressees(&notice).has_remote {
            self.post(db, || Post::Event {
                notice: notice.clone(),
                row: None,
                only: None,
            });
        }
        let core = Arc::clone(self);
        db.on_commit(move || core.send_warning(notice));
        Ok(())
    }

    /// Sends a warning to a participant's sessions of this node.
    fn send_warning(&self, notice: Notice) {
        let queues = self.hub.sessions(notice.audience.user());
        let notice = Arc::new(EncodedNotice::new(notice));
        Delivery::ToSessions { queues, notice }.publish(&self.hub, &self.metrics);
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
        let report = QualityReport {
            quality: NetworkQuality::Good,
            packet_loss_rate: None,
            round_trip_ms: None,
        };
        watched.unsaved[0].add(&report);
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
        assert_eq!(monitor.unsaved(), [call(1)]);
        let first = monitor.take_unsaved(call(1)).expect("a report");
        assert!(monitor.unsaved().is_empty());
        report(&watched);
        let second = monitor.take_unsaved(call(1)).expect("another report");
        assert_eq!([first, second].map(|both| both[0].reports), [1, 1]);
        // Neither could be stored.
        monitor.give_back(call(1), &first);
        monitor.give_back(call(1), &second);
        let both = monitor.take_unsaved(call(1)).expect("two reports");
        assert_eq!(both[0].reports, 2);
        assert!(monitor.take_unsaved(call(1)).is_none());
    }

    #[test]
    fn quality_stays_in_memory_until_stored_and_quiet() {
        let monitor = Monitor::default();
        let watched = watch(&monitor, call(1)).expect("room");
        report(&watched);
        drop(watched);
        let later = START.plus(IDLE);
        monitor.let_go(later);
        let stored = monitor.take_unsaved(call(1));
        assert!(stored.is_some(), "not stored yet");
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
