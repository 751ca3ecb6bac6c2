//! Keys of an identity provider: fetched at the start, refreshed by the provider's own rules and for an unknown key.
//!
//! While the provider cannot be reached, the known keys are used for up to `jwt_keys_max_age`.

use std::collections::HashSet;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use tokio::sync::{Mutex as AsyncMutex, watch};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep, timeout};

use super::jwk::KeySet;
use super::signature::Key;
use super::source::{Found, Source};
use crate::clock::{Clock, Timestamp};
use crate::metrics::Metrics;

/// Sentences about left-out keys that are remembered, so that each is logged once.
const MAX_NOTED: usize = 256;

/// Times of a provider.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timing {
    /// Time for which a start waits for the first keys.
    pub start: Duration,
    /// Shortest time from one refresh to the next.
    pub shortest: Duration,
    /// Longest time from one refresh to the next.
    pub longest: Duration,
    /// Time from one refresh to the next if the provider names none.
    pub default: Duration,
    /// Shortest time between refreshes for an unknown key.
    pub unknown_key: Duration,
    /// Longest time between attempts while the provider fails. The first is a second after the failure.
    pub retry: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            start: Duration::from_secs(10),
            shortest: Duration::from_mins(5),
            longest: Duration::from_hours(24),
            default: Duration::from_hours(1),
            unknown_key: Duration::from_secs(30),
            retry: Duration::from_mins(1),
        }
    }
}

/// Keys of a provider, and the task that refreshes them.
pub(super) struct Provider {
    pub source: Source,
    timing: Timing,
    max_age: Duration,
    state: RwLock<Arc<State>>,
    /// One refresh at a time; the time of the last one for an unknown key.
    refreshing: AsyncMutex<Option<Instant>>,
    noted: Mutex<HashSet<String>>,
    metrics: OnceLock<Metrics>,
    task: Mutex<Option<AbortHandle>>,
}

/// Key with the time at which it was first seen.
pub(super) struct DatedKey {
    pub key: Key,
    pub since: Timestamp,
}

/// Result of the refreshes so far.
#[derive(Default)]
pub(super) struct State {
    pub keys: Vec<DatedKey>,
    /// Number of successful refreshes.
    pub refreshes: u64,
    /// When the keys were fetched.
    fetched: Option<Instant>,
    /// The same, as a wall-clock time.
    pub fetched_at: Option<Timestamp>,
    /// The provider's clock at that time, if it was in the response.
    pub provider_clock: Option<Timestamp>,
    /// Why the last refresh failed, if it did.
    pub failure: Option<String>,
}

impl Provider {
    pub fn new(source: Source, max_age: Duration, timing: Timing) -> Self {
        Self {
            source,
            timing,
            max_age,
            state: RwLock::default(),
            refreshing: AsyncMutex::default(),
            noted: Mutex::default(),
            metrics: OnceLock::new(),
            task: Mutex::default(),
        }
    }

    /// Returns the result of the refreshes so far.
    pub fn state(&self) -> Arc<State> {
        Arc::clone(&self.state.read())
    }

    /// Returns true if the keys are not too old to be used.
    pub fn is_usable(&self, state: &State) -> bool {
        state.fetched.is_some_and(|at| at.elapsed() < self.max_age)
    }

    /// Starts the task that refreshes the keys, and waits for the first ones, for 10 s at most. Once only.
    pub async fn start(self: &Arc<Self>, metrics: &Metrics) {
        if self.metrics.set(metrics.clone()).is_err() {
            return;
        }
        let (tell, mut first) = watch::channel(());
        let task = tokio::spawn(refresh_forever(Arc::downgrade(self), self.timing, tell));
        *self.task.lock() = Some(task.abort_handle());
        let _ = timeout(self.timing.start, first.changed()).await;
        let state = self.state();
        if state.fetched.is_none() {
            let cause = state.failure.as_deref().unwrap_or("no response yet");
            tracing::warn!(
                source = %self.source, cause,
                "no keys of the identity provider: the server runs and answers 503 to its tokens until there are"
            );
        }
    }

    /// Refreshes the keys for a token with an unknown key, unless that happened in the last 30 s. `seen` is the number of
    /// refreshes when the key was unknown. Returns true if the keys are newer than that.
    pub async fn refresh_for_unknown_key(self: &Arc<Self>, seen: u64) -> bool {
        let provider = Arc::clone(self);
        // A task of its own: a client that disconnects must not use up the one refresh without a result.
        let refresh = tokio::spawn(async move {
            let mut last = provider.refreshing.lock().await;
            let is_new = provider.state().refreshes > seen;
            let is_too_soon = last.is_some_and(|at| at.elapsed() < provider.timing.unknown_key);
            if !is_new && !is_too_soon {
                *last = Some(Instant::now());
                let _ = provider.fetch().await;
            }
        });
        let _ = refresh.await;
        self.state().refreshes > seen
    }

