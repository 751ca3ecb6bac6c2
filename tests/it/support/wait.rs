//! Waits for conditions with a deadline, never for a fixed time.

use std::time::Duration;

use tokio::time::sleep;

/// How long anything may take before a test fails: far more than any of it needs, for a machine on
/// which many tests run at once.
const DEADLINE: Duration = Duration::from_secs(20);

/// The deadline is counted in steps of this length.
const STEP: Duration = Duration::from_millis(100);

/// A timeout or a grace of the server's to wait for: long enough for a loaded machine to do in it what
/// a test has to do before.
pub const SHORT: Duration = Duration::from_secs(1);

/// What `future` gives, which must come before the deadline.
pub async fn within<F: Future>(what: &str, future: F) -> F::Output {
    tokio::select! {
        biased;
        output = future => output,
        () = deadline() => panic!("waited {DEADLINE:?} for {what}"),
    }
}

/// Passes while this process runs, and stands still while it is stopped (`SIGSTOP`) or the machine sleeps: all
/// that time is one step, and whoever is waited for has the rest of them.
async fn deadline() {
    for _ in 0..DEADLINE.as_millis() / STEP.as_millis() {
        sleep(STEP).await;
    }
}

/// Asks `probe` again and again until it says yes, where the server sends no event to wait for.
pub async fn eventually(what: &str, mut probe: impl AsyncFnMut() -> bool) {
    let asking = async {
        while !probe().await {
            sleep(Duration::from_millis(10)).await;
        }
    };
    within(what, asking).await;
}
