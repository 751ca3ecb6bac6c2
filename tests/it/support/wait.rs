//! Waiting for what must come, never for time to pass.

use std::time::Duration;

/// How long anything may take before a test fails: far more than any of it needs, for a machine on
/// which many tests run at once.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// A timeout or a grace of the server's to wait for: long enough for a loaded machine to do in it what
/// a test has to do before.
pub const SHORT: Duration = Duration::from_secs(1);

/// What `future` gives, which must come before the deadline.
pub async fn within<F: Future>(what: &str, future: F) -> F::Output {
    match tokio::time::timeout(DEADLINE, future).await {
        Ok(output) => output,
        Err(elapsed) => panic!("waited {DEADLINE:?} for {what}: {elapsed}"),
    }
}

/// Asks `probe` again and again until it says yes, where the server sends no event to wait for.
pub async fn eventually(what: &str, mut probe: impl AsyncFnMut() -> bool) {
    let asking = async {
        while !probe().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    within(what, asking).await;
}
