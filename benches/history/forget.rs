//! Forgets old calls, and a long history, while others write.

use std::path::Path;
use std::time::{Duration, Instant};

use chattrix::clock::Timestamp;
use chattrix::metrics::Metrics;
use chattrix::service::Service;
use chattrix::store::Store;
use chattrix::user::UserId;

use crate::holds::Holds;
use crate::{Outcome, SPAN, USERS, report, service, user};

/// Deletes the oldest hundredth of the calls while others write.
pub async fn forget(file: &Path, now: Timestamp, holds: &Holds) -> Outcome<()> {
    println!(
        "\n{:<52}{:>9}{:>9}{:>9}  µs",
        "a write every 2 ms", "p50", "p99", "max"
    );
    let service = service(Store::open(file, Metrics::new(env!("CARGO_PKG_VERSION")))?);
    // Who has looked once has nothing more to look at: each writes once.
    let mut writers = (2..USERS).map(user);
    holds.clear();
    let idle = tokio::time::sleep(Duration::from_secs(5));
    let (times, ()) = write_until(&service, &mut writers, idle).await?;
    report("nothing else going on", times);
    holds.report();
    let before = now.minus(SPAN * 99 / 100);
    let began = Instant::now();
    let forgetting = service.history().forget_calls_over(before);
    let (times, forgotten) = write_until(&service, &mut writers, forgetting).await?;
    let forgotten = forgotten?;
    let seconds = began.elapsed().as_secs_f64();
    report("while old calls are forgotten", times);
    holds.report();
    println!(
        "{} calls and {} entries forgotten in {seconds:.1} s",
        forgotten.calls, forgotten.entries
    );
    let deleting = service.history().delete_all(user(1));
    let began = Instant::now();
    let (times, deleted) = write_until(&service, &mut writers, deleting).await?;
    let seconds = began.elapsed().as_secs_f64();
    report("while the long history is deleted", times);
    holds.report();
    println!("{} entries deleted in {seconds:.1} s", deleted?);
    tokio::task::spawn_blocking(move || service.close()).await?;
    Ok(())
}

/// Writes for one of `writers` after the other until `work` is done, and returns how long each write took.
async fn write_until<T>(
    service: &Service,
    writers: &mut impl Iterator<Item = UserId>,
    work: impl Future<Output = T>,
) -> Outcome<(Vec<Duration>, T)> {
    let mut times = Vec::new();
    let mut work = std::pin::pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return Ok((times, done)),
            () = tokio::time::sleep(Duration::from_millis(2)) => {}
        }
        let began = Instant::now();
        let writing = service
            .history()
            .mark_seen(writers.next().ok_or("all have written")?);
        let mut writing = std::pin::pin!(writing);
        let done = tokio::select! {
            written = &mut writing => { written?; None }
            done = &mut work => Some(done),
        };
        times.push(began.elapsed());
        if let Some(done) = done {
            return Ok((times, done));
        }
    }
}
