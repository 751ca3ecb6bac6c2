//! What a supervisor that listens is told, above all systemd (`Type=notify`, `WatchdogSec=`; `sd_notify(3)`).
//! Where none does, nothing happens.

use chattrix::service::Service;
use sd_notify::NotifyState;
use tokio::time::{MissedTickBehavior, interval};
use tracing::warn;

/// The server takes requests.
pub fn ready() {
    tell(&NotifyState::Ready);
}

/// Says again and again that the server is alive, twice in the time after which the supervisor would
/// think otherwise. A server whose threads all hang says it no more, and is started anew. One whose
/// database fails does say it: it answers, with 503, and a new start would not repair a disk.
pub async fn keep_assured(service: Option<Service>) {
    let Some(limit) = sd_notify::watchdog_enabled().filter(|limit| !limit.is_zero()) else {
        return;
    };
    let mut beat = interval(limit / 2);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        beat.tick().await;
        // Its outcome is for `/readyz`; here it matters that it comes back.
        if let Some(service) = &service {
            service.health().await;
        }
        tell(&NotifyState::Watchdog);
    }
}

fn tell(state: &NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(std::slice::from_ref(state)) {
        warn!(%error, "the supervisor could not be told: {state}");
    }
}
