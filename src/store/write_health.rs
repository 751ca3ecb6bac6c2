//! Whether the database can be written, known without a write for every question.
//!
//! Each batch that wrote something, or failed, leaves its outcome here, which answers for a moment. Who asks
//! later has the writer probe the file; many who ask share one probe.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, OwnedMutexGuard, watch};
use tokio::time::{Instant, timeout};

/// How long an outcome answers for the file: with [`PATIENCE`] it tells the truth within a second, and
/// probes cost at most two small writes a second.
const BELIEVED_FOR: Duration = Duration::from_millis(500);

/// How long a probe may take. Behind a full queue it takes 0.1 s; who waits longer is told no.
const PATIENCE: Duration = Duration::from_millis(400);

/// The outcomes of writes.
pub(super) struct WriteHealth {
    latest: watch::Sender<Outcome>,
    permit: Arc<Mutex<()>>,
}

/// How a batch of writes went.
#[derive(Clone, Copy, Debug)]
struct Outcome {
    at: Instant,
    committed: bool,
}

/// The right to probe, which one has at a time until it is dropped.
pub(super) struct ProbePermit {
    _held: OwnedMutexGuard<()>,
}

impl WriteHealth {
    /// Those of a file that was just opened, and written to in that.
    pub fn new() -> Self {
        let opened = Outcome {
            at: Instant::now(),
            committed: true,
        };
        Self {
            latest: watch::Sender::new(opened),
            permit: Arc::default(),
        }
    }

    /// A batch has written something, or failed. One that wrote nothing says nothing of the file.
    pub fn record(&self, committed: bool) {
        let at = Instant::now();
        self.latest.send_replace(Outcome { at, committed });
    }

    /// Whether writes succeed. `probe` submits one where that is not known, or says that it cannot.
    pub async fn are_good(&self, probe: impl FnOnce(ProbePermit) -> bool) -> bool {
        let mut latest = self.latest.subscribe();
        let (asked_at, last) = (Instant::now(), *latest.borrow_and_update());
        if asked_at.duration_since(last.at) < BELIEVED_FOR {
            return last.committed;
        }
        let permit = Arc::clone(&self.permit).try_lock_owned();
        if let Ok(held) = permit
            && !probe(ProbePermit { _held: held })
        {
            return false;
        }
        let next = latest.wait_for(|outcome| outcome.at >= asked_at);
        matches!(timeout(PATIENCE, next).await, Ok(Ok(outcome)) if outcome.committed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNWANTED: fn(ProbePermit) -> bool = |_| panic!("no probe is needed");

    /// The health of which the last record, that it was `committed`, is half a second old.
    fn outdated(committed: bool) -> WriteHealth {
        let outcomes = WriteHealth::new();
        outcomes.record(committed);
        outcomes.latest.send_modify(|last| last.at -= BELIEVED_FOR);
        outcomes
    }

    #[tokio::test]
    async fn an_outcome_answers_for_half_a_second_and_then_a_probe_does() {
        let outcomes = WriteHealth::new();
        assert!(outcomes.are_good(UNWANTED).await);
        outcomes.record(false);
        assert!(!outcomes.are_good(UNWANTED).await);

        let outcomes = outdated(false);
        let probe = |_| {
            outcomes.record(true);
            true
        };
        assert!(outcomes.are_good(probe).await);
        assert!(outcomes.are_good(UNWANTED).await);
    }

    #[tokio::test]
    async fn a_probe_that_cannot_be_sent_or_takes_too_long_is_a_no() {
        let outcomes = outdated(true);
        assert!(!outcomes.are_good(|_| false).await);
        let asked_at = Instant::now();
        assert!(!outcomes.are_good(|_| true).await);
        assert!(asked_at.elapsed() >= PATIENCE);
    }

    #[tokio::test]
    async fn those_who_ask_while_a_probe_is_on_its_way_wait_for_the_same() {
        let outcomes = outdated(false);
        let mut held = None;
        let first = outcomes.are_good(|permit| {
            held = Some(permit);
            true
        });
        let probed = async { outcomes.record(true) };
        let (first, second, ()) = tokio::join!(first, outcomes.are_good(UNWANTED), probed);
        assert!(first && second);
        drop(held);
    }
}
