//! The sweeper: a fairing that wakes at the next deadline and calls the use cases that are due. It has no
//! rule of its own.

use std::time::Duration;

use rocket::fairing::{Fairing, Info, Kind};
use rocket::{Orbit, Rocket};
use tokio::time::Instant;

use crate::service::{Error, Service};

/// The longest sleep: the clock may jump, and nobody tells us.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);

/// How often users who were disabled from the command line are looked for.
const BARRED_EVERY: Duration = Duration::from_secs(2);

/// How often what has expired is forgotten.
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

async fn sweep(service: &Service) {
    let mut barred = Every::new(BARRED_EVERY);
    let mut forgotten = Every::new(FORGOTTEN_EVERY);
    loop {
        if let Err(error) = round(service, &mut barred, &mut forgotten).await {
            // A database that does not answer now may in a moment; what is due stays due.
            tracing::error!(%error, "the sweeper failed and tries again");
            tokio::time::sleep(LONGEST_SLEEP).await;
        }
    }
}

async fn round(service: &Service, barred: &mut Every, forgotten: &mut Every) -> Result<(), Error> {
    service.catch_up_on_departures().await?;
    let ended = service.end_overdue_calls().await?;
    if ended > 0 {
        tracing::info!(calls = ended, "calls ended by their deadline");
    }
    if barred.is_due() {
        service.close_barred_sessions()?;
    }
    if forgotten.is_due() {
        service.forget_expired().await?;
    }
    service.sleep_until_due(LONGEST_SLEEP).await
}

/// Something done at intervals.
struct Every {
    interval: Duration,
    next: Instant,
}

impl Every {
    fn new(interval: Duration) -> Self {
        Self {
            interval,
            next: Instant::now() + interval,
        }
    }

    fn is_due(&mut self) -> bool {
        let now = Instant::now();
        let due = now >= self.next;
        if due {
            self.next = now + self.interval;
        }
        due
    }
}
