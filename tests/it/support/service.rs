//! Service on a new database file with a manual clock, without a server.

use std::time::Duration;

use chattrix::clock::{Clock, ManualClock};
use chattrix::hub::{Capacity, Hub};
use chattrix::metrics::Metrics;
use chattrix::random::Random;
use chattrix::service::{Rules, Service};
use chattrix::store::{Database, Store};
use chattrix::user::Profile;
use tempfile::TempDir;

use super::wall_clock_hand;

/// Service, its clock and the folder of its database.
pub struct ServiceFixture {
    pub service: Service,
    pub clock: ManualClock,
    _folder: TempDir,
}

impl ServiceFixture {
    /// Makes a database with `users` and a service with `rules` on it, whose ids come from `seed`.
    pub fn new(users: &[Profile], rules: Rules, seed: u64) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("calls.db");
        let clock = wall_clock_hand();
        let database = Database::open(&file).expect("a database");
        for user in users {
            database.add_user(user, clock.now()).expect("added");
        }
        let capacity = Capacity {
            event_queue: 256,
            sessions_per_user: 8,
            connections: 100,
            connections_per_address: None,
            confirm_timeout: Duration::from_secs(5),
        };
        let hub = Hub::new(capacity, Clock::Manual(clock.clone()));
        let metrics = Metrics::new("0.0.0");
        let store = Store::open(&file, metrics.clone()).expect("a store");
        let time = Clock::Manual(clock.clone());
        Self {
            service: Service::new(store, hub, time, Random::seeded(seed), rules, metrics, None),
            clock,
            _folder: folder,
        }
    }
}