    /// Whether the keys are in a file.
    pub const fn has_file(&self) -> bool {
        self.source.is_file()
    }

    /// Refreshes the keys now. Returns the time to the next refresh.
    ///
    /// # Errors
    /// Why there are no new keys, as a sentence.
    pub async fn refresh(&self) -> Result<Duration, String> {
        let _one_at_a_time = self.refreshing.lock().await;
        self.fetch().await
    }

    async fn fetch(&self) -> Result<Duration, String> {
        let found = self.source.keys().await;
        let result = if found.is_ok() { "ok" } else { "failed" };
        let next = match found {
            Ok(found) => Ok(self.accept(found)),
            Err(problem) => {
                self.note_failure(&problem);
                Err(problem)
            }
        };
        if let Some(metrics) = self.metrics.get() {
            let state = self.state();
            let keys = if self.is_usable(&state) {
                state.keys.len()
            } else {
                0
            };
            metrics.keys_refreshed(result, keys, state.fetched_at);
        }
        next
    }

    /// Puts new keys in place of the known ones. Returns the time to the next refresh.
    fn accept(&self, found: Found) -> Duration {
        let Found { set, max_age, date } = found;
        self.note_left_out(&set);
        let before = self.state();
        let now = Clock::System.now();
        let keys: Vec<_> = set
            .keys
            .into_iter()
            .map(|key| dated(key, &before, now))
            .collect();
        let is_change = keys.len() != before.keys.len()
            || keys.iter().any(|key| key.since == now)
            || before.failure.is_some();
        if is_change {
            tracing::info!(source = %self.source, keys = keys.len(), "keys of the identity provider loaded");
        }
        *self.state.write() = Arc::new(State {
            keys,
            refreshes: before.refreshes + 1,
            fetched: Some(Instant::now()),
            fetched_at: Some(now),
            provider_clock: date,
            failure: None,
        });
        let Timing {
            shortest,
            longest,
            default,
            ..
        } = self.timing;
        max_age.unwrap_or(default).clamp(shortest, longest)
    }

    fn note_failure(&self, problem: &str) {
        let before = self.state();
        if before.failure.as_deref() != Some(problem) {
            tracing::warn!(
                source = %self.source, cause = problem, known_keys = before.keys.len(),
                "cannot refresh the keys of the identity provider"
            );
        }
        let mut state = self.state.write();
        *state = Arc::new(State {
            keys: before.keys.iter().map(DatedKey::copy).collect(),
            refreshes: before.refreshes,
            fetched: before.fetched,
            fetched_at: before.fetched_at,
            provider_clock: before.provider_clock,
            failure: Some(problem.to_owned()),
        });
    }

    /// Logs each key that is left out, once.
    fn note_left_out(&self, set: &KeySet) {
        let mut noted = self.noted.lock();
        for problem in &set.left_out {
            if noted.len() < MAX_NOTED && noted.insert(problem.clone()) {
                tracing::warn!(source = %self.source, cause = problem, "left out a key of the identity provider");
            }
        }
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        if let Some(task) = self.task.lock().take() {
            task.abort();
        }
    }
}

impl DatedKey {
    fn copy(&self) -> Self {
        Self {
            key: self.key.clone(),
            since: self.since,
        }
    }
}

/// Returns `key` with the time since which it is known: that of the same key in `before`, or `now`.
fn dated(key: Key, before: &State, now: Timestamp) -> DatedKey {
    let known = before.keys.iter().find(|known| known.key.is_same(&key));
    let since = known.map_or(now, |known| known.since);
    DatedKey { key, since }
}

/// Refreshes the keys until the provider is dropped; reports the first success.
async fn refresh_forever(provider: Weak<Provider>, timing: Timing, first: watch::Sender<()>) {
    let mut retry = Duration::from_secs(1).min(timing.retry);
    loop {
        let Some(this) = provider.upgrade() else {
            return;
        };
        let mut pause = retry;
        if let Ok(next) = this.refresh().await {
            retry = Duration::from_secs(1).min(timing.retry);
            first.send_replace(());
            pause = next;
        } else {
            retry = (retry * 2).min(timing.retry);
        }
        drop(this);
        sleep(pause).await;
    }
}
