//! Rate limits per key: per user, or per client address.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use governor::clock::{Clock as _, DefaultClock};
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};
use parking_lot::Mutex;

use crate::metrics::Counter;
use crate::settings::Rate;
use crate::user::UserId;

/// Number of checks after which idle keys are removed, so that memory is bounded by the keys of the last 10,000
/// checks and those still limited.
const PRUNED_EVERY: u32 = 10_000;

/// Keyed rate limiter; one that is off passes everything.
pub(super) struct RateLimit<K: Hash + Eq + Clone>(Option<Limiter<K>>);

struct Limiter<K: Hash + Eq + Clone> {
    rate: Rate,
    limits: RateLimiter<K, DashMapStateStore<K>, DefaultClock>,
    clock: DefaultClock,
    checks: AtomicU32,
    /// Counts rejected checks.
    hits: Counter,
}

impl<K: Hash + Eq + Clone> RateLimit<K> {
    /// Returns a limiter for `rate`, with the whole count as burst; `hits` counts what it rejects.
    pub fn new(rate: Option<Rate>, hits: Counter) -> Self {
        let quota = rate.and_then(|rate| {
            let one = rate.period / rate.count.get();
            Quota::with_period(one.max(Duration::from_nanos(1)))
                .map(|quota| (rate, quota.allow_burst(rate.count)))
        });
        Self(quota.map(|(rate, quota)| Limiter {
            rate,
            limits: RateLimiter::dashmap(quota),
            clock: DefaultClock::default(),
            checks: AtomicU32::new(0),
            hits,
        }))
    }

    /// Returns the rate that is enforced.
    pub fn rate(&self) -> Option<Rate> {
        self.0.as_ref().map(|limiter| limiter.rate)
    }

    /// Counts one more for `key`.
    ///
    /// # Errors
    /// The time until the next is allowed.
    pub fn check(&self, key: &K) -> Result<(), Duration> {
        let Some(Limiter {
            limits,
            clock,
            checks,
            hits,
            rate: _,
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

/// Rate limit of lookups that find no user. A user who exceeds it may not look up any user for a while, not even users
/// who exist: otherwise the rejection alone would distinguish the two.
pub(super) struct LookupLimit {
    misses: RateLimit<UserId>,
    /// When users may look up others again.
    held: Mutex<HashMap<UserId, Instant>>,
}

impl LookupLimit {
    /// Returns a limiter that allows `rate` misses; `hits` counts what it rejects.
    pub fn new(rate: Option<Rate>, hits: Counter) -> Self {
        Self {
            misses: RateLimit::new(rate, hits),
            held: Mutex::default(),
        }
    }

    /// Returns the rate that is enforced.
    pub fn rate(&self) -> Option<Rate> {
        self.misses.rate()
    }

    /// Checks whether `user` may look up another user.
    ///
    /// # Errors
    /// The time until the next lookup is allowed.
    pub fn check(&self, user: &UserId, now: Instant) -> Result<(), Duration> {
        let held = self.held.lock();
        let wait = held
            .get(user)
            .map(|until| until.saturating_duration_since(now));
        wait.filter(|wait| !wait.is_zero()).map_or(Ok(()), Err)
    }

    /// Counts a lookup of `user` that found no user.
    ///
    /// # Errors
    /// The time until the next lookup is allowed.
    pub fn count_miss(&self, user: &UserId, now: Instant) -> Result<(), Duration> {
        self.misses.check(user).inspect_err(|wait| {
            let mut held = self.held.lock();
            held.retain(|_, until| *until > now);
            held.insert(user.clone(), now + *wait);
        })
    }
}

/// Log lines about rejected tokens that one client may cause: enough for fail2ban's `maxretry`, too few to fill a disk.
const LINES_PER_CLIENT: Rate = per_minute(10);

/// Log lines about a server without free connections: each rejected request has its own line already.
const LINES_OF_FULL_SERVER: Rate = per_minute(1);

/// Log lines about rejected tokens that all clients together may cause.
const LINES_OF_ALL: Rate = per_minute(600);

const fn per_minute(count: u32) -> Rate {
    Rate {
        count: NonZeroU32::new(count).expect("not zero"),
        period: Duration::from_mins(1),
    }
}

/// Limits of the log lines about rejected requests.
pub(super) struct RejectionLog {
    full_server: RateLimit<()>,
    per_client: RateLimit<IpAddr>,
    all: RateLimit<()>,
}

impl RejectionLog {
    /// Whether one more line about a server without free connections may be written.
    pub fn allows_full_server(&self) -> bool {
        self.full_server.check(&()).is_ok()
    }

    /// Whether one more line about `client` may be written.
    pub fn allows(&self, client: IpAddr) -> bool {
        self.per_client.check(&client).is_ok() && self.all.check(&()).is_ok()
    }
}

impl Default for RejectionLog {
    fn default() -> Self {
        Self {
            full_server: RateLimit::new(Some(LINES_OF_FULL_SERVER), Counter::default()),
            per_client: RateLimit::new(Some(LINES_PER_CLIENT), Counter::default()),
            all: RateLimit::new(Some(LINES_OF_ALL), Counter::default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn full_server_is_logged_once_a_minute() {
        let log = RejectionLog::default();
        assert!(log.allows_full_server());
        assert!(!log.allows_full_server());
    }

    #[test]
    fn too_many_misses_hold_back_all_lookups() {
        let rate = Rate {
            count: NonZeroU32::new(2).expect("not zero"),
            period: Duration::from_mins(1),
        };
        let limit = LookupLimit::new(Some(rate), Counter::default());
        let [alice, bob] = ["alice", "bob"].map(|id| UserId::parse(id).expect("an id"));
        let now = Instant::now();
        for _ in 0..2 {
            assert_eq!(limit.count_miss(&alice, now), Ok(()));
            assert_eq!(limit.check(&alice, now), Ok(()));
        }
        assert!(limit.count_miss(&alice, now).is_err());
        let wait = limit.check(&alice, now).expect_err("held back");
        assert_eq!(limit.check(&alice, now + wait), Ok(()));
        assert_eq!(limit.check(&bob, now), Ok(()));
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
