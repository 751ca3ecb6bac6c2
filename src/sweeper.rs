//! Sweeper: a fairing that wakes at the next deadline and runs the use cases that are due. It has no rules of its own.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt as _;
use rocket::fairing::{Fairing, Info, Kind};
use rocket::{Orbit, Rocket};

use crate::metrics::Metrics;
use crate::service::{Error, Service};

/// Longest sleep, also the interval of the check for a clock step: the system does not report one.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);

/// Interval of the check for users who were disabled from the command line.
const BARRED_EVERY: Duration = Duration::from_secs(2);

/// Interval at which quality reports are stored (contract section 5).
const QUALITY_EVERY: Duration = Duration::from_secs(5);

/// Interval of the entries of the last hour in the status.
const MINUTE: Duration = Duration::from_mins(1);

/// Interval at which expired entries, and those older than `retention`, are deleted.
const FORGOTTEN_EVERY: Duration = Duration::from_mins(1);

/// Background task that runs while the server does.
pub struct Sweeper(
    /// Service whose deadlines it watches.
    pub Service,
);

#[rocket::async_trait]
impl Fairing for Sweeper {
    fn info(&self) -> Info {
        Info {
            name: "Sweeper",
            kind: Kind::Liftoff,
        }
    }

    async fn on_liftoff(&self, rocket: &Rocket<Orbit>) {
        let (service, shutdown) = (self.0.clone(), rocket.shutdown());
        tokio::spawn(async move {
            tokio::select! {
                () = sweep(&service) => (),
                () = shutdown => (),
            }
        });
    }
}

/// Runs the deadlines of calls, and beside them the work that can wait: it must not delay a timeout.
async fn sweep(service: &Service) {
    let metrics = service.metrics();
    tokio::join!(
        watch_deadlines(service),
        every(LONGEST_SLEEP, metrics, || service
            .deadlines()
            .follow_wall_clock()),
        every(BARRED_EVERY, metrics, || async {
            service.sessions().close_disabled_sessions()
        }),
        every(LONGEST_SLEEP, metrics, || service.nodes().follow()),
        every(FORGOTTEN_EVERY, metrics, || service
            .nodes()
            .forget_left_sessions()),
        every(MINUTE, metrics, || async {
            service.end_minute();
            Ok(())
        }),
        every(QUALITY_EVERY, metrics, || service.quality().save()),
        every(FORGOTTEN_EVERY, metrics, || service
            .deadlines()
            .forget_expired()),
        every(FORGOTTEN_EVERY, metrics, || service
            .webhooks()
            .forget_old_messages()),
        every(FORGOTTEN_EVERY, metrics, || service
            .server_api()
            .forget_expired()),
        keep_retention(service)
    );
}

async fn watch_deadlines(service: &Service) {
    loop {
        service.deadlines().begin_run();
        if !survives(service.metrics(), round(service)).await {
            // A database that fails now may work in a moment; work that is due stays due.
            tokio::time::sleep(LONGEST_SLEEP).await;
        }
    }
}

/// Runs `round` and returns whether it succeeded. An error or panic is only logged and counted: only the sweeper ends
/// calls that nobody answers, so it must go on.
async fn survives(metrics: &Metrics, round: impl Future<Output = Result<(), Error>>) -> bool {
    let cause = match AssertUnwindSafe(round).catch_unwind().await {
        Ok(Ok(())) => return true,
        Ok(Err(error)) => error.to_string(),
        Err(_) => "a panic, of which the log tells where".to_owned(),
    };
    tracing::error!(cause, "the sweeper failed and retries");
    metrics.sweeper_failed();
    false
}

async fn round(service: &Service) -> Result<(), Error> {
    service.sessions().store_pending_disconnects().await?;
    let ended = service.deadlines().end_overdue_calls().await?;
    if ended > 0 {
        tracing::info!(calls = ended, "ended overdue calls");
    }
    let unreached = service.deadlines().report_unreached().await?;
    if unreached > 0 {
        tracing::info!(calls = unreached, "no session confirmed the invitation");
    }
    service.deadlines().sleep_until_due(LONGEST_SLEEP).await
}

/// Deletes what is older than `retention`, at the start and then at its interval.
async fn keep_retention(service: &Service) {
    let Some(age) = service.history().retention() else {
        return;
    };
    let forget = async || {
        let forgotten = service.history().forget_old_calls().await?;
        if forgotten.calls > 0 {
            tracing::info!(
                calls = forgotten.calls,
                entries = forgotten.entries,
                "deleted calls older than `retention`"
            );
        }
        Ok(())
    };
    loop {
        survives(service.metrics(), forget()).await;
        tokio::time::sleep(FORGOTTEN_EVERY.min(age)).await;
    }
}

/// Repeats `work`; a failed run is tried again at the next interval.
async fn every<T, F>(interval: Duration, metrics: &Metrics, work: impl Fn() -> F)
where
    F: Future<Output = Result<T, Error>>,
{
    loop {
        tokio::time::sleep(interval).await;
        survives(metrics, async { work().await.map(drop) }).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Sample;

    #[tokio::test]
    async fn a_round_that_fails_or_panics_is_counted_and_not_the_last() {
        let metrics = Metrics::new("0.0.0");
        assert!(!survives(&metrics, async { panic!("a defect") }).await);
        assert!(!survives(&metrics, async { Err(Error::CallNotFound) }).await);
        assert!(survives(&metrics, async { Ok(()) }).await);
        let text = metrics.text(&Sample::default());
        assert!(
            text.contains("\nchattrix_sweeper_failures_total 2\n"),
            "{text}"
        );
    }
}
