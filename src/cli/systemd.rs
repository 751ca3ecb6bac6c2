//! Notifications to a supervisor such as systemd (`Type=notify`, `WatchdogSec=`; `sd_notify(3)`). Without a supervisor
//! they do nothing.

use chattrix::service::Service;
use sd_notify::NotifyState;
use tokio::time::{MissedTickBehavior, interval};
use tracing::warn;

/// Reports that the server takes requests.
pub fn ready() {
    tell(&NotifyState::Ready);
}

/// Reports to the watchdog twice per watchdog interval. A server whose threads all hang stops reporting and is
/// restarted. A server whose database fails keeps reporting: it responds with 503, and a restart would not repair a
/// disk.
pub async fn feed_watchdog(service: Option<Service>) {
    let Some(limit) = sd_notify::watchdog_enabled().filter(|limit| !limit.is_zero()) else {
        return;
    };
    let mut beat = interval(limit / 2);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        beat.tick().await;
        // The result is for `/readyz`; here it only matters that the check returns.
        if let Some(service) = &service {
            service.health().await;
        }
        tell(&NotifyState::Watchdog);
    }
}

fn tell(state: &NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(std::slice::from_ref(state)) {
        warn!(%error, "cannot notify the supervisor: {state}");
    }
}
