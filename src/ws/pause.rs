//! Pause monitor: logs that the process was stopped or the machine slept. Each session restarts its idle timeout after
//! a pause; the log line is written once, here.

use std::time::Duration;

use rocket::Shutdown;
use tokio::time::{Instant, sleep};

/// Interval of the checks.
const INTERVAL: Duration = Duration::from_secs(1);

/// Length from which a pause is logged: no load delays a timer that long.
pub(super) const PAUSE: Duration = Duration::from_secs(5);

/// Checks for pauses until the server shuts down.
pub(super) async fn watch(shutdown: Shutdown) {
    tokio::pin!(shutdown);
    loop {
        let began = Instant::now();
        tokio::select! {
            () = sleep(INTERVAL) => {}
            () = &mut shutdown => return,
        }
        let late = began.elapsed().saturating_sub(INTERVAL);
        if late >= PAUSE {
            tracing::warn!(
                seconds = late.as_secs(),
                "process was paused; connections get a fresh idle interval"
            );
        }
    }
}
