//! The sweeper: a fairing that wakes at the next deadline and calls the use cases that are due. It has no
//! rule of its own.

use std::time::Duration;

use rocket::fairing::{Fairing, Info, Kind};
use rocket::{Orbit, Rocket};

use crate::service::{Error, Service};

/// The longest sleep: the clock may jump, and nobody tells us.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);

/// How often users who were disabled from the command line are looked for.
const BARRED_EVERY: Duration = Duration::from_secs(2);

/// How often reports of quality are stored (contract section 5).
const QUALITY_EVERY: Duration = Duration::from_secs(5);

/// How often what has expired is forgotten, and what is older than `retention`.
const FORGOTTEN_EVERY: Duration = Duration::from_mins(1);

/// Runs while the server does.
pub struct Sweeper(
    /// Whose deadlines it watches.
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

/// The deadlines of calls, and beside them everything that can wait a little: none of it may delay a timeout.
async fn sweep(service: &Service) {
    let barred = every(BARRED_EVERY, || async { service.close_barred_sessions() });
    let quality = every(QUALITY_EVERY, || service.save_quality());
    let expired = every(FORGOTTEN_EVERY, || service.forget_expired());
    tokio::join!(
        watch_deadlines(service),
        barred,
        quality,
        expired,
        keep_retention(service)
    );
}

async fn watch_deadlines(service: &Service) {
    loop {
        if let Err(error) = round(service).await {
            // A database that does not answer now may in a moment; what is due stays due.
            tracing::error!(%error, "the sweeper failed and tries again");
            tokio::time::sleep(LONGEST_SLEEP).await;
        }
    }
}

async fn round(service: &Service) -> Result<(), Error> {
    service.catch_up_on_departures().await?;
    let ended = service.end_overdue_calls().await?;
    if ended > 0 {
        tracing::info!(calls = ended, "calls ended by their deadline");
    }
    service.sleep_until_due(LONGEST_SLEEP).await
}

/// Forgets what is older than `retention`, at the start and then as often as is worth it.
async fn keep_retention(service: &Service) {
    let Some(age) = service.retention() else {
        return;
    };
    loop {
        match service.forget_old_calls().await {
            Ok(forgotten) if forgotten.calls > 0 => tracing::info!(
                calls = forgotten.calls,
                entries = forgotten.entries,
                "calls older than `retention` forgotten"
            ),
            Ok(_) => (),
            Err(error) => tracing::error!(%error, "old calls cannot be forgotten just now"),
        }
        tokio::time::sleep(FORGOTTEN_EVERY.min(age)).await;
    }
}

/// Does `work` again and again; what fails is tried again the next time.
async fn every<T, F>(interval: Duration, work: impl Fn() -> F)
where
    F: Future<Output = Result<T, Error>>,
{
    loop {
        tokio::time::sleep(interval).await;
        if let Err(error) = work().await {
            tracing::error!(%error, "the sweeper failed and tries again");
        }
    }
}
