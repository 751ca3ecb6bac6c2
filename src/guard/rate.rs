//! So many in so much time, for each key by itself.

use std::hash::Hash;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};

use crate::metrics::Counter;
use crate::settings::Rate;

/// Checks after which keys that have been quiet are forgotten, so that memory is bounded by the keys of the
/// last 10,000 checks and those still limited.
const PRUNED_EVERY: u32 = 10_000;

/// A limit per key; a limit that is off lets all pass.
pub(super) struct RateLimit<K: Hash + Eq + Clone>(Option<Limiter<K>>);

struct Limiter<K: Hash + Eq + Clone> {
    limits: RateLimiter<K, DashMapStateStore<K>, DefaultClock>,
    clock: DefaultClock,
    checks: AtomicU32,
    /// Checks that were one too many.
    hits: Counter,
}

impl<K: Hash + Eq + Clone> RateLimit<K> {
    /// The limit `rate`, all of it available at once; `hits` counts what it refuses.
    pub fn new(rate: Option<Rate>, hits: Counter) -> Self {
        let quota = rate.and_then(|rate| {
            let one = rate.period / rate.count.get();
            Quota::with_period(one.max(Duration::from_nanos(1)))
                .map(|quota| quota.allow_burst(rate.count))
        });
        Self(quota.map(|quota| Limiter {
            limits: RateLimiter::dashmap(quota),
            clock: DefaultClock::default(),
            checks: AtomicU32::new(0),
            hits,
        }))
    }

    /// Counts one more of `key`.
    ///
    /// # Errors
    /// The time until there is room for it, where it is one too many.
    pub fn check(&self, key: &K) -> Result<(), Duration> {
        let Some(Limiter {
            limits,
            clock,
            checks,
            hits,
        }) = &self.0
        else {
            return Ok(());
        };
        if checks.fetch_add(1, Ordering::Relaxed) % PRUNED_EVERY == PRUNED_EVERY - 1 {
            limits.retain_recent();
            limits.shrink_to_fit();
        }
        limits.check_key(key).map_err(|not_until| {
            hits.inc();
            not_until.wait_time_from(clock.now())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::num::NonZeroU32;

    fn limit(count: u32, period: Duration) -> RateLimit<&'static str> {
        let count = NonZeroU32::new(count).expect("not zero");
        RateLimit::new(Some(Rate { count, period }), Counter::default())
    }

    #[test]
    fn the_whole_count_passes_at_once_and_one_more_waits() {
        let limit = limit(3, Duration::from_mins(1));
        for _ in 0..3 {
            assert_eq!(limit.check(&"alice"), Ok(()));
        }
        let wait = limit.check(&"alice").expect_err("one too many");
        assert!(
            wait > Duration::from_secs(18) && wait <= Duration::from_secs(20),
            "{wait:?}"
        );
        assert_eq!(limit.check(&"bob"), Ok(()));
    }

    #[test]
    fn a_limit_that_is_off_lets_all_pass() {
        let limit = RateLimit::new(None, Counter::default());
        assert!((0..1_000).all(|_| limit.check(&"alice").is_ok()));
    }

    #[test]
    fn keys_that_were_quiet_are_forgotten() {
        let rate = Rate {
            count: NonZeroU32::new(1).expect("not zero"),
            period: Duration::from_nanos(1),
        };
        let limit = RateLimit::new(Some(rate), Counter::default());
        for key in 0..PRUNED_EVERY * 3 {
            let _ = limit.check(&key);
        }
        let kept = limit.0.as_ref().map(|limiter| limiter.limits.len());
        assert!(
            kept.is_some_and(|kept| kept <= PRUNED_EVERY as usize),
            "{kept:?}"
        );
    }
}
